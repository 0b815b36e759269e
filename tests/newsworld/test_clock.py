"""The simulated web as of a day: nothing of a later one is there, whichever way one asks; at the end of its time everything is."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from urllib.parse import quote, urlsplit

import pytest
import requests

from nest_builder.config import NewsworldSettings
from nest_builder.newsworld.canon import OUTLETS
from nest_builder.newsworld.markup import plain
from nest_builder.newsworld.model import NOW
from nest_builder.newsworld.pages import feed_path
from nest_builder.newsworld.site import Request, Response, Site
from nest_builder.newsworld.world import World
from nest_builder.workspace import LazyNewsworld

DAY = datetime(2025, 8, 10, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return World(3)


@pytest.fixture(scope="module")
def then(world: World) -> Site:
    return Site(world, now=DAY)


def get(site: Site, url: str, earlier: int = 1, **headers: str) -> Response:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return site.respond(Request(parts.hostname or "", target, named, earlier))


def search(site: Site, words: str, category: str) -> list[dict[str, str]]:
    url = f"http://search.newsworld.test/search?format=json&categories={category}&q={quote(words)}"
    found: list[dict[str, str]] = json.loads(get(site, url).body)["results"]
    return found


def test_pages_and_pictures_come_with_their_day(world: World, then: Site) -> None:
    listed = world.faults.link
    later = [article for article in world.articles.values() if article.published > DAY]
    earlier = [article for article in world.articles.values() if article.published <= DAY]
    assert len(later) > 50 < len(earlier)
    assert {get(then, listed(article.url)).status for article in later} <= {404, 410}
    assert {get(then, url).status for article in later for url in (figure.url for figure in article.figures)} <= {
        404,
        410,
    }
    assert sum(get(then, article.url).status == 200 for article in earlier) > 0.9 * len(earlier)
    shown = [figure.url for article in earlier for figure in article.figures][:10]
    assert [get(then, url).body for url in shown] == [get(Site(world), url).body for url in shown]


@pytest.mark.parametrize("outlet", OUTLETS, ids=lambda outlet: outlet.key)
def test_no_list_names_what_is_to_come(world: World, then: Site, outlet) -> None:
    mine = [article for article in world.articles.values() if article.outlet == outlet]
    to_come = {world.faults.link(article.url) for article in mine if article.published > DAY}
    out = {world.faults.link(article.url) for article in mine if article.published <= DAY}
    assert to_come
    root = f"http://{outlet.host}"
    lists = ["/", "/section/city", "/sitemap.xml", *([feed_path(outlet)] if outlet.feed else [])]
    texts = {path: get(then, root + path).body.decode() for path in lists}
    texts |= {article.url: get(then, article.url).body.decode() for article in mine if article.published <= DAY}
    # A longer address may begin with a shorter one.
    named = {path: [url for url in to_come if f"{url}<" in text or f'{url}"' in text] for path, text in texts.items()}
    assert {path: urls for path, urls in named.items() if urls} == {}
    assert all(url in texts["/sitemap.xml"] for url in out)


def test_a_feed_changes_with_its_news_and_not_otherwise(world: World) -> None:
    outlet = next(outlet for outlet in OUTLETS if outlet.feed == "rss-broken")
    url = f"http://{outlet.host}{feed_path(outlet)}"
    dates = sorted(article.published for article in world.articles.values() if article.outlet == outlet)
    before, after = next(pair for pair in pairwise(dates) if pair[1] - pair[0] > timedelta(days=1))
    first = get(Site(world, now=before), url)
    quiet = get(Site(world, now=before + timedelta(hours=20)), url, if_none_match=first.headers["ETag"])
    assert quiet.status == 304
    news = get(Site(world, now=after), url, if_none_match=first.headers["ETag"])
    assert news.status == 200
    # What stood in the feed stands in it, faults and all: only then is nothing old new again.
    items = [set(each.body.decode().split("<item>")[1:]) for each in (first, news)]
    assert items[0] < items[1]
    assert get(Site(world, now=NOW + timedelta(days=400)), url).body == get(Site(world), url).body


def test_search_finds_what_is_out(world: World, then: Site) -> None:
    new = [entity for entity in world.timeline.having("novel") if entity.since > DAY.date()]
    assert len(new) > 5
    by_title = {plain(article.title): article.published for article in world.articles.values()}
    for entity in new:
        assert all(by_title[hit["title"]] <= DAY for hit in search(then, entity.name, "general"))
        assert all(
            datetime.fromisoformat(hit["publishedDate"] + "+00:00") <= DAY
            for hit in search(then, entity.name, "images")
        )
    assert any(search(Site(world), entity.name, "general") for entity in new)


def test_the_encyclopedia_has_no_page_before_it_was_begun(world: World) -> None:
    def created(site: Site, title: str) -> str | None:
        query = f"action=query&prop=revisions&rvdir=newer&rvlimit=1&titles={quote(title)}"
        page = json.loads(get(site, f"http://encyclopedia.newsworld.test/w/api.php?{query}").body)["query"]["pages"][0]
        return None if page.get("missing") else str(page["revisions"][0]["timestamp"])

    end = Site(world)
    begun = {entity.name: at for entity in world.timeline.having("novel") if (at := created(end, entity.name))}
    assert begun
    for title, at in begun.items():
        moment = datetime.fromisoformat(at)
        assert created(Site(world, now=moment - timedelta(minutes=1)), title) is None
        assert created(Site(world, now=moment), title) == at


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as closing:
        yield closing


def test_the_run_s_clock_reaches_the_server(world: World, stack: ExitStack) -> None:
    now = [DAY]
    web = LazyNewsworld(NewsworldSettings(seed=3), stack, lambda: now[0])
    article = min(
        (a for a in world.articles.values() if a.published > DAY and not world.faults.of.get(a.url)),
        key=lambda a: a.published,
    )
    host = {"Host": article.outlet.host}

    def status() -> int:
        return requests.get(
            web[LazyNewsworld.PATTERN] + urlsplit(article.url).path, headers=host, timeout=10
        ).status_code

    assert status() == 404
    now[0] = article.published
    assert status() == 200
    now[0] = DAY
    assert status() == 404
