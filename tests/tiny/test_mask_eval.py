from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nest_builder.annotate.masks import mask_iou as iou
from nest_builder.tiny.mask_eval import Case, MaskModel, inscribed_ellipse, measure, newsworld_cases, photo_cases

WEIGHTS = Path(__file__).parents[2] / "data/models/sam-tiny"
PHOTOS = Path(__file__).parents[2].parent / "shared/data/coco_free"


def rectangle(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((60, 80), bool)
    mask[y0:y1, x0:x1] = True
    return mask


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (rectangle(0, 0, 10, 10), rectangle(0, 0, 10, 10), 1.0),
        (rectangle(0, 0, 10, 10), rectangle(0, 0, 10, 5), 0.5),
        (rectangle(0, 0, 10, 10), rectangle(20, 20, 30, 30), 0.0),
        (rectangle(0, 0, 0, 0), rectangle(0, 0, 0, 0), 1.0),
    ],
)
def test_iou(first, second, expected):
    assert iou(first, second) == pytest.approx(expected)


def test_the_ellipse_covers_pi_quarters_of_its_box():
    mask = inscribed_ellipse((10.0, 10.0, 70.0, 50.0), 80, 60)
    assert mask.shape == (60, 80)
    assert mask.sum() == pytest.approx(np.pi / 4 * 60 * 40, rel=0.03)
    assert not mask[:, :10].any()


class Oracle:
    """Answers with full boxes."""

    def segment(self, image, boxes):
        return [rectangle(*(round(v) for v in box)) for box in boxes], [0.5] * len(boxes)


def test_measure_counts_every_instance():
    masks = (rectangle(0, 0, 40, 40), rectangle(50, 10, 60, 30))
    case = Case(Image.new("RGB", (80, 60)), masks, ((0.0, 0.0, 40.0, 40.0), (50.0, 10.0, 60.0, 30.0)))
    figures = measure(Oracle(), [case, Case(case.image, (), ())])
    assert figures["mean_iou"] == 1
    assert figures["instances"] == 2
    assert figures["score_error"] == pytest.approx(0.5)
    assert figures["ellipse_iou"] == pytest.approx(np.pi / 4, abs=0.03)
    assert 0.75 < measure(Oracle(), [case] * 8, jitter_seed=1)["mean_iou"] < 1


def test_newsworld_cases_repeat():
    first, second = (next(newsworld_cases(3, 1)) for _ in range(2))
    assert first.image.size == (480, 360)
    assert np.array_equal(np.asarray(first.image), np.asarray(second.image))
    assert len(first.masks) == len(first.boxes) >= 1


def test_the_shipped_weights_segment_unseen_renderings():
    model = MaskModel.load(str(WEIGHTS))
    whole, window = (measure(model, newsworld_cases(11, 10), factor=factor) for factor in (None, 1.6))
    assert whole["mean_iou"] >= 0.83
    assert window["mean_iou"] >= 0.85
    assert whole["score_error"] <= 0.1


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif(not PHOTOS.is_dir(), reason="the photographs are not beside the checkout")
def test_the_shipped_weights_beat_an_ellipse_on_photographs():
    figures = measure(MaskModel.load(str(WEIGHTS)), photo_cases(PHOTOS), factor=1.6)
    assert figures["mean_iou"] > figures["ellipse_iou"] > 0.593
