"""The one HTTP layer: polite, conditional, bounded, and deaf to private addresses."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from types import MappingProxyType, TracebackType

from nest_builder.clock import Clock, system_clock
from nest_builder.config import WebSettings
from nest_builder.web.addresses import Resolver, system_resolver
from nest_builder.web.consent import header_opt_out
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
from nest_builder.web.pace import Pace, parse_http_date, retry_after_s
from nest_builder.web.policies import HostPolicy, PolicyCache
from nest_builder.web.settings import ClientSettings, Expect
from nest_builder.web.transport import Answer, Transport
from nest_builder.web.urls import host_of, join_url, normalise_url

log = logging.getLogger(__name__)

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_RETRYABLE = frozenset({429, 500, 502, 503, 504})
_GONE = frozenset({404, 410})
_FORBIDDEN = frozenset({401, 403, 451})


class PoliteClient:
    """GET with robots.txt, pace, conditional requests, opt-outs and limits; safe to use from many threads.

    Args:
        settings: the run's `[web]` section, or the finer `ClientSettings`.
        clock: the present time, UTC and aware.
        resolve: host pattern -> origin, in place of the settings' own; looked up only for a host that matches.
        monotonic: seconds of a clock that never goes back, for pace and time limits.
        sleep: waits so many seconds.
        resolver: name resolution.
        watch: told of each exchange: the host, and the status or the reason why there is none; from many threads.
    """

    def __init__(
        self,
        settings: ClientSettings | WebSettings | None = None,
        *,
        clock: Clock = system_clock,
        resolve: Mapping[str, str] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        resolver: Resolver = system_resolver,
        watch: Callable[[str, str], None] = lambda host, outcome: None,
    ) -> None:
        limits = settings or WebSettings()
        self.settings = limits if isinstance(limits, ClientSettings) else ClientSettings.of(limits)
        if resolve is not None:
            self.settings = replace(self.settings, resolve=resolve)
        self._now = clock
        self._sleep = sleep
        self._watch = watch
        self._transport = Transport(self.settings, monotonic, resolver)
        self._pace = Pace(self.settings.interval_s, self.settings.concurrency, monotonic, sleep)
        self._policies = PolicyCache(self._policy_file, clock, self.settings.policy_ttl_s)

    def __enter__(self) -> PoliteClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections."""
        self._transport.close()

    def fetch(
        self,
        url: str,
        expect: Expect = Expect.ANY,
        *,
        previous: Validators | None = None,
        max_bytes: int | None = None,
        headers: Mapping[str, str] | None = None,
        service: bool = False,
    ) -> Exchange:
        """Fetches one URL.

        Args:
            url: absolute; normalised first.
            expect: what it has to be.
            previous: the last exchange's validators, for a conditional GET.
            max_bytes: the body's limit, where it isn't the settings' one.
            headers: more headers (an API key); they don't follow a redirect to another host.
            service: the URL is a service that the operator named (a search API), not a page of the open web: its
                robots.txt isn't asked.

        Raises:
            FetchRejected: for good. A robots verdict comes with its consent record.
            FetchFailed: after all retries; may be tried again later.
        """
        asked = normalise_url(url)
        trail: list[str] = []
        current = asked
        while True:
            policy = None if service else self._policies.of(current)
            self._check_robots(current, policy)
            extra = dict(headers or {}) if host_of(current) == host_of(asked) else {}
            sent = {"Accept": expect.accept, **(previous.conditions() if previous else {}), **extra}
            answer = self._ask(current, policy, sent, expect, max_bytes or self.settings.max_bytes)
            if answer.status not in _REDIRECTS:
                return self._exchange(asked, tuple(trail), answer, policy, previous)
            trail.append(current)
            current = self._next_hop(answer, trail)

    def fetch_many(
        self,
        urls: Sequence[str],
        expect: Expect = Expect.ANY,
        *,
        previous: Mapping[str, Validators] | None = None,
        max_bytes: int | None = None,
    ) -> list[Exchange | FetchError]:
        """Fetches URLs in a thread pool.

        Args:
            urls: in any order; the result has the same one.
            expect: as in `fetch`.
            previous: URL (as in `urls`) -> validators.
            max_bytes: as in `fetch`.

        Returns:
            For each URL its exchange, or the error in the error's place.
        """
        known = previous or {}

        def one(url: str) -> Exchange | FetchError:
            try:
                return self.fetch(url, expect, previous=known.get(url), max_bytes=max_bytes)
            except FetchError as error:
                return error

        # Hosts take turns, so that a list sorted by host doesn't leave all threads waiting for the first of them.
        seen: Counter[str] = Counter()
        ranks = []
        for url in urls:
            host = url.split("/", 3)[2] if url.count("/") >= 2 else url
            ranks.append(seen[host])
            seen[host] += 1
        order = sorted(range(len(urls)), key=lambda index: (ranks[index], index))
        with ThreadPoolExecutor(max_workers=self.settings.workers, thread_name_prefix="fetch") as pool:
            # Each in a context of its own, so that the log lines of a thread say which batch it works for.
            futures = {index: pool.submit(copy_context().run, one, urls[index]) for index in order}
            return [futures[index].result() for index in range(len(urls))]

    def _check_robots(self, url: str, policy: HostPolicy | None) -> None:
        if policy is None:
            return
        agent = self.settings.product
        if policy.unavailable is not None:
            raise FetchFailed(FetchReason.ROBOTS_UNAVAILABLE, f"{host_of(url)}: {policy.unavailable}")
        delay = policy.crawl_delay_s(agent)
        refusal = ""
        if policy.verdict(url, agent) is RobotsVerdict.DISALLOWED:
            refusal = f"robots.txt disallows {url}"
        elif delay > self.settings.max_crawl_delay_s:
            refusal = f"{host_of(url)} asks for {delay:.0f} s a request"
        if refusal:
            consent = Consent(RobotsVerdict.DISALLOWED, False, None, self._now())
            raise FetchRejected(FetchReason.ROBOTS, refusal, consent)

    def _next_hop(self, answer: Answer, trail: list[str]) -> str:
        """Returns where a redirect leads; `trail` holds the URLs so far, the redirecting one last."""
        location = answer.headers.get("location", "")
        target = join_url(answer.url, location) if location else None
        if target is None:
            raise FetchRejected(FetchReason.BAD_URL, f"{answer.url} redirects to {location[:200]!r}")
        if target in trail:
            raise FetchRejected(FetchReason.REDIRECT_LOOP, f"{target} again after {len(trail)} redirects")
        if len(trail) > self.settings.max_redirects:
            raise FetchRejected(FetchReason.TOO_MANY_REDIRECTS, f"more than {self.settings.max_redirects}")
        return target

    def _ask(
        self,
        url: str,
        policy: HostPolicy | None,
        headers: Mapping[str, str],
        expect: Expect,
        max_bytes: int,
        truncate: bool = False,
    ) -> Answer:
        """Sends one request in its turn, again while it is worth it."""
        host = host_of(url)
        delay = policy.crawl_delay_s(self.settings.product) if policy else 0.0
        failure: FetchError
        for attempt in range(self.settings.retries + 1):
            wait = min(self.settings.backoff_s * 2.0**attempt, self.settings.max_wait_s)
            asked_to_wait = 0.0
            try:
                with self._pace.turn(host, delay):
                    answer = self._transport.send(url, headers, expect, max_bytes, truncate)
            except FetchError as error:
                self._watch(host, error.reason.value)
                # A stalled machine looks like a slow server, so a slow answer gets one more chance; no other rejection.
                if isinstance(error, FetchRejected) and (error.reason is not FetchReason.TOO_SLOW or attempt):
                    raise
                failure = error
            else:
                self._watch(host, str(answer.status))
                if answer.status not in _RETRYABLE:
                    return answer
                reason = FetchReason.RATE_LIMITED if answer.status == 429 else FetchReason.SERVER_ERROR
                failure = FetchFailed(reason, f"status {answer.status} from {url}")
                clock = parse_http_date(answer.headers.get("date")) or self._now()
                asked_to_wait = retry_after_s(answer.headers.get("retry-after"), clock) or 0.0
            log.debug("attempt %d of %s: %s", attempt + 1, url, failure)
            if asked_to_wait > self.settings.max_wait_s:
                raise FetchFailed(failure.reason, f"{failure.message}; asks to wait {asked_to_wait:.0f} s")
            # A host that names a time means all requests; one page's trouble is no reason to hold the others up.
            if asked_to_wait:
                self._pace.hold(host, max(wait, asked_to_wait))
            elif attempt < self.settings.retries:
                self._sleep(wait)
        raise failure

    def _exchange(
        self,
        asked: str,
        trail: tuple[str, ...],
        answer: Answer,
        policy: HostPolicy | None,
        previous: Validators | None,
    ) -> Exchange:
        """Turns the last answer into the record, or into the error that its status means."""
        status, url = answer.status, answer.url
        unchanged = status == 304 and previous is not None
        if not (200 <= status < 300 or unchanged):
            reason = FetchReason.HTTP_STATUS
            if status in _GONE:
                reason = FetchReason.NOT_FOUND
            elif status in _FORBIDDEN:
                reason = FetchReason.FORBIDDEN
            raise FetchRejected(reason, f"status {status} from {url}")
        validators = Validators(answer.headers.get("etag"), answer.headers.get("last-modified"))
        if unchanged and previous is not None:
            validators = Validators(
                validators.etag or previous.etag,
                validators.last_modified or previous.last_modified,
                previous.body_sha256,
            )
        else:
            digest = hashlib.sha256(answer.body).hexdigest()
            validators = Validators(validators.etag, validators.last_modified, digest)
            unchanged = previous is not None and previous.body_sha256 == digest
        return Exchange(
            requested_url=asked,
            responded_url=url,
            status=status,
            body=answer.body,
            fetched_at=self._now(),
            consent=self._consent(answer, policy),
            validators=validators,
            not_modified=unchanged,
            redirects=trail,
            headers=MappingProxyType({k: v for k, v in answer.headers.items() if k not in ("date", "location")}),
            server_time=parse_http_date(answer.headers.get("date")),
        )

    def _consent(self, answer: Answer, policy: HostPolicy | None) -> Consent:
        reason = header_opt_out(answer.robots_tags, answer.tdm_reservation, self.settings.product)
        verdict = RobotsVerdict.ABSENT
        if policy is not None:
            verdict = policy.verdict(answer.url, self.settings.product)
            # A response's own header outranks the site's file (TDMRep, section 6), also where it grants.
            if reason is None and answer.tdm_reservation is None and policy.tdm.reserved(answer.url):
                reason = "tdmrep.json"
        return Consent(verdict, reason is not None, reason, self._now())

    def _policy_file(self, url: str, max_bytes: int) -> bytes:
        """Fetches robots.txt or tdmrep.json: the one thing that is asked for without asking robots.txt."""
        trail: list[str] = []
        current = url
        while True:
            answer = self._ask(current, None, {"Accept": "*/*"}, Expect.ANY, max_bytes, truncate=True)
            if answer.status not in _REDIRECTS:
                if answer.status != 200:
                    raise FetchRejected(FetchReason.HTTP_STATUS, f"status {answer.status} from {current}")
                return answer.body
            trail.append(current)
            current = self._next_hop(answer, trail)
