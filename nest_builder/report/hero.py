"""The pictures at the head of an edition's page: a few that show at a glance what it is about."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pycocotools import mask as coco

from nest_builder.report.gallery import OUTLINES_PER_CHUNK

COUNT: Final = 6
_SURE: Final = 0.9
_SHARES: Final = (0.03, 0.35)  # of the picture: a thing that is seen at a thumbnail's size, and not the whole of it
Row = Mapping[str, Any]


def choose_hero(rows: Sequence[Row]) -> list[int]:
    """Return places of samples, all of entities and as far as can be of kinds that differ.

    They are the newest ones, whose masks the gallery's first page loads anyway; landscapes come first, and what only ROSE solves.
    """
    fit = [at for at, row in enumerate(rows[:OUTLINES_PER_CHUNK]) if _fits(row)]
    fit.sort(key=lambda at: (rows[at]["width"] < rows[at]["height"], rows[at]["verdict"]["label"] != "solved_by_rose"))
    chosen: list[int] = []
    for kinds_differ in (True, False):
        for at in fit:
            taken = [rows[other]["entity"] for other in chosen]
            entity = rows[at]["entity"]
            if len(chosen) == COUNT or entity["name"] in {other["name"] for other in taken}:
                continue
            if not kinds_differ or entity["hypernym"] not in {other["hypernym"] for other in taken}:
                chosen.append(at)
    return chosen


def _fits(row: Row) -> bool:
    if row["negative"] or row["annotation"]["p_correct"] < _SURE:
        return False
    low, high = _SHARES
    return bool(low <= int(coco.area(dict(row["mask"]))) / (row["width"] * row["height"]) <= high)
