from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from nest_builder.config import SourceSettings, WebSettings
from nest_builder.reasons import Reason
from nest_builder.runner import Runner
from nest_builder.stages.collect import REASONS, Collect
from nest_builder.store.session import Store, open_store
from nest_builder.store.tables import Entry, LedgerEntry, Page, SourceState
from nest_builder.web import FetchReason, PoliteClient
from tests.web.conftest import NOW, Asked, Loopback, Reply, fake_time, loopback, make_client  # noqa: F401

FEED, SITE = "http://post.test/feed.xml", "http://plain.test/"
HTML = [("Content-Type", "text/html")]
PROSE = "<p>" + "The new handset was shown in Harwick on Monday to a crowd of reporters. " * 8 + "</p>"


def page(title: str = "T", body: str = PROSE, head: str = "") -> Reply:
    text = f"<html><head><title>{title}</title>{head}</head><body><article>{body}</article></body></html>"
    return Reply(200, text.encode(), HTML)


def rss(*entries: tuple[str, str]) -> Reply:
    items = "".join(f"<item><title>t</title><link>{url}</link>{date}</item>" for url, date in entries)
    body = f'<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>{items}</channel></rss>'
    return Reply(200, body.encode(), [("Content-Type", "application/rss+xml"), ("ETag", f'"{hash(body)}"')])


def date(day: str) -> str:
    return f"<pubDate>{day} 10:00:00 +0000</pubDate>"


@dataclass
class Night:
    """A store and a web, and one run of the stage a call, at a time of one's choice."""

    web: Loopback
    store: Store
    client: PoliteClient
    now: dt.datetime = NOW
    settings: SourceSettings = field(default_factory=lambda: SourceSettings(feeds=(FEED,), sites=(SITE,)))

    def run(self, **web: Any) -> Any:
        stage = Collect(self.settings, WebSettings(**web), self.store.blobs, self.client, lambda: self.now)
        return Runner(self.store.sessions, lambda: self.now).run(stage, "test")

    def ledger(self) -> dict[str, tuple[str, str | None]]:
        with self.store.sessions() as session:
            return {entry.item: (entry.status, entry.reason) for entry in session.scalars(select(LedgerEntry))}

    def rows(self, table: Any) -> dict[str, Any]:
        with self.store.sessions() as session:
            return {row.url: row for row in session.scalars(select(table))}


@pytest.fixture
def night(
    loopback: Loopback,  # noqa: F811 - a fixture is named by its argument
    make_client: Callable[..., PoliteClient],  # noqa: F811
    tmp_path: Path,
) -> Iterator[Night]:
    store = open_store(f"sqlite:///{tmp_path / 'nest.sqlite'}", str(tmp_path / "blobs"))
    loopback.routes["post.test/feed.xml"] = rss(
        ("http://post.test/a", date("Mon, 15 Sep 2025")), ("http://post.test/gone", date("Mon, 15 Sep 2025")),
        ("http://post.test/old", date("Mon, 01 Jan 2024")), ("mailto:x@y", ""), ("http://post.test/undated", ""),
    )  # fmt: skip
    loopback.routes["plain.test/"] = page(body='<a href="/2025/09/16/ann-lee-takes-office.html">Ann</a>')
    loopback.routes["/2025/09/16/ann-lee-takes-office.html"] = page("Ann")
    loopback.routes["/a"] = page("A")
    loopback.routes["/undated"] = page("U", head='<meta name="date" content="2024-02-02">')
    yield Night(loopback, store, make_client())
    store.close()


def test_a_night_and_a_second_run(night: Night) -> None:
    report = night.run()
    assert night.ledger() == {
        f"feed:{FEED}": ("done", None),
        f"site:{SITE}": ("done", None),
        "http://post.test/a": ("done", None),
        "http://post.test/gone": ("rejected", Reason.NOT_FOUND.value),
        "http://post.test/undated": ("rejected", Reason.STALE.value),
        "http://plain.test/2025/09/16/ann-lee-takes-office.html": ("done", None),
    }
    assert report.reasons == {
        Reason.NOT_FOUND.value: 1, Reason.STALE.value: 2, Reason.ENTRY_WITHOUT_LINK.value: 1,
    }  # fmt: skip
    stored = night.rows(Page)["http://post.test/a"]
    assert night.store.blobs.get(stored.body_sha256) == night.web.routes["/a"].body  # type: ignore[union-attr]
    assert stored.fetched_at == NOW
    assert stored.source == FEED
    assert stored.consent == {
        "robots": "absent", "opt_out": False, "reason": None, "checked_at": "2025-10-01T06:00:00+00:00",
    }  # fmt: skip
    asked = len(night.web.asked)
    assert night.run().worked == 0
    assert len(night.web.asked) == asked


