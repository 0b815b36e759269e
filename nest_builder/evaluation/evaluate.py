"""Predictions held against an edition, or its NEST+: gIoU, cIoU and Acc with intervals, by part and overall.

Figures are those of `validate.metrics`, in LISA's convention. What is called overall, or by a part's name (novel and
emerging; of NEST+ nest, reasoning and referring), is over samples whose picture shows the target: where it does not, an
empty union counts 1, so that a system which never outlines anything would be paid for it. Negatives stand apart: their
gIoU is the share of them in which nothing was outlined. Acc is over the questions that have an answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from nest_builder import __version__
from nest_builder.annotate.base import Mask
from nest_builder.evaluation.predictions import Predictions, read_predictions
from nest_builder.evaluation.truth import Sample, Truth, read_truth
from nest_builder.validate.metrics import (
    RESAMPLES,
    Counts,
    Interval,
    Overlap,
    accuracy,
    answer_right,
    ciou_of,
    giou_of,
    overlap,
)

FORMAT: Final = 1  # of a result file
_MAX_NAME: Final = 200  # characters


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a system reaches on a split.

    Attributes:
        system: Its name.
        truth: What it was held against.
        counted: Pixels of each sample, in the truth's order.
        right: Whether each text answer is right; None where the system gives none.
        missing: How many samples have no prediction that can be used.
        predictions: What was read, with what was wrong with it.
        seed: Of the intervals' resamples.
    """

    system: str
    truth: Truth
    counted: Overlap
    right: tuple[bool, ...] | None
    missing: int
    predictions: Predictions
    seed: int = 0

    def figures(self) -> dict[str, Interval]:
        """Return the figures that there are samples for: overall gIoU, overall cIoU, those of each part, Acc, negatives gIoU."""
        shown = np.array([not sample.negative for sample in self.truth.samples], bool)
        part = np.array([sample.part for sample in self.truth.samples])
        figures: dict[str, Interval] = {}
        parts = {"overall": shown, **{name: shown & (part == name) for name in self.truth.parts}}
        for name, kept in parts.items():
            if kept.any():
                figures[f"{name} gIoU"] = giou_of(self.counted.take(kept), self.seed)
                figures[f"{name} cIoU"] = ciou_of(self.counted.take(kept), self.seed)
        named = shown & np.array([bool(sample.answer) for sample in self.truth.samples])
        if self.right is not None and named.any():
            figures["Acc"] = accuracy(list(np.array(self.right)[named]), self.seed)
        if not shown.all():
            figures["negatives gIoU"] = giou_of(self.counted.take(~shown), self.seed)
        return figures

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON types, of the form of ``schemas/evaluation.schema.json``."""
        samples = self.truth.samples
        return {
            "format": FORMAT,
            "system": self.system,
            "edition": self.truth.edition,
            "plus": self.truth.plus,
            "manifest_sha256": self.truth.manifest_sha256,
            "split": self.truth.split,
            "predictions_sha256": self.predictions.sha256,
            "code": {"nest-builder": __version__},
            "counts": {
                "samples": len(samples),
                "negatives": sum(sample.negative for sample in samples),
                "missing": self.missing,
                **{name: self.predictions.problems[name] for name in ("unknown", "duplicate", "wrong_size", "broken")},
            },
            "problems": list(self.predictions.named),
            "intervals": {"level": 0.95, "resamples": RESAMPLES, "seed": self.seed},
            "figures": {
                name: [round(side, 6) for side in (one.value, one.low, one.high)]
                for name, one in self.figures().items()
            },
            # What it takes to say whether two systems differ: the same samples, one by one.
            "negatives": [sample.id for sample in samples if sample.negative],
            "ious": {sample.id: round(float(iou), 6) for sample, iou in zip(samples, self.counted.ious, strict=True)},
        }


def evaluate(
    edition: Path | Truth,
    predictions: Path | Mapping[str, Mask | None],
    system: str = "",
    split: str = "test",
    answers: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Score a system.

    Args:
        edition: The edition's folder, or that of its NEST+, or what was read of it.
        predictions: A file or folder as `predictions` describes it, or sample -> mask (height, width), None for an empty one.
        system: What the system is called, in 200 characters at most; by default the file's or the folder's name.
        split: Which samples, where the edition is a folder.
        answers: Sample -> text answer, beside masks that are given as such.
        seed: Of the intervals' resamples.

    Raises:
        FileNotFoundError: There is no such edition, split or file.
        ValueError: The edition has no samples, a file is not of its form, or the system's name is too long.
    """
    truth = edition if isinstance(edition, Truth) else read_truth(edition, split)
    if not truth.samples:
        raise ValueError(f"edition {truth.edition} has no samples in split {truth.split}")
    if isinstance(predictions, Path):
        read = read_predictions(predictions, truth)
        name = system or predictions.resolve().stem
        given = None
    else:
        known = {sample.id for sample in truth.samples}
        read = Predictions(answers=dict(answers or {}))
        for unknown in predictions.keys() - known:
            read.note("unknown", f"{unknown[:80]!r} is no sample of this split")
        name, given = system or "unnamed", predictions
    if len(name) > _MAX_NAME:
        raise ValueError(f"a system's name has at most {_MAX_NAME} characters: {name[:40]!r}...")
    counts: Counts = np.zeros((2, len(truth.samples)), np.int64)
    missing = 0
    for at, sample in enumerate(truth.samples):
        said = _given(given, sample, read) if given is not None else read.mask_of(sample)
        missing += said is None
        mask = np.zeros((sample.height, sample.width), bool) if said is None else said
        one = overlap([mask], [sample.mask], [sample.ignored])
        counts[:, at] = one.intersection[0], one.union[0]
    right = None
    if read.answers:
        right = tuple(answer_right(read.answers.get(one.id), one.answer, one.aliases) for one in truth.samples)
    return Evaluation(name, truth, Overlap(counts[0], counts[1]), right, missing, read, seed)


def _given(masks: Mapping[str, Mask | None], sample: Sample, read: Predictions) -> Mask | None:
    if sample.id not in masks:
        return None
    mask = masks[sample.id]
    if mask is None:
        return np.zeros((sample.height, sample.width), bool)
    if mask.shape != (sample.height, sample.width):
        read.note("wrong_size", f"{sample.id}: {mask.shape}, not {(sample.height, sample.width)} (height, width)")
        return None
    return mask
