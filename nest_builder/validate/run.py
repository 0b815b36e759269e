"""Samples through every system, one batch at a time: control set first, then static, search-only and ROSE on each base."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from PIL import Image

from nest_builder.annotate.base import Mask
from nest_builder.rose.base import PARTS, Part, Query
from nest_builder.rose.rose import Answered
from nest_builder.rose.rose import System as RoseSystem
from nest_builder.segmenters.base import ReferringSegmenter
from nest_builder.validate.control import FLOOR, Control, Known, check
from nest_builder.validate.verdicts import SYSTEMS, Attempt, Rule, Verdict, judge, no_verdict, paraphrases


class Answers(Protocol):
    """What validation needs of `nest_builder.rose.rose.Rose`."""

    @property
    def segmenter(self) -> ReferringSegmenter:
        """Return the base."""

    def segment(
        self, queries: Sequence[Query], system: RoseSystem = "rose", parts: Collection[Part] = PARTS
    ) -> list[Answered]:
        """Answer questions about pictures as one of the systems."""


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
        self._systems, self._known = tuple(systems), known
        self._rule, self._ways, self._floor = rule or Rule(), ways, floor
        self._controls: tuple[Control, ...] | None = None

    def controls(self) -> tuple[Control, ...]:
        """Return how each static model does on the control set; asked once."""
        if self._controls is None:
            self._controls = tuple(check(one.segmenter, self._known, self._floor) for one in self._systems)
        return self._controls

    def validate(self, cases: Sequence[Case]) -> list[Verdict]:
        """Return n verdicts for n samples; none of them has a label where a static model fails the control set.

        A sample whose retrieval failed has none either: that nothing was found by a service that is down proves nothing.

        Raises:
            RuntimeError: A segmenter fails on a sample (or another of `annotate.base.MODEL_ERRORS`).
            OSError: A remote segmenter cannot be reached.
        """
        reasons = [control.reason for control in self.controls() if not control.passed]
        if reasons:
            return [no_verdict("; ".join(reasons), self._rule) for _ in cases]
        attempts: list[list[Attempt]] = [[] for _ in cases]
        failures: dict[int, str] = {}
        asked = [(at, way) for at, case in enumerate(cases) for way in paraphrases(case.question, self._ways)]
        queries = [Query(cases[at].image, way, cases[at].asked_at, cases[at].exclude) for at, way in asked]
        for rose in self._systems:
            name = rose.segmenter.identity()
            for system in SYSTEMS:
                for (at, way), said in zip(asked, rose.segment(queries, system), strict=True):
                    mask = said.segmentation.mask
                    attempts[at].append(Attempt.of(system, name, way, mask, cases[at].mask, said.answer))
                    if reason := _failure(said):
                        failures[at] = reason
        return [
            no_verdict(failures[at], self._rule, passing=True) if at in failures else judge(made, self._rule)
            for at, made in enumerate(attempts)
        ]


def _failure(said: Answered) -> str:
    """Return why a part of ROSE did not do its work; "" where all did."""
    return "; ".join(f"{step.part}: {step.reason}" for step in said.steps if step.decision == "failed")
