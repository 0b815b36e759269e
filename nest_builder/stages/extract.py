"""extract: from a fetched page to an article with its figures."""

import datetime as dt
import logging
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.config import ExtractSettings
from nest_builder.digest import digest, short_id
from nest_builder.news import base, figures
from nest_builder.news.base import Extractor, PageError
from nest_builder.news.duplicates import DuplicateIndex, signature, text_hash
from nest_builder.reasons import Reason
from nest_builder.stage import Done, Failed, Item, Outcome, Rejected
from nest_builder.store.blobs import Blobs
from nest_builder.store.tables import Article, Entry, Figure, LedgerEntry, Page, Row
from nest_builder.web.urls import host_of

log = logging.getLogger(__name__)

_RULES_VERSION = 1  # raised when the same page would give other rows
_MAX_IMAGE_URL = 2048
_LAST = dt.datetime.max.replace(tzinfo=dt.UTC)
_Place = tuple[dt.datetime, dt.datetime, str]


class Extract:
    """Takes articles out of pages. Item: a page's URL.

    Of articles with the same or nearly the same text the first counts: the one fetched first and, within one time of
    fetching, published first. That order is the items' own, and each is compared with what stands before it only, so
    the result is the same however the work was split.

    Args:
        settings: Which extractor, which languages, how short.
        blobs: Where the pages' bodies are.
        extractor: By default the settings' one.
    """

    name = "extract"
    batch_size = 100
    tables: tuple[type[Row], ...] = (Article, Figure)
    keeps_history = False

    def __init__(self, settings: ExtractSettings, blobs: Blobs, extractor: Extractor | None = None) -> None:
        self._settings, self._blobs = settings, blobs
        self._extractor = extractor or load_extractor(settings.extractor)

    def identity(self) -> Any:
        """Return the settings and the versions of what reads the page."""
        return {
            "settings": self._settings, "extractor": self._extractor.name, "rules": _RULES_VERSION,
            "libraries": {name: version(name) for name in ("trafilatura", "newspaper4k", "lxml", "py3langid")},
        }  # fmt: skip

    def items(self, session: Session) -> list[Item]:
        """List the pages in the order in which duplicates count."""
        pages = session.execute(select(Page.url, Page.digest, Entry.digest).outerjoin(Entry, Entry.url == Page.url))
        inputs = {url: digest(page, entry) for url, page, entry in pages}
        places = _places(session)
        return [Item(url, inputs[url]) for url in sorted(inputs, key=places.__getitem__)]

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        """Extract a batch."""
        urls = [item.key for item in batch]
        pages = {page.url: page for page in session.scalars(select(Page).where(Page.url.in_(urls)))}
        entries = {entry.url: entry for entry in session.scalars(select(Entry).where(Entry.url.in_(urls)))}
        places = _places(session)
        earlier = [
            (places[url], url, digest_, minhash)
            for url, digest_, minhash in session.execute(select(Article.url, Article.text_hash, Article.signature))
            if url in places and url not in pages
        ]
        earlier.sort(reverse=True)
        texts: dict[str, str] = {}

        def text_of(url: str) -> str:
            if url not in texts:
                texts[url] = session.scalars(select(Article.text).where(Article.url == url)).one()
            return texts[url]

        index = DuplicateIndex(text_of)
        outcomes: list[Outcome] = []
        for url in sorted(urls, key=places.__getitem__):
            while earlier and earlier[-1][0] < places[url]:
                index.add(*earlier.pop()[1:])
            try:
                outcome = self._extract(pages[url], entries.get(url), index)
            except FileNotFoundError:
                outcome = _as_it_was(session, pages[url])
            if isinstance(outcome, Done):
                article = outcome.rows[0]
                assert isinstance(article, Article)
                texts[url] = article.text
                index.add(url, article.text_hash, article.signature)
            outcomes.append(outcome)
        return outcomes

    def _extract(self, page: Page, entry: Entry | None, index: DuplicateIndex) -> Outcome:
        settings = self._settings
        try:
            found = self._extractor.extract(self._blobs.get(page.body_sha256), page.responded_url)
        except PageError as error:
            return Rejected(page.url, Reason.MALFORMED_PAGE, str(error))
        if found.opt_out is not None:
            return Rejected(page.url, Reason.OPT_OUT, found.opt_out)
        if not found.text:
            return Rejected(page.url, Reason.NO_TEXT)
        if len(found.text) < settings.min_characters:
            return Rejected(
                page.url, Reason.TOO_SHORT, f"{len(found.text)} characters, at least {settings.min_characters}"
            )
        if settings.languages and found.language not in settings.languages:
            return Rejected(page.url, Reason.LANGUAGE, found.language or "unknown")
        text_digest, minhash = text_hash(found.text), signature(found.text)
        twin = index.find(found.text, text_digest, minhash)
        if twin is not None:
            return Rejected(page.url, Reason.DUPLICATE_ARTICLE, twin)
        article = Article(
            url=page.url, site=host_of(page.responded_url), title=found.title or (entry.title if entry else ""),
            text=found.text, authors=list(found.authors or (entry.authors if entry else ())),
            published_at=_published_at(found.published_at, entry.published_at if entry else None),
            language=found.language, text_hash=text_digest, signature=minhash,
        )  # fmt: skip
        figures, too_long = _figures(page.url, found, entry)
        return Done(page.url, [article, *figures], {Reason.BAD_URL: too_long})


