"""Pages and pictures for retrieval: what is asked of the web, and how long what came holds."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from nest_builder.news.articles import TrafilaturaExtractor
from nest_builder.rose.cache import Cache
from nest_builder.rose.fetching import RETRY_S, Fetcher
from nest_builder.rose.pages import Page, PageFigure
from nest_builder.web.exchange import (
    Consent,
    Exchange,
    FetchError,
    FetchFailed,
    FetchReason,
    FetchRejected,
    RobotsVerdict,
    Validators,
)

MONDAY = dt.datetime(2025, 8, 4, 12, tzinfo=dt.UTC)
HTML = (
    b"<html><head><title>Town hall</title></head><body><article><h1>Town hall</h1>"
    + b"<p>Ada Okoro was sworn in as mayor of Harwick on Monday, and nobody minded.</p>" * 4
    + b'<figure><img src="/a.jpg"><figcaption>Ada Okoro.</figcaption></figure></article></body></html>'
)
URL = "http://a.test/1"


class Web:
    """Answers every address alike; counts what it is asked."""

    def __init__(self, answer: bytes | FetchError = HTML, opt_out: bool = False) -> None:
        self.answer, self.opt_out, self.asked = answer, opt_out, 0

    def fetch_many(self, urls: Sequence[str], *_: Any, **__: Any) -> list[Exchange | FetchError]:
        self.asked += len(urls)
        return [self._one(url) for url in urls]

    def _one(self, url: str) -> Exchange | FetchError:
        if isinstance(self.answer, FetchError):
            return self.answer
        consent = Consent(RobotsVerdict.ALLOWED, self.opt_out, "noai" if self.opt_out else None, MONDAY)
        return Exchange(url, url, 200, self.answer, MONDAY, consent, Validators())


def fetcher(web: Web, cache: Cache, days: float = 0.0, ticks: Sequence[float] = ()) -> Fetcher:
    now = MONDAY + dt.timedelta(days=days)
    seconds = iter(ticks)
    client: Any = web
    return Fetcher(client, TrafilaturaExtractor(), cache, clock=lambda: now, monotonic=lambda: next(seconds, 0.0))


@pytest.mark.parametrize(("days", "asked"), [(0, 1), (6, 1), (7, 2)])
@pytest.mark.parametrize("what", ["pages", "pictures"])
@pytest.mark.parametrize(
    ("answer", "opt_out", "reason"),
    [
        (HTML, False, ""),
        (HTML, True, "opted out"),
        (FetchRejected(FetchReason.NOT_FOUND, "404"), False, "not_found"),
        (b"", False, "no page"),
    ],
)
def test_what_came_holds_for_a_week(
    answer: bytes | FetchError, opt_out: bool, reason: str, what: str, days: float, asked: int
) -> None:
    if not answer and what == "pictures":
        return  # of an empty picture its reader will complain
    web, cache = Web(answer, opt_out), Cache()
    first = getattr(fetcher(web, cache), what)([URL, URL])[URL]
    again = getattr(fetcher(web, cache, days), what)([URL])[URL]
    assert web.asked == asked
    assert first.reason.startswith(reason)
    assert bool(first.reason) is bool(reason)
    assert (again.page, again.picture) == (first.page, first.picture)
    assert (again.fetched_bytes > 0) is (asked == 2 and not isinstance(answer, FetchError) and bool(answer))
    assert bool(again.reason) is bool(reason)
    cache.close()


def test_a_page_comes_out_of_the_cache_as_it_went_in() -> None:
    web, cache = Web(), Cache()
    page = fetcher(web, cache).pages([URL])[URL].page
    assert page is not None
    assert (page.title, page.figures) == ("Town hall", (PageFigure("http://a.test/a.jpg", "Ada Okoro."),))
    assert fetcher(web, cache).held(URL) == page
    assert fetcher(web, cache, 7).held(URL) is None
    cache.close()


def test_a_page_of_another_version_is_fetched_anew() -> None:
    web, cache = Web(), Cache()
    made = fetcher(web, cache)
    cache.put(b'{"url": "http://a.test/1", "headline": "x"}', *made._page_key(URL))
    assert made.held(URL) is None
    assert made.pages([URL])[URL].page is not None
    assert web.asked == 1
    cache.close()


@pytest.mark.parametrize(
    "error", [FetchFailed(FetchReason.HTTP_STATUS, "503"), FetchRejected(FetchReason.TOO_SLOW, "20 s")]
)
@pytest.mark.parametrize(("seconds", "asked"), [(RETRY_S - 1, 1), (RETRY_S + 1, 2)])
def test_what_failed_for_now_is_let_alone_for_a_while(error: FetchError, seconds: float, asked: int) -> None:
    web, cache = Web(error), Cache()
    made = fetcher(web, cache, ticks=(0.0, 0.0, seconds, seconds))
    assert made.pages([URL])[URL].reason == str(error)
    assert made.pages([URL])[URL].reason == str(error)
    assert web.asked == asked
    assert cache.count == 0
    cache.close()


def test_a_store_of_our_own_comes_first() -> None:
    page = Page(URL, (URL,), "t", "x", None, ())

    class Store:
        def page(self, url: str) -> Page | None:
            return page if url == URL else None

        def picture(self, url: str) -> bytes | None:
            return b"its file" if url == URL else None

    web, cache = Web(), Cache()
    client: Any = web
    made = Fetcher(client, TrafilaturaExtractor(), cache, [Store()])
    assert made.pages([URL])[URL].page is page
    assert made.pictures([URL])[URL].picture == b"its file"
    assert web.asked == 0
    assert made.pages(["http://a.test/2"])["http://a.test/2"].fetched_bytes == len(HTML)
    cache.close()
