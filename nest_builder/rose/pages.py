"""Pages as retrieval uses them, and the stores that may hold them already."""

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

from nest_builder.news.duplicates import shingles


@dataclass(frozen=True, slots=True)
class PageFigure:
    """A picture of a page."""

    image_url: str
    caption: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page's article.

    Attributes:
        url: Where it was found.
        urls: All addresses under which it answered (asked for, after redirects, its own).
        title: Plain text.
        text: Paragraphs separated by a blank line.
        published_at: As the page says; None where it does not.
        figures: Its pictures with captions.
    """

    url: str
    urls: tuple[str, ...]
    title: str
    text: str
    published_at: dt.datetime | None
    figures: tuple[PageFigure, ...]


@runtime_checkable
class PageStore(Protocol):
    """What holds pages and pictures itself, so that nothing needs to be fetched for them."""

    def page(self, url: str) -> Page | None:
        """Return the page of that address; None where it is not held."""

    def picture(self, url: str) -> bytes | None:
        """Return the picture's file; None where it is not held."""


@lru_cache(maxsize=1024)
def shingles_of(text: str) -> frozenset[str]:
    """Return a text's runs of four words; the pages of a batch are compared with each other again and again."""
    return shingles(text)
