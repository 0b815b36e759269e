"""Dates in running text, relative to the day on which the article appeared."""

import datetime as dt
import re
from typing import Final

_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_NAME: Final = "|".join(f"{month[:3]}(?:{month[3:]})?" if len(month) > 3 else month for month in _MONTHS)
DATE: Final = re.compile(
    rf"\b(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{_NAME})\b\.?(?:,?\s+(?P<year>(?:19|20)\d\d))?"
    rf"|(?P<month2>{_NAME})\b\.?\s+(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d)(?:,?\s+(?P<year2>(?:19|20)\d\d))?"
    rf"|(?P<month3>{_NAME})\s+(?P<year3>(?:19|20)\d\d)"
    r"|(?P<year4>(?:19|20)\d\d))\b",
    re.IGNORECASE,
)


def read_date(match: re.Match[str], said: dt.date | None) -> dt.date | None:
    """Return the day that a match of ``DATE`` means.

    Args:
        match: The match.
        said: When the article appeared: a day without a year is the last one before it, or up to two months after it.

    Returns:
        The day; the first day of the month or year where only that is said; None for 31 June and for a day without any
        year.
    """
    found = match.groupdict()
    year = found["year"] or found["year2"] or found["year3"] or found["year4"]
    month_name = found["month"] or found["month2"] or found["month3"]
    month = next(
        (at for at, name in enumerate(_MONTHS, 1) if month_name and name.startswith(month_name[:3].casefold())), 1
    )
    day = int(found["day"] or found["day2"] or 1)
    try:
        if year:
            return dt.date(int(year), month, day)
        if said is None:
            return None
        guess = dt.date(said.year, month, day)
        return guess if guess <= said + dt.timedelta(days=62) else dt.date(said.year - 1, month, day)
    except ValueError:
        return None


def find_date(text: str, said: dt.date | None) -> dt.date | None:
    """Return the first date in ``text``."""
    match = DATE.search(text)
    return read_date(match, said) if match else None
