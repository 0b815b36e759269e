"""Names of editions: a month is a window, ``2025.10``; what replaces it later is a revision, ``2025.10.1``.

An edition that a person names, ``trial``, has no window; its revisions are ``trial.1`` and so on. Hence no name that a
person gives ends with a number after a dot. Everything here is a pure function of names and times.
"""

import datetime as dt
import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

LATEST = "latest"  # the name beside the editions that leads to the newest
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,55}")
_MONTH = re.compile(r"[1-9][0-9]{3}\.(0[1-9]|1[0-2])")
_REVISION = re.compile(r"(?P<base>.+)\.(?P<number>[1-9][0-9]{0,5})")


class Window(NamedTuple):
    """The time that an edition covers: articles published before ``until`` (UTC, exclusive)."""

    since: dt.datetime
    until: dt.datetime


def check_name(name: str) -> str:
    """Return a name that a person gave to an edition, if it can be one.

    Raises:
        ValueError: It cannot be a folder's, or looks like a revision's.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r}: use letters, digits, dots, dashes and underscores, 56 at most")
    if name == LATEST:
        raise ValueError(f"{name!r}: that is what leads to the newest edition")
    if split_name(name)[1]:
        raise ValueError(f"{name!r}: a number after the last dot is for revisions, which are numbered as they come")
    return name


def split_name(name: str) -> tuple[str, int]:
    """Return the name of the first edition of a window, and which revision of it a name is (0: itself)."""
    found = _REVISION.fullmatch(name)
    if found is None or _MONTH.fullmatch(name):
        return name, 0
    return found["base"], int(found["number"])


def base_of(name: str) -> str:
    """Return the name of the first edition of the same window."""
    return split_name(name)[0]


def is_month(name: str) -> bool:
    """Tell whether an edition, or the one that it revises, is a month's."""
    return _MONTH.fullmatch(base_of(name)) is not None


def month_name(moment: dt.datetime) -> str:
    """Return the name of the edition of the month of a time.

    Raises:
        ValueError: The time is naive.
    """
    return f"{_utc(moment):%Y.%m}"


def window_of(name: str) -> Window:
    """Return the month of an edition or of a revision of it.

    Raises:
        ValueError: The name is no month's.
    """
    if not is_month(name):
        raise ValueError(f"edition {name!r} has no window: it is not named by a month")
    since = dt.datetime(int(name[:4]), int(name[5:7]), 1, tzinfo=dt.UTC)
    return Window(since, _next_month(since))


def due(published: Iterable[str], now: dt.datetime, first_article_at: dt.datetime | None) -> list[str]:
    """Return the months whose editions are to be published, the oldest first.

    A month is due once it has ended, if neither it nor a later one has been published: what was missed is made up for,
    what came out stays as it is. The first edition is the one of the month of the first article.

    Args:
        published: Names of editions, revisions too; names that are no month's do not matter.
        now: The time.
        first_article_at: When the oldest article appeared; None: there is none.

    Raises:
        ValueError: A time is naive.
    """
    months = [window_of(name) for name in published if is_month(name)]
    if months:
        start = max(month.until for month in months)
    elif first_article_at is not None:
        start = window_of(month_name(first_article_at)).since
    else:
        return []
    names = []
    while (end := _next_month(start)) <= _utc(now):
        names.append(month_name(start))
        start = end
    return names


def next_revision(name: str, published: Collection[str]) -> str:
    """Return the name under which an edition's window is published next: its own, or else the next revision's."""
    base = base_of(name)
    taken = [number for other, number in map(split_name, published) if other == base]
    return f"{base}.{max(taken) + 1}" if taken else base


def order(name: str) -> tuple[bool, str, int]:
    """Return the key by which editions are sorted: names that are no month's first, then by window and revision."""
    base, number = split_name(name)
    return is_month(name), base, number


def newest(names: Iterable[str]) -> str | None:
    """Return the newest edition: of the newest window, the last revision."""
    return max(names, key=order, default=None)


def _next_month(moment: dt.datetime) -> dt.datetime:
    return (moment.replace(day=1) + dt.timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _utc(moment: dt.datetime) -> dt.datetime:
    if moment.tzinfo is None:
        raise ValueError(f"naive time {moment!r}")
    return moment.astimezone(dt.UTC)
