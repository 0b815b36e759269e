"""URLs as identifiers: one spelling for one resource, and only http(s)."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

import idna

from nest_builder.web.exchange import FetchReason, FetchRejected

MAX_URL_LENGTH = 4096
_DEFAULT_PORTS = {"http": 80, "https": 443}
_TRACKING = re.compile(r"^(utm_\w+|fbclid|gclid|dclid|msclkid|mc_cid|mc_eid|igshid|cmpid|at_medium|at_campaign)$", re.I)
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
# Everything a URL may hold unescaped (RFC 3986), "%" included, so that what is escaped already stays as it is.
_SAFE = "!#$%&'()*+,/:;=?@[]~"


def normalise_url(url: str) -> str:
    """Returns the URL in one spelling: lower-case ASCII host, no fragment, no default port, a path, escapes.

    Raises:
        FetchRejected: `BAD_URL` for another scheme, a missing host, credentials, a bad port or too long a URL.
    """
    text = url.strip()
    if len(text) > MAX_URL_LENGTH:
        raise FetchRejected(FetchReason.BAD_URL, f"URL of {len(text)} characters, limit {MAX_URL_LENGTH}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise FetchRejected(FetchReason.BAD_URL, f"{error}: {text[:200]!r}") from error
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        raise FetchRejected(FetchReason.BAD_URL, f"not an http(s) URL: {text[:200]!r}")
    if not parts.hostname:
        raise FetchRejected(FetchReason.BAD_URL, f"no host: {text[:200]!r}")
    # Credentials in a link are either a trick (http://bank.example@evil.example) or a secret; neither is ours to send.
    if "@" in parts.netloc:
        raise FetchRejected(FetchReason.BAD_URL, f"credentials in the URL of {parts.hostname!r}")
    host = _ascii_host(parts.hostname)
    netloc = host if port in (None, _DEFAULT_PORTS[scheme]) else f"{host}:{port}"
    path = quote(parts.path or "/", safe=_SAFE)
    return urlunsplit((scheme, netloc, path, quote(parts.query, safe=_SAFE), ""))


def _ascii_host(host: str) -> str:
    """Returns the host in lower-case ASCII (IDNA), IPv6 addresses in brackets."""
    if ":" in host:
        return f"[{host}]"
    host = host.lower().rstrip(".")
    if _CONTROL.search(host) or not host:
        raise FetchRejected(FetchReason.BAD_URL, f"bad host {host[:100]!r}")
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise FetchRejected(FetchReason.BAD_URL, f"bad host {host[:100]!r}: {error}") from error


def join_url(base: str, link: str) -> str | None:
    """Returns a link found in a page as a normalised absolute URL, or None where it isn't an http(s) one."""
    try:
        return normalise_url(urljoin(base, link.strip()))
    except (FetchRejected, ValueError):
        return None


def canonical_url(url: str) -> str:
    """Returns the normalised URL without the query parameters that only track where a reader came from.

    Raises:
        FetchRejected: as `normalise_url`.
    """
    parts = urlsplit(normalise_url(url))
    if not parts.query:
        return parts.geturl()
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if not _TRACKING.match(name)]
    if len(kept) == len(pairs):
        return parts.geturl()
    return urlunsplit(parts._replace(query=urlencode(kept)))


def host_of(url: str) -> str:
    """Returns the host of a normalised URL, without its port."""
    return urlsplit(url).hostname or ""


def origin_of(url: str) -> str:
    """Returns scheme://host[:port] of a normalised URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
