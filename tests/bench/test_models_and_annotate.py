"""The measuring itself: plain baselines come out as geometry says, and a perfect detector scores 1."""

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from nest_builder.annotate.base import Boxes, Detections, Outline
from nest_builder.bench import models
from nest_builder.config import AnnotateSettings
from nest_builder.newsworld.looks import CATEGORIES
from nest_builder.tiny.detector_eval import detections, launch_scene, score_at
from nest_builder.tiny.mask_eval import Case
from tests.annotate.models import fill_boxes, save_detector, save_mask_model


class Rectangles:
    """A mask model that fills its box."""

    def segment(self, images: Sequence[Image.Image], boxes: Sequence[Boxes]) -> list[list[Outline]]:
        return fill_boxes(images, boxes)


def test_mask_scores_of_a_rectangle() -> None:
    mask = np.zeros((100, 100), bool)
    mask[20:80, 10:90] = True
    case = Case(Image.new("RGB", (100, 100)), (mask,), ((10.0, 20.0, 90.0, 80.0),))
    score, ellipse, box, count = models.mask_scores(Rectangles(), [case])  # type: ignore[arg-type]
    assert (score, box, count) == (1.0, 1.0, 1)
    assert ellipse == pytest.approx(np.pi / 4, abs=0.02)


def test_a_detector_that_finds_nothing_scores_nothing() -> None:
    class Blind:
        def identity(self) -> str:
            return "blind"

        def detect(self, images: Sequence[Image.Image], phrases: Sequence[Sequence[str]]) -> list[Detections]:
            assert all(phrase.split()[0] in CATEGORIES or " " in phrase for asked in phrases for phrase in asked)
            return [Detections(np.empty((0, 4)), np.empty((0, len(asked)))) for asked in phrases]

    score = score_at(detections(Blind(), 1, 4, launch_scene, models.named_queries), 0.2)
    assert score.recall == 0
    assert score.wanted >= 4


def test_batches_and_loop_agree(tmp_path_factory: pytest.TempPathFactory) -> None:
    from nest_builder.bench.annotate import compare_with_loop

    folder = tmp_path_factory.mktemp("models")
    settings = AnnotateSettings(
        detector_model=str(save_detector(folder / "d")),
        mask_model=str(save_mask_model(folder / "m")),
        mask_windows=(),
        device="cpu",
    )
    figures = compare_with_loop(settings, [Image.new("RGB", (64, 48), colour) for colour in ("red", "blue")])
    assert figures["same_masks"] > 0.99
    assert figures["speed_ratio"] > 0