def _as_it_was(session: Session, page: Page) -> Outcome:
    """Return what became of a page before its body was dropped (``nest gc``, [disk] keep_bodies_days): that stands."""
    entry = session.get(LedgerEntry, (Extract.name, page.url))
    if entry is not None and entry.status == "rejected" and entry.reason is not None:
        return Rejected(page.url, Reason(entry.reason), entry.detail)
    article = session.scalars(select(Article).where(Article.origin == page.url)).one_or_none()
    if article is None:
        log.warning("the body of %s is gone and was never extracted: restore blob %s", page.url, page.body_sha256)
        return Failed(page.url, f"body {page.body_sha256} is gone")
    shown = session.scalars(select(Figure).where(Figure.origin == page.url).order_by(Figure.position))
    return Done(page.url, [Article(**article.content()), *(Figure(**figure.content()) for figure in shown)])


def load_extractor(name: str) -> Extractor:
    """Return the extractor that ``module:attribute`` names.

    Raises:
        ValueError: There is nothing of that name.
    """
    module, _, attribute = name.partition(":")
    try:
        made: Extractor = getattr(import_module(module), attribute)()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"no extractor {name!r} ({error}): write it as package.module:Class") from error
    return made


def _places(session: Session) -> dict[str, _Place]:
    """Return each page's place in the order in which duplicates count."""
    rows = session.execute(
        select(Page.url, Page.fetched_at, Entry.published_at).outerjoin(Entry, Entry.url == Page.url)
    )
    return {url: (fetched_at, published_at or _LAST, url) for url, fetched_at, published_at in rows}


def _published_at(page: dt.datetime | None, feed: dt.datetime | None) -> dt.datetime | None:
    """Return the page's date, or the feed's where both name one day: feeds give a time zone, pages often don't."""
    if page is None or feed is None:
        return page or feed
    return feed if abs(page - feed) <= dt.timedelta(days=1) else page


def _figures(url: str, found: base.Article, entry: Entry | None) -> tuple[list[Figure], int]:
    """Return the figures' rows (the feed's pictures where the page shows none) and how many URLs are too long."""
    shown = list(found.figures)
    if not shown and entry is not None:
        shown = [figures.Figure(media["image_url"], media["caption"], media["credit"], "", 0) for media in entry.media]
    kept: dict[str, figures.Figure] = {}
    for figure in shown:
        if len(figure.image_url) <= _MAX_IMAGE_URL:
            kept.setdefault(figure.image_url, figure)
    rows = [
        Figure(
            id=short_id("figure", url, figure.image_url), article_url=url, image_url=figure.image_url,
            caption=figure.caption, credit=figure.credit, alt=figure.alt, position=position,
        )
        for position, figure in enumerate(kept.values())
    ]  # fmt: skip
    return rows, sum(len(figure.image_url) > _MAX_IMAGE_URL for figure in shown)
