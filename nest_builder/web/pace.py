"""How fast one host may be asked: an interval between requests, and a limit on requests at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class _Host:
    """One host's state: when the next request may start, and who is under way."""

    def __init__(self, concurrency: int) -> None:
        self.lock = threading.Lock()
        self.slots = threading.BoundedSemaphore(concurrency)
        self.next_start = float("-inf")


class Pace:
    """Makes threads wait their turn, host by host.

    Args:
        interval_s: seconds between the starts of two requests to a host.
        concurrency: requests to one host at a time.
        monotonic: seconds of a clock that never goes back.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        interval_s: float,
        concurrency: int,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._interval_s = interval_s
        self._concurrency = concurrency
        self._monotonic = monotonic
        self._sleep = sleep
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, host: str, crawl_delay_s: float = 0.0) -> Iterator[None]:
        """Waits for this thread's turn at a host and holds one of its slots.

        Args:
            host: the URL's host.
            crawl_delay_s: the host's own wish; the longer of it and the interval counts.
        """
        state = self._host(host)
        with state.slots:
            with state.lock:
                now = self._monotonic()
                start = max(now, state.next_start)
                state.next_start = start + max(self._interval_s, crawl_delay_s)
            if start > now:
                self._sleep(start - now)
            yield

    def hold(self, host: str, seconds: float) -> None:
        """Lets no request to the host start for so many seconds (after a Retry-After), in any thread."""
        state = self._host(host)
        with state.lock:
            state.next_start = max(state.next_start, self._monotonic() + seconds)

    def _host(self, host: str) -> _Host:
        with self._lock:
            return self._hosts.setdefault(host, _Host(self._concurrency))


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Returns a Retry-After header as seconds from `now` (never negative), or None where it says nothing.

    Args:
        value: seconds or an HTTP date (RFC 9110, 10.2.3).
        now: UTC and aware: the response's own Date where it has one, since the two clocks may differ.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    moment = parse_http_date(text)
    return None if moment is None else max(0.0, (moment - now).total_seconds())


def parse_http_date(value: str | None) -> datetime | None:
    """Returns an HTTP date as UTC and aware, or None where it isn't one."""
    if not value:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
