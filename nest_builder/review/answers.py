"""What a person saved in Label Studio, taken apart without trusting it: sizes, counts, types and contradictions are checked."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from nest_builder.annotate.base import Mask
from nest_builder.review.brush import decode_mask
from nest_builder.review.wire import read_time

MAX_REGIONS = 100  # of one annotation
MAX_WORDS = 500  # characters of a reason
MAX_SECONDS = 86_400.0
_CHOICES = {
    "is_target": ("yes", "no"),
    "category": ("novel", "emerging", "neither"),
    "question_good": ("yes", "no"),
    "reject": ("wrong answer", "several targets", "unusable picture", "other"),
}
Box = tuple[float, float, float, float]


class Unusable(StrEnum):
    """Why an annotation on the server is no decision."""

    SKIPPED = "skipped by the reviewer"
    NOT_OURS = "task not made by us, or its sample is gone"
    MALFORMED = "malformed"
    WRONG_SIZE = "a mask of another size than the picture"
    CONTRADICTORY = "two answers to one question"
    SEVERAL_BOXES = "several boxes"
    EMPTY_BOX = "nothing found in the box"
    NO_OUTLINE = "no mask could be made of the box"
    NO_ANSWER = "does not say whether it is the target"


class UnusableError(Exception):
    """An annotation that is no decision.

    Attributes:
        reason: Why.
    """

    def __init__(self, reason: Unusable, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said of a task.

    Attributes:
        reviewer: Who.
        decided_at: When it was saved last.
        seconds: How long it took.
        is_target: Whether it is the target; of a negative, whether it is right that the target is not there.
        category: ``novel``, ``emerging`` or ``neither``.
        question_good: Whether the question is good.
        reject: Why the sample is no good; "" where it was not rejected.
        words: The same in the person's own words.
        mask: (height, width), all that is painted; empty where nothing is.
        box: Where a box was drawn: x0, y0, x1, y1 in pixels.
    """

    reviewer: str
    decided_at: dt.datetime
    seconds: float
    is_target: bool | None
    category: str | None
    question_good: bool | None
    reject: str
    words: str
    mask: Mask
    box: Box | None


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _BrushValue(_Part):
    format: Literal["rle"]
    rle: list[int]


class _Brush(_Part):
    type: Literal["brushlabels"]
    from_name: Literal["mask"]
    original_width: int
    original_height: int
    value: _BrushValue


_Percent = Annotated[float, Field(ge=-100, le=200, allow_inf_nan=False)]  # the page lets a box stick out of the picture


class _BoxValue(_Part):
    x: _Percent
    y: _Percent
    width: _Percent
    height: _Percent
    rotation: Annotated[float, Field(ge=0, le=0)] = 0  # the labelling interface turns no boxes


class _Rectangle(_Part):
    type: Literal["rectanglelabels"]
    from_name: Literal["box"]
    value: _BoxValue


class _ChoiceValue(_Part):
    choices: list[str] = Field(min_length=1, max_length=1)


class _Choice(_Part):
    type: Literal["choices"]
    from_name: Literal["is_target", "category", "question_good", "reject"]
    value: _ChoiceValue


class _TextValue(_Part):
    text: str | list[str]


class _Text(_Part):
    type: Literal["textarea"]
    from_name: Literal["reason"]
    value: _TextValue


class _Relation(_Part):
    type: Literal["relation"]  # may be drawn between regions, and says nothing here


_Region = Annotated[_Brush | _Rectangle | _Choice | _Text | _Relation, Field(discriminator="type")]


class _Saved(_Part):
    result: list[_Region] = Field(max_length=MAX_REGIONS)
    was_cancelled: bool | None = False
    lead_time: float | None = None
    completed_by: dict[str, Any] | int | None = None


_SAVED = TypeAdapter(_Saved)


