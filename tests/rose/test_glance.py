"""How many things of a kind a picture shows."""

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from nest_builder.annotate.base import Detections
from nest_builder.rose.base import Features
from nest_builder.rose.glance import RegionGlance
from nest_builder.rose.regions import RegionFinder
from nest_builder.segmenters.base import Segmentation
from tests.rose.fakes import mask, picture


class TwoCars:
    """Sees two cars and an owl, whatever the picture; counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def identity(self) -> str:
        return "two cars"

    def detect(self, images: Sequence[Image.Image], phrases: Sequence[Sequence[str]]) -> list[Detections]:
        self.calls += 1
        boxes = np.array([[0, 0, 7, 8], [5, 0, 12, 8], [2, 0, 9, 8]], np.float64)
        seen = {"car": (0.9, 0.4, 0.0), "owl": (0.0, 0.1, 0.8), "tram": (0.0, 0.2, 0.8)}
        return [Detections(boxes, np.array([seen.get(phrase, (0.0,) * 3) for phrase in asked]).T) for asked in phrases]


class Ones:
    def identity(self) -> str:
        return "ones"

    def embed(self, images: Sequence[Image.Image]) -> Features:
        return np.ones((len(images), 1), np.float32)


class Left:
    """Finds the left so many columns, whatever is asked."""

    def __init__(self, columns: int) -> None:
        self.columns, self.asked = columns, 0

    def identity(self) -> str:
        return "left"

    def segment(self, images: Sequence[Image.Image], texts: Sequence[str]) -> list[Segmentation]:
        self.asked += len(texts)
        return [mask(self.columns) for _ in images]


@pytest.mark.parametrize(
    ("noun", "columns", "expected", "asked"),
    [
        ("owl", 9, True, 2),  # one owl, and the model finds it
        ("owl", 4, True, 2),  # roughly
        ("owl", 3, False, 2),
        ("owl", 0, False, 2),
        ("car", 9, False, 0),  # two cars
        ("tram", 9, True, 2),  # what might be another is far less like one
        ("boat", 9, False, 0),
        ("", 9, False, 0),
    ],
)
def test_one_thing_that_the_base_finds_is_enough(noun: str, columns: int, expected: bool, asked: int) -> None:
    detector, base = TwoCars(), Left(columns)
    settled = RegionGlance(RegionFinder(detector, Ones())).settled([picture(), picture()], ["?"] * 2, [noun] * 2, base)
    assert (settled, base.asked) == ([expected] * 2, asked)
    assert detector.calls == int(noun != "")
