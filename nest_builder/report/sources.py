"""What the store tells of its sources and of what was turned away."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nest_builder.status import STAGE_ORDER, by_count
from nest_builder.store.tables import Article, Entry, Image, LedgerEntry, Page, SourceState

_HOST = re.compile(r"https?://[^/\s?#]+")


@dataclass(slots=True)
class SourceHealth:
    """What came of one host."""

    host: str
    entries: int = 0
    pages: int = 0
    articles: int = 0
    images: int = 0
    samples: int = 0
    fetched_at: dt.datetime | None = None
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Turned:
    """Items of one stage that were turned away for one reason, with some examples (item, detail)."""

    stage: str
    reason: str
    count: int
    examples: tuple[tuple[str, str], ...]


def read_sources(session: Session, samples: Sequence[Mapping[str, Any]]) -> list[SourceHealth]:
    """Return the health of each host that was asked for news, by the number of samples and articles it gave."""
    hosts: dict[str, SourceHealth] = {}

    def of(url: str) -> SourceHealth:
        host = host_of(url)
        return hosts.setdefault(host, SourceHealth(host))

    for url, fetched_at in session.execute(select(SourceState.url, SourceState.fetched_at)):
        _seen(of(url), fetched_at)
    for url in session.scalars(select(Entry.url)):
        of(url).entries += 1
    for url, fetched_at in session.execute(select(Page.url, Page.fetched_at)):
        of(url).pages += 1
        _seen(of(url), fetched_at)
    for url in session.scalars(select(Article.url)):
        of(url).articles += 1
    for url in session.scalars(select(Image.article_url)):
        of(url).images += 1
    for sample in samples:
        of(sample["article_url"]).samples += 1
    refused = select(LedgerEntry.item, LedgerEntry.reason, LedgerEntry.dropped).where(LedgerEntry.stage == "collect")
    for item, reason, dropped in session.execute(refused):
        address = _HOST.search(item)
        if address and (reason or dropped):
            of(address[0]).refused.update({**dropped, **({reason: 1} if reason else {})})
    return sorted(hosts.values(), key=lambda source: (-source.samples, -source.articles, source.host))


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


def host_of(url: str) -> str:
    """Return an address's host, or a dash where it has none."""
    try:
        return urlsplit(url).hostname or "–"
    except ValueError:  # such as http://[broken
        return "–"


def refusals(source: SourceHealth) -> dict[str, int]:
    """Return why pages of a source were not fetched, the most frequent reason first."""
    return by_count(source.refused.items())


def _seen(source: SourceHealth, at: dt.datetime) -> None:
    source.fetched_at = max(at, source.fetched_at or at)
