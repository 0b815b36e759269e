"""What people said, read as: is the annotation right? One answer a person and sample, about the mask that is there now."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.annotate.masks import decode_mask, mask_iou
from nest_builder.digest import digest
from nest_builder.store.tables import Annotation, Decision

SAME_IOU = 0.5  # a correction that keeps so much of the mask touches up its edge: the target was right


@dataclass(frozen=True, slots=True)
class Said:
    """What one person said of one sample.

    Attributes:
        sample_id: The sample.
        annotation_id: Its annotation, for which the answer holds.
        reviewer: Who.
        right: Whether the annotation is right.
        seconds: How long it took; 0 where that is not known.
        project: The edition for which it was asked.
    """

    sample_id: str
    annotation_id: str
    reviewer: str
    right: bool
    seconds: float = 0.0
    project: str = ""


def mask_digest(mask: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits that change with an annotation's mask (COCO run lengths, or empty)."""
    return digest(dict(mask))[:16]


def is_right(decision: Decision, annotation: Annotation) -> bool | None:
    """Return whether a person held an annotation to be right; None if they saw another mask than the present one.

    A rejection of a sample whose target is right is about something else, such as its question; a correction is one of the target
    only where little of the mask is left.
    """
    if decision.model_mask_digest and decision.model_mask_digest != mask_digest(annotation.mask):
        return None
    match decision.status:
        case "accept":
            return decision.is_target is not False
        case "correct":
            if decision.mask is None or not annotation.mask or decision.mask["size"] != annotation.mask["size"]:
                return False
            return mask_iou(decode_mask(decision.mask), decode_mask(annotation.mask)) >= SAME_IOU
        case _:
            return decision.is_target is True


def read_said(session: Session) -> list[Said]:
    """Return what people say at present, the newest decision of each on each sample, by sample and name."""
    rows = session.execute(
        select(Decision, Annotation)
        .join(Annotation, Annotation.id == Decision.annotation_id)
        .where(Decision.state == "current")
        .order_by(Decision.sample_id, Decision.reviewer, Decision.decided_at, Decision.id)
    )
    newest: dict[tuple[str, str], Said] = {}
    for decision, annotation in rows:
        right = is_right(decision, annotation)
        if right is not None:
            newest[decision.sample_id, decision.reviewer] = Said(
                decision.sample_id, annotation.id, decision.reviewer, right, decision.seconds, decision.project
            )
    return list(newest.values())


def by_sample(said: Sequence[Said]) -> dict[str, list[bool]]:
    """Return the answers on each sample, in the order of names."""
    answers: defaultdict[str, list[bool]] = defaultdict(list)
    for one in sorted(said, key=lambda one: (one.sample_id, one.reviewer)):
        answers[one.sample_id].append(one.right)
    return dict(answers)


def by_annotation(said: Sequence[Said]) -> dict[str, float]:
    """Return the share of answers that hold each annotation to be right."""
    answers: defaultdict[str, list[bool]] = defaultdict(list)
    for one in said:
        answers[one.annotation_id].append(one.right)
    return {key: sum(values) / len(values) for key, values in answers.items()}


def seconds_per_look(said: Sequence[Said], default: float) -> float:
    """Return the median time of a look, or ``default`` where no time is known."""
    known = [one.seconds for one in said if one.seconds > 0]
    return median(known) if known else default
