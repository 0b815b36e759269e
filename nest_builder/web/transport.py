"""One request and one response over requests, with every limit applied and every error given its reason."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from types import MappingProxyType
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import DecodeError, HTTPError

from nest_builder.web.addresses import (
    AddressGuard,
    AddressRefused,
    GuardedAdapter,
    Resolver,
    matches_host,
    system_resolver,
)
from nest_builder.web.body import ACCEPT_ENCODING, read_body
from nest_builder.web.exchange import FetchFailed, FetchReason, FetchRejected
from nest_builder.web.settings import ClientSettings, Expect
from nest_builder.web.urls import host_of

_KEPT_HEADERS = ("content-type", "etag", "last-modified", "retry-after", "date", "location", "content-language")
_MAX_HEADER = 8192
# A short error page is read to its end, so that the connection can serve the next request.
_DRAIN_BYTES = 16 * 1024


@dataclass(frozen=True)
class Answer:
    """A response to one request.

    Attributes:
        url: the URL asked, without any `resolve` applied.
        status: the HTTP status.
        headers: the headers that matter to us, lower-case names.
        robots_tags: the value of each X-Robots-Tag header.
        tdm_reservation: the tdm-reservation header.
        body: the decoded body of a 2xx; empty for any other status.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    robots_tags: tuple[str, ...]
    tdm_reservation: str | None
    body: bytes


class Transport:
    """Sends single GET requests: no redirects, no retries, no cookies, no proxies from the environment.

    Args:
        settings: limits, `resolve` and `allow_hosts`.
        monotonic: the clock for a body's time limit.
        resolver: name resolution.
    """

    def __init__(
        self, settings: ClientSettings, monotonic: Callable[[], float], resolver: Resolver = system_resolver
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._guard = AddressGuard(settings.allow_hosts, resolver)
        # Hosts under `resolve` go to the address that the operator named; a second pool keeps that licence theirs.
        self._open_guard = AddressGuard(("*",), resolver)
        self._session = _session(self._guard, settings)
        self._mapped_session = _session(self._open_guard, settings)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Closes all connections."""
        self._session.close()
        self._mapped_session.close()

    def send(
        self, url: str, headers: Mapping[str, str], expect: Expect, max_bytes: int, truncate: bool = False
    ) -> Answer:
        """Returns the response to one GET.

        Args:
            url: normalised.
            headers: to send beside the client's own.
            expect: what a 2xx has to be.
            max_bytes: limit of the body.
            truncate: cut a longer body instead of refusing it.

        Raises:
            FetchRejected: private address, wrong type or coding, too large, too slow, not a URL.
            FetchFailed: `CONNECTION`.
        """
        target, sent, mapped = self._target(url, headers)
        guard, session = (self._open_guard, self._mapped_session) if mapped else (self._guard, self._session)
        limit = self._settings.total_timeout_s
        with guard.deadline(limit) as watch:
            try:
                answer = self._exchange(session, url, target, sent, expect, max_bytes, truncate)
            except AddressRefused as error:
                raise FetchRejected(FetchReason.PRIVATE_ADDRESS, str(error)) from error
            except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, UnicodeError) as error:
                raise FetchRejected(FetchReason.BAD_URL, str(error)) from error
            except DecodeError as error:
                raise FetchRejected(FetchReason.BAD_ENCODING, str(error)) from error
            except (requests.RequestException, HTTPError, OSError) as error:
                # What the deadline cuts surfaces as any broken connection; only the watch knows better.
                if watch.expired:
                    raise _too_slow(url, limit) from error
                raise FetchFailed(FetchReason.CONNECTION, f"{type(error).__name__}: {str(error)[:300]}") from error
            # http.client takes a connection that ends within the headers for the headers' end.
            if watch.expired:
                raise _too_slow(url, limit)
            return answer

    def _exchange(
        self,
        session: requests.Session,
        url: str,
        target: str,
        headers: dict[str, str],
        expect: Expect,
        max_bytes: int,
        truncate: bool,
    ) -> Answer:
        settings = self._settings
        timeout = (settings.connect_timeout_s, settings.read_timeout_s)
        started = self._monotonic()
        with session.get(target, headers=headers, timeout=timeout, stream=True, allow_redirects=False) as response:
            kept = {name: _text(response.headers[name]) for name in _KEPT_HEADERS if name in response.headers}
            body = b""
            if 200 <= response.status_code < 300:
                content_type = kept.get("content-type", "").partition(";")[0].strip().lower()
                if not expect.admits(content_type):
                    raise FetchRejected(
                        FetchReason.CONTENT_TYPE, f"expected {expect.value}, got {content_type[:100]!r}"
                    )
                left = settings.total_timeout_s - (self._monotonic() - started)
                body = read_body(response, max_bytes, left, self._monotonic, truncate)
            else:
                length = response.headers.get("content-length", "")
                if length.isdigit() and int(length[:9]) <= _DRAIN_BYTES:
                    response.raw.read(_DRAIN_BYTES, decode_content=False)
            tags = [_text(value) for value in response.raw.headers.getlist("x-robots-tag")]
            reservation = response.headers.get("tdm-reservation")
            return Answer(url, response.status_code, MappingProxyType(kept), tuple(tags), reservation, body)

    def _target(self, url: str, headers: Mapping[str, str]) -> tuple[str, dict[str, str], bool]:
        """Returns the URL to connect to, the headers to send, and whether `resolve` applied."""
        sent = {"User-Agent": self._settings.user_agent, "Accept-Encoding": ACCEPT_ENCODING, **headers}
        host = host_of(url)
        for pattern in self._settings.resolve:
            if matches_host(host, (pattern,)):
                # An origin may come into being when it is asked for, which must not happen twice.
                with self._lock:
                    origin = self._settings.resolve[pattern]
                parts = urlsplit(url)
                sent["Host"] = parts.netloc
                query = f"?{parts.query}" if parts.query else ""
                return f"{origin.rstrip('/')}{parts.path}{query}", sent, True
        return url, sent, False


def _session(guard: AddressGuard, settings: ClientSettings) -> requests.Session:
    session = requests.Session()
    # A proxy or a .netrc from the environment would go round the address guard.
    session.trust_env = False
    # Cookies would make a response depend on what was fetched before it.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = GuardedAdapter(guard, pool_size=max(settings.workers, settings.concurrency))
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def _text(value: str) -> str:
    """Returns a header as text: http.client reads Latin-1, while most servers that go beyond ASCII write UTF-8."""
    try:
        return value.encode("latin-1").decode("utf-8")[:_MAX_HEADER]
    except UnicodeError:
        return value[:_MAX_HEADER]


def _too_slow(url: str, limit: float) -> FetchRejected:
    return FetchRejected(FetchReason.TOO_SLOW, f"no complete response in {limit} s: {url}")
