"""From what a person saved to a decision on the sample, and which decisions count."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.annotate.base import Mask
from nest_builder.review.answers import Answer, Unusable, UnusableError
from nest_builder.store.tables import Decision

Status = Literal["accept", "reject", "correct"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What an answer means.

    Attributes:
        status: ``accept``: everything is right as it was; ``correct``: the mask is to be replaced; ``reject``.
        reason: Why it was rejected.
        mask: (height, width) of the painted mask, where the mask is to be replaced by it.
        from_box: The mask is to be replaced by what the mask model finds in the box.
    """

    status: Status
    reason: str = ""
    mask: Mask | None = None
    from_box: bool = False


def judge(answer: Answer, shown: Mask) -> Judged:
    """Decide what an answer means for the sample.

    A changed mask is a correction, whatever was said of the one before. A box counts where the mask was left alone or
    removed: who paints a mask and draws a box means the mask.

    Args:
        answer: What the person saved.
        shown: (height, width) of the mask that was shown; empty for a negative.

    Raises:
        UnusableError: The mask was left alone, and whether it is the target was not said.
    """
    reasons = [": ".join(filter(None, (answer.reject, answer.words)))] if answer.reject else []
    if answer.category == "neither":
        reasons.append("neither novel nor emerging")
    if answer.question_good is False:
        reasons.append("the question is not good")
    if reasons:
        return Judged("reject", "; ".join(reasons))
    changed = not np.array_equal(answer.mask, shown)
    painted = bool(answer.mask.any())
    if answer.box is not None and not (changed and painted):
        return Judged("correct", from_box=True)
    if changed and painted:
        return Judged("correct", mask=answer.mask)
    if changed:
        return Judged("reject", ": ".join(filter(None, ("no mask left", answer.words))))
    if answer.is_target is None:
        raise UnusableError(Unusable.NO_ANSWER)
    if not answer.is_target:
        return Judged("reject", ": ".join(filter(None, ("not the target", answer.words))))
    return Judged("accept")


def settle(session: Session, samples: Iterable[str]) -> None:
    """Say for each of the samples which decisions count: of each reviewer the newest that is not deleted."""
    session.flush()
    rows = session.scalars(select(Decision).where(Decision.sample_id.in_(sorted(set(samples)))))
    groups: dict[tuple[str, str], list[Decision]] = defaultdict(list)
    for row in rows:
        if row.state != "deleted":
            groups[row.sample_id, row.reviewer].append(row)
    for group in groups.values():
        group.sort(key=lambda row: (row.decided_at, row.id))
        for row in group:
            row.state = "current" if row is group[-1] else "superseded"


def current_decisions(session: Session) -> dict[str, list[Decision]]:
    """Return the decisions that count by sample, the oldest first."""
    query = select(Decision).where(Decision.state == "current").order_by(Decision.decided_at, Decision.id)
    found: dict[str, list[Decision]] = defaultdict(list)
    for row in session.scalars(query):
        found[row.sample_id].append(row)
    return dict(found)


def disputed(rows: Sequence[Decision]) -> bool:
    """Return whether reviewers of one sample disagree on whether it can stay."""
    return len({row.status == "reject" for row in rows}) > 1
