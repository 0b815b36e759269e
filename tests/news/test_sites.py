from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nest_builder.news.base import PageError
from nest_builder.news.sites import discover

HOME = "http://plain.example/"
FRONT = b"""<html><body><a href="/sport">Sport</a><a href="/city/">City</a><a href="http://else.example/world">World</a>
<a href="/2025/07/15/ann-lee-takes-office.html">Ann Lee takes office</a><a href="/about">About us</a></body></html>"""
SPORT = b"""<html><body><a href="/2025/07/16/the-harwick-lions-win-again.html?utm_source=x">Lions</a>
<a href="http://else.example/2025/07/16/not-ours-at-all.html">Else</a></body></html>"""


def test_discover() -> None:
    asked: list[str] = []

    def fetch(urls: list[str]) -> dict[str, bytes]:
        asked.extend(urls)
        return {url: SPORT for url in urls if url.endswith("/sport")}

    found = discover(HOME, FRONT, fetch)
    assert "http://plain.example/sport" in asked
    assert all(url.startswith(HOME) for url in asked)
    assert [(entry.url, entry.published_at) for entry in found] == [
        ("http://plain.example/2025/07/15/ann-lee-takes-office.html", datetime(2025, 7, 15, tzinfo=UTC)),
        ("http://plain.example/2025/07/16/the-harwick-lions-win-again.html", datetime(2025, 7, 16, tzinfo=UTC)),
    ]
    assert found[0].title == "Ann Lee takes office"
    assert len(discover(HOME, FRONT, fetch, max_articles=1)) == 1


def test_a_broken_category_is_left_out() -> None:
    assert len(discover(HOME, FRONT, lambda urls: dict.fromkeys(urls, b""))) == 1


def test_no_page() -> None:
    with pytest.raises(PageError):
        discover(HOME, b"", lambda urls: {})
