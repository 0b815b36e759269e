"""Searches of a batch: how often a service is asked, what is kept of its answers and for how long."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from nest_builder.rose.base import PageHit, PictureHit, SearchError
from nest_builder.rose.cache import Cache
from nest_builder.rose.searching import Asked, Searches

NOW = dt.datetime(2025, 8, 3, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@dataclass
class Service:
    """Answers each query with a page of its number; fails on those that `fails` names."""

    fails: Callable[[str], bool] = lambda query: False
    name: str = "one"
    asked: list[str] = field(default_factory=list)

    def identity(self) -> str:
        return self.name

    def pages(self, query: str, until: dt.datetime | None, limit: int) -> list[PageHit]:
        self.asked.append(query)
        if self.fails(query):
            raise SearchError(f"no {query}")
        return [PageHit(f"http://a.test/{len(self.asked)}", query, "", NOW - 10 * DAY)]

    def pictures(self, query: str, until: dt.datetime | None, limit: int) -> list[PictureHit]:
        self.asked.append(query)
        return []


def searches(service: Service, cache: Cache, now: dt.datetime = NOW, limit: int = 5) -> Searches:
    return Searches(service, cache, limit, lambda: now)


@pytest.mark.parametrize(
    ("until", "later", "asked"),
    [
        (NOW - DAY, dt.timedelta(0), 1),
        (NOW - DAY, 30 * DAY, 1),  # what was there by a day that is past is settled
        (None, dt.timedelta(hours=6), 1),
        (None, DAY, 2),
        (NOW + 20 * DAY, dt.timedelta(hours=6), 1),
        (NOW + 20 * DAY, DAY, 2),  # by then there may be more
        (NOW + 20 * DAY, 30 * DAY, 2),
    ],
)
def test_how_long_an_answer_holds(until: dt.datetime | None, later: dt.timedelta, asked: int) -> None:
    service, cache = Service(), Cache()
    for now in (NOW, NOW + later):
        answer = searches(service, cache, now).pages([("mayor", until)])[("mayor", until)]
        assert [hit.title for hit in answer.hits] == ["mayor"]
    assert len(service.asked) == asked
    cache.close()


def test_each_is_asked_once_and_each_service_for_itself() -> None:
    cache, one, other = Cache(), Service(), Service(name="other")
    asked: list[Asked] = [("a", NOW), ("b", NOW), ("a", NOW), ("a", None)]
    found = searches(one, cache).pages(asked)
    assert (sorted(one.asked), list(found)) == (["a", "a", "b"], [("a", NOW), ("b", NOW), ("a", None)])
    searches(one, cache).pages(asked)
    assert len(one.asked) == 3
    searches(one, cache).pictures(asked)
    assert len(one.asked) == 6  # pictures are another question
    searches(other, cache).pages(asked)
    searches(other, cache, limit=6).pages(asked)
    assert len(other.asked) == 6
    cache.close()


class OwnStore(Service):
    """A service that holds the pages itself."""

    def page(self, url: str) -> None:
        return None

    def picture(self, url: str) -> None:
        return None


def test_a_store_of_our_own_is_asked_every_time() -> None:
    service, cache = OwnStore(), Cache()
    for number in (1, 2):
        answer = searches(service, cache).pages([("mayor", NOW)] * 2)["mayor", NOW]
        assert [hit.url for hit in answer.hits] == [f"http://a.test/{number}"]  # what was collected meanwhile is found
    assert cache.count == 0
    cache.close()


def test_a_service_that_fails_twice_is_let_alone_and_asked_again_by_the_next_batch() -> None:
    service, cache = Service(lambda query: query != "well"), Cache()
    asked: list[Asked] = [("well", NOW), *((f"bad {number}", NOW) for number in range(20))]
    assert searches(service, cache).pages([("well", NOW)])[("well", NOW)].error == ""
    found = searches(service, cache).pages(asked)
    assert (found["well", NOW].error, len(found["well", NOW].hits)) == ("", 1)  # kept
    assert {bool(found[one].error) for one in asked[1:]} == {True}
    assert len(service.asked) <= 1 + 2 + 4  # as many again may be on their way
    service.fails = lambda query: False
    assert {one.error for one in searches(service, cache).pages(asked).values()} == {""}
    cache.close()


def test_what_is_newer_than_the_bound_is_dropped_whatever_the_service_does() -> None:
    cache, early = Cache(), NOW - 20 * DAY
    assert searches(Service(), cache).pages([("mayor", early)])["mayor", early].hits == ()
    cache.close()


def test_an_answer_of_another_version_is_asked_for_anew() -> None:
    service, cache = Service(), Cache()
    cache.put(b'[{"address": "http://a.test"}]', "search", "one", "pages", "mayor", NOW, 5)
    assert len(searches(service, cache).pages([("mayor", NOW)])["mayor", NOW].hits) == 1
    assert service.asked == ["mayor"]
    cache.close()
