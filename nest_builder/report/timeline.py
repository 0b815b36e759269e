"""When new entities appeared: stacked bars over time, in a wide and a narrow drawing of the same numbers."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CATEGORIES = ("novel", "emerging")
_MAX_BINS = 30
_TOP, _BOTTOM, _SIDE = 14, 26, 30  # margins in units of the drawing


@dataclass(frozen=True, slots=True)
class Segment:
    """Part of a bar: the entities of one category in one period. Lengths are in units of the drawing."""

    category: str
    count: int
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A label at a place of an axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart ready to be written as SVG."""

    name: str
    width: int
    height: int
    segments: tuple[Segment, ...]
    dates: tuple[Tick, ...]
    levels: tuple[Tick, ...]


def first_seen(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, dt.datetime]]:
    """Return name, category and time of the first sighting of each entity of an edition's rows."""
    found = {
        (row["entity"]["name"], row["category"], dt.datetime.fromisoformat(row["entity"]["first_seen"])) for row in rows
    }
    return sorted(found)


def draw_timelines(first_seen: Sequence[tuple[str, str, dt.datetime]]) -> tuple[Drawing, ...]:
    """Return a wide and a narrow drawing; none where there is nothing to draw.

    Args:
        first_seen: Name, category and time of the first sighting of each entity.
    """
    if not first_seen:
        return ()
    return (_draw("wide", 1120, 230, first_seen, 10), _draw("narrow", 360, 210, first_seen, 4))


def bin_days(days: int) -> int:
    """Return how many days a bar stands for: a week, or so many weeks that there are at most thirty bars."""
    return 7 * max(1, math.ceil(days / 7 / _MAX_BINS))


def _draw(
    name: str, width: int, height: int, first_seen: Sequence[tuple[str, str, dt.datetime]], labels: int
) -> Drawing:
    dates = [at.date() for _, _, at in first_seen]
    start = min(dates)
    step = bin_days((max(dates) - start).days + 1)
    bins = (max(dates) - start).days // step + 1
    names: list[dict[str, list[str]]] = [{category: [] for category in CATEGORIES} for _ in range(bins)]
    for entity, category, at in sorted(first_seen):
        names[(at.date() - start).days // step].setdefault(category, []).append(entity)
    top = _round_up(max(sum(map(len, groups.values())) for groups in names))
    unit, slot = (height - _TOP - _BOTTOM) / top, (width - _SIDE - 4) / bins
    segments: list[Segment] = []
    for number, groups in enumerate(names):
        y = float(height - _BOTTOM)
        since = start + dt.timedelta(days=number * step)
        for category, entities in groups.items():
            if not entities:
                continue
            y -= len(entities) * unit
            shown = ", ".join(entities[:12]) + (f" and {len(entities) - 12} more" if len(entities) > 12 else "")
            title = f"{since:%-d %b %Y}, {step} days: {len(entities)} {category} – {shown}"
            x = _SIDE + number * slot + slot * 0.12
            segments.append(
                Segment(
                    category,
                    len(entities),
                    round(x, 1),
                    round(y, 1),
                    round(slot * 0.76, 1),
                    round(len(entities) * unit - 1, 1),
                    title,
                )
            )
    every = math.ceil(bins / labels)
    ticks = [
        Tick(round(_SIDE + (number + 0.5) * slot, 1), f"{start + dt.timedelta(days=number * step):%-d %b}")
        for number in range(0, bins, every)
    ]
    levels = sorted({0, top // 2, top}) if top > 1 else [0, 1]
    return Drawing(
        name,
        width,
        height,
        tuple(segments),
        tuple(ticks),
        tuple(Tick(round(height - _BOTTOM - level * unit, 1), str(level)) for level in levels),
    )


def _round_up(value: int) -> int:
    """Return the next number that halves into a whole one and is easy to read."""
    for limit in (2, 4, 6, 8, 10, 12, 16, 20, 30, 40, 50, 60, 80, 100):
        if value <= limit:
            return limit
    return math.ceil(value / 100) * 100
