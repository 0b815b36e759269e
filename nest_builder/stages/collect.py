"""collect: from feeds and sites to fetched article pages, politely and with the exchange's record."""

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.clock import Clock
from nest_builder.config import SourceSettings, WebSettings
from nest_builder.digest import digest
from nest_builder.news.base import PageError
from nest_builder.news.feeds import FeedEntry, FeedError, parse_feed
from nest_builder.news.metadata import read_metadata
from nest_builder.news.pages import parse_page
from nest_builder.news.sites import discover
from nest_builder.reasons import Reason
from nest_builder.stage import Done, Failed, Item, Outcome, Rejected
from nest_builder.store.blobs import Blobs
from nest_builder.store.tables import Entry, Page, Row, SourceState
from nest_builder.web import (
    Consent,
    Exchange,
    Expect,
    FetchError,
    FetchReason,
    FetchRejected,
    PoliteClient,
    Validators,
)

_RULES_VERSION = 1  # raised when the same response would give other rows
_FEED, _SITE = "feed:", "site:"
_MAX_URL = 512
# A clock that is a little ahead is no reason to turn a story away.
_AHEAD = dt.timedelta(days=2)

REASONS: dict[FetchReason, Reason] = {
    FetchReason.BAD_URL: Reason.BAD_URL,
    FetchReason.PRIVATE_ADDRESS: Reason.PRIVATE_ADDRESS,
    FetchReason.ROBOTS: Reason.ROBOTS,
    FetchReason.REDIRECT_LOOP: Reason.REDIRECTS,
    FetchReason.TOO_MANY_REDIRECTS: Reason.REDIRECTS,
    FetchReason.NOT_FOUND: Reason.NOT_FOUND,
    FetchReason.FORBIDDEN: Reason.HTTP_STATUS,
    FetchReason.HTTP_STATUS: Reason.HTTP_STATUS,
    FetchReason.CONTENT_TYPE: Reason.CONTENT_TYPE,
    FetchReason.BAD_ENCODING: Reason.BAD_ENCODING,
    FetchReason.TOO_LARGE: Reason.TOO_LARGE,
    FetchReason.TOO_SLOW: Reason.TOO_SLOW,
}
"""What a rejected fetch is counted as; the reasons that are missing here only ever fail."""


def outcome_of(item: str, error: FetchError) -> Outcome:
    """Return the outcome that an error of the client means for an item."""
    if isinstance(error, FetchRejected):
        return Rejected(item, REASONS[error.reason], error.message)
    return Failed(item, str(error))


def consent_record(consent: Consent) -> dict[str, Any]:
    """Return a consent as the JSON that is stored with pages and images."""
    return {
        "robots": consent.robots.value, "opt_out": consent.opt_out, "reason": consent.reason,
        "checked_at": consent.checked_at.astimezone(dt.UTC).isoformat(),
    }  # fmt: skip


