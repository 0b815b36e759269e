import datetime as dt

import pytest

from nest_builder.report.timeline import bin_days, draw_timelines


def seen(*days: int, category: str = "novel") -> list[tuple[str, str, dt.datetime]]:
    start = dt.datetime(2025, 7, 1, 12, tzinfo=dt.UTC)
    return [(f"Thing {day}", category, start + dt.timedelta(days=day)) for day in days]


@pytest.mark.parametrize(("days", "expected"), [(1, 7), (7, 7), (210, 7), (211, 14), (3650, 126)])
def test_bin_days(days: int, expected: int) -> None:
    assert bin_days(days) == expected


def test_nothing_to_draw() -> None:
    assert draw_timelines([]) == ()


@pytest.mark.parametrize("days", [(0,), (0, 1, 6, 7, 90), tuple(range(0, 4000, 40))])
def test_every_entity_is_counted_once_and_bars_stay_inside(days: tuple[int, ...]) -> None:
    for drawing in draw_timelines([*seen(*days), *seen(*days, category="emerging")]):
        assert sum(part.count for part in drawing.segments) == 2 * len(days)
        assert all(part.x >= 0 and part.x + part.width <= drawing.width for part in drawing.segments)
        assert all(part.y >= 0 and part.y + part.height <= drawing.height for part in drawing.segments)
        assert all(0 <= tick.at <= drawing.width for tick in drawing.dates)
        assert len(drawing.dates) <= 10


def test_bars_stack() -> None:
    wide, _ = draw_timelines([*seen(0, 1, 2), *seen(3, category="emerging")])
    novel, emerging = wide.segments
    assert (novel.category, novel.count, emerging.category, emerging.count) == ("novel", 3, "emerging", 1)
    assert emerging.y + emerging.height < novel.y + 0.5
    assert "Thing 0, Thing 1, Thing 2" in novel.title
