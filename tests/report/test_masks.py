from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco

from nest_builder.report.masks import MAX_PIXELS, answers_of, drawable, scaled
from tests.builders import rle_of


def square(at: int, side: int = 20, width: int = 80, height: int = 60) -> dict[str, Any]:
    mask = np.zeros((height, width), np.uint8)
    mask[10 : 10 + side, at : at + side] = 1
    return rle_of(mask)


def test_masks_are_scaled_and_keep_their_place() -> None:
    small = scaled(square(20), 40, 30)
    assert small["size"] == [30, 40]
    decoded = coco.decode(small)
    assert (decoded.sum(), decoded[5:15, 10:20].sum()) == (100, 100)
    assert scaled(square(20), 80, 60) == square(20)


def test_large_masks_are_made_small_enough_for_a_browser() -> None:
    assert drawable(square(20)) == square(20)
    height, width = drawable(rle_of(np.ones((2000, 3000), np.uint8)))["size"]
    assert 0.99 * MAX_PIXELS < height * width <= MAX_PIXELS


def sample(status: str = "unreviewed", **ious: float | None) -> dict[str, Any]:
    verdict = {f"{system}_iou": ious.get(system) for system in ("static", "search", "rose")}
    return {"width": 80, "height": 60, "mask": square(20), "review": {"status": status}, "verdict": verdict}


def attempt(system: str, iou: float, at: int, prompt: str = "") -> dict[str, Any]:
    return {"system": system, "segmenter": "base", "prompt": prompt, "iou": iou, "mask": square(at), "answer": None}


def test_what_is_shown_is_what_was_counted() -> None:
    attempts = [
        attempt("static", 0.9, 20, "lucky"),
        attempt("static", 0.1, 60, "usual"),
        attempt("static", 0.0, 0),
        attempt("rose", 0.8, 22),
    ]
    shown = answers_of(sample(static=0.1, rose=0.8), attempts)
    assert [(one.system, one.prompt, one.iou) for one in shown] == [("static", "usual", 0.1), ("rose", "", 0.8)]
    assert shown[0].mask == square(60)


@pytest.mark.parametrize(
    ("row", "attempts"),
    [
        (sample(), [attempt("static", 0.5, 20)]),
        (sample(static=0.5), []),
        (sample(static=0.5), [{**attempt("static", 0.5, 20), "mask": square(20, width=90)}]),
    ],
)
def test_nothing_is_shown_that_was_not_counted(row: dict[str, Any], attempts: list[dict[str, Any]]) -> None:
    assert answers_of(row, attempts) == []


def test_answers_are_held_against_a_persons_mask() -> None:
    # The model's mask was elsewhere, so the stored IoUs are of another thing.
    shown = answers_of(
        sample("corrected", rose=1.0), [attempt("rose", 0.0, 20, "right"), attempt("rose", 1.0, 60, "wrong")]
    )
    assert [(one.prompt, one.iou) for one in shown] == [("right", 1.0)]
