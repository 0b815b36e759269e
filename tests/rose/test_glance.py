"""How many things of a kind a picture shows."""

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from nest_builder.annotate.base import Detections
from nest_builder.rose.base import Features
from nest_builder.rose.glance import RegionGlance
from nest_builder.rose.regions import RegionFinder
from tests.rose.fakes import picture


class TwoCars:
    """Sees two cars and an owl, whatever the picture; counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def identity(self) -> str:
        return "two cars"

    def detect(self, images: Sequence[Image.Image], phrases: Sequence[Sequence[str]]) -> list[Detections]:
        self.calls += 1
        boxes = np.array([[0, 0, 7, 8], [5, 0, 12, 8], [2, 0, 9, 8]], np.float64)
        seen = {"car": (0.9, 0.4, 0.0), "owl": (0.0, 0.1, 0.8)}
        return [Detections(boxes, np.array([seen.get(phrase, (0.0,) * 3) for phrase in asked]).T) for asked in phrases]


class Ones:
    def identity(self) -> str:
        return "ones"

    def embed(self, images: Sequence[Image.Image]) -> Features:
        return np.ones((len(images), 1), np.float32)


@pytest.mark.parametrize(("noun", "expected"), [("car", 2), ("owl", 1), ("boat", 0), ("", 0)])
def test_counts(noun: str, expected: int) -> None:
    detector = TwoCars()
    finder = RegionFinder(detector, Ones())
    assert RegionGlance(finder).count([picture(), picture()], [noun, noun]) == [expected, expected]
    assert detector.calls == int(noun != "")
