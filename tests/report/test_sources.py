import datetime as dt
from pathlib import Path

from sqlalchemy import select

from nest_builder.report.sources import QUIET_DAYS, read_sources, read_turned_away
from nest_builder.store.tables import Article, Entry, LedgerEntry
from tests.builders import HOSTS, NOW, fill_store, new_store


def test_sources_and_what_was_turned_away(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    fill_store(store, 9)
    with store.sessions() as session:
        urls = list(session.scalars(select(Article.url)))
        entries = session.scalars(
            select(Entry).where(Entry.source.contains(HOSTS[0])).order_by(Entry.published_at)
        ).all()
        for entry, status, reason in zip(
            entries, ("rejected", "rejected", "failed"), ("not found", "not found", None), strict=True
        ):
            at = session.get_one(LedgerEntry, ("collect", entry.url))
            at.status, at.reason = status, reason
        key = f"feed:http://{HOSTS[1]}/feed.xml"
        session.add(
            LedgerEntry(stage="collect", item=key, fingerprint="", status="failed", detail="no route", finished_at=NOW)
        )
        session.flush()
        sources = {source.host: source for source in read_sources(session, [{"article_url": urls[0]}])}
        turned = read_turned_away(session, examples=2)
        newest = max(entry.published_at for entry in entries if entry.published_at)
    store.close()
    assert set(sources) == set(HOSTS)
    source = sources[HOSTS[0]]
    assert (source.entries, source.pages, source.articles, source.images) == (3, 3, 3, 3)
    assert source.succeeded_at == NOW
    assert source.errors == {"not found": 2, "failed, to be tried again": 1}
    assert source.silent_days == round((NOW - newest) / dt.timedelta(days=1), 1)
    assert source.state == ("quiet" if source.silent_days >= QUIET_DAYS else "ok")
    assert (sources[HOSTS[1]].state, sources[HOSTS[1]].problem) == ("failing", "no route")
    assert next(iter(sources)) == HOSTS[1], "what fails comes first"
    assert sum(source.samples for source in sources.values()) == 1
    assert ("extract", "duplicate article", 3) in [(group.stage, group.reason, group.count) for group in turned]
    assert all(len(group.examples) == min(2, group.count) for group in turned)
