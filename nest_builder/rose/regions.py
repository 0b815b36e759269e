"""What pictures show, piece by piece: detector boxes, their crops, the crops' features; and the prototype of what several show."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nest_builder.annotate.base import Boxes, Detector
from nest_builder.entities.hypernyms import BUILT_IN
from nest_builder.rose.base import Features, ImageEmbedder, Reference
from nest_builder.rose.embed import content_key, unit_rows
from nest_builder.sections import Section

_LEAST_SIDE: Final = 6.0  # pixels of a box that shows anything
_KEPT_PICTURES: Final = 4000
_KEPT_PROTOTYPES: Final = 4000


class RegionSettings(Section):
    """What is looked for in a picture, and how it is cut out."""

    kinds: tuple[str, ...] = tuple(BUILT_IN)  # the detector's words, all asked where a question tells no kind
    box_score: float = 0.15
    max_boxes: int = 12
    margin: float = 0.06  # of a box's side, added on each side of it


@dataclass(frozen=True, slots=True)
class Regions:
    """The things of a kind in one picture, the surest first.

    Attributes:
        boxes: (n, 4), pixels.
        scores: (n,), the detector's.
        features: (n, d), of the boxes' crops.
    """

    boxes: Boxes
    scores: NDArray[np.float64]
    features: Features


class RegionFinder:
    """Finds things of a kind and embeds their crops, each picture once for each kind however often it comes.

    The detector is asked for one kind at a time: on 80 Newsworld photographs it then finds the right thing in all of them at the
    default score; with all 18 kinds in its prompts in 95 %, and at three times the cost, since they need three prompts.

    Args:
        detector: Finds boxes.
        embedder: Of crops; one that remembers what it has seen (`CachedImages`) shares it with other users.
        settings: What is looked for.
    """

    def __init__(self, detector: Detector, embedder: ImageEmbedder, settings: RegionSettings | None = None) -> None:
        self.settings = settings or RegionSettings()
        self._detector, self._embedder = detector, embedder
        self._kept: OrderedDict[tuple[bytes, str], Regions] = OrderedDict()

    def find(self, images: Sequence[Image.Image], kinds: Sequence[str]) -> list[Regions]:
        """Return the regions of n pictures; those that are new go through detector and embedder in one call each.

        Args:
            images: n RGB pictures.
            kinds: For each the detector's word for what is looked for; "" for a thing of any kind.

        Raises:
            RuntimeError: A model fails (or another of `annotate.base.MODEL_ERRORS`).
            OSError: A model is not to be had.
        """
        keys = [(content_key(image), kind) for image, kind in zip(images, kinds, strict=True)]
        found = {key: self._kept[key] for key in keys if key in self._kept}
        fresh = {key: image for key, image in zip(keys, images, strict=True) if key not in found}
        if fresh:
            searched = self._search(list(fresh.values()), [kind for _, kind in fresh])
            found |= dict(zip(fresh, searched, strict=True))
        for key in keys:
            self._kept[key] = found[key]
            self._kept.move_to_end(key)
        while len(self._kept) > _KEPT_PICTURES:
            self._kept.popitem(last=False)
        return [found[key] for key in keys]

    def embed(self, images: Sequence[Image.Image], boxes: Sequence[Boxes]) -> list[Features]:
        """Return for each picture the features (n, d) of its n boxes' crops."""
        crops = [
            crop(image, box, self.settings.margin) for image, own in zip(images, boxes, strict=True) for box in own
        ]
        features = self._embedder.embed(crops)
        ends = np.cumsum([len(own) for own in boxes]).tolist()
        return [features[end - len(own) : end] for own, end in zip(boxes, ends, strict=True)]

    def whole(self, images: Sequence[Image.Image]) -> Features:
        """Return the features (n, d) of whole pictures."""
        return self._embedder.embed(images)

    def _search(self, images: list[Image.Image], kinds: list[str]) -> list[Regions]:
        kept = []
        for found in self._detector.detect(images, [[kind] if kind else self.settings.kinds for kind in kinds]):
            scores, sides = found.scores.max(1, initial=0), found.boxes[:, 2:] - found.boxes[:, :2]
            good = (scores >= self.settings.box_score) & (sides.min(1, initial=1e9) >= _LEAST_SIDE)
            rows = np.flatnonzero(good)[: self.settings.max_boxes]
            kept.append((found.boxes[rows], scores[rows]))
        features = self.embed(images, [boxes for boxes, _ in kept])
        return [Regions(boxes, scores, rows) for (boxes, scores), rows in zip(kept, features, strict=True)]


