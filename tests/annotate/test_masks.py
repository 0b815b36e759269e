import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nest_builder.annotate.base import Boxes, Mask
from nest_builder.annotate.boxes import box_iou, clip_boxes, suppress
from nest_builder.annotate.masks import (
    decode_mask,
    distinct,
    encode_mask,
    implausible,
    mask_box,
    mask_iou,
    resize_mask,
    stability,
)


def block(x0: int, y0: int, x1: int, y1: int, size: tuple[int, int] = (40, 60)) -> Mask:
    mask = np.zeros(size, bool)
    mask[y0:y1, x0:x1] = True
    return mask


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60), st.floats(0, 1))
def test_run_lengths_lose_nothing(seed: int, height: int, width: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < share
    rle = encode_mask(mask)
    assert rle["size"] == [height, width]
    assert (decode_mask(rle) == mask).all()


@pytest.mark.parametrize(
    ("mask", "expected"),
    [(block(3, 5, 10, 9), (3, 5, 10, 9)), (block(0, 0, 60, 40), (0, 0, 60, 40)), (block(0, 0, 0, 0), (0, 0, 0, 0))],
)
def test_mask_box(mask: Mask, expected: tuple[float, ...]) -> None:
    assert mask_box(mask) == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (block(0, 0, 10, 10), block(0, 0, 10, 10), 1.0),
        (block(0, 0, 10, 10), block(5, 0, 15, 10), 1 / 3),
        (block(0, 0, 10, 10), block(20, 20, 30, 30), 0.0),
        (block(0, 0, 0, 0), block(0, 0, 0, 0), 1.0),
    ],
)
def test_mask_iou(first: Mask, second: Mask, expected: float) -> None:
    assert mask_iou(first, second) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("mask", "plausible"),
    [(block(5, 5, 20, 20), True), (block(0, 0, 0, 0), False), (block(5, 5, 8, 8), False), (block(0, 0, 60, 40), False)],
)
def test_implausible_masks(mask: Mask, plausible: bool) -> None:
    assert (implausible(mask) is None) is plausible


def test_stability_of_a_sharp_and_of_a_soft_edge() -> None:
    ramp = np.tile(np.linspace(-5, 5, 101, dtype=np.float32), (10, 1))
    assert stability(np.where(ramp > 0, 9, -9).astype(np.float32)) == 1.0
    assert stability(ramp) == pytest.approx(40 / 60, abs=0.03)
    assert stability(np.full((4, 4), -9, np.float32)) == 0.0


def test_parts_and_repeats_are_no_things_of_their_own() -> None:
    whole, part, neighbour = block(0, 0, 20, 30), block(2, 2, 18, 15), block(18, 0, 40, 30)
    assert distinct([whole, part, whole, neighbour]) == [0, 3]
    assert distinct([]) == []


def test_resized_mask_keeps_its_place() -> None:
    assert mask_box(resize_mask(block(10, 10, 20, 30), 120, 80)) == (20, 20, 40, 60)


BOXES: Boxes = np.array([[0.0, 0, 10, 10], [1, 0, 11, 10], [30, 30, 40, 40]])


def test_suppression_merges_scores_of_one_thing() -> None:
    found = suppress(BOXES, np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.3]]), iou=0.7, floor=0.2)
    assert found.boxes.tolist() == [BOXES[0].tolist(), BOXES[2].tolist()]
    assert found.scores.tolist() == [[0.9, 0.8], [0.3, 0.3]]
    assert len(suppress(BOXES, np.full((3, 2), 0.1), iou=0.7, floor=0.2).boxes) == 0
    assert suppress(np.empty((0, 4)), np.empty((0, 2)), iou=0.7, floor=0.2).scores.shape == (0, 2)


def test_box_geometry() -> None:
    assert box_iou(BOXES[:1], BOXES)[0].tolist() == pytest.approx([1, 90 / 110, 0])
    assert clip_boxes(np.array([[-5.0, -5, 99, 99]]), 60, 40).tolist() == [[0, 0, 60, 40]]
