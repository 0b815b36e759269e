"""Who solves a sample: the static model, a search, ROSE, or nobody; a majority of paraphrases decides, so that luck does not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Any, Final, Literal

from nest_builder.annotate.base import Mask
from nest_builder.annotate.masks import encode_mask, mask_iou
from nest_builder.rose.rose import SYSTEMS, System

Label = Literal["solved_by_static", "solved_by_search", "solved_by_rose", "unsolved"]
Failure = Literal["", "sample", "service"]

_LABEL: Final[dict[System, Label]] = {
    "static": "solved_by_static", "search": "solved_by_search", "rose": "solved_by_rose",
}  # fmt: skip
_SOME: Final = 1e-6  # an IoU that is not nought, to the digits that are kept
TOO_CLOSE: Final = "too close to call: an outline that is a little off would turn it"
# Ways to put the same question. Each holds it word for word: a paraphrase must not change what is asked.
_WAYS: Final = (
    "{}",
    "In this picture: {}",
    "Please answer with a mask: {}",
    "Look at the image. {}",
    "{} Please output a segmentation mask.",
)


def paraphrases(question: str, count: int) -> list[str]:
    """Return ``count`` ways to put a question, the question as it stands first.

    Raises:
        ValueError: There are not so many ways.
    """
    if not 1 <= count <= len(_WAYS):
        raise ValueError(f"there are 1 to {len(_WAYS)} ways to put a question, not {count}")
    return [way.format(question) for way in _WAYS[:count]]


@dataclass(frozen=True, slots=True)
class Rule:
    """When a sample counts as solved.

    Attributes:
        iou: A mask at this IoU or over it is right; where nothing is to be found, only an empty mask is (its IoU is 1).
        defeated: With several static models: whether "all" of them must fail for a sample to be no static one's, or "any".
        slack: No verdict is given that would be another at a threshold this much lower or higher: an outline that is a little off
            would turn it.
    """

    iou: float = 0.5
    defeated: Literal["all", "any"] = "all"
    slack: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a threshold that everything or nothing meets.

        Raises:
            ValueError: The threshold is not in (0, 1].
        """
        if not 0.0 < self.iou <= 1.0:
            raise ValueError(f"an IoU threshold lies in (0, 1], not at {self.iou}")

    @classmethod
    def stored(cls, thresholds: Mapping[str, Any]) -> "Rule":
        """Return the rule of a stored verdict."""
        return cls(thresholds["iou"], thresholds["defeated"], thresholds.get("slack", 0.0))


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one system said to one paraphrase.

    Attributes:
        system: static | search | rose.
        segmenter: Identity of the base segmenter.
        prompt: The paraphrase.
        iou: Of the mask with the sample's.
        mask: COCO's compressed run lengths.
        answer: The text answer; None where there was none.
    """

    system: System
    segmenter: str
    prompt: str
    iou: float
    mask: dict[str, Any]
    answer: str | None = None

    @classmethod
    def of(
        cls, system: System, segmenter: str, prompt: str, predicted: Mask, true: Mask, answer: str | None = None
    ) -> "Attempt":
        """Hold a predicted mask against the sample's, both (height, width).

        Raises:
            ValueError: The sizes differ.
        """
        if predicted.shape != true.shape:
            raise ValueError(f"a mask of shape {predicted.shape} for a sample of shape {true.shape}")
        return cls(system, segmenter, prompt, round(mask_iou(predicted, true), 6), encode_mask(predicted), answer)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a sample, with all that it rests on.

    Attributes:
        label: None where no verdict can be given.
        reason: Why there is none; "" where there is one.
        static_iou: Lower median over the paraphrases, of the static model that decides; None where it was not asked.
        search_iou: Likewise of the best search-only system.
        rose_iou: Likewise of the best ROSE.
        attempts: Every answer.
        rule: The thresholds.
        failure: What went wrong where another time may give one: "sample", a model cannot work on it; "service", what ROSE looks
            things up in is down, which says nothing of the sample; "" where nothing did.
    """

    label: Label | None
    reason: str
    static_iou: float | None
    search_iou: float | None
    rose_iou: float | None
    attempts: tuple[Attempt, ...]
    rule: Rule
    failure: Failure = ""


def judge(attempts: Sequence[Attempt], rule: Rule) -> Verdict:
    """Say who solves a sample: the first of static, search and ROSE that does.

    A system on one base solves it where the lower median of its IoUs over the paraphrases reaches the threshold, which is
    to say: where more than half of them do.

    Raises:
        ValueError: A system was not tried, or the bases were not asked the same paraphrases.
    """
    medians: dict[System, list[float]] = {}
    for system in SYSTEMS:
        bases: dict[str, dict[str, float]] = {}
        for one in attempts:
            if one.system == system:
                bases.setdefault(one.segmenter, {})[one.prompt] = one.iou
        if len({frozenset(said) for said in bases.values()}) != 1:
            raise ValueError(f"{system}: every base is asked the same paraphrases, at least one")
        medians[system] = [median_low(said.values()) for said in bases.values()]
    # One model that knows the answer is enough to make a sample stale; unless one that does not is enough to keep it.
    ious = {
        system: (min if system == "static" and rule.defeated == "any" else max)(values)
        for system, values in medians.items()
    }
    labels: list[Label] = [
        next((_LABEL[system] for system in SYSTEMS if ious[system] >= threshold), "unsolved")
        for threshold in (rule.iou, max(rule.iou - rule.slack, _SOME), min(rule.iou + rule.slack, 1.0))
    ]
    firm = len(set(labels)) == 1
    return Verdict(
        labels[0] if firm else None, "" if firm else TOO_CLOSE, ious["static"], ious["search"], ious["rose"],
        tuple(attempts), rule,
    )  # fmt: skip


def no_verdict(reason: str, rule: Rule, failure: Failure = "") -> Verdict:
    """Return what is said of a sample where nothing can be: the reason, and what went wrong."""
    return Verdict(None, reason, None, None, None, (), rule, failure)
