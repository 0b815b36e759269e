"""Addresses from outside, before they may stand in a page."""

from urllib.parse import urlsplit


def web_address(url: str | None) -> str:
    """Return an address that may stand in a link, or an empty string: http and https only."""
    try:
        return url if url and urlsplit(url.strip()).scheme.lower() in ("http", "https") else ""
    except ValueError:
        return ""


def host_of(url: str | None) -> str:
    """Return an address's host, or a dash where it has none."""
    try:
        return urlsplit(url or "").hostname or "–"
    except ValueError:  # such as http://[broken
        return "–"
