"""The two models that an annotation needs, as Protocols, and what they return."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Boxes = NDArray[np.float64]  # (n, 4): x0, y0, x1, y1 in pixels, inside the picture
Mask = NDArray[np.bool_]  # (height, width)

# What models raise on a picture they cannot digest; anything else is a fault of ours and should stop the run.
MODEL_ERRORS = (RuntimeError, ValueError, IndexError, FloatingPointError)


@dataclass(frozen=True, slots=True)
class Detections:
    """Boxes in one picture, the best one first.

    Attributes:
        boxes: (n, 4) corners in pixels.
        scores: (n, p), of each box for each phrase that was asked, in [0, 1].
    """

    boxes: Boxes
    scores: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outline:
    """A mask with the mask model's own doubts.

    Attributes:
        mask: (height, width) of the picture.
        predicted_iou: The model's estimate of the mask's IoU; not bounded by every model.
        stability: Area at a raised threshold over area at a lowered one, in [0, 1].
    """

    mask: Mask
    predicted_iou: float
    stability: float


class Detector(Protocol):
    """Finds what phrases name."""

    def identity(self) -> str:
        """Return a name that changes with the weights; cheap, loads nothing."""

    def detect(self, images: Sequence[Image.Image], phrases: Sequence[Sequence[str]]) -> list[Detections]:
        """Find every phrase of a picture in it.

        Args:
            images: RGB pictures of any sizes.
            phrases: For each picture what to look for, such as "car" or "red car", without full stops.
        """


class MaskModel(Protocol):
    """Outlines what a box holds."""

    def identity(self) -> str:
        """Return a name that changes with the weights; cheap, loads nothing."""

    def segment(self, images: Sequence[Image.Image], boxes: Sequence[Boxes]) -> list[list[Outline]]:
        """Outline the main thing in each box; a picture is encoded once for all its boxes."""
