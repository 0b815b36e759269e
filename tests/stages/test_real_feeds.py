"""All real and malformed feeds beside the checkout go through `collect` and `extract`; hardly a page of theirs is left."""

import datetime as dt
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import select

from nest_builder.config import ExtractSettings, SourceSettings, WebSettings
from nest_builder.reasons import Reason
from nest_builder.runner import Runner
from nest_builder.stages.collect import Collect
from nest_builder.stages.extract import Extract
from nest_builder.store.session import open_store
from nest_builder.store.tables import Article, Entry, LedgerEntry
from nest_builder.web import PoliteClient
from tests.web.conftest import NOW, Loopback, Reply, fake_time, loopback, make_client  # noqa: F401

FEEDS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "feeds"
STALE, WITHOUT_LINK = Reason.STALE.value, Reason.ENTRY_WITHOUT_LINK.value
# File -> entries that are kept, and what else the feed held. The window ends on NOW and begins 5,500 days before it.
EXPECTED = {
    "feedjira/HuffPostCanada.xml": (2, {}),
    "feedjira/TechCrunch.xml": (20, {}),
    "feedjira/CRE.xml": (30, {}),
    "feedjira/RSSWithComments.xml": (30, {}),  # Hacker News: thirty entries of twenty-odd hosts
    "feedjira/AmazonWebServicesBlog.xml": (0, {STALE: 10}),
    "feedkit/Podcast.xml": (0, {WITHOUT_LINK: 2}),
    "prof18-rssparser/feed-char-escape.xml": (1, {}),  # New York Times
    "prof18-rssparser/feed-atom-test.xml": (1, {}),  # The Verge
    "prof18-rssparser/feed-test-xsl.xml": (2, {}),  # SkySports
    "prof18-rssparser/rdf-feed-test.xml": (1, {}),  # ORF, RSS 1.0
    "prof18-rssparser/feed-google-blog.xml": (0, {STALE: 2}),  # of 2026
    "rss-parser/encoding.rss": (40, {}),  # Jornal de Notícias
    "rss-parser/uolNoticias.rss": (15, {}),  # not well-formed, no dates
    "rss-parser/reddit.rss": (24, {}),
}
# The one page that is still there, and a host that wants no robots.
VERGE = "https://www.theverge.com/2023/5/26/23739273/google-sonos-smart-speaker-patent-lawsuit-ruling"
PROSE = (
    "<p>" + "A jury found that the maker of loudspeakers had been wronged, and awarded damages on Friday. " * 8 + "</p>"
)
pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(not FEEDS.is_dir(), reason="the real feeds are not in ../shared/data/feeds beside the checkout"),
]


def serve(web: Loopback) -> dict[str, str]:
    """Serve every feed, and what little else there is. Return the feeds' addresses -> their files."""
    files = {}
    for file in sorted(path for path in FEEDS.rglob("*") if path.suffix in (".xml", ".rss", ".atom")):
        name = file.relative_to(FEEDS).as_posix()
        web.routes[f"feeds.test/{quote(name)}"] = Reply(200, file.read_bytes(), [("Content-Type", "text/xml")])
        files[f"http://feeds.test/{quote(name)}"] = name
    web.routes["www.reddit.com/robots.txt"] = Reply(200, b"User-agent: *\nDisallow: /")
    page = f"<html lang='en'><head><title>A ruling</title></head><body><article>{PROSE}</article></body></html>"
    web.routes[VERGE.removeprefix("https://")] = Reply(200, page.encode(), [("Content-Type", "text/html")])
    return files


def test_every_feed_is_read_or_refused_and_every_page_has_its_reason(
    loopback: Loopback,  # noqa: F811 - a fixture is named by its argument
    make_client: Callable[..., PoliteClient],  # noqa: F811
    tmp_path: Path,
) -> None:
    files = serve(loopback)
    store = open_store(f"sqlite:///{tmp_path / 'nest.sqlite'}", str(tmp_path / "blobs"))
    sources = SourceSettings(feeds=tuple(files), window_days=5500)
    client = make_client(resolve={"*": loopback.origin})  # every host there is: nothing leaves this machine
    stages = (
        Collect(sources, WebSettings(), store.blobs, client, lambda: NOW),
        Extract(ExtractSettings(), store.blobs),
    )
    runner = Runner(store.sessions, lambda: NOW)
    assert [runner.run(stage, "first").failed for stage in stages] == [0, 0]
    asked = len(loopback.asked)
    assert [runner.run(stage, "second").worked for stage in stages] == [0, 0]
    assert len(loopback.asked) == asked
    with store.sessions() as session:
        ledger = list(session.scalars(select(LedgerEntry).where(LedgerEntry.stage == "collect")))
        kept = Counter(files[source] for source in session.scalars(select(Entry.source)))
        articles = list(session.scalars(select(Article)))
    store.close()

    feeds = {files[e.item.removeprefix("feed:")]: e for e in ledger if e.item.startswith("feed:")}
    refused = [entry for entry in feeds.values() if entry.status != "done"]
    assert {name: (kept[name], feeds[name].dropped) for name in EXPECTED} == EXPECTED
    assert not {entry.item for entry in refused} & {feeds[name].item for name in EXPECTED}
    assert {(entry.status, entry.reason) for entry in refused} == {("rejected", Reason.MALFORMED_FEED.value)}
    assert len(feeds) == len(files)
    assert len(feeds) - len(refused) > 1100

    # A kept entry's page is asked for; it is gone, but for those that no robot may ask for and the one that is served.
    pages = {entry.item: entry.reason for entry in ledger if not entry.item.startswith("feed:")}
    assert len(pages) == sum(kept.values()) > 450
    assert pages.pop(VERGE) is None
    reddit = {url for url in pages if url.startswith("https://www.reddit.com/")}
    assert len(reddit) == 72
    assert {pages[url] for url in reddit} == {Reason.ROBOTS.value}
    assert {reason for url, reason in pages.items() if url not in reddit} == {Reason.NOT_FOUND.value}
    [article] = articles
    assert (article.url, article.authors) == (VERGE, ["Chris Welch"])
    assert article.published_at is not None
    assert article.published_at.date() == dt.date(2023, 5, 26)  # as the feed says: the page does not