def read_answer(annotation: Mapping[str, Any], height: int, width: int, people: Mapping[int, str]) -> Answer:
    """Return what an annotation of the server says.

    Args:
        annotation: Its JSON form.
        height: Of the picture, in pixels, as we know it.
        width: Likewise.
        people: E-mail address of each user of the server.

    Raises:
        UnusableError: It is skipped, malformed, contradictory or of another picture.
    """
    try:
        saved = _SAVED.validate_python(dict(annotation))
        decided_at = read_time(annotation.get("updated_at"))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise UnusableError(Unusable.MALFORMED, f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:200]) from error
    except ValueError as error:
        raise UnusableError(Unusable.MALFORMED, str(error)) from error
    if saved.was_cancelled:
        raise UnusableError(Unusable.SKIPPED)
    chosen = _chosen([region for region in saved.result if isinstance(region, _Choice)])
    texts = [region.value.text for region in saved.result if isinstance(region, _Text)]
    return Answer(
        reviewer=_reviewer(saved.completed_by, people),
        decided_at=decided_at,
        seconds=_seconds(saved.lead_time),
        is_target=_yes(chosen.get("is_target")),
        category=chosen.get("category"),
        question_good=_yes(chosen.get("question_good")),
        reject=chosen.get("reject", ""),
        words=_words(texts),
        mask=_painted([region for region in saved.result if isinstance(region, _Brush)], height, width),
        box=_box([region for region in saved.result if isinstance(region, _Rectangle)], height, width),
    )


def _chosen(regions: Sequence[_Choice]) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for region in regions:
        name, (value,) = region.from_name, region.value.choices
        if value not in _CHOICES[name]:
            raise UnusableError(Unusable.MALFORMED, f"{name}: {value[:60]!r}")
        if chosen.setdefault(name, value) != value:
            raise UnusableError(Unusable.CONTRADICTORY, name)
    return chosen


def _yes(value: str | None) -> bool | None:
    return None if value is None else value == "yes"


def _words(texts: Sequence[str | list[str]]) -> str:
    parts = [part for text in texts for part in ([text] if isinstance(text, str) else text)]
    return " ".join(" ".join(parts).split())[:MAX_WORDS]


def _seconds(lead_time: float | None) -> float:
    known = lead_time is not None and np.isfinite(lead_time)
    return round(min(max(float(lead_time or 0.0), 0.0), MAX_SECONDS), 3) if known else 0.0


def _reviewer(by: dict[str, Any] | int | None, people: Mapping[int, str]) -> str:
    if isinstance(by, dict):
        email, number = by.get("email"), by.get("id")
        if isinstance(email, str) and email:
            return email[:256]
        by = number if isinstance(number, int) else None
    return "unknown" if by is None else people.get(by, f"user {by}")


def _painted(regions: Sequence[_Brush], height: int, width: int) -> Mask:
    mask: Mask = np.zeros((height, width), bool)
    for region in regions:
        size = (region.original_height, region.original_width)
        if size != (height, width):
            raise UnusableError(Unusable.WRONG_SIZE, f"{size} for {(height, width)} (height, width)")
        try:
            mask |= decode_mask(region.value.rle, height, width)
        except ValueError as error:
            raise UnusableError(Unusable.MALFORMED, f"mask: {error}") from error
    return mask


def _box(regions: Sequence[_Rectangle], height: int, width: int) -> Box | None:
    if not regions:
        return None
    if len(regions) > 1:
        raise UnusableError(Unusable.SEVERAL_BOXES, str(len(regions)))
    value = regions[0].value
    x = sorted((value.x, value.x + value.width))
    y = sorted((value.y, value.y + value.height))
    left, right = (round(min(max(at, 0.0), 100.0) * width / 100, 2) for at in x)
    top, bottom = (round(min(max(at, 0.0), 100.0) * height / 100, 2) for at in y)
    if right - left < 1 or bottom - top < 1:
        raise UnusableError(Unusable.EMPTY_BOX, "less than a pixel")
    return left, top, right, bottom
