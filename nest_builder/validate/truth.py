"""Verdicts held against a known truth: the same answers, judged by true masks instead of the annotation's."""

from collections.abc import Callable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.annotate.base import Mask
from nest_builder.annotate.masks import decode_mask
from nest_builder.store.tables import Entity, Image, Sample, Verdict
from nest_builder.validate.verdicts import Attempt, Rule, judge

TrueMask = Callable[[str, str], Mask | None]  # a picture's address and an entity's name -> where it is, (height, width)


def verdict_figures(session: Session, true_mask: TrueMask, published: Mapping[str, str | None]) -> dict[str, float]:
    """Judge every stored answer again by the truth; nothing where no verdict was asked for.

    A verdict was given by the masks of annotations, which may be wrong. It is right where the very same answers of the systems, held
    against the true mask, give the same label. "unsolved" is a label like any other: where the truth says that a system had it, it is
    wrong, though it is also what sends a wrong annotation to review.

    Args:
        session: Reads the store.
        true_mask: Returns an empty mask where the picture does not show the entity, and None where it is not a picture of
            the truth or of another size: then the verdict counts as wrong.
        published: The label of each of the edition's samples; None where it gives no verdict.

    Returns:
        ``verdicts`` and ``no_verdicts``: published samples with one and without; ``verdict_accuracy``: over the former (left out
        where there are none); ``verdict_accuracy_solved``: over those of them that a system is said to solve;
        ``verdict_accuracy_store``: over all samples, also those that the edition holds to be too uncertain; ``unsolved_share``;
        ``paraphrases_disagree``: the share where a system solves one paraphrase and not another, so that one alone would have
        left it to luck.
    """
    right: list[bool] = []
    solved: list[bool] = []
    stored: list[bool] = []
    lucky = missing = 0
    rows = session.execute(
        select(Verdict, Image.image_url, Entity.name)
        .join(Sample, Sample.id == Verdict.sample_id)
        .join(Image, Image.id == Sample.image_id)
        .join(Entity, Entity.key == Sample.entity_key)
        .order_by(Verdict.sample_id)
    )
    for verdict, url, name in rows:
        inside = verdict.sample_id in published
        missing += inside and published[verdict.sample_id] is None
        if verdict.label is None:
            continue
        stored.append(_label(verdict, true_mask(url, name)) == verdict.label)
        if published.get(verdict.sample_id) is None:
            continue
        right.append(stored[-1])
        lucky += _paraphrases_disagree(verdict)
        if verdict.label != "unsolved":
            solved.append(stored[-1])
    if not stored and not missing:
        return {}
    figures: dict[str, float] = {"verdicts": len(right), "no_verdicts": missing}
    for name, judged in (("", right), ("_solved", solved), ("_store", stored)):
        if judged:
            figures[f"verdict_accuracy{name}"] = round(sum(judged) / len(judged), 4)
    if right:
        figures["unsolved_share"] = round(1 - len(solved) / len(right), 4)
        figures["paraphrases_disagree"] = round(lucky / len(right), 4)
    return figures


def _paraphrases_disagree(verdict: Verdict) -> bool:
    solves: dict[tuple[str, str], set[bool]] = {}
    for one in verdict.attempts:
        solves.setdefault((one["system"], one["segmenter"]), set()).add(one["iou"] >= verdict.thresholds["iou"])
    return any(len(ways) > 1 for ways in solves.values())


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
