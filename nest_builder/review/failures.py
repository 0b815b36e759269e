"""Where the models fail, from what people corrected, and which thresholds follow from how far ``p_correct`` can be believed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.annotate.boxes import box_iou
from nest_builder.review.said import by_annotation, read_said
from nest_builder.store.tables import Annotation, Entity, Image, Route, Sample

Kind = Literal["category", "size", "occlusion", "source"]
KINDS: Final[tuple[Kind, ...]] = ("category", "size", "occlusion", "source")
SMALL, LARGE = 0.02, 0.1  # share of the picture that a mask covers
TOUCHING = 0.05  # IoU of the box with another thing's, from which on one may hide the other
FEWEST = 5  # answers under which a group is no finding


@dataclass(frozen=True, slots=True)
class Failure:
    """How the models do in a group of annotations.

    Attributes:
        kind: By what was grouped.
        group: The group.
        decided: Annotations in it that people decided.
        wrong: How many of those they called wrong.
        expected: How many they would have called wrong if the prior were true: many of what is sent to people is wrong anyway, so the
            excess over this is what is new.
    """

    kind: Kind
    group: str
    decided: int
    wrong: float
    expected: float

    @property
    def excess(self) -> float:
        """Return how many more are wrong than was to be expected."""
        return round(self.wrong - self.expected, 2)


@dataclass(frozen=True, slots=True)
class Threshold:
    """What an edition without any look would hold from some ``p_correct`` on.

    Attributes:
        error: Share of it that may be wrong.
        p_correct: The least value from which on the expected share is no larger; None where no value does.
        kept: Share of the samples at or above it.
    """

    error: float
    p_correct: float | None
    kept: float


def read_failures(session: Session) -> list[Failure]:
    """Return the table of what people decided: by kind, the largest excess of errors first; small groups together as "others"."""
    said = by_annotation(read_said(session))
    prior = {
        annotation: float(evidence["prior"])
        for annotation, evidence in session.execute(
            select(Sample.annotation_id, Route.evidence).join(Route, Route.sample_id == Sample.id)
        ).tuples()
    }
    rows = session.execute(
        select(Annotation, Image, Entity.hypernym)
        .join(Image, Image.id == Annotation.image_id)
        .join(Entity, Entity.key == Annotation.entity_key)
        .order_by(Annotation.id)
    )
    groups: defaultdict[tuple[Kind, str], list[tuple[float, float]]] = defaultdict(list)
    for annotation, image, hypernym in rows:
        if annotation.id in said and annotation.id in prior:
            for kind, group in _groups(annotation, image, hypernym).items():
                groups[kind, group].append((1 - said[annotation.id], 1 - prior[annotation.id]))
    return _table(groups)


def propose_thresholds(p_correct: Sequence[float], errors: Iterable[float] = (0.01, 0.02, 0.05)) -> list[Threshold]:
    """Return from which ``p_correct`` on samples could be accepted unseen, for each share of wrong ones that one may bear."""
    ordered = sorted(p_correct, reverse=True)
    expected: list[float] = []
    total = 0.0
    for value in ordered:
        total += 1 - value
        expected.append(total / (len(expected) + 1))
    proposed = []
    for error in errors:
        kept = max((at + 1 for at, share in enumerate(expected) if share <= error + 1e-9), default=0)
        while 0 < kept < len(ordered) and ordered[kept] == ordered[kept - 1]:
            kept -= 1  # a threshold cannot part what has the same value
        proposed.append(Threshold(error, ordered[kept - 1] if kept else None, round(kept / max(1, len(ordered)), 4)))
    return proposed


def _groups(annotation: Annotation, image: Image, hypernym: str) -> dict[Kind, str]:
    """Return the group of an annotation of each kind."""
    return {
        "category": hypernym or "unknown",
        "size": _size(annotation, image),
        "occlusion": _occlusion(annotation),
        "source": urlsplit(image.article_url).hostname or "unknown",
    }


def _size(annotation: Annotation, image: Image) -> str:
    if annotation.negative:
        return "nothing (negative)"
    share = annotation.uncertainty.get("area_share")
    if share is None:
        x0, y0, x1, y1 = annotation.box
        share = (x1 - x0) * (y1 - y0) / max(1, image.width * image.height)
    return "small" if share < SMALL else "large" if share >= LARGE else "medium"


def _occlusion(annotation: Annotation) -> str:
    """Say whether another thing of the kind may hide a part of it, as far as boxes tell."""
    if annotation.negative:
        return "nothing (negative)"
    if len(annotation.boxes) < 2:
        return "alone"
    overlap = box_iou(np.array([annotation.box]), np.array([candidate["box"] for candidate in annotation.boxes]))[0]
    others = sorted(overlap)[:-1]  # the largest is its own
    return "touches another" if max(others) >= TOUCHING else "apart from others"


def _table(groups: Mapping[tuple[Kind, str], Sequence[tuple[float, float]]]) -> list[Failure]:
    table = []
    for kind in KINDS:
        found = {group: pairs for (other, group), pairs in groups.items() if other == kind}
        small = [pair for pairs in found.values() if len(pairs) < FEWEST for pair in pairs]
        shown = {group: pairs for group, pairs in found.items() if len(pairs) >= FEWEST}
        if small:
            shown["others"] = small
        failures = [
            Failure(kind, group, len(pairs), round(sum(w for w, _ in pairs), 2), round(sum(e for _, e in pairs), 2))
            for group, pairs in shown.items()
        ]
        table += sorted(failures, key=lambda one: (-one.excess, one.group))
    return table
