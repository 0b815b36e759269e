from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nest_builder.news.dates import date_in_url, first_date, parse_date


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-08-14T10:30:05Z", datetime(2025, 8, 14, 10, 30, 5, tzinfo=UTC)),
        ("2025-08-14T10:30:05.123+02:00", datetime(2025, 8, 14, 8, 30, 5, tzinfo=UTC)),
        ("2025-08-14 10:30 +0200", datetime(2025, 8, 14, 8, 30, tzinfo=UTC)),
        ("2025-08-14T10:30", datetime(2025, 8, 14, 10, 30, tzinfo=UTC)),
        ("2025-8-4", datetime(2025, 8, 4, tzinfo=UTC)),
        ("Published 2025-08-14", datetime(2025, 8, 14, tzinfo=UTC)),
        ("20250814T103005Z", datetime(2025, 8, 14, 10, 30, 5, tzinfo=UTC)),
        ("Thu, 14 Aug 2025 10:30:00 -0500", datetime(2025, 8, 14, 15, 30, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2025-02-30", None),
        ("1200-01-01", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_parse_date(text: str | None, expected: datetime | None) -> None:
    assert parse_date(text) == expected


def test_first_date() -> None:
    assert first_date([None, "x", "2025-01-02", "2025-01-03"]) == datetime(2025, 1, 2, tzinfo=UTC)
    assert first_date([]) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a/2025/08/14/slug.html", datetime(2025, 8, 14, tzinfo=UTC)),
        ("http://a/news/2025-08-14-slug", datetime(2025, 8, 14, tzinfo=UTC)),
        ("http://a/2025/13/14/slug", None),
        ("http://a/12345/67", None),
    ],
)
def test_date_in_url(url: str, expected: datetime | None) -> None:
    assert date_in_url(url) == expected
