"""Pools of rendered pictures and the training batches drawn from them.

Rendering is slower than training on a picture, so pictures are rendered once into a memory-mapped pool and met again
in other crops, mirror images and colours.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from nest_builder.newsworld.scenes import Scene, random_training_scene
from nest_builder.tiny.mask_scenes import LabelledPicture, random_picture

log = logging.getLogger(__name__)

Generator = np.random.Generator

CELL = 2
"""Pixels a cell of the mask decoder's output: it gives four cells a patch of eight pixels."""
_LEAST_AREA = 3.0
"""Pixels of the smallest prompted instance."""
POOL_SIZE = 224
"""Longest side of a pooled picture: somewhat more than the model sees, so that crops stay sharp."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Colour normalisation of SAM's published preprocessing."""
_ASPECTS = ((168, 224), (224, 224), (224, 168), (150, 224))
_ASPECT_SHARES = (0.5, 0.25, 0.15, 0.1)
_RENDER_SCALE = 1.5
"""Newsworld is rendered larger and reduced, as its 480-pixel photographs are by the processor."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Pictures in a fixed frame, top left aligned.

    Attributes:
        images: uint8, (n, POOL_SIZE, POOL_SIZE, 3).
        labels: uint8, (n, POOL_SIZE, POOL_SIZE); instance numbers, 0 background.
        sizes: (n, 2), height and width of each picture inside its frame.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    sizes: NDArray[np.int64]

    def picture(self, index: int) -> LabelledPicture:
        """The picture without its frame."""
        height, width = self.sizes[index]
        return LabelledPicture(self.images[index, :height, :width], self.labels[index, :height, :width])

    def part(self, start: int, stop: int) -> Pool:
        """The pictures `start` to `stop` as a view."""
        return Pool(self.images[start:stop], self.labels[start:stop], self.sizes[start:stop])


@dataclass(frozen=True, slots=True)
class Mix:
    """How samples are cut from the pool.

    Attributes:
        cell: side of the targets' cells in pixels.
        mosaics: share of mosaics, which hold small things.
        closeups: share of windows around one thing.
    """

    cell: int = CELL
    mosaics: float = 0.0
    closeups: float = 0.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Prompts and targets, P prompts a picture; S is the side of the padded pictures, T that of the targets.

    Attributes:
        pixels: float32, (B, 3, S, S), normalised, padded with zeros right and below.
        boxes: float32, (B, P, 4), x0 y0 x1 y1 in pixels of the padded picture; jittered.
        points: float32, (B, P, 1, 2), a pixel inside each target.
        targets: float32, (B, P, T, T), covered share of each cell.
        labels: uint8, (B, S / CELL, S / CELL), the number of the instance in each cell, 0 for background.
    """

    pixels: torch.Tensor
    boxes: torch.Tensor
    points: torch.Tensor
    targets: torch.Tensor
    labels: torch.Tensor


def flatten_scene(scene: Scene, width: int, height: int) -> LabelledPicture:
    """A Newsworld scene reduced to (height, width), its visible masks as one label map."""
    labels = np.zeros((scene.image.height, scene.image.width), np.uint8)
    for number, instance in enumerate(scene.instances, 1):
        labels[instance.mask] = number
    small = Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST)
    return LabelledPicture(np.asarray(scene.image.resize((width, height), Image.Resampling.BOX)), np.asarray(small))


def newsworld_picture(rng: Generator, height: int, width: int) -> LabelledPicture:
    """A rendering of nameless Newsworld objects."""
    scene = random_training_scene(rng, int(width * _RENDER_SCALE), int(height * _RENDER_SCALE))
    return flatten_scene(scene, width, height)


SOURCES: dict[str, Callable[[Generator, int, int], LabelledPicture]] = {
    "newsworld": newsworld_picture,
    "procedural": random_picture,
}


