"""Samples through every system, one batch at a time: control set first, then static, search-only and ROSE on each base."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from PIL import Image

from nest_builder.annotate.base import Mask
from nest_builder.rose.base import Query, Step
from nest_builder.rose.rose import SYSTEMS, Answered, System
from nest_builder.segmenters.base import ReferringSegmenter
from nest_builder.validate.control import FLOOR, Control, Known, check, require_enough
from nest_builder.validate.verdicts import Attempt, Failure, Rule, Verdict, judge, no_verdict, paraphrases


class Answers(Protocol):
    """What validation needs of `nest_builder.rose.rose.Rose`."""

    @property
    def segmenter(self) -> ReferringSegmenter:
        """Return the base."""

    def compare(self, queries: Sequence[Query], systems: Sequence[System]) -> Mapping[System, Sequence[Answered]]:
        """Answer questions about pictures as each of the systems."""


@dataclass(frozen=True, slots=True)
class Case:
    """A sample, as validation sees it.

    Attributes:
        image: RGB picture.
        question: The question.
        mask: (height, width) of the annotation; empty for a negative.
        asked_at: The day of the question; nothing newer is retrieved.
        exclude: Addresses that must not be used: of its own article and picture.
    """

    image: Image.Image
    question: str
    mask: Mask
    asked_at: dt.datetime | None = None
    exclude: frozenset[str] = field(default=frozenset())


class Validator:
    """Gives verdicts.

    Args:
        systems: One `Rose` a base segmenter; the base alone is the static model.
        known: The control set.
        rule: When a sample counts as solved.
        ways: Paraphrases a question; an odd number leaves no ties.
        floor: The gIoU on the control set under which no verdict is given.

    Raises:
        ValueError: There is no base, or the control set is too small.
    """

    def __init__(
        self,
        systems: Sequence[Answers],
        known: Sequence[Known],
        rule: Rule | None = None,
        ways: int = 3,
        floor: float = FLOOR,
    ) -> None:
        if not systems:
            raise ValueError("validation needs at least one base segmenter")
        require_enough(known)  # here, as no sample can be blamed for it
        self._systems, self._known = tuple(systems), known
        self._rule, self._ways, self._floor = rule or Rule(), ways, floor
        self._controls: tuple[Control, ...] | None = None

    def controls(self) -> tuple[Control, ...]:
        """Return how each static model does on the control set; asked once.

        Raises:
            OSError: A static model cannot be reached or read.
        """
        if self._controls is None:
            self._controls = tuple(check(one.segmenter, self._known, self._floor) for one in self._systems)
        return self._controls

    def validate(self, cases: Sequence[Case]) -> list[Verdict]:
        """Return n verdicts for n samples; none of them has a label where a static model fails the control set.

        A sample on which a part of ROSE failed has none either, and `Verdict.failure` says whose fault it is: that nothing was found
        by a service that is down proves nothing.

        Raises:
            RuntimeError: A segmenter fails on a sample (or another of `annotate.base.MODEL_ERRORS`).
            OSError: A static model cannot be reached or read.
        """
        reasons = [control.reason for control in self.controls() if not control.passed]
        if reasons:
            return [no_verdict("; ".join(reasons), self._rule) for _ in cases]
        attempts: list[list[Attempt]] = [[] for _ in cases]
        failures: dict[int, tuple[Failure, str]] = {}
        asked = [(at, way) for at, case in enumerate(cases) for way in paraphrases(case.question, self._ways)]
        queries = [Query(cases[at].image, way, cases[at].asked_at, cases[at].exclude) for at, way in asked]
        for rose in self._systems:
            name = rose.segmenter.identity()
            for system, answers in rose.compare(queries, SYSTEMS).items():
                for (at, way), said in zip(asked, answers, strict=True):
                    mask = said.segmentation.mask
                    attempts[at].append(Attempt.of(system, name, way, mask, cases[at].mask, said.answer))
                    failure, why = _failure(said.steps)
                    # What a service that is down does to a sample is not held against it, whatever else went wrong.
                    if failure and failures.get(at, ("", ""))[0] != "service":
                        failures[at] = failure, why
        return [
            judge(made, self._rule) if at not in failures else no_verdict(failures[at][1], self._rule, failures[at][0])
            for at, made in enumerate(attempts)
        ]


def _failure(steps: Sequence[Step]) -> tuple[Failure, str]:
    """Return whose fault it is that a part of ROSE did not do its work, and why; "" where all did."""
    failed = [step for step in steps if step.lost or step.decision == "failed"]
    failure: Failure = "service" if any(step.lost for step in failed) else "sample" if failed else ""
    return failure, "; ".join(f"{step.part}: {step.lost or step.reason}" for step in failed)
