"""Does the thing look as it does in the entity's other pictures? The signal that the models of one picture cannot have.

The detector knows kinds, not names: the right kind in the right colour can still be the wrong thing, and every score of that one
picture is high. What the entity's other pictures show says more, even where some of them are wrong as well.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from nest_builder.annotate.boxes import box_iou
from nest_builder.images.decode import BadImageError, decode_rgb
from nest_builder.rose.base import ImageEmbedder
from nest_builder.rose.cache import Cache
from nest_builder.store.blobs import Blobs

Features = NDArray[np.float32]
WORKING_SIDE = 1280  # pixels; the embedder sees far less
SAME_BOX = 0.5  # IoU from which on a candidate is the annotated thing itself
LEAST_EVIDENCE = 0.3  # expected number of right pictures under which there is nothing to compare with
_MAX_PIXELS = 1 << 30  # `gather` has checked each picture against its own limit


@dataclass(frozen=True, slots=True)
class Seen:
    """An annotation with what it could have meant instead.

    Attributes:
        id: Of the annotation.
        image_id: Its picture.
        sha256: Of the picture's file.
        size: Width and height in which boxes are given, pixels.
        entity_key: Its entity.
        box: Of the annotated thing, x0, y0, x1, y1; empty for a negative.
        candidates: Boxes of all things of the kind.
        trust: How likely the annotation is right, in [0, 1].
    """

    id: str
    image_id: str
    sha256: str
    size: tuple[int, int]
    entity_key: str
    box: tuple[float, ...]
    candidates: tuple[tuple[float, ...], ...]
    trust: float

    @property
    def rivals(self) -> list[tuple[float, ...]]:
        """Return the candidates that are not the annotated thing."""
        if not self.box or not self.candidates:
            return list(self.candidates)
        same = box_iou(np.array([self.box]), np.array(self.candidates))[0] >= SAME_BOX
        return [box for box, own in zip(self.candidates, same, strict=True) if not own]


@dataclass(frozen=True, slots=True)
class Look:
    """How an annotation compares with the entity's other pictures.

    Attributes:
        pictures: Expected number of right ones among them.
        own: Likeness of the annotated thing to what they show, a cosine; None for a negative or without other pictures.
        rival: The same of the likest other thing of the kind in the picture; None where there is none.
        usual: How like each other the other pictures are: some things look the same from every side.
    """

    pictures: float
    own: float | None
    rival: float | None
    usual: float | None = None


class LookFinder:
    """Cuts things out of pictures and embeds them, each once.

    Args:
        embedder: Of crops.
        blobs: Holds the pictures.
        cache: Keeps features, so that a decision more does not have everything embedded again.
    """

    def __init__(self, embedder: ImageEmbedder, blobs: Blobs, cache: Cache) -> None:
        self._embedder, self._blobs, self._cache = embedder, blobs, cache

    def compare(self, seen: Sequence[Seen]) -> dict[str, Look]:
        """Return the look of each annotation, by its id.

        Raises:
            FileNotFoundError: A picture is not in the store.
            RuntimeError: The model fails (or another of `annotate.base.MODEL_ERRORS`).
            OSError: The model is not to be had.
        """
        return compare(seen, self._features(seen))

    def _features(self, seen: Sequence[Seen]) -> dict[tuple[str, tuple[float, ...]], Features]:
        """Return the features of every thing, by picture and box."""
        things: defaultdict[str, dict[tuple[float, ...], tuple[int, int]]] = defaultdict(dict)
        for one in seen:
            for box in [*([one.box] if one.box else []), *one.rivals]:
                things[one.sha256][box] = one.size
        model = self._embedder.identity()
        found: dict[tuple[str, tuple[float, ...]], Features] = {}
        for sha256, boxes in things.items():
            missing: dict[tuple[float, ...], tuple[int, int]] = {}
            for box, size in boxes.items():
                kept = self._cache.get(model, sha256, box)
                if kept is None:
                    missing[box] = size
                else:
                    found[sha256, box] = np.frombuffer(kept, np.float32)
            if missing:
                rows = self._embedder.embed(self._crops(sha256, missing))
                for box, row in zip(missing, rows, strict=True):
                    found[sha256, box] = row
                    self._cache.put(row.astype(np.float32).tobytes(), model, sha256, box)
        return found

    def _crops(self, sha256: str, boxes: Mapping[tuple[float, ...], tuple[int, int]]) -> list[Pictures.Image]:
        try:
            picture = decode_rgb(self._blobs.get(sha256), max_pixels=_MAX_PIXELS, max_side=WORKING_SIDE)
        except BadImageError:  # annotated once and broken since: like nothing at all
            picture = Pictures.new("RGB", (2, 2))
        crops = []
        for (x0, y0, x1, y1), (width, height) in boxes.items():
            across, down = picture.width / width, picture.height / height
            left, top = min(int(x0 * across), picture.width - 2), min(int(y0 * down), picture.height - 2)
            crops.append(picture.crop((left, top, max(left + 2, round(x1 * across)), max(top + 2, round(y1 * down)))))
        return crops


def compare(seen: Sequence[Seen], features: Mapping[tuple[str, tuple[float, ...]], Any]) -> dict[str, Look]:
    """Compare annotations with the entity's other pictures, the mean of what they show weighted by how far each is trusted.

    Args:
        seen: The annotations.
        features: Unit rows by picture (its hash) and box.
    """
    shown: defaultdict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        if one.box:
            shown[one.entity_key].append(one)
    means: dict[str, Any] = {}
    weights = {}
    for one in seen:
        others = [other for other in shown[one.entity_key] if other.image_id != one.image_id]
        weights[one.id] = sum(other.trust for other in others)
        if weights[one.id] >= LEAST_EVIDENCE:
            total = sum(other.trust * features[other.sha256, other.box] for other in others)
            means[one.id] = total / weights[one.id]
    own = {one.id: float(features[one.sha256, one.box] @ means[one.id]) for one in seen if one.box and one.id in means}
    looks = {}
    for one in seen:
        mean = means.get(one.id)
        if mean is None:
            looks[one.id] = Look(round(weights[one.id], 4), None, None)
            continue
        rival = max((float(features[one.sha256, box] @ mean) for box in one.rivals), default=None)
        others = [other for other in shown[one.entity_key] if other.image_id != one.image_id and other.id in own]
        trust = sum(other.trust for other in others)
        usual = sum(other.trust * own[other.id] for other in others) / trust if trust > 0 else None
        looks[one.id] = Look(round(weights[one.id], 4), _rounded(own.get(one.id)), _rounded(rival), _rounded(usual))
    return looks


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
