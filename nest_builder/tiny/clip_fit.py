"""Fits the thresholds of `rose.visual_prompt` and the curve of `rose.visual_entities` to an embedder, on Newsworld.

    python -m nest_builder.tiny.clip_fit data/models/clip-tiny --seeds 0 1 2 3 4 --entities 12

For each entity that is new in a seed's world: up to four photographs of it make the prototype, through the detector's boxes, one
more is asked about. From the similarities follows, for any thresholds, what VPE would do to a mask of the right thing and to one
of another thing in the picture; those that leave most masks right are printed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression

from nest_builder.annotate.boxes import box_iou
from nest_builder.annotate.detect import GroundingDino
from nest_builder.config import AnnotateSettings
from nest_builder.newsworld.model import Photo
from nest_builder.newsworld.scenes import Instance
from nest_builder.newsworld.world import World
from nest_builder.rose.base import Reference
from nest_builder.rose.embed import CachedImages, ClipImages
from nest_builder.rose.regions import Prototypes, RegionFinder

log = logging.getLogger(__name__)

REFERENCES = 4
RIGHT = 0.5  # IoU from which a box is of an instance
REACHES = (0.3, 0.4, 0.5)


@dataclass(frozen=True, slots=True)
class Trial:
    """One entity and one photograph of it.

    Attributes:
        similar: for each reach, similarity of each box of the kind to the prototype, the right box first.
        absent: for each reach, the best similarity to it in a photograph that does not show it.
    """

    similar: tuple[NDArray[np.float32], ...]
    absent: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """Thresholds and what they give, in shares.

    Attributes:
        best: masks right in the end, of right and wrong ones alike.
        kept: right masks that stay right.
        mended: wrong masks that become right.
        nearest: pictures whose box most like the prototype is the right one.
    """

    reach: float
    verify: float
    margin: float
    accept: float
    best: float
    kept: float
    mended: float
    nearest: float


def photographs(world: World) -> Iterator[tuple[str, list[Photo]]]:
    """The photographs whose subject is an entity that the world before the cutoff did not know, by its key."""
    for key, entity in world.entities.items():
        own = [photo for photo in world.photos.values() if photo.subject == key and not photo.base]
        if entity.status == "novel" and len(own) > REFERENCES // 2:
            yield key, own


def trials(seeds: Sequence[int], entities: int, finder: RegionFinder) -> Iterator[Trial]:
    """Try the first so many entities of each seed, each against the next one's photograph for absence."""
    prototypes = [Prototypes(finder, reach) for reach in REACHES]
    for seed in seeds:
        world = World(seed)
        chosen = list(itertools.islice(photographs(world), entities))
        for number, (key, own) in enumerate(chosen):
            kind = world.entities[key].category
            # A name that the picture does not show is mistaken for one of its kind, if at all.
            others = [*chosen[number + 1 :], *chosen[:number]]
            rival = next((photos for name, photos in others if world.entities[name].category == kind), others[0][1])
            image, instances = world.pictures.scene(own[-1].url)
            truth = next((one for one in instances if one.key == key), None)
            shown = [Reference(world.pictures.scene(photo.url)[0], photo.url, "") for photo in own[:-1][:REFERENCES]]
            other = world.pictures.scene(rival[0].url)
            if truth is None or any(one.key == key for one in other[1]):
                continue
            made = [known.of([(kind, shown)])[0].feature for known in prototypes]
            placed = _features(finder, image, truth, kind)
            absent = finder.find([other[0]], [kind])[0].features
            if placed is not None:
                yield Trial(
                    tuple(placed @ feature for feature in made),
                    tuple(float((absent @ feature).max(initial=-1)) for feature in made),
                )
        log.info("seed %d done", seed)


def _features(finder: RegionFinder, image: Image.Image, truth: Instance, kind: str) -> NDArray[np.float32] | None:
    """Features of the boxes of the kind, that of the true instance first; None where the detector has not found it."""
    regions = finder.find([image], [kind])[0]
    if not len(regions.boxes):
        return None
    overlap = box_iou(np.array([truth.box]), regions.boxes)[0]
    right = int(np.argmax(overlap))
    if overlap[right] < RIGHT:
        return None
    order = [right, *(at for at in range(len(overlap)) if at != right)]
    found: NDArray[np.float32] = regions.features[order]
    return found


def outcome(similar: NDArray[np.float32], start: int, verify: float, margin: float, accept: float) -> int:
    """The index of the box that VPE ends with when the mask is that of box `start`; see `VisualPrompt`."""
    best = int(np.argmax(similar))
    if best == start or (similar[start] >= verify and similar[best] - similar[start] < margin):
        return start
    return best if similar[best] >= accept else start


def fit(done: Sequence[Trial]) -> Fit:
    """The thresholds that leave most masks right; of equals those nearest to the middle of what was tried."""
    fits = []
    for number, reach in enumerate(REACHES):
        tables = [trial.similar[number] for trial in done]
        nearest = float(np.mean([np.argmax(table) == 0 for table in tables]))
        grid = itertools.product(np.arange(0.5, 0.9, 0.05), np.arange(0.0, 0.3, 0.05), np.arange(0.3, 0.8, 0.05))
        for verify, margin, accept in grid:
            limits = float(verify), float(margin), float(accept)
            kept = np.mean([outcome(table, 0, *limits) == 0 for table in tables])
            wrong = [outcome(table, at, *limits) == 0 for table in tables for at in range(1, len(table))]
            mended = np.mean(wrong) if wrong else 1.0
            total = float(kept + mended) / 2
            first, second, third = (round(limit, 2) for limit in limits)
            fits.append(Fit(reach, first, second, third, total, float(kept), float(mended), nearest))
    most = max(one.best for one in fits) - 0.002
    return min(
        (one for one in fits if one.best >= most),
        key=lambda one: abs(one.verify - 0.7) + abs(one.margin - 0.1) + abs(one.accept - 0.55),
    )


def curve(done: Sequence[Trial], reach: float) -> tuple[float, float]:
    """Middle and width of the logistic curve from the best similarity to "the picture shows it"."""
    number = REACHES.index(reach)
    shown = [float(trial.similar[number].max()) for trial in done]
    absent = [trial.absent[number] for trial in done]
    table = np.array([*shown, *absent])[:, None]
    model = LogisticRegression(C=100.0).fit(table, [1] * len(shown) + [0] * len(absent))
    slope, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    return -offset / slope, 1 / slope


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--entities", type=int, default=12, help="of each seed")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    finder = RegionFinder(GroundingDino(AnnotateSettings()), CachedImages(ClipImages(str(arguments.model))))
    done = list(trials(arguments.seeds, arguments.entities, finder))
    found = fit(done)
    middle, width = curve(done, found.reach)
    figures = asdict(found) | {"middle": round(middle, 3), "width": round(width, 3), "trials": len(done)}
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
