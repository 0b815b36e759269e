"""The records of one HTTP exchange and the two ways in which it can fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType


class FetchReason(StrEnum):
    """Why a URL was refused (for good, until something changes) or could not be had (for now)."""

    BAD_URL = "bad_url"
    PRIVATE_ADDRESS = "private_address"
    ROBOTS = "robots"
    REDIRECT_LOOP = "redirect_loop"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    NOT_FOUND = "not_found"
    FORBIDDEN = "forbidden"
    HTTP_STATUS = "http_status"
    CONTENT_TYPE = "content_type"
    BAD_ENCODING = "bad_encoding"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    CONNECTION = "connection"
    ROBOTS_UNAVAILABLE = "robots_unavailable"


class RobotsVerdict(StrEnum):
    """What the host's robots.txt says of one URL; `ABSENT` when there is no such file (RFC 9309: all allowed)."""

    ALLOWED = "allowed"
    DISALLOWED = "disallowed"
    ABSENT = "absent"


@dataclass(frozen=True)
class Consent:
    """Whether a resource may be used, and when that was looked up; stored with every page and image.

    Attributes:
        robots: the robots.txt verdict for the URL that answered.
        opt_out: True where the publisher reserves use for AI or text and data mining.
        reason: the words that opted out, e.g. "x-robots-tag: noai"; None without an opt-out.
        checked_at: when it was looked up, UTC and aware.
    """

    robots: RobotsVerdict
    opt_out: bool
    reason: str | None
    checked_at: datetime


@dataclass(frozen=True)
class Validators:
    """What a later conditional GET needs: the server's own marks, and the body's hash where it gives none.

    Attributes:
        etag: the ETag header as sent, quotes included.
        last_modified: the Last-Modified header as sent.
        body_sha256: lower-case hex SHA-256 of the decoded body.
    """

    etag: str | None = None
    last_modified: str | None = None
    body_sha256: str | None = None

    def conditions(self) -> dict[str, str]:
        """The headers of a conditional GET; none where the server gave no marks."""
        sent = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in sent.items() if value}


@dataclass(frozen=True)
class Exchange:
    """One finished GET: what was asked, what answered, and on which terms it may be used.

    Attributes:
        requested_url: the normalised URL asked for.
        responded_url: the URL that answered, after redirects.
        status: the HTTP status, 2xx or 304.
        headers: the response's headers that matter later, with lower-case names.
        server_time: the server's clock, as its Date header says; None where it says none.
        body: the decoded body; empty after a 304.
        fetched_at: UTC and aware.
        consent: robots and opt-out verdicts.
        validators: to be passed as `previous` the next time.
        not_modified: True after a 304 and where the body is the previous one to the byte.
        redirects: the URLs that redirected, in order.
    """

    requested_url: str
    responded_url: str
    status: int
    body: bytes
    fetched_at: datetime
    consent: Consent
    validators: Validators
    not_modified: bool = False
    redirects: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    server_time: datetime | None = None

    @property
    def content_type(self) -> str:
        """The media type in lower case without parameters; empty where the server sent none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        """The charset parameter of Content-Type, or None."""
        for part in self.headers.get("content-type", "").split(";")[1:]:
            name, _, value = part.partition("=")
            if name.strip().lower() == "charset" and value.strip():
                return value.strip().strip("\"'").lower()
        return None


class FetchError(Exception):
    """Base of the two failures.

    Attributes:
        reason: a word that can be counted.
        message: what happened, for people.
        consent: the verdict, where one had been reached (a URL that robots.txt forbids).
    """

    def __init__(self, reason: FetchReason, message: str, consent: Consent | None = None) -> None:
        super().__init__(f"{reason.value}: {message}")
        self.reason = reason
        self.message = message
        self.consent = consent


class FetchRejected(FetchError):  # noqa: N818 - the outcome stages speak of is "rejected"
    """The URL is not to be had: asking again gives the same answer."""


class FetchFailed(FetchError):  # noqa: N818 - likewise "failed"
    """The URL could not be had now (server, connection or rate); it may be asked again later."""