def build_pool(folder: Path, source: str, count: int, seed: int) -> Pool:
    """Renders `count` pictures of a source into `folder`, or takes them from there if they are the same.

    Args:
        folder: where the arrays go; made if missing.
        source: a key of `SOURCES`.
        count: number of pictures.
        seed: decides every picture; picture i depends on (seed, source, i) alone.

    Raises:
        KeyError: for an unknown source.
    """
    render = SOURCES[source]
    stamp = folder / f"{source}.json"
    wanted = {"count": count, "seed": seed, "size": POOL_SIZE}
    names = {name: folder / f"{source}-{name}.npy" for name in ("images", "labels", "sizes")}
    if not (stamp.is_file() and json.loads(stamp.read_text()) == wanted):
        folder.mkdir(parents=True, exist_ok=True)
        images = np.lib.format.open_memmap(names["images"], "w+", np.uint8, (count, POOL_SIZE, POOL_SIZE, 3))
        labels = np.lib.format.open_memmap(names["labels"], "w+", np.uint8, (count, POOL_SIZE, POOL_SIZE))
        sizes = np.zeros((count, 2), np.int64)
        for i in range(count):
            rng = np.random.default_rng([seed, list(SOURCES).index(source), i])
            height, width = _ASPECTS[int(rng.choice(len(_ASPECTS), p=_ASPECT_SHARES))]
            picture = render(rng, height, width)
            images[i, :height, :width], labels[i, :height, :width] = picture.image, picture.labels
            sizes[i] = height, width
            if i % 500 == 499:
                log.info("pool %s: %d of %d", source, i + 1, count)
        images.flush()
        labels.flush()
        np.save(names["sizes"], sizes)
        stamp.write_text(json.dumps(wanted))  # last: a broken render leaves no stamp
    arrays = {name: np.load(path, mmap_mode="r") for name, path in names.items()}
    return Pool(arrays["images"], arrays["labels"], np.asarray(arrays["sizes"]))


def crop(rng: Generator, picture: LabelledPicture) -> LabelledPicture:
    """A random window of at least 45 % of each side, mirrored half the time; three pictures in ten stay whole."""
    height, width = picture.labels.shape
    image, labels = picture.image, picture.labels
    if rng.random() < 0.7:
        zoom = rng.uniform(0.55, 1)
        h, w = (max(16, int(side * min(1.0, zoom * np.exp(rng.normal(0, 0.12))))) for side in (height, width))
        y, x = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
        image, labels = image[y : y + h, x : x + w], labels[y : y + h, x : x + w]
    if rng.random() < 0.5:
        image, labels = image[:, ::-1], labels[:, ::-1]
    return LabelledPicture(np.ascontiguousarray(image), np.ascontiguousarray(labels))


def closeup(rng: Generator, picture: LabelledPicture) -> LabelledPicture:
    """A window of 1.2 to 3 times the longer side of an instance around it, as large as the picture allows.

    Instances are drawn by how much of their box belongs to others: it is those that a mask runs over from or into.
    """
    numbers = np.unique(picture.labels[picture.labels > 0])
    if len(numbers) == 0:
        return picture
    corners, crowds = [], []
    for number in numbers:
        inside = np.argwhere(picture.labels == number)
        low, high = inside.min(0), inside.max(0) + 1
        within = picture.labels[low[0] : high[0], low[1] : high[1]]
        corners.append((low, high))
        crowds.append(0.1 + ((within > 0) & (within != number)).mean())
    low, high = corners[int(rng.choice(len(numbers), p=np.array(crowds) / sum(crowds)))]
    side = max(16.0, float((high - low).max()) * rng.uniform(1.2, 3))
    corner = (low + high) / 2 - side * rng.uniform(0.4, 0.6, 2)
    limit = np.array(picture.labels.shape)
    y0, x0 = np.clip(corner, 0, np.maximum(limit - side, 0)).astype(int)
    y1, x1 = np.minimum(np.ceil([y0 + side, x0 + side]), limit).astype(int)
    return LabelledPicture(picture.image[y0:y1, x0:x1], picture.labels[y0:y1, x0:x1])


