"""Time as an argument: a run with a fixed clock can be repeated to the byte."""

import datetime as dt
from collections.abc import Callable

Clock = Callable[[], dt.datetime]


def system_clock() -> dt.datetime:
    """Return the present time, aware, in UTC."""
    return dt.datetime.now(dt.UTC)


def fixed_clock(at: dt.datetime) -> Clock:
    """Return a clock that stands still at ``at``.

    Raises:
        ValueError: ``at`` has no time zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone: write it as 2025-10-01T06:00:00Z")
    moment = at.astimezone(dt.UTC)
    return lambda: moment
