"""What a host says of its visitors: robots.txt and tdmrep.json, looked up once and kept until they expire."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from protego import Protego

from nest_builder.web.consent import TDMRules
from nest_builder.web.exchange import FetchError, FetchFailed, FetchReason, FetchRejected, RobotsVerdict
from nest_builder.web.urls import origin_of

log = logging.getLogger(__name__)

# RFC 9309, 2.5: a crawler parses at least 500 KiB, and may leave the rest.
MAX_ROBOTS_BYTES = 500 * 1024
# Protego copies each rule into each agent's set; a file made to multiply the two isn't read at all.
_MAX_AGENTS_TIMES_LINES = 20_000_000
_UNREACHABLE_TTL = timedelta(minutes=10)

GetText = Callable[[str, int], bytes]
"""(URL, limit in bytes) -> body, without asking robots.txt; raises FetchRejected or FetchFailed."""


@dataclass(frozen=True)
class HostPolicy:
    """A host's rules at one moment.

    Attributes:
        robots: the parsed robots.txt; None where the host has none.
        tdm: the rules of its tdmrep.json, empty without one.
        expires_at: when to look again, UTC and aware.
        unavailable: why robots.txt could not be had; everything is off limits then (RFC 9309, 2.3.1.4).
    """

    robots: Protego | None
    tdm: TDMRules
    expires_at: datetime
    unavailable: str | None = None

    def verdict(self, url: str, user_agent: str) -> RobotsVerdict:
        """Returns robots.txt's verdict on a URL."""
        if self.robots is None:
            return RobotsVerdict.ABSENT
        return RobotsVerdict.ALLOWED if self.robots.can_fetch(url, user_agent) else RobotsVerdict.DISALLOWED

    def crawl_delay_s(self, user_agent: str) -> float:
        """Returns the seconds between requests that the host asks for (Crawl-delay or Request-rate), 0 if none."""
        if self.robots is None:
            return 0.0
        delay = self.robots.crawl_delay(user_agent) or 0.0
        rate = self.robots.request_rate(user_agent)
        return max(float(delay), rate.seconds / rate.requests if rate and rate.requests else 0.0)


class PolicyCache:
    """Looks host policies up, one thread a host, and keeps them.

    Args:
        get: fetches the two files.
        now: the clock, UTC and aware.
        ttl_s: seconds that an answer holds.
    """

    def __init__(self, get: GetText, now: Callable[[], datetime], ttl_s: float) -> None:
        self._get = get
        self._now = now
        self._ttl = timedelta(seconds=ttl_s)
        self._known: dict[str, HostPolicy] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def of(self, url: str) -> HostPolicy:
        """Returns the policy of a normalised URL's origin."""
        origin = origin_of(url)
        with self._lock:
            lock = self._locks.setdefault(origin, threading.Lock())
        with lock:
            known = self._known.get(origin)
            if known is None or known.expires_at <= self._now():
                known = self._look_up(origin)
                self._known[origin] = known
            return known

    def _look_up(self, origin: str) -> HostPolicy:
        now = self._now()
        robots: Protego | None = None
        try:
            text = self._get(f"{origin}/robots.txt", MAX_ROBOTS_BYTES).decode("utf-8", "replace")
            if text.lower().count("user-agent") * text.count("\n") > _MAX_AGENTS_TIMES_LINES:
                return HostPolicy(None, TDMRules(), now + self._ttl, f"robots.txt of {len(text)} characters is a trap")
            robots = Protego.parse(text)
        except FetchRejected as error:
            # A 4xx or a body that is no text means "no rules"; an address that is refused concerns the page as well.
            if error.reason in (FetchReason.PRIVATE_ADDRESS, FetchReason.BAD_URL):
                raise
            if error.reason is FetchReason.TOO_SLOW:
                return HostPolicy(None, TDMRules(), now + _UNREACHABLE_TTL, error.message)
            log.debug("%s: no robots.txt (%s)", origin, error)
        except FetchFailed as error:
            return HostPolicy(None, TDMRules(), now + _UNREACHABLE_TTL, error.message)
        return HostPolicy(robots, self._tdm(origin), now + self._ttl)

    def _tdm(self, origin: str) -> TDMRules:
        try:
            return TDMRules.parse(self._get(f"{origin}/.well-known/tdmrep.json", MAX_ROBOTS_BYTES))
        except FetchError as error:
            log.debug("%s: no tdmrep.json (%s)", origin, error)
        except ValueError as error:
            log.warning("%s: tdmrep.json is unreadable and left out of account: %s", origin, error)
        return TDMRules()
