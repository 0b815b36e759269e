"""What people's decisions do to a sample on its way into an edition."""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.annotate.masks import decode_mask
from nest_builder.digest import digest, short_id
from nest_builder.review.judging import current_decisions
from nest_builder.store.tables import Decision, Verdict
from nest_builder.validate.verdicts import Attempt, Rule, judge


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What people said of a sample.

    Attributes:
        status: ``accepted``, ``corrected``, ``rejected``, or ``disputed`` where one rejects what another keeps.
        by: Who, as pseudonyms.
        at: When the newest of them decided.
        mask: COCO run lengths that replace the model's mask; None where it stays.
        category: ``novel`` or ``emerging`` where a person said so.
    """

    status: Literal["accepted", "corrected", "rejected", "disputed"]
    by: str
    at: dt.datetime
    mask: dict[str, Any] | None = None
    category: str | None = None


class Reviews:
    """The decisions that count.

    What is said of a mask holds for the annotation, so for all its samples: that it is not the target, and a mask that
    replaces it. What is said of question and category holds for the sample.

    Args:
        session: Reads them.
        until: Only those that were pulled by then; None: all.
    """

    def __init__(self, session: Session, until: dt.datetime | None = None) -> None:
        self._of_annotation: dict[str, list[Decision]] = defaultdict(list)
        self._of_sample: dict[str, list[Decision]] = {}
        for sample_id, rows in current_decisions(session).items():
            pulled = [row for row in rows if until is None or row.pulled_at <= until]
            if pulled:
                self._of_sample[sample_id] = pulled
            for row in pulled:
                self._of_annotation[row.annotation_id].append(row)

    def of(self, sample_id: str, annotation_id: str, shown: Callable[[], str]) -> Reviewed | None:
        """Return what was said of a sample, or None where nobody said anything that still holds.

        Args:
            sample_id: The sample.
            annotation_id: Its annotation.
            shown: Returns the digest of the annotation's mask, as models made it.
        """
        candidates = [
            *self._of_sample.get(sample_id, ()),
            *(
                row
                for row in self._of_annotation.get(annotation_id, ())
                if row.sample_id != sample_id and _of_the_mask(row)
            ),
        ]
        if not candidates:
            return None
        mask_now = shown()
        said = sorted((row for row in candidates if _holds(row, mask_now)), key=lambda row: (row.decided_at, row.id))
        own = [row for row in said if row.sample_id == sample_id]
        if not said:
            return None
        by = ", ".join(dict.fromkeys(pseudonym(row.reviewer) for row in said))
        rejected = [row.status == "reject" for row in said]
        if any(rejected):
            return Reviewed("rejected" if all(rejected) else "disputed", by, said[-1].decided_at)
        mask = next((row.mask for row in reversed(said) if row.mask is not None), None)
        category = next((row.category for row in reversed(own) if row.category in ("novel", "emerging")), None)
        return Reviewed("corrected" if mask is not None else "accepted", by, said[-1].decided_at, mask, category)


def pseudonym(reviewer: str) -> str:
    """Return the name under which a reviewer is published."""
    return f"reviewer-{short_id('reviewer', reviewer)[:8]}"


def state_of_decisions(session: Session) -> str:
    """Return a digest that changes when a decision does that counts."""
    query = select(Decision).where(Decision.state == "current").order_by(Decision.id)
    return digest(
        [
            [row.id, row.status, row.is_target, row.category, row.decided_at, row.mask, row.model_mask_digest]
            for row in session.scalars(query)
        ]
    )


def verdict_on(mask: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
    """Return the published part of a verdict, given anew: its answers held against a corrected mask.

    Raises:
        ValueError: The answers are of another size than the mask.
    """
    true = decode_mask(mask)
    attempts: Sequence[Attempt] = [
        Attempt.of(one["system"], one["segmenter"], one["prompt"], decode_mask(one["mask"]), true, one.get("answer"))
        for one in verdict.attempts
    ]
    found = judge(attempts, Rule.stored(verdict.thresholds))
    return {
        "static_iou": found.static_iou,
        "search_iou": found.search_iou,
        "rose_iou": found.rose_iou,
        "label": found.label,
    }


def _of_the_mask(row: Decision) -> bool:
    """Return whether a decision says something of the mask that holds for every question about it."""
    return row.mask is not None or (row.status == "reject" and row.is_target is False)


def _holds(row: Decision, shown: str) -> bool:
    """Return whether a decision holds for the present mask: one about a mask that was replaced since says nothing of it.

    A mask that a person painted is the person's, and a question is good or bad whatever the mask is.
    """
    if row.mask is not None or row.model_mask_digest in ("", shown):
        return True
    return row.status == "reject" and row.is_target is not False
