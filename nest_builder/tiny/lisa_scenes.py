"""Pictures for LISA-tiny: things of the canon among distractors of their own kind, rendered once into arrays on disk.

Nothing in them is newer than the cutoff: named things are the canon's, all others are nameless.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from PIL import Image

from nest_builder.newsworld.canon import Canon
from nest_builder.newsworld.looks import (
    CATEGORIES,
    COLOURS,
    EMBLEMS,
    PATTERNS,
    SHAPE_PARAMETERS,
    Look,
    anonymous_look,
    new_look,
)
from nest_builder.newsworld.model import Entity
from nest_builder.newsworld.scenes import Scene, SceneSpec, compose, render

log = logging.getLogger(__name__)

SIDE = 192  # of both views: the squeezed one of the vision tower, the padded one of SAM
GRID = 12  # patches along a side of the tower's picture
RENDER_SIZES = ((288, 216), (288, 216), (240, 240), (216, 288), (320, 240))  # 0.6 of Newsworld's photographs
COLOUR_NAMES = tuple(COLOURS)
COVERED = 0.4  # a patch belongs to a thing that covers this share of it
NAMELESS = -1
_NUMBERS = ("entity", "category", "colour", "second", "pattern", "emblem", "variant")
ROW = np.dtype([*((name, "i2") for name in _NUMBERS), ("area", "f4"), ("box", "f4", (4,))])

Looks = list[tuple[Look, str | None]]


@dataclass(frozen=True, slots=True)
class Pool:
    """Rendered scenes.

    Attributes:
        squeezed: (n, SIDE, SIDE, 3) uint8, the whole picture whatever its proportions.
        framed: (n, SIDE, SIDE, 3) uint8, the longest side reduced to SIDE, aligned top left, black elsewhere.
        labels: (n, SIDE, SIDE) uint8 in the frame, 1 + the number of the thing seen there, 0 for none.
        patches: (n, GRID, GRID) uint8, the same for the patches of the squeezed picture.
        rows: flat rows of `ROW`; those of scene i are `rows[starts[i]:starts[i + 1]]`, boxes (x0, y0, x1, y1) as shares
            of the picture.
        starts: (n + 1,).
    """

    squeezed: NDArray[np.uint8]
    framed: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    patches: NDArray[np.uint8]
    rows: NDArray[np.void]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.squeezed)

    def things(self, index: int) -> NDArray[np.void]:
        """The things of a scene, as rows."""
        return self.rows[self.starts[index] : self.starts[index + 1]]


def known_looks(rng: np.random.Generator, canon: Canon, subject: Entity) -> Looks:
    """A thing of the canon, and beside it up to three others: rivals, nameless things of its kind, other things."""
    looks: Looks = [(subject.look, subject.key)]
    for _ in range(int(rng.choice(4, p=(0.14, 0.31, 0.32, 0.23)))):
        dice = rng.random()
        shown = {key for _, key in looks}
        rivals = [e for e in canon.entities if (dice >= 0.22 or e.category == subject.category) and e.key not in shown]
        if dice < 0.36:
            rival = rivals[int(rng.integers(len(rivals)))]
            looks.append((rival.look, rival.key))
        elif dice < 0.66:
            looks.append((_nameless(rng, subject.look, same_colour=dice >= 0.6), None))
        else:
            looks.append((anonymous_look(rng, CATEGORIES[int(rng.integers(len(CATEGORIES)))]), None))
    return looks


def unknown_looks(rng: np.random.Generator) -> Looks:
    """One to four things without names, wider in looks than the canon; often two of a kind."""
    count = int(rng.choice(4, p=(0.1, 0.35, 0.35, 0.2))) + 1
    category = "person" if rng.random() < 0.3 else CATEGORIES[int(rng.integers(len(CATEGORIES)))]
    looks = [new_look(rng, category)]
    while len(looks) < count:
        if rng.random() < 0.5:
            looks.append(_nameless(rng, looks[0], same_colour=rng.random() < 0.15))
        else:
            looks.append(anonymous_look(rng, CATEGORIES[int(rng.integers(len(CATEGORIES)))]))
    return [(look, None) for look in looks]


def _nameless(rng: np.random.Generator, look: Look, *, same_colour: bool) -> Look:
    drawn = anonymous_look(rng, look.category)
    while (drawn.colour == look.colour) != same_colour:
        drawn = anonymous_look(rng, look.category)
    return drawn


def draw_subject(rng: np.random.Generator, canon: Canon) -> Entity:
    """A named thing; people are somewhat rarer than their number, and far commoner than any other kind."""
    people = [entity for entity in canon.entities if entity.category == "person"]
    things = [entity for entity in canon.entities if entity.category != "person"]
    group = people if rng.random() < 0.36 else things
    return group[int(rng.integers(len(group)))]


def draw_scene(rng: np.random.Generator, canon: Canon, size: tuple[int, int]) -> SceneSpec:
    """A scene for the training: two in three show something of the canon."""
    known = rng.random() < 0.68
    looks = known_looks(rng, canon, draw_subject(rng, canon)) if known else unknown_looks(rng)
    return compose(rng, looks, *size)


def row_of(look: Look, entity: int, area: float, box: tuple[float, ...]) -> tuple[object, ...]:
    """A thing as a row of `ROW`."""
    numbers = (CATEGORIES.index(look.category), COLOUR_NAMES.index(look.colour), COLOUR_NAMES.index(look.second))
    emblem = -1 if look.emblem is None else EMBLEMS.index(look.emblem)
    return (entity, *numbers, PATTERNS.index(look.pattern), emblem, look.variant, area, box)


def look_of(row: np.void) -> Look:
    """The look in a row, as far as words can tell it: the shape is left at its middle."""
    emblem = int(row["emblem"])
    return Look(
        CATEGORIES[row["category"]],
        COLOUR_NAMES[row["colour"]],
        COLOUR_NAMES[row["second"]],
        PATTERNS[row["pattern"]],
        None if emblem < 0 else EMBLEMS[emblem],
        (0.5,) * SHAPE_PARAMETERS,
        int(row["variant"]),
    )


def framed_size(width: int, height: int) -> tuple[int, int]:
    """The size to which SAM's processor reduces a picture, (width, height)."""
    scale = SIDE / max(width, height)
    return int(width * scale + 0.5), int(height * scale + 0.5)


