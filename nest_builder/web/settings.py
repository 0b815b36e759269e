"""What the HTTP client may be told: who it is, how polite, how patient, and which hosts are where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from nest_builder.config import WebSettings


class Expect(StrEnum):
    """What kind of resource the caller can use; anything else is refused before its body is read."""

    ANY = "any"
    FEED = "feed"
    HTML = "html"
    IMAGE = "image"
    JSON = "json"

    @property
    def accept(self) -> str:
        """The Accept header."""
        return _ACCEPT[self]

    def admits(self, content_type: str) -> bool:
        """Whether a media type fits. An empty one does: the body has to speak for itself then."""
        return not content_type or content_type.startswith(_PREFIXES[self]) or content_type.endswith(_SUFFIXES[self])


_ACCEPT = {
    Expect.ANY: "*/*",
    Expect.FEED: "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5",
    Expect.HTML: "text/html, application/xhtml+xml",
    Expect.IMAGE: "image/jpeg, image/png, image/webp, image/*;q=0.8",
    Expect.JSON: "application/json",
}
# Feeds come as almost any text type, so only media are refused. Object stores serve pictures as octet streams.
_PREFIXES: dict[Expect, tuple[str, ...]] = {
    Expect.ANY: ("",),
    Expect.FEED: ("text/", "application/"),
    Expect.HTML: ("text/html", "application/xhtml+xml"),
    Expect.IMAGE: ("image/", "application/octet-stream", "binary/octet-stream"),
    Expect.JSON: ("application/json", "text/json", "text/javascript"),
}
_SUFFIXES: dict[Expect, tuple[str, ...]] = {
    Expect.ANY: (),
    Expect.FEED: (),
    Expect.HTML: (),
    Expect.IMAGE: (),
    Expect.JSON: ("+json",),
}


@dataclass(frozen=True)
class ClientSettings:
    """Settings of `PoliteClient`; all times in seconds, all sizes in bytes.

    Attributes:
        user_agent: sent with every request; should say where a webmaster can complain. What stands before its
            slash, in lower case, is the product token that robots.txt and X-Robots-Tag may name.
        interval_s: between the starts of two requests to one host.
        concurrency: requests to one host at a time.
        workers: threads of `fetch_many`.
        connect_timeout_s: to open a connection.
        read_timeout_s: without a byte.
        total_timeout_s: for one response, headers and body.
        max_bytes: of a body, on the wire and decoded.
        max_redirects: followed for one URL.
        retries: after the first attempt, for 429, 5xx and broken connections.
        backoff_s: before the first retry; doubles with each.
        max_wait_s: the longest wait between two attempts; a longer Retry-After gives up for now.
        policy_ttl_s: how long robots.txt and tdmrep.json hold.
        allow_hosts: host patterns that may have private addresses.
        resolve: host pattern -> origin (`http://127.0.0.1:8000`) that stands in for it; first match wins. Such a
            host's address isn't checked: whoever writes the setting names the address.
        max_crawl_delay_s: a host that asks for more is left alone.
    """

    user_agent: str
    interval_s: float
    concurrency: int
    workers: int
    connect_timeout_s: float
    read_timeout_s: float
    total_timeout_s: float
    max_bytes: int
    max_redirects: int
    retries: int
    backoff_s: float
    max_wait_s: float
    policy_ttl_s: float
    allow_hosts: tuple[str, ...]
    resolve: Mapping[str, str]
    max_crawl_delay_s: float = 30.0

    @property
    def product(self) -> str:
        """The product token in lower case."""
        return self.user_agent.partition("/")[0].strip().lower()

    @classmethod
    def of(cls, web: WebSettings) -> ClientSettings:
        """Returns what the run's `[web]` section says or, where it says nothing, `WebSettings`' defaults."""
        return cls(
            user_agent=web.user_agent,
            interval_s=1.0 / web.requests_per_second,
            concurrency=web.per_host,
            workers=web.workers,
            connect_timeout_s=min(10.0, web.timeout_seconds),
            read_timeout_s=web.timeout_seconds,
            total_timeout_s=web.timeout_seconds,
            max_bytes=max(web.max_page_bytes, web.max_image_bytes),
            max_redirects=web.max_redirects,
            retries=web.retries,
            # Who may be asked often may be asked again soon.
            backoff_s=min(1.0, 4.0 / web.requests_per_second),
            max_wait_s=web.max_retry_after_seconds,
            policy_ttl_s=web.robots_hours * 3600.0,
            allow_hosts=web.allow_hosts,
            resolve=web.resolve,
        )