def recolour(rng: Generator, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Exposure, contrast, colour cast, swapped channels, grey, noise; float32 in [0, 1], shape as the image."""
    pixels = image.astype(np.float32) / 255
    if rng.random() < 0.15:
        pixels = pixels[..., rng.permutation(3)]
    if rng.random() < 0.05:
        pixels = pixels.mean(-1, keepdims=True).repeat(3, -1)
    if rng.random() < 0.7:
        gain = rng.normal(1, 0.12) * rng.normal(1, 0.06, 3)
        pixels = (pixels - 0.5) * gain.astype(np.float32) + 0.5 + np.float32(rng.normal(0, 0.06))
    if rng.random() < 0.3:
        pixels = pixels + rng.standard_normal(pixels.shape, np.float32) * np.float32(rng.uniform(0, 0.05))
    return np.clip(pixels, 0, 1)


def jitter_box(rng: Generator, box: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """A box as a small detector would give it: every edge off by up to about a tenth of the side, inside the picture.

    Args:
        rng: the source of chance.
        box: x0, y0, x1, y1.
        height: of the picture, in pixels.
        width: of the picture, in pixels.
    """
    sides = np.tile(box[2:] - box[:2], 2)
    strength = 0.0 if rng.random() < 0.35 else rng.uniform(0, 0.06)
    moved = box + np.clip(rng.normal(0, 1, 4), -2, 2) * strength * sides
    return np.clip(moved, 0, [width, height, width, height])


def mosaic(rng: Generator, pool: Pool, across: int) -> LabelledPicture:
    """Square windows of `across` x `across` pictures side by side: what is large in one picture is small in many.

    Half of the instances in a photograph measure less than an eighth of its side.
    """
    side = 2 * POOL_SIZE // across
    image = np.zeros((across * side, across * side, 3), np.uint8)
    labels = np.zeros((across * side, across * side), np.uint8)
    used = 0
    for tile in range(across**2):
        picture = pool.picture(int(rng.integers(len(pool.sizes))))
        window = min(picture.labels.shape)
        y, x = (int(rng.integers(0, extent - window + 1)) for extent in picture.labels.shape)
        box = (x, y, x + window, y + window)
        small = Image.fromarray(picture.image).resize((side, side), Image.Resampling.BILINEAR, box)
        numbers = np.asarray(Image.fromarray(picture.labels).resize((side, side), Image.Resampling.NEAREST, box))
        top, left = tile // across * side, tile % across * side
        image[top : top + side, left : left + side] = np.asarray(small)
        if used + int(numbers.max()) <= 255:
            labels[top : top + side, left : left + side] = np.where(numbers > 0, numbers + used, 0)
            used += int(numbers.max())
    return LabelledPicture(image, labels)


def draw_sample(rng: Generator, pool: Pool, prompts: int, size: int, mix: Mix) -> tuple[NDArray[Any], ...]:
    """One picture of longest side `size` with `prompts` prompted instances: the fields of `Batch`, without B.

    Pictures without a usable instance are passed over; instances repeat, with another jitter, where there are too few.

    Args:
        rng: the source of chance.
        pool: the pictures.
        prompts: number of prompts.
        size: longest side in pixels.
        mix: how samples are cut.

    Raises:
        ValueError: if a hundred pictures in a row show nothing (the pool is broken).
    """
    for _ in range(100):
        if mix.mosaics > 0 and rng.random() < mix.mosaics:
            picture = mosaic(rng, pool, int(rng.integers(2, 6)))
        elif mix.closeups > 0 and rng.random() < mix.closeups:
            picture = closeup(rng, pool.picture(int(rng.integers(len(pool.sizes)))))
        else:
            picture = crop(rng, pool.picture(int(rng.integers(len(pool.sizes)))))
        scale = size / max(picture.labels.shape)
        seen = np.bincount(picture.labels.ravel())[1:] * scale**2
        usable = np.flatnonzero(seen >= _LEAST_AREA) + 1
        if len(usable) > 0:
            break
    else:
        raise ValueError("no picture of the pool shows an instance")
    height, width = (int(side * scale + 0.5) for side in picture.labels.shape)
    small = Image.fromarray(picture.image).resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.zeros((3, size, size), np.float32)
    colours = (recolour(rng, np.asarray(small)) - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    pixels[:, :height, :width] = colours.transpose(2, 0, 1)
    chosen = np.resize(rng.permutation(usable), prompts)
    cell = mix.cell
    boxes, points = np.zeros((prompts, 4), np.float32), np.zeros((prompts, 1, 2), np.float32)
    targets = np.zeros((prompts, size // cell, size // cell), np.float32)
    for k, number in enumerate(chosen):
        mask = picture.labels == number
        inside = np.argwhere(mask)
        low, high = inside.min(0), inside.max(0) + 1
        tight = (
            np.array([low[1], low[0], high[1], high[0]]) * np.tile([width, height], 2) / np.tile(mask.shape[::-1], 2)
        )
        boxes[k] = jitter_box(rng, tight, height, width)
        points[k, 0] = (inside[int(rng.integers(len(inside))), ::-1] + 0.5) * scale - 0.5
        frame = np.zeros((size, size), np.float32)
        share = Image.fromarray(mask.view(np.uint8) * 255).resize((width, height), Image.Resampling.BOX)
        frame[:height, :width] = np.asarray(share, np.float32) / 255
        targets[k] = frame.reshape(size // cell, cell, size // cell, cell).mean((1, 3))
    labels = np.zeros((size, size), np.uint8)
    labels[:height, :width] = np.asarray(
        Image.fromarray(picture.labels).resize((width, height), Image.Resampling.NEAREST)
    )
    return pixels, boxes, points, targets, labels[::CELL, ::CELL]


def draw_batch(
    rng: Generator,
    pools: Sequence[Pool],
    count: int,
    prompts: int,
    size: int,
    mix: Mix,
    shares: Sequence[float] | None = None,
) -> Batch:
    """`count` samples, each from one of the pools by chance (equally, or by `shares`); the rest as for `draw_sample`."""
    drawn = rng.choice(len(pools), size=count, p=shares)
    return Batch(
        *(
            torch.from_numpy(np.stack(column))
            for column in zip(*(draw_sample(rng, pools[at], prompts, size, mix) for at in drawn), strict=True)
        )
    )
