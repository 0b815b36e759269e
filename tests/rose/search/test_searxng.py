"""SearxNG's API, as Newsworld speaks it, and answers that are none."""

import datetime as dt
import json
from collections.abc import Iterator

import pytest

from nest_builder.config import WebSettings
from nest_builder.newsworld.server import Running, serve
from nest_builder.rose.base import SearchError
from nest_builder.rose.search import SearxNG
from nest_builder.rose.search.service import MAX_BYTES, metered
from nest_builder.web import PoliteClient
from tests.web.conftest import Loopback, Reply, loopback  # noqa: F401 - a fixture

DAY = dt.datetime(2025, 8, 15, tzinfo=dt.UTC)
JSON = [("Content-Type", "application/json")]


def client(origin: str, timeout_s: float = 5.0) -> PoliteClient:
    settings = WebSettings(resolve={"*.test": origin}, requests_per_second=1000, retries=0, timeout_seconds=timeout_s)
    return PoliteClient(settings)


@pytest.fixture(scope="module")
def newsworld() -> Iterator[Running]:
    with serve(3, stall=0.1) as running:
        yield running


@pytest.mark.parametrize("until", [None, DAY])
def test_pages_and_pictures(newsworld: Running, until: dt.datetime | None) -> None:
    change = newsworld.world.timeline.changes[0]
    with client(newsworld.origin) as web, metered() as meter:
        search = SearxNG(web, "http://search.newsworld.test/")
        pages = search.pages(change.role.plain, until, 15)
        pictures = search.pictures(change.role.plain, until, 15)
    assert meter.bytes > 1000
    assert 0 < len(pages) <= 15
    assert 0 < len(pictures) <= 15
    assert all(hit.published_at is not None for hit in (*pages, *pictures))
    if until is not None:
        assert max(hit.published_at for hit in (*pages, *pictures) if hit.published_at) <= until
    else:
        assert max(hit.published_at for hit in pages if hit.published_at) > DAY
    assert {hit.image_url for hit in pictures} <= set(newsworld.world.photos)


def answer(*results: object) -> Reply:
    return Reply(body=json.dumps({"results": results}).encode(), headers=JSON)


GOOD = {"url": "http://a.test/1", "title": "T", "content": None, "publishedDate": "2025-08-01T00:00:00"}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (answer(), []),
        (answer(GOOD, {"url": 3}, "nonsense"), ["http://a.test/1"]),
        (answer({**GOOD, "title": "x" * 9999, "publishedDate": "yesterday"}), []),
        (answer({**GOOD, "publishedDate": None}), []),
        (answer({**GOOD, "publishedDate": "2025-08-16T00:00:00"}), []),
        (answer({**GOOD, "url": "javascript:alert(1)"}), []),
        (answer({**GOOD, "url": "http://u:p@a.test/"}), []),
        (answer(*[{**GOOD, "url": f"http://a.test/{n}"} for n in range(500)]), [f"http://a.test/{n}" for n in range(10)]),
        (answer("nonsense", 3), "none of which"),
        (Reply(body=b'{"results": "many"}', headers=JSON), "results"),
        (Reply(body=b"[]", headers=JSON), "no usable answer"),
        (Reply(body=b"{" * 50_000, headers=JSON), "no usable answer"),
        (Reply(body=b"<html>", headers=JSON), "no usable answer"),
        (Reply(body=b"<html>", headers=[("Content-Type", "text/html")]), "content_type"),
        (Reply(body=b" " * (MAX_BYTES + 1), headers=JSON), "too_large"),
        (Reply(500), "server_error"),
        (Reply(403), "forbidden"),
    ],
)  # fmt: skip
def test_answers(loopback: Loopback, reply: Reply, expected: list[str] | str) -> None:  # noqa: F811
    for number in (1, 2, 3):
        loopback.routes[f"/search?q=mayor&format=json&categories=general&pageno={number}"] = (
            reply if number == 1 else answer()
        )
    with client(loopback.origin) as web:
        search = SearxNG(web, "http://search.test")
        if isinstance(expected, str):
            with pytest.raises(SearchError, match=expected):
                search.pages("mayor", DAY, 10)
        else:
            found = search.pages("mayor", DAY, 10)
            assert [hit.url for hit in found] == expected
            assert all(len(hit.title) <= 300 for hit in found)


def test_a_service_that_dawdles(loopback: Loopback) -> None:  # noqa: F811
    loopback.raw["/search?q=mayor&format=json&categories=images&pageno=1"] = lambda connection: (
        connection.recv(0) and None
    )
    with (
        client(loopback.origin, timeout_s=0.2) as web,
        pytest.raises(SearchError, match="no answer"),
    ):
        SearxNG(web, "http://search.test").pictures("mayor", None, 10)