def views(scene: Scene, keys: dict[str, int]) -> tuple[NDArray[np.uint8], ...]:
    """A scene's squeezed and framed pictures, labels, patches and rows, shaped as in `Pool`."""
    width, height = scene.image.size
    small = framed_size(width, height)
    squeezed = np.asarray(scene.image.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    framed = np.zeros((SIDE, SIDE, 3), np.uint8)
    framed[: small[1], : small[0]] = np.asarray(scene.image.resize(small, Image.Resampling.BILINEAR))
    labels = np.zeros((SIDE, SIDE), np.uint8)
    patches = np.zeros((GRID, GRID), np.uint8)
    rows = []
    for number, instance in enumerate(scene.instances, 1):
        mask = Image.fromarray(instance.mask.astype(np.uint8) * 255)
        inside = np.asarray(mask.resize(small, Image.Resampling.BOX)) > 127
        labels[: small[1], : small[0]][inside] = number
        patches[np.asarray(mask.resize((GRID, GRID), Image.Resampling.BOX)) > COVERED * 255] = number
        x0, y0, x1, y1 = instance.box
        box = (x0 / width, y0 / height, x1 / width, y1 / height)
        entity = NAMELESS if instance.key is None else keys[instance.key]
        rows.append(row_of(instance.look, entity, float(instance.mask.mean()), box))
    return squeezed, framed, labels, patches, np.array(rows, ROW)


def render_pool(folder: Path, canon: Canon, count: int, seed: int, stream: int = 0) -> Pool:
    """Render `count` scenes into `folder`, or open the pool that a finished call left there.

    Scene i depends on (seed, stream, i) only.

    Raises:
        ValueError: The folder holds a pool of another size.
    """
    if not (folder / "starts.npy").exists():  # written last
        folder.mkdir(parents=True, exist_ok=True)
        keys = {entity.key: number for number, entity in enumerate(canon.entities)}
        shapes = ((SIDE, SIDE, 3), (SIDE, SIDE, 3), (SIDE, SIDE), (GRID, GRID))
        names = ("squeezed", "framed", "labels", "patches")
        arrays = [
            open_memmap(folder / f"{name}.npy", "w+", np.uint8, (count, *shape))
            for name, shape in zip(names, shapes, strict=True)
        ]
        rows, starts = [], [0]
        for index in range(count):
            rng = np.random.default_rng([seed, stream, index])
            scene = render(draw_scene(rng, canon, RENDER_SIZES[int(rng.integers(len(RENDER_SIZES)))]))
            *pictures, things = views(scene, keys)
            for array, picture in zip(arrays, pictures, strict=True):
                array[index] = picture
            rows.append(things)
            starts.append(starts[-1] + len(things))
            if index % 1000 == 999:
                log.info("rendered %d of %d scenes", index + 1, count)
        for array in arrays:
            array.flush()
        np.save(folder / "rows.npy", np.concatenate(rows))
        np.save(folder / "starts.npy", np.array(starts, np.int64))
    pool = Pool(
        squeezed=np.load(folder / "squeezed.npy", mmap_mode="r"),
        framed=np.load(folder / "framed.npy", mmap_mode="r"),
        labels=np.load(folder / "labels.npy", mmap_mode="r"),
        patches=np.load(folder / "patches.npy", mmap_mode="r"),
        rows=np.load(folder / "rows.npy"),
        starts=np.load(folder / "starts.npy"),
    )
    if len(pool) != count:
        raise ValueError(f"{folder} holds a pool of {len(pool)} scenes, not {count}")
    return pool
