"""The two extractors: trafilatura for the text (default), or newspaper; metadata and figures by our own rules."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any

from lxml import etree
from lxml.html import HtmlElement
from trafilatura import bare_extraction

from nest_builder.news.base import Article, PageError
from nest_builder.news.duplicates import words_of
from nest_builder.news.figures import find_figures
from nest_builder.news.language import detect_language
from nest_builder.news.metadata import read_metadata
from nest_builder.news.offline import newspaper
from nest_builder.news.pages import parse_page
from nest_builder.news.text import squeeze
from nest_builder.web.consent import meta_opt_out

MAX_TEXT = 200_000
_PRODUCT = "nest-builder"


class _PageExtractor(ABC):
    """All but the text is read by our own rules, whichever package finds the text.

    Args:
        product: our product token, which meta elements may name.
    """

    name: str

    def __init__(self, product: str = _PRODUCT) -> None:
        self._product = product

    def extract(self, body: bytes, url: str) -> Article:
        """See `Extractor.extract`."""
        tree = parse_page(body)
        opt_out = meta_opt_out(tree, self._product)
        metadata = read_metadata(tree, url)
        figures = find_figures(tree, url, metadata)
        text = without_heading(paragraphs(self._text(tree, url)), metadata.title)
        return Article(
            url=url,
            title=metadata.title,
            text=text,
            authors=metadata.authors,
            published_at=metadata.published_at,
            language=detect_language(text, metadata.language),
            figures=figures,
            opt_out=opt_out,
        )

    @abstractmethod
    def _text(self, tree: HtmlElement, url: str) -> str:
        """Returns the article's text, a line a paragraph. It comes last: it may change the tree."""


class TrafilaturaExtractor(_PageExtractor):
    """The default: trafilatura's own rules without its two fallback extractors ("fast").

    On the development pages the fallbacks cost half the speed and some precision; see `nest bench articles`.
    """

    name = "trafilatura-fast/1"

    def _text(self, tree: HtmlElement, url: str) -> str:
        return trafilatura_text(tree)


class NewspaperExtractor(_PageExtractor):
    """newspaper4k's text; it knows many publishers, and is several times slower."""

    name = "newspaper4k/1"

    def _text(self, tree: HtmlElement, url: str) -> str:
        return newspaper_text(etree.tostring(tree, encoding="unicode", method="html"), url)


def trafilatura_text(tree: HtmlElement) -> str:
    """Returns the article's text, a line a paragraph; empty where trafilatura finds none."""
    try:
        found = bare_extraction(tree, fast=True, include_comments=False)
    except (etree.LxmlError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise PageError(f"{type(error).__name__}: {str(error)[:200]}") from error
    return str(getattr(found, "text", None) or "")


def newspaper_text(markup: str, url: str) -> str:
    """Returns the article's text by newspaper, which fetches nothing itself."""
    package = newspaper()
    config = package.Config()
    config.fetch_images = False
    config.memorize_articles = False
    config.disable_category_cache = True
    try:
        try:
            return _parsed_text(package.Article(url, config=config), markup)
        except ImportError:
            # A few languages need a tokenizer of their own, which is an extra; the English rules find paragraphs too.
            config.language = "en"
            return _parsed_text(package.Article(url, config=config), markup)
    except (package.ArticleException, etree.LxmlError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise PageError(f"{type(error).__name__}: {str(error)[:200]}") from error


def _parsed_text(article: Any, markup: str) -> str:
    article.download(input_html=markup)
    article.parse()
    return str(article.text or "")


def paragraphs(raw: str) -> str:
    """Returns a text with one blank line between paragraphs and single blanks within them, cut to a bound."""
    lines = (squeeze(line) for line in re.split(r"\n+", raw[:MAX_TEXT]))
    return "\n\n".join(line for line in lines if line)


def without_heading(text: str, title: str) -> str:
    """Returns a text without its first paragraph where that only repeats the title."""
    first, _, rest = text.partition("\n\n")
    return rest if title and words_of(first) == words_of(title) else text
