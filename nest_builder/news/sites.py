"""Articles of an outlet without a feed: newspaper's site discovery, over pages that our own client fetched."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from lxml import etree

from nest_builder.news.base import PageError
from nest_builder.news.dates import date_in_url
from nest_builder.news.feeds import FeedEntry
from nest_builder.news.offline import newspaper
from nest_builder.news.pages import parse_page
from nest_builder.news.text import squeeze
from nest_builder.web.exchange import FetchRejected
from nest_builder.web.urls import canonical_url, host_of, join_url

log = logging.getLogger(__name__)

MAX_CATEGORIES = 20
MAX_ARTICLES = 1000
_MAX_TITLE = 500

FetchPages = Callable[[list[str]], dict[str, bytes]]
"""Category URLs -> the bodies of those that could be had."""


def discover(url: str, body: bytes, fetch_pages: FetchPages, max_articles: int = MAX_ARTICLES) -> tuple[FeedEntry, ...]:
    """Returns the articles that a site's front page and its categories link to, ordered by URL.

    Which links are categories and which are articles, newspaper decides; only those on the site's own host count.

    Args:
        url: the front page's.
        body: its bytes.
        fetch_pages: fetches the category pages.
        max_articles: articles taken.

    Raises:
        PageError: the front page can't be read.
    """
    package = newspaper()
    config = package.Config()
    config.fetch_images = False
    config.memorize_articles = False
    config.disable_category_cache = True
    config.honor_robots_txt = False  # every page comes from our client, which asks robots.txt
    front = parse_page(body)
    source = package.Source(url, config=config)
    source.html = etree.tostring(front, encoding="unicode", method="html")
    source.doc = front
    source.set_categories()
    host = host_of(url)
    links = {link for found in source.category_urls() if (link := join_url(url, found)) and host_of(link) == host}
    wanted = sorted(links - {url})[:MAX_CATEGORIES]
    pages = fetch_pages(wanted)
    category = type(source.categories[0]) if source.categories else package.source.Category
    source.categories = [category(url=url, html=source.html, doc=front)]
    for link in wanted:
        if link not in pages:
            continue
        try:
            source.categories.append(category(url=link, html="", doc=parse_page(pages[link])))
        except PageError as error:
            log.info("category %s is left out: %s", link, error)
    source.feeds = []
    source.generate_articles(limit=4 * max_articles)
    return _entries(source.articles, host)[:max_articles]


def _entries(articles: list[Any], host: str) -> tuple[FeedEntry, ...]:
    found: dict[str, FeedEntry] = {}
    for article in articles:
        try:
            url = canonical_url(article.url)
        except FetchRejected:
            continue
        if host_of(url) == host:
            found.setdefault(url, FeedEntry(url, squeeze(article.title, _MAX_TITLE), "", date_in_url(url)))
    return tuple(found[url] for url in sorted(found))
