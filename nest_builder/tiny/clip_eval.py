"""How well a CLIP model knows the same thing again: `python -m nest_builder.tiny.clip_eval FOLDER --groups 200 --seed 1`.

Each group is a thing of a new look with three reference photographs, and one photograph of full size in which it stands among
three others of its kind: of any colours, or all of its own colour ("hard"). All boxes are jittered as a detector's are. The
prototype is the mean of the three references' features, as in `rose.regions`.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nest_builder.newsworld.looks import CATEGORIES, Look, anonymous_look, new_look
from nest_builder.newsworld.scenes import Scene, compose, render, to_jpeg
from nest_builder.rose.embed import ClipImages, unit_rows
from nest_builder.rose.regions import RegionSettings, crop

log = logging.getLogger(__name__)

OTHERS = 3
REFERENCES = 3
SIZES = ((480, 360), (480, 360), (400, 400), (360, 480), (640, 480))  # those of Newsworld's photographs
JITTER = 0.05  # by how much of its side a detector's box is off


@dataclass(frozen=True, slots=True)
class Group:
    """Crops of one test.

    Attributes:
        references: of the thing, `REFERENCES` of them.
        candidates: the thing first, then `OTHERS` others of its kind.
    """

    references: tuple[Image.Image, ...]
    candidates: tuple[Image.Image, ...]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What came out.

    Attributes:
        accuracy: share of groups whose nearest candidate is the thing itself.
        same: mean similarity of the thing to its prototype.
        other: mean similarity of the nearest other thing.
        groups: how many.
    """

    accuracy: float
    same: float
    other: float
    groups: int


def draw_group(rng: np.random.Generator, *, hard: bool, grey: bool = False) -> Group:
    """Photograph a thing and its rivals.

    Args:
        rng: source of every choice.
        hard: all in one main colour.
        grey: everything but the thing itself is grey, as if masks were at hand.
    """
    category = CATEGORIES[int(rng.integers(len(CATEGORIES)))]
    look = new_look(rng, category)
    rivals: list[Look] = []
    while len(rivals) < OTHERS:
        drawn = anonymous_look(rng, category)
        # As in Newsworld's pictures: a double in pattern and emblem too is no other thing to anyone.
        if (drawn.colour == look.colour or not hard) and (drawn.pattern, drawn.emblem) != (look.pattern, look.emblem):
            rivals.append(drawn)
    references = []
    for _ in range(REFERENCES):
        around = [anonymous_look(rng, CATEGORIES[int(rng.integers(len(CATEGORIES)))]) for _ in range(rng.integers(3))]
        references.append(_crops(rng, [look, *around], grey)[0])
    return Group(tuple(references), tuple(_crops(rng, [look, *rivals], grey)))


def _crops(rng: np.random.Generator, looks: list[Look], grey: bool) -> list[Image.Image]:
    """One photograph's crops, in the order of the looks."""
    width, height = SIZES[int(rng.integers(len(SIZES)))]
    scene: Scene = render(compose(rng, [(look, str(n)) for n, look in enumerate(looks)], width, height))
    image = Image.open(io.BytesIO(to_jpeg(scene.image, int(rng.integers(80, 93))))).convert("RGB")
    crops = []
    for instance in sorted(scene.instances, key=lambda one: int(one.key or 0)):
        x0, y0, x1, y1 = instance.box
        off = rng.uniform(-JITTER, JITTER, 4) * np.array([x1 - x0, y1 - y0, x1 - x0, y1 - y0])
        shown = image
        if grey:
            pixels = np.asarray(image).copy()
            pixels[~instance.mask] = 128
            shown = Image.fromarray(pixels)
        crops.append(crop(shown, np.array(instance.box) + off, RegionSettings().margin))
    return crops


def groups(seed: int, count: int, *, hard: bool, grey: bool = False) -> Iterator[Group]:
    """The groups of a seed; each is its own draw, so that fewer are the first of more."""
    for number in range(count):
        yield draw_group(np.random.default_rng([seed, 77, number, hard]), hard=hard, grey=grey)


def similarities(embedder: ClipImages, drawn: list[Group]) -> NDArray[np.float32]:
    """Similarity of each candidate to the group's prototype, (groups, 1 + OTHERS); the right one comes first."""
    features = embedder.embed([image for group in drawn for image in (*group.references, *group.candidates)])
    table = features.reshape(len(drawn), REFERENCES + 1 + OTHERS, -1)
    prototypes = unit_rows(table[:, :REFERENCES].mean(1))
    found: NDArray[np.float32] = np.einsum("gd,gcd->gc", prototypes, table[:, REFERENCES:])
    return found


def retrieval(embedder: ClipImages, drawn: list[Group]) -> Retrieval:
    """Score a model on groups."""
    found = similarities(embedder, drawn)
    rival = found[:, 1:].max(1)
    return Retrieval(float((found[:, 0] > rival).mean()), float(found[:, 0].mean()), float(rival.mean()), len(drawn))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--groups", type=int, default=200, help="of each sort")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--grey", action="store_true", help="grey out what is not the thing, by true masks")
    arguments = parser.parse_args()
    embedder = ClipImages(str(arguments.model))
    for name, hard in (("any colour", False), ("one colour", True)):
        found = retrieval(embedder, list(groups(arguments.seed, arguments.groups, hard=hard, grey=arguments.grey)))
        figures = {
            "accuracy": round(found.accuracy, 3),
            "same": round(found.same, 3),
            "other": round(found.other, 3),
            "groups": found.groups,
        }
        sys.stdout.write(json.dumps({name: figures}) + "\n")


if __name__ == "__main__":
    main()