def crop(image: Image.Image, box: NDArray[np.float64], margin: float) -> Image.Image:
    """Cut out a box with `margin` times its side added on each side, as far as the picture reaches."""
    x0, y0, x1, y1 = (float(value) for value in box)
    dx, dy = margin * (x1 - x0), margin * (y1 - y0)
    left, top = max(0, int(x0 - dx)), max(0, int(y0 - dy))
    right, bottom = min(image.width, int(np.ceil(x1 + dx))), min(image.height, int(np.ceil(y1 + dy)))
    return image.crop((left, top, max(left + 1, right), max(top + 1, bottom)))


@dataclass(frozen=True, slots=True)
class Prototype:
    """What a name looks like.

    Attributes:
        feature: (d,), of unit length.
        pictures: How many pictures the cluster has a crop in.
        shown: How many pictures there were.
        cohesion: Mean likeness of the cluster's members to it.
    """

    feature: Features
    pictures: int
    shown: int
    cohesion: float


def make_prototype(
    features: Sequence[Features], weights: Sequence[NDArray[np.float64]], reach: float
) -> Prototype | None:
    """Find what most pictures have in common: the largest cluster of their crops, and its mean.

    Crops are clustered by average linkage over cosine distance. A cluster counts the *pictures* it has crops in, since two crops
    of one picture are two things; of each picture only the crop nearest to the cluster's centre belongs to the mean. Of clusters
    in equally many pictures, the one whose crops weigh more wins.

    Args:
        features: For each picture its crops' features (n, d); pictures without any count as not shown.
        weights: For each picture what speaks for each crop beforehand, (n,).
        reach: Mean cosine distance up to which clusters are joined.

    Returns:
        The prototype, or None where there is no crop at all.
    """
    owners = np.repeat(np.arange(len(features)), [len(rows) for rows in features])
    if not len(owners):
        return None
    rows, weight = np.concatenate(list(features)), np.concatenate(list(weights))
    best: tuple[tuple[int, float], NDArray[np.intp]] | None = None
    for label in np.unique(labels := _clusters(rows, reach)):
        inside = np.flatnonzero(labels == label)
        nearness = rows[inside] @ unit_rows(rows[inside].mean(0, keepdims=True))[0]
        order = inside[np.argsort(-nearness, kind="stable")]
        members = order[np.unique(owners[order], return_index=True)[1]]  # the first, so the nearest, of each picture
        rank = len(members), float(weight[members].sum())
        if best is None or rank > best[0]:
            best = rank, members
    assert best is not None
    members = best[1]
    feature = unit_rows(rows[members].mean(0, keepdims=True))[0]
    return Prototype(feature, len(members), len(np.unique(owners)), float((rows[members] @ feature).mean()))


def _clusters(rows: Features, reach: float) -> NDArray[Any]:
    from sklearn.cluster import AgglomerativeClustering

    if len(rows) == 1:
        return np.zeros(1, int)
    joined = AgglomerativeClustering(n_clusters=None, metric="cosine", linkage="average", distance_threshold=reach)
    labels: NDArray[Any] = joined.fit_predict(rows.astype(np.float64))
    return labels


class Prototypes:
    """Prototypes of reference pictures, each set of pictures computed once.

    Args:
        finder: Finds and embeds what the pictures show.
        reach: See `make_prototype`.
    """

    def __init__(self, finder: RegionFinder, reach: float) -> None:
        self._finder, self._reach = finder, reach
        self._kept: OrderedDict[tuple[str, ...], Prototype] = OrderedDict()

    def of(self, wanted: Sequence[tuple[str, Sequence[Reference]]]) -> list[Prototype]:
        """Return the prototype of each hypernym ("" where it is not known) and non-empty set of pictures.

        Raises:
            ValueError: A set has no picture.
        """
        made = []
        for hypernym, references in wanted:
            key = (hypernym, *sorted(content_key(reference.image).hex() for reference in references))
            if key not in self._kept:
                self._kept[key] = self._make(hypernym, [reference.image for reference in references])
            self._kept.move_to_end(key)
            made.append(self._kept[key])
        while len(self._kept) > _KEPT_PROTOTYPES:
            self._kept.popitem(last=False)
        return made

    def _make(self, hypernym: str, images: list[Image.Image]) -> Prototype:
        features, weights = [], []
        for image, found in zip(images, self._finder.find(images, [hypernym] * len(images)), strict=True):
            areas = (found.boxes[:, 2:] - found.boxes[:, :2]).prod(1) / (image.width * image.height)
            features.append(found.features if len(areas) else self._finder.whole([image]))
            weights.append(np.sqrt(areas) if len(areas) else np.zeros(1))
        prototype = make_prototype(features, weights, self._reach)
        if prototype is None:
            raise ValueError("no prototype of no pictures")
        return prototype
