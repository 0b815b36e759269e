"""Failure cases: which samples show a system, a model or the annotation at its limits, and examples of each kind."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

SOLVED: Final = 0.5  # IoU; see validate/verdicts.py
LOW: Final = 0.7  # p_correct under which an unreviewed sample counts as doubtful
EXAMPLES: Final = 6
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of case.

    Attributes:
        name: Its key in addresses.
        title: For people.
        about: What it means.
        holds: Whether a sample is one.
        order: The examples with the lowest value are shown.
    """

    name: str
    title: str
    about: str
    holds: Callable[[Row], bool]
    order: Callable[[Row], float]


@dataclass(frozen=True, slots=True)
class Group:
    """The cases of a kind: how many, and the places of some of them in the gallery's order."""

    kind: Kind
    count: int
    examples: tuple[int, ...]


def _iou(row: Row, system: str) -> float:
    value = row["verdict"][f"{system}_iou"]
    return -1.0 if value is None else float(value)


def _p(row: Row) -> float:
    return float(row["annotation"]["p_correct"])


KINDS: Final = (
    Kind(
        "unsolved",
        "Nobody solves it",
        "Static model, search and ROSE all miss. The surest annotations first: here the systems fail, not the mask.",
        lambda row: row["verdict"]["label"] == "unsolved",
        lambda row: -_p(row),
    ),
    Kind(
        "lost",
        "ROSE loses it",
        "The static model finds it and ROSE, with the whole web at hand, does not.",
        lambda row: _iou(row, "static") >= SOLVED > _iou(row, "rose") >= 0,
        lambda row: _iou(row, "rose") - _iou(row, "static"),
    ),
    Kind(
        "false-alarm",
        "ROSE sees what is not there",
        "Negatives: the thing is not in the picture, and ROSE still paints a mask.",
        lambda row: row["negative"] and 0 <= _iou(row, "rose") < SOLVED,
        lambda row: -_p(row),
    ),
    Kind(
        "close",
        "No verdict",
        "The systems were asked, but the outcome hangs on a threshold, or on an annotation that is not sure enough.",
        lambda row: row["verdict"]["label"] is None and _iou(row, "rose") >= 0,
        lambda row: abs(_iou(row, "rose") - SOLVED),
    ),
    Kind(
        "doubtful",
        "Low confidence",
        f"Nobody has looked at them, and the chance that the target is right is put under {LOW:.0%}.",
        lambda row: row["review"]["status"] == "unreviewed" and _p(row) < LOW,
        _p,
    ),
    Kind(
        "corrected",
        "Corrected by people",
        "The models’ mask was wrong, and a person painted another.",
        lambda row: row["review"]["status"] == "corrected",
        _p,
    ),
)
CASES: Final = tuple(kind.name for kind in KINDS)


def cases_of(row: Row) -> int:
    """Return the kinds that a sample is of, as bits in the order of `KINDS`."""
    return sum(1 << bit for bit, kind in enumerate(KINDS) if kind.holds(row))


def find_groups(rows: Sequence[Row], examples: int = EXAMPLES) -> list[Group]:
    """Return the kinds that occur, each with examples of as many entities as can be."""
    groups = []
    for kind in KINDS:
        places = [at for at, row in enumerate(rows) if kind.holds(row)]
        if not places:
            continue
        places.sort(key=lambda at: (kind.order(rows[at]), rows[at]["id"]))
        first: dict[str, int] = {}
        for at in places:
            first.setdefault(rows[at]["entity"]["name"], at)
        others = [at for at in places if first[rows[at]["entity"]["name"]] != at]
        groups.append(Group(kind, len(places), tuple([*first.values(), *others][:examples])))
    return groups
