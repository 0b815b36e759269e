"""Brave's API."""

import datetime as dt
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from nest_builder.config import WebSettings
from nest_builder.rose.base import SearchError
from nest_builder.rose.search import Brave
from nest_builder.web import PoliteClient
from tests.web.conftest import Asked, Loopback, Reply, loopback  # noqa: F401 - a fixture

UNTIL = dt.datetime(2025, 8, 15, 12, tzinfo=dt.UTC)
PAGES = {
    "web": {
        "results": [
            {"url": "https://a.test/1", "title": "One", "description": "d", "page_age": "2025-08-01T10:00:00"},
            {"url": "https://a.test/2", "title": "Two", "description": "d", "page_age": "2025-08-20T10:00:00"},
            {"url": "https://a.test/3", "title": "Undated", "description": "d"},
        ]
    }
}
PICTURES = {
    "results": [
        {"url": "https://a.test/1", "title": "One", "page_fetched": "2025-08-01T10:00:00Z", "properties": {"url": "https://i.test/1.jpg"}},
        {"url": "https://a.test/2", "title": "Two", "page_fetched": "2025-09-01T10:00:00Z", "properties": {"url": "https://i.test/2.jpg"}},
        {"url": "https://a.test/3", "title": "No file", "page_fetched": "2025-08-01T10:00:00Z", "properties": {}},
    ]
}  # fmt: skip


@pytest.fixture
def service(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> Loopback:  # noqa: F811
    monkeypatch.setenv("BRAVE_API_KEY", "secret")

    def route(path: str, answer: object) -> None:
        loopback.routes[path] = Reply(body=json.dumps(answer).encode(), headers=[("Content-Type", "application/json")])

    original = loopback.answer

    def answer(handler) -> None:  # type: ignore[no-untyped-def]
        route(handler.path, PICTURES if "/images/" in handler.path else PAGES)
        original(handler)

    loopback.answer = answer  # type: ignore[method-assign]
    return loopback


def brave(loopback: Loopback) -> Brave:  # noqa: F811
    client = PoliteClient(WebSettings(resolve={"*.test": loopback.origin}, requests_per_second=1000, retries=0))
    return Brave(client, "http://api.test/res/v1")


@pytest.mark.parametrize(
    ("until", "pages", "pictures"),
    [(None, ["One", "Two", "Undated"], ["One", "Two"]), (UNTIL, ["One"], ["One"])],
)
def test_hits(service: Loopback, until: dt.datetime | None, pages: list[str], pictures: list[str]) -> None:
    search = brave(service)
    assert [hit.title for hit in search.pages("mayor of Harwick", until, 10)] == pages
    assert [hit.title for hit in search.pictures("mayor of Harwick", until, 10)] == pictures
    asked: list[Asked] = [one for one in service.asked if one.path.startswith("/res")]
    assert all(one.headers["x-subscription-token"] == "secret" for one in asked)
    sent = parse_qs(urlsplit(asked[0].path).query)
    assert (sent["q"], sent["count"]) == (["mayor of Harwick"], ["10"])
    assert sent.get("freshness") == (["2000-01-01to2025-08-15"] if until else None)
    assert "secret" not in search.identity()


@pytest.mark.parametrize(("query", "words", "characters"), [("a b " * 40, 50, 99), ("mayors " * 60, 43, 300)])
def test_a_query_is_no_longer_than_the_service_takes(
    service: Loopback, query: str, words: int, characters: int
) -> None:
    brave(service).pages(query, None, 10)
    (sent,) = [parse_qs(urlsplit(one.path).query)["q"][0] for one in service.asked if one.path.startswith("/res")]
    assert (len(sent.split()), len(sent)) == (words, characters)


def test_without_a_key_nothing_is_asked(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.delenv("BRAVE_API_KEY", raising=False)
    with pytest.raises(SearchError, match="BRAVE_API_KEY"):
        brave(loopback).pages("mayor", None, 5)
    assert loopback.asked == []
