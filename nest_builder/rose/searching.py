"""Searches of a batch: each asked once, cached by service, query and date, and not asked on where the service is down."""

import datetime as dt
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from nest_builder.clock import Clock
from nest_builder.rose.base import PageHit, PictureHit, SearchError, WebSearch
from nest_builder.rose.cache import Cache
from nest_builder.rose.pages import PageStore
from nest_builder.rose.search.service import metered

log = logging.getLogger(__name__)

GIVE_UP: Final = 2  # failures of one batch after which the service is left alone
_WORKERS: Final = 4
_PAGES: Final = TypeAdapter(list[PageHit])
_PICTURES: Final = TypeAdapter(list[PictureHit])

Hit = TypeVar("Hit")
Asked = tuple[str, dt.datetime | None]  # the query and the date bound


@dataclass(frozen=True, slots=True)
class Answer(Generic[Hit]):
    """A service's answer: hits, or why there are none to be had; `fetched_bytes` is nought for a cached one."""

    hits: tuple[Hit, ...] = ()
    error: str = ""
    fetched_bytes: int = 0


class Searches:
    """Asks one service.

    Args:
        service: The service.
        cache: Keeps its answers, unless it holds the pages itself.
        limit: Hits of one answer.
        clock: A search without a date bound, or with one that is still to come, holds for the clock's day.
    """

    def __init__(self, service: WebSearch, cache: Cache, limit: int, clock: Clock) -> None:
        self._service, self._cache, self._limit, self._clock = service, cache, limit, clock
        # What a store of our own holds changes with every collection, and asking it costs nothing.
        self._own = isinstance(service, PageStore)

    def pages(self, asked: Sequence[Asked]) -> dict[Asked, Answer[PageHit]]:
        """Search for pages."""
        return self._all("pages", asked, self._service.pages, _PAGES)

    def pictures(self, asked: Sequence[Asked]) -> dict[Asked, Answer[PictureHit]]:
        """Search for pictures."""
        return self._all("pictures", asked, self._service.pictures, _PICTURES)

    def _all(
        self,
        what: str,
        asked: Sequence[Asked],
        search: Callable[[str, dt.datetime | None, int], list[Hit]],
        kind: TypeAdapter[list[Hit]],
    ) -> dict[Asked, Answer[Hit]]:
        failures: list[str] = []
        lock = threading.Lock()

        def one(item: Asked) -> Answer[Hit]:
            query, until = item
            now = self._clock()
            # What the web will say by a day to come, it does not say yet.
            bound: Any = until if until is not None and until <= now else (until, f"now, on {now.date()}")
            key = ("search", self._service.identity(), what, query, bound, self._limit)
            kept = None if self._own else self._cache.get(*key)
            if kept is not None:
                try:
                    return Answer(tuple(kind.validate_json(kept)))
                except ValidationError:
                    log.debug("an answer of another version is asked for anew: %s", query)
            with lock:
                if len(failures) >= GIVE_UP:
                    return Answer(error=f"not asked after {GIVE_UP} failures: {failures[0]}")
            with metered() as meter:
                try:
                    hits = search(query, until, self._limit)
                except (SearchError, OSError) as error:
                    with lock:
                        failures.append(str(error))
                    log.warning("no %s for %r: %s", what, query, error)
                    return Answer(error=str(error)[:300], fetched_bytes=meter.bytes)
            # A service may forget the bound that it was given: nothing newer than the question leaves here.
            hits = [hit for hit in hits[: self._limit] if until is None or _by(hit, until)]
            if not self._own:
                self._cache.put(kind.dump_json(hits), *key)
            return Answer(tuple(hits), fetched_bytes=meter.bytes)

        wanted = list(dict.fromkeys(asked))
        with ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="search") as pool:
            # Each in a context of its own, so that the log lines of a thread say which batch it works for.
            answers = [pool.submit(copy_context().run, one, query) for query in wanted]
            return {query: answer.result() for query, answer in zip(wanted, answers, strict=True)}


def _by(hit: Any, until: dt.datetime) -> bool:
    return hit.published_at is not None and hit.published_at <= until
