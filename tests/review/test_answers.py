"""What people saved, taken apart; and what hostile or broken annotations come to."""

import datetime as dt
from typing import Any

import numpy as np
import pytest

from nest_builder.review.answers import Answer, Unusable, UnusableError, read_answer
from nest_builder.review.judging import Judged, judge
from tests.review.label_studio import YES, boxed, choice, painted, region

HEIGHT, WIDTH = 40, 60
MASK = np.zeros((HEIGHT, WIDTH), bool)
MASK[10:30, 10:40] = True
OTHER = np.roll(MASK, 5, axis=1)
EMPTY = np.zeros_like(MASK)


def saved(*regions: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {
        "id": 7, "result": list(regions), "updated_at": "2026-03-01T10:00:00.123456Z", "lead_time": 3.25,
        "was_cancelled": False, "completed_by": 4, **values,
    }  # fmt: skip


def read(annotation: dict[str, Any]) -> Answer:
    return read_answer(annotation, HEIGHT, WIDTH, {4: "ann@example.org"})


def test_all_of_an_answer() -> None:
    answer = read(
        saved(
            painted(MASK), painted(OTHER), boxed((6, 4, 30, 20), WIDTH, HEIGHT), *YES, choice("reject", "other"),
            region("textarea", "reason", text=["too  dark", "to see"]),
            {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"},
        )
    )  # fmt: skip
    assert (answer.reviewer, answer.seconds) == ("ann@example.org", 3.25)
    assert answer.decided_at == dt.datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=dt.UTC)
    assert (answer.is_target, answer.category, answer.question_good) == (True, "novel", True)
    assert (answer.reject, answer.words) == ("other", "too dark to see")
    assert np.array_equal(answer.mask, MASK | OTHER)
    assert answer.box == (6.0, 4.0, 30.0, 20.0)


def without(region_: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in region_.items() if name != key}


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (saved(*YES, was_cancelled=True), Unusable.SKIPPED),
        (saved(*YES, updated_at=None), Unusable.MALFORMED),
        (saved(*YES, updated_at="2026-03-01T10:00:00"), Unusable.MALFORMED),
        (saved(*YES, updated_at="tomorrow"), Unusable.MALFORMED),
        ({}, Unusable.MALFORMED),
        (saved(result="none"), Unusable.MALFORMED),
        (saved(*[choice("is_target", "yes")] * 101), Unusable.MALFORMED),
        (saved({"type": "brushlabels"}), Unusable.MALFORMED),
        (saved(without(painted(MASK), "original_width")), Unusable.MALFORMED),
        (saved(choice("is_target", "perhaps")), Unusable.MALFORMED),
        (saved(choice("password", "yes")), Unusable.MALFORMED),
        (saved(region("choices", "is_target", choices=["yes", "no"])), Unusable.MALFORMED),
        (saved(region("polygonlabels", "mask", points=[])), Unusable.MALFORMED),
        (saved(painted(MASK) | {"value": {"format": "rle", "rle": [1, 2, 3]}}), Unusable.MALFORMED),
        (saved(painted(MASK) | {"value": {"format": "rle", "rle": [300] * 20}}), Unusable.MALFORMED),
        (saved(painted(MASK) | {"value": {"format": "png", "rle": []}}), Unusable.MALFORMED),
        (saved(painted(np.ones((2, 2), bool)) | {"original_width": WIDTH, "original_height": HEIGHT}), Unusable.MALFORMED),
        (saved(painted(np.ones((2, 2), bool))), Unusable.WRONG_SIZE),
        (saved(choice("is_target", "yes"), choice("is_target", "no")), Unusable.CONTRADICTORY),
        (saved(boxed((1, 1, 9, 9), 60, 40), boxed((2, 2, 9, 9), 60, 40)), Unusable.SEVERAL_BOXES),
        (saved(boxed((1, 1, 1.2, 9), 60, 40)), Unusable.EMPTY_BOX),
        (saved(boxed((1, 1, float("nan"), 9), 60, 40)), Unusable.MALFORMED),
        (saved(boxed((1, 1, 1e9, 9), 60, 40)), Unusable.MALFORMED),
    ],
)  # fmt: skip
def test_what_is_no_answer(annotation: dict[str, Any], reason: Unusable) -> None:
    with pytest.raises(UnusableError) as caught:
        read(annotation)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("values", "reviewer", "seconds"),
    [
        ({"completed_by": {"id": 4, "email": "x@y.z"}}, "x@y.z", 3.25),
        ({"completed_by": {"id": 4}}, "ann@example.org", 3.25),
        ({"completed_by": 9}, "user 9", 3.25),
        ({"completed_by": None, "lead_time": None}, "unknown", 0.0),
        ({"lead_time": -5}, "ann@example.org", 0.0),
        ({"lead_time": 1e12}, "ann@example.org", 86400.0),
        ({"lead_time": float("nan")}, "ann@example.org", 0.0),
    ],
)
def test_who_and_how_long(values: dict[str, Any], reviewer: str, seconds: float) -> None:
    answer = read(saved(*YES, **values))
    assert (answer.reviewer, answer.seconds) == (reviewer, seconds)