class Collect:
    """Fetches sources, then the pages that they name. Items: ``feed:URL`` and ``site:URL``, then page URLs.

    Args:
        sources: Feeds, sites and the time window.
        web: Size limits, and whether opt-outs count.
        blobs: Where bodies go.
        client: The polite client.
        clock: The present time.
    """

    name = "collect"
    batch_size = 64
    tables: tuple[type[Row], ...] = (Entry, SourceState, Page)
    keeps_history = True

    def __init__(
        self, sources: SourceSettings, web: WebSettings, blobs: Blobs, client: PoliteClient, clock: Clock
    ) -> None:
        self._sources, self._web, self._blobs, self._client, self._clock = sources, web, blobs, client, clock

    def identity(self) -> Any:
        """Return what a page's row depends on besides its entry."""
        return {
            "rules": _RULES_VERSION, "max_page_bytes": self._web.max_page_bytes,
            "respect_opt_out": self._web.respect_opt_out,
        }  # fmt: skip

    def items(self, session: Session) -> list[Item]:
        """List sources, due again in each time slot of ``refresh_hours``, then the known entries by URL."""
        slot = int(self._clock().timestamp() // (self._sources.refresh_hours * 3600))
        inputs = (slot, self._sources.max_entries, self._sources.window_days)
        keys = [_FEED + url for url in self._sources.feeds] + [_SITE + url for url in self._sources.sites]
        items = [Item(key, digest(key, inputs)) for key in dict.fromkeys(keys)]
        entries = session.execute(select(Entry.url, Entry.digest).order_by(Entry.url))
        return items + [Item(url, content) for url, content in entries]

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        """Fetch a batch; feeds and sites first, since they say which source owns an entry."""
        sources = [item.key for item in batch if item.key.startswith((_FEED, _SITE))]
        pages = [item.key for item in batch if not item.key.startswith((_FEED, _SITE))]
        return [*self._process_sources(session, sources), *self._process_pages(session, pages)]

    def _process_sources(self, session: Session, keys: list[str]) -> list[Outcome]:
        states = {
            state.origin: state for state in session.scalars(select(SourceState).where(SourceState.origin.in_(keys)))
        }
        owners = {entry.url: entry.origin for entry in session.execute(select(Entry.url, Entry.origin))}
        outcomes: list[Outcome] = []
        for prefix, expect in ((_FEED, Expect.FEED), (_SITE, Expect.HTML)):
            chosen = [key for key in keys if key.startswith(prefix)]
            known = {
                key.removeprefix(prefix): Validators(state.etag, state.last_modified, state.body_sha256)
                for key in chosen
                if (state := states.get(key)) is not None
            }
            answers = self._client.fetch_many(
                [key.removeprefix(prefix) for key in chosen], expect, previous=known, max_bytes=self._web.max_page_bytes
            )
            for key, answer in zip(chosen, answers, strict=True):
                outcomes.append(self._source(session, key, answer, owners))
        return outcomes

    def _source(self, session: Session, key: str, answer: Exchange | FetchError, owners: dict[str, str]) -> Outcome:
        """Turn a source's answer into its entries: the ones that it names now, and those that it named before."""
        if isinstance(answer, FetchError):
            return outcome_of(key, answer)
        url = key.partition(":")[2]
        rows: dict[str, Entry] = {
            entry.url: Entry(**entry.content())
            for entry in session.scalars(select(Entry).where(Entry.origin == key).order_by(Entry.url))
        }
        dropped: Counter[Reason] = Counter()
        if answer.not_modified:
            dropped[Reason.NOT_CHANGED] += 1
        else:
            try:
                entries, without_link = self._entries(key, url, answer)
            except FeedError as error:
                return Rejected(key, Reason.MALFORMED_FEED, str(error))
            except PageError as error:
                return Rejected(key, Reason.MALFORMED_PAGE, str(error))
            dropped[Reason.ENTRY_WITHOUT_LINK] += without_link
            for entry in entries:
                if entry.published_at is not None and not self._in_window(entry.published_at):
                    dropped[Reason.STALE] += 1
                elif len(entry.url) > _MAX_URL:
                    dropped[Reason.BAD_URL] += 1
                elif owners.setdefault(entry.url, key) != key:
                    dropped[Reason.DUPLICATE_ARTICLE] += 1
                else:
                    rows[entry.url] = _entry_row(entry, url)
        marks = answer.validators
        state = SourceState(
            url=url, etag=marks.etag, last_modified=marks.last_modified, body_sha256=marks.body_sha256 or "",
            fetched_at=answer.fetched_at,
        )  # fmt: skip
        return Done(key, [state, *rows.values()], dropped)

    def _entries(self, key: str, url: str, answer: Exchange) -> tuple[Sequence[FeedEntry], int]:
        if key.startswith(_FEED):
            feed = parse_feed(answer.body, answer.responded_url, answer.charset, self._sources.max_entries)
            return feed.entries, feed.without_link
        return discover(answer.responded_url, answer.body, self._category_pages, self._sources.max_entries), 0

    def _category_pages(self, urls: list[str]) -> dict[str, bytes]:
        answers = self._client.fetch_many(urls, Expect.HTML, max_bytes=self._web.max_page_bytes)
        return {url: answer.body for url, answer in zip(urls, answers, strict=True) if isinstance(answer, Exchange)}

    def _in_window(self, published_at: dt.datetime) -> bool:
        now = self._clock()
        return now - dt.timedelta(days=self._sources.window_days) <= published_at <= now + _AHEAD

    def _process_pages(self, session: Session, urls: list[str]) -> list[Outcome]:
        entries = {entry.url: entry for entry in session.scalars(select(Entry).where(Entry.url.in_(urls)))}
        pages = {page.url: page for page in session.scalars(select(Page).where(Page.url.in_(urls)))}
        known = {url: Validators(page.etag, page.last_modified, page.body_sha256) for url, page in pages.items()}
        answers = self._client.fetch_many(urls, Expect.HTML, previous=known, max_bytes=self._web.max_page_bytes)
        return [self._page(entries[url], pages.get(url), answer) for url, answer in zip(urls, answers, strict=True)]

    def _page(self, entry: Entry, before: Page | None, answer: Exchange | FetchError) -> Outcome:
        if isinstance(answer, FetchError):
            return outcome_of(entry.url, answer)
        if answer.consent.opt_out and self._web.respect_opt_out:
            return Rejected(entry.url, Reason.OPT_OUT, answer.consent.reason or "")
        if answer.not_modified and before is not None:
            # The row as it was, time of fetching included: what is built on it stays valid.
            return Done(entry.url, [Page(**before.content())], {Reason.NOT_CHANGED: 1})
        if entry.published_at is None and self._is_stale(answer):
            return Rejected(entry.url, Reason.STALE, f"window of {self._sources.window_days} days")
        page = Page(
            url=entry.url, responded_url=answer.responded_url[:2048], source=entry.source,
            content_type=answer.headers.get("content-type", ""), body_sha256=self._blobs.put(answer.body),
            etag=answer.validators.etag, last_modified=answer.validators.last_modified, fetched_at=answer.fetched_at,
            consent=consent_record(answer.consent),
        )  # fmt: skip
        return Done(entry.url, [page])

    def _is_stale(self, answer: Exchange) -> bool:
        """Return whether a page whose source gave no date is itself dated outside the window."""
        try:
            published_at = read_metadata(parse_page(answer.body), answer.responded_url).published_at
        except PageError:
            return False  # `extract` says what is wrong with it
        return published_at is not None and not self._in_window(published_at)


def _entry_row(entry: FeedEntry, source: str) -> Entry:
    return Entry(
        url=entry.url, source=source, title=entry.title, summary=entry.summary, published_at=entry.published_at,
        authors=list(entry.authors),
        media=[{"image_url": m.image_url, "caption": m.caption, "credit": m.credit} for m in entry.media],
    )  # fmt: skip