def test_the_next_night_asks_conditionally_and_keeps_what_was(night: Night) -> None:
    night.run()
    before = {table: night.rows(table) for table in (Entry, Page)}
    full = night.web.routes["post.test/feed.xml"]
    assert isinstance(full, Reply)

    def unchanged(asked: Asked, nth: int) -> Reply:
        return Reply(304) if asked.headers.get("if-none-match") == dict(full.headers)["ETag"] else full

    night.web.routes["post.test/feed.xml"] = unchanged
    night.now += dt.timedelta(hours=7)
    report = night.run()
    assert (report.done, report.reasons) == (2, {Reason.NOT_CHANGED.value: 2})
    for table, rows in before.items():
        assert {url: row.digest for url, row in night.rows(table).items()} == {u: r.digest for u, r in rows.items()}

    night.web.routes["post.test/feed.xml"] = rss(("http://post.test/new", date("Tue, 30 Sep 2025")))
    night.web.routes["/new"] = page("New")
    night.now += dt.timedelta(hours=7)
    assert night.run().done == 3
    assert {"http://post.test/new", "http://post.test/a"} <= set(night.rows(Page))
    assert set(before[Entry]) < set(night.rows(Entry))


def test_a_feed_that_is_down_takes_nothing_with_it(night: Night) -> None:
    night.run()
    entries = set(night.rows(Entry))
    night.web.routes["post.test/feed.xml"] = Reply(500)
    night.now += dt.timedelta(hours=7)
    night.run()
    assert night.ledger()[f"feed:{FEED}"] == ("rejected", Reason.RETRIES_EXHAUSTED.value)
    assert set(night.rows(Entry)) == entries
    assert set(night.rows(SourceState)) == {FEED, SITE}


def test_a_changed_entry_fetches_its_page_again_and_an_equal_page_stays(night: Night) -> None:
    night.run()
    before = night.rows(Page)["http://post.test/a"].digest
    night.web.routes["post.test/feed.xml"] = rss(("http://post.test/a", date("Mon, 22 Sep 2025")))
    night.now += dt.timedelta(hours=7)
    night.run()
    assert night.web.paths().count("/a") == 2
    assert night.rows(Page)["http://post.test/a"].digest == before


def test_an_entry_belongs_to_the_source_that_named_it_first(night: Night) -> None:
    other = "http://wire.test/feed.xml"
    night.web.routes["wire.test/feed.xml"] = rss(("http://post.test/a", ""), ("http://post.test/a?utm_medium=rss", ""))
    night.settings = SourceSettings(feeds=(FEED, other))
    report = night.run()
    assert report.reasons[Reason.DUPLICATE_ARTICLE.value] == 1
    assert night.rows(Entry)["http://post.test/a"].source == FEED


@pytest.mark.parametrize(
    ("path", "reply", "reason"),
    [
        ("/a", Reply(200, b"x", [("Content-Type", "image/png")]), Reason.CONTENT_TYPE),
        ("/a", Reply(302, b"", [("Location", "/a")]), Reason.REDIRECTS),
        ("/a", Reply(302, b"", [("Location", "http://127.0.0.1:9/")]), Reason.PRIVATE_ADDRESS),
        ("/a", Reply(403), Reason.HTTP_STATUS),
        ("/a", Reply(200, b"x" * 100_000, HTML), Reason.TOO_LARGE),
        ("/a", Reply(200, b"no gzip", [*HTML, ("Content-Encoding", "gzip")]), Reason.BAD_ENCODING),
        ("/a", Reply(200, b"x", [*HTML, ("X-Robots-Tag", "noai")]), Reason.OPT_OUT),
        ("/a", Reply(503), Reason.RETRIES_EXHAUSTED),
        ("post.test/robots.txt", Reply(200, b"User-agent: *\nDisallow: /a"), Reason.ROBOTS),
    ],
)
def test_every_rejection_has_its_reason(night: Night, path: str, reply: Reply, reason: Reason) -> None:
    night.web.routes[path] = reply
    night.settings = SourceSettings(feeds=(FEED,))
    night.run(max_page_bytes=50_000)
    assert night.ledger()["http://post.test/a"] == ("rejected", reason.value)
    assert "http://post.test/a" not in night.rows(Page)


@pytest.mark.parametrize("body", [b"", b"<html>no feed</html>", b"<!DOCTYPE x [<!ENTITY a '&b;'>]>"])
def test_a_malformed_feed_is_counted_and_the_run_goes_on(night: Night, body: bytes) -> None:
    night.web.routes["post.test/feed.xml"] = Reply(200, body, [("Content-Type", "text/xml")])
    night.run()
    assert night.ledger()[f"feed:{FEED}"] == ("rejected", Reason.MALFORMED_FEED.value)
    assert len(night.rows(Page)) == 1


def test_opt_outs_can_be_recorded_only(night: Night) -> None:
    night.web.routes["/a"] = Reply(200, b"<p>x", [*HTML, ("X-Robots-Tag", "noai")])
    night.run(respect_opt_out=False)
    assert night.rows(Page)["http://post.test/a"].consent["opt_out"] is True


def test_every_reason_for_good_is_mapped() -> None:
    for_now = {
        FetchReason.RATE_LIMITED, FetchReason.SERVER_ERROR, FetchReason.CONNECTION, FetchReason.ROBOTS_UNAVAILABLE,
    }  # fmt: skip
    assert set(REASONS) == set(FetchReason) - for_now