def test_a_box_that_sticks_out_is_cut_and_one_drawn_from_its_end_is_turned() -> None:
    assert read(saved(boxed((-6, 4, 66, 44), WIDTH, HEIGHT))).box == (0.0, 4.0, 60.0, 40.0)
    assert read(saved(boxed((30, 20, 6, 4), WIDTH, HEIGHT))).box == (6.0, 4.0, 30.0, 20.0)


NO, NO_QUESTION, NEITHER = choice("is_target", "no"), choice("question_good", "no"), choice("category", "neither")
BOX = boxed((6, 4, 30, 20), WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ("regions", "shown", "status", "reason", "from_box"),
    [
        ([painted(MASK), *YES], MASK, "accept", "", False),
        ([painted(MASK), NO], MASK, "reject", "not the target", False),
        ([painted(MASK), YES[0], NO_QUESTION], MASK, "reject", "the question is not good", False),
        ([painted(MASK), YES[0], NEITHER], MASK, "reject", "neither novel nor emerging", False),
        ([painted(MASK), YES[0], NEITHER, NO_QUESTION], MASK, "reject", "neither novel nor emerging; the question is not good", False),
        ([painted(MASK), choice("reject", "wrong answer"), region("textarea", "reason", text="it is B")], MASK, "reject", "wrong answer: it is B", False),
        ([painted(OTHER), *YES], MASK, "correct", "", False),
        ([painted(OTHER), NO], MASK, "correct", "", False),  # it was not; now it is
        ([painted(MASK), BOX, *YES], MASK, "correct", "", True),
        ([BOX, NO], MASK, "correct", "", True),
        ([painted(OTHER), BOX, *YES], MASK, "correct", "", False),  # what is painted says more than a box
        ([NO], MASK, "reject", "no mask left", False),
        (list(YES), EMPTY, "accept", "", False),  # a negative
        ([NO], EMPTY, "reject", "not the target", False),
        ([painted(MASK), *YES], EMPTY, "correct", "", False),  # it is there after all
    ],
)  # fmt: skip
def test_what_an_answer_means(
    regions: list[dict[str, Any]], shown: np.ndarray, status: str, reason: str, from_box: bool
) -> None:
    answer = read(saved(*regions))
    meant = judge(answer, shown)
    assert (meant.status, meant.reason, meant.from_box) == (status, reason, from_box)
    assert (meant.mask is not None) == (status == "correct" and not from_box)
    assert isinstance(meant, Judged)


def test_saying_nothing_is_no_decision() -> None:
    with pytest.raises(UnusableError, match="does not say"):
        judge(read(saved(painted(MASK))), MASK)
