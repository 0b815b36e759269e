"""Verdicts held against a known truth: the same answers, judged by true masks instead of the annotation's."""

from collections import Counter
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.annotate.base import Mask
from nest_builder.annotate.masks import decode_mask
from nest_builder.store.tables import Entity, Image, Sample, Verdict
from nest_builder.validate.verdicts import Attempt, Rule, judge

TrueMask = Callable[[str, str], Mask | None]  # a picture's address and an entity's name -> where it is, (height, width)


def verdict_figures(session: Session, true_mask: TrueMask) -> dict[str, float]:
    """Judge every stored answer again by the truth; nothing where no verdict was asked for.

    A verdict is right where the true mask gives the same label. "unsolved" sends a sample to review, which is no claim about a
    model; so ``verdict_accuracy`` is over the samples that a system is said to solve, and ``verdict_accuracy_all`` over all.

    Args:
        session: Reads the store.
        true_mask: Returns an empty mask where the picture does not show the entity, and None where it is not a picture of
            the truth or of another size: then the verdict counts as wrong.
    """
    count: Counter[str] = Counter()
    rows = session.execute(
        select(Verdict, Image.image_url, Entity.name)
        .join(Sample, Sample.id == Verdict.sample_id)
        .join(Image, Image.id == Sample.image_id)
        .join(Entity, Entity.key == Sample.entity_key)
        .order_by(Verdict.sample_id)
    )
    for verdict, url, name in rows:
        if verdict.label is None:
            count["none"] += 1
            continue
        right = _label(verdict, true_mask(url, name)) == verdict.label
        count["all"] += 1
        count["all right"] += right
        if verdict.label != "unsolved":
            count["solved"] += 1
            count["solved right"] += right
    if not count:
        return {}
    return {
        "verdicts": count["all"],
        "no_verdicts": count["none"],
        "verdict_accuracy": round(count["solved right"] / max(1, count["solved"]), 4),
        "verdict_accuracy_all": round(count["all right"] / max(1, count["all"]), 4),
        "unsolved_share": round(1 - count["solved"] / max(1, count["all"]), 4),
    }


def _label(verdict: Verdict, true: Mask | None) -> str | None:
    """Return the label that the true mask gives."""
    if true is None or [*true.shape] != verdict.attempts[0]["mask"]["size"]:
        return None
    rule = Rule(verdict.thresholds["iou"], verdict.thresholds["defeated"])
    attempts = [
        Attempt.of(one["system"], one["segmenter"], one["prompt"], decode_mask(one["mask"]), true)
        for one in verdict.attempts
    ]
    return judge(attempts, rule).label
