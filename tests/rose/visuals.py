"""Pictures of coloured plates, and models that see them: a detector of plates, an embedder of colours, masks that fill boxes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from nest_builder.annotate.base import Boxes, Detections, Outline
from nest_builder.rose.base import Reference
from nest_builder.rose.embed import unit_rows

SIZE = (90, 40)
PLATES = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200), "dark red": (150, 40, 20)}
BOXES = ((2, 5, 28, 35), (32, 5, 58, 35), (62, 5, 88, 35))  # left, middle, right


def picture(*plates: str) -> Image.Image:
    """A black picture with plates from left to right; "" for an empty place."""
    image = Image.new("RGB", SIZE)
    for plate, box in zip(plates, BOXES, strict=False):
        if plate:
            image.paste(PLATES[plate], box)
    return image


def references(*pictures: Sequence[str]) -> list[Reference]:
    return [
        Reference(picture(*plates), f"http://a.test/{n}.jpg", f"http://a.test/{n}") for n, plates in enumerate(pictures)
    ]


def plate_mask(place: int) -> np.ndarray:
    mask = np.zeros(SIZE[::-1], bool)
    x0, y0, x1, y1 = BOXES[place]
    mask[y0:y1, x0:x1] = True
    return mask


@dataclass
class PlateDetector:
    """Finds every plate; red ones are cars, all others phones."""

    calls: list[int] = field(default_factory=list)
    fails_on: Image.Image | None = None

    def identity(self) -> str:
        return "plates"

    def detect(self, images: Sequence[Image.Image], phrases: Sequence[Sequence[str]]) -> list[Detections]:
        self.calls.append(len(images))
        if any(image is self.fails_on for image in images):
            raise RuntimeError("a picture that it cannot digest")
        return [self._one(np.asarray(image), list(asked)) for image, asked in zip(images, phrases, strict=True)]

    def _one(self, pixels: np.ndarray, asked: list[str]) -> Detections:
        shown = [box for box in BOXES if pixels[20, (box[0] + box[2]) // 2].any()]
        scores = np.full((len(shown), len(asked)), 0.05)
        for row, box in enumerate(shown):
            red = pixels[20, (box[0] + box[2]) // 2, 0] > 100
            if (kind := "car" if red else "phone") in asked:
                scores[row, asked.index(kind)] = 0.9 - 0.1 * row
        return Detections(np.array(shown, float).reshape(-1, 4), scores)


@dataclass
class ColourEmbedder:
    """A picture's mean colour."""

    seen: int = 0

    def identity(self) -> str:
        return "colours"

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        self.seen += len(images)
        means = [np.asarray(image, np.float32).reshape(-1, 3).mean(0) for image in images]
        return unit_rows(np.array(means, np.float32).reshape(-1, 3))


@dataclass
class BoxMasks:
    """Fills boxes, or finds nothing in them."""

    empty: bool = False
    calls: list[int] = field(default_factory=list)

    def identity(self) -> str:
        return "boxes"

    def segment(self, images: Sequence[Image.Image], boxes: Sequence[Boxes]) -> list[list[Outline]]:
        self.calls.append(len(images))
        return [[Outline(self._fill(box), 0.9, 0.9) for box in own] for own in boxes]

    def _fill(self, box: np.ndarray) -> np.ndarray:
        mask = np.zeros(SIZE[::-1], bool)
        if not self.empty:
            x0, y0, x1, y1 = box.astype(int)
            mask[y0:y1, x0:x1] = True
        return mask
