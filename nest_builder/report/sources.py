"""What the store tells of its sources' health and of what was turned away."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nest_builder.report.links import host_of
from nest_builder.status import STAGE_ORDER, by_count
from nest_builder.store.tables import Article, Entry, Image, LedgerEntry, Page, SourceState

QUIET_DAYS = 14.0  # without a new story: a source that nobody should rely on without a look


@dataclass(slots=True)
class SourceHealth:
    """What came of one source, a feed or a site.

    Attributes:
        url: Its address.
        host: The address's host; "–" where it has none.
        entries: Stories that it named.
        pages: Of those, fetched.
        articles: Of those, read.
        images: Pictures kept of them.
        samples: Samples of the edition.
        succeeded_at: When it last answered; None if it never did.
        newest: When the newest story appeared that it named.
        silent_days: Days from that story to the last fetch of any source; None where no story has a date.
        state: ``ok``, ``failing``: the last try did not succeed; or ``quiet``: nothing new for two weeks.
        problem: What the last try said, where it failed.
        errors: Why pages of it were not fetched -> how many, the most frequent first.
    """

    url: str
    host: str
    entries: int = 0
    pages: int = 0
    articles: int = 0
    images: int = 0
    samples: int = 0
    succeeded_at: dt.datetime | None = None
    newest: dt.datetime | None = None
    silent_days: float | None = None
    state: str = "ok"
    problem: str = ""
    errors: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Turned:
    """Items of one stage that were turned away for one reason, with some examples (item, detail)."""

    stage: str
    reason: str
    count: int
    examples: tuple[tuple[str, str], ...]


def read_sources(session: Session, samples: Sequence[Mapping[str, Any]]) -> list[SourceHealth]:
    """Return the health of each source: those that fail first, then by the number of samples and articles they gave."""
    sources: dict[str, SourceHealth] = {}
    owner: dict[str, str] = {}

    def of(url: str) -> SourceHealth:
        return sources.setdefault(url, SourceHealth(url, host_of(url)))

    for url, fetched_at in session.execute(select(SourceState.url, SourceState.fetched_at)):
        of(url).succeeded_at = fetched_at
    for url, source, published_at in session.execute(select(Entry.url, Entry.source, Entry.published_at)):
        owner[url] = source
        health = of(source)
        health.entries += 1
        if published_at is not None:
            health.newest = max(published_at, health.newest or published_at)
    for name, query in (
        ("pages", select(Page.url)),
        ("articles", select(Article.url)),
        ("images", select(Image.article_url)),
    ):
        for url in session.scalars(query):
            _count(sources, owner, url, name)
    for sample in samples:
        _count(sources, owner, sample["article_url"], "samples")
    tries = select(LedgerEntry.item, LedgerEntry.status, LedgerEntry.reason, LedgerEntry.detail).where(
        LedgerEntry.stage == "collect", LedgerEntry.status != "done"
    )
    for item, status, reason, detail in session.execute(tries):
        kind, _, url = item.partition(":")
        if kind in ("feed", "site"):
            of(url).state, of(url).problem = "failing", detail or reason or ""
        elif item in owner:
            of(owner[item]).errors[reason or f"{status}, to be tried again"] += 1
    latest = max((one.succeeded_at for one in sources.values() if one.succeeded_at is not None), default=None)
    for one in sources.values():
        if latest is not None and one.newest is not None:
            one.silent_days = max(0.0, round((latest - one.newest) / dt.timedelta(days=1), 1))
        if one.state == "ok" and (one.silent_days is None or one.silent_days >= QUIET_DAYS):
            one.state = "quiet"
        one.errors = Counter(by_count(one.errors.items()))
    states = ("failing", "quiet", "ok")
    return sorted(sources.values(), key=lambda one: (states.index(one.state), -one.samples, -one.articles, one.url))


def _count(sources: Mapping[str, SourceHealth], owner: Mapping[str, str], url: str, name: str) -> None:
    """Count one thing for the source that named an article; articles of older stores may have none."""
    if url in owner:
        source = sources[owner[url]]
        setattr(source, name, getattr(source, name) + 1)


def read_turned_away(session: Session, examples: int) -> list[Turned]:
    """Return what was turned away, by stage and reason, with at most ``examples`` examples each."""
    entry = LedgerEntry
    query = (
        select(entry.stage, entry.reason, func.count())
        .where(entry.status == "rejected")
        .group_by(entry.stage, entry.reason)
        .order_by(entry.stage, func.count().desc(), entry.reason)
    )
    found = []
    for stage, reason, count in session.execute(query):
        rows = session.execute(
            select(entry.item, entry.detail)
            .where(entry.stage == stage, entry.reason == reason, entry.status == "rejected")
            .order_by(entry.item)
            .limit(examples)
        )
        found.append(Turned(stage, reason or "", count, tuple((item, detail) for item, detail in rows)))
    return sorted(found, key=lambda turned: STAGE_ORDER.index(turned.stage) if turned.stage in STAGE_ORDER else 99)
