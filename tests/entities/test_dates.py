import datetime as dt

import pytest

from nest_builder.entities.dates import find_date

SAID = dt.date(2025, 8, 20)


@pytest.mark.parametrize(
    ("text", "said", "expected"),
    [
        ("launched on 12 August", SAID, dt.date(2025, 8, 12)),
        ("launched on August 12, 2024", SAID, dt.date(2024, 8, 12)),
        ("on 3rd of May 2021", None, dt.date(2021, 5, 3)),
        ("in March 2023", SAID, dt.date(2023, 3, 1)),
        ("since 1998", SAID, dt.date(1998, 1, 1)),
        ("on 24 December", SAID, dt.date(2024, 12, 24)),  # too far ahead: last year's
        ("on 1 October", SAID, dt.date(2025, 10, 1)),
        ("on 12 August", None, None),
        ("on 31 June 2025", SAID, None),
        ("it may cost 12 euros", SAID, None),
    ],
)
def test_dates_are_read_as_on_the_day_of_the_article(text: str, said: dt.date | None, expected: dt.date | None) -> None:
    assert find_date(text, said) == expected
