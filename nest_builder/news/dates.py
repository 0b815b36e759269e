"""When an article was published: from its own metadata, as an aware UTC time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_ISO = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?",
    re.I,
)
_COMPACT = re.compile(r"^(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?Z?)?$")
_URL_DATE = re.compile(r"/((?:19|20)\d{2})[/-](\d{1,2})[/-](\d{1,2})(?:[/_-]|$)")


def parse_date(value: str | None) -> datetime | None:
    """Returns an ISO 8601, RFC 2822 or compact date as UTC and aware, or None.

    A time without a zone is read as UTC, a date without a time as its midnight: the error is at most some hours,
    which no decision of the pipeline hangs on.
    """
    text = (value or "").strip()[:64]
    if not text:
        return None
    match = _ISO.search(text)
    try:
        if match:
            year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
            zone = (match.group(7) or "Z").upper().replace("UTC", "Z").replace("GMT", "Z")
            stamp = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{min(second, 59):02}{zone}"
            return plausible(datetime.fromisoformat(stamp))
        if compact := _COMPACT.match(text):
            year, month, day, hour, minute, second = (int(part or 0) for part in compact.groups())
            return plausible(datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC))
        return plausible(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def first_date(values: Iterable[str | None]) -> datetime | None:
    """Returns the first of the values that is a date."""
    return next((date for value in values if (date := parse_date(value))), None)


def date_in_url(url: str) -> datetime | None:
    """Returns the date that a path such as /2025/08/14/slug names, at midnight UTC, or None."""
    match = _URL_DATE.search(url)
    return parse_date("-".join(match.groups())) if match else None


def plausible(moment: datetime) -> datetime | None:
    """Returns a moment in UTC (a naive one is UTC), or None where no news can be of that time."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return aware.astimezone(UTC) if _EARLIEST <= aware <= _LATEST else None
