"""Reviewers whose answers are known beforehand: for benchmarks, and for tests of what lies around a person's decision."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nest_builder.digest import digest
from nest_builder.review.said import mask_digest
from nest_builder.store.tables import Annotation, Decision, Sample

NOISE = 0.03  # share of wrong answers of a careful person


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A person who tells right from wrong, but for slips, which depend on person and annotation only.

    Attributes:
        name: Of the person; another name makes other slips.
        noise: Share of wrong answers.
        seconds: How long a look takes.
    """

    name: str
    noise: float = NOISE
    seconds: float = 12.0

    def says(self, annotation_id: str, right: bool) -> bool:
        """Return whether the person calls an annotation right that is right, or is not."""
        slips = int(digest("slip", self.name, annotation_id)[:13], 16) / 16**13 < self.noise
        return right != slips

    def decide(
        self,
        sample: Sample,
        annotation: Annotation,
        right: bool,
        at: dt.datetime,
        project: str = "",
        mask: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Return the decision that the person would leave in the store.

        Args:
            sample: What is looked at.
            annotation: Its annotation.
            right: Whether it is right.
            at: When; aware.
            project: The edition that asks.
            mask: What the person would paint where the annotation is called wrong, COCO run lengths; None: they reject.
        """
        good = self.says(annotation.id, right)
        return Decision(
            id=f"simulated:{digest(self.name, sample.id, project)[:16]}",
            sample_id=sample.id,
            annotation_id=annotation.id,
            project=project,
            reviewer=self.name,
            decided_at=at,
            pulled_at=at,
            status="accept" if good else "correct" if mask is not None else "reject",
            is_target=good,
            category=sample.category,
            question_good=True,
            reason="" if good or mask is not None else "not the target",
            mask=None if good or mask is None else dict(mask),
            box=None,
            seconds=self.seconds,
            model_mask_digest=mask_digest(annotation.mask),
        )


def decide_all(
    pairs: Sequence[tuple[Sample, Annotation]],
    truth: Mapping[str, bool],
    reviewers: Sequence[Reviewer],
    at: dt.datetime,
    project: str = "",
) -> list[Decision]:
    """Return what each of the reviewers decides of each sample.

    Args:
        pairs: Samples with their annotations.
        truth: Whether each sample is right, by its id.
        reviewers: Who looks.
        at: When; aware.
        project: The edition that asks.

    Raises:
        KeyError: Nothing is known of a sample.
    """
    return [
        reviewer.decide(sample, annotation, truth[sample.id], at, project)
        for sample, annotation in pairs
        for reviewer in reviewers
    ]
