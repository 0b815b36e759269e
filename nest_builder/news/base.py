"""What an article is, and what takes one out of a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from nest_builder.news.figures import Figure


class PageError(ValueError):
    """The bytes are no page that can be read."""


@dataclass(frozen=True)
class Article:
    """A page's article.

    Attributes:
        url: the page's.
        title: plain text; may be empty.
        text: plain text, paragraphs separated by a blank line; empty where the page holds no article.
        authors: names.
        published_at: UTC and aware; None where the page doesn't say.
        language: ISO 639-1 code; empty where nothing tells.
        figures: pictures in the page's order.
        opt_out: why the page's own meta elements opt out of AI use, or None.
    """

    url: str
    title: str
    text: str
    authors: tuple[str, ...]
    published_at: datetime | None
    language: str
    figures: tuple[Figure, ...]
    opt_out: str | None


class Extractor(Protocol):
    """Takes the article out of a page; another one can be named in the settings."""

    name: str

    def extract(self, body: bytes, url: str) -> Article:
        """Returns the article.

        Args:
            body: the page's bytes as fetched.
            url: where it is, for relative links and for the date that many paths hold.

        Raises:
            PageError: the bytes can't be read as a page within bounds.
        """
