"""Crops of the same things in different photographs, and the training batches drawn from them.

Photographs are rendered once, small, and cut into memory-mapped shards: of each thing, what lies in and a little around
its box. A batch cuts its crops anew, as a detector would: box jittered, with some margin.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nest_builder.newsworld.looks import Look
from nest_builder.newsworld.scenes import compose, render, to_jpeg
from nest_builder.tiny.clip_looks import FAMILY, draw_family

log = logging.getLogger(__name__)

VIEWS: Final = 5  # photographs of each look
STORED: Final = 104  # pixels of a stored region's side
AROUND: Final = 0.22  # of the box's side, stored on each side of it
CHUNK: Final = 8  # families that are photographed together and stand in each other's pictures
SHARD: Final = 32  # chunks of a file
_SIZES: Final = {1: ((96, 72), (96, 96)), 2: ((160, 120), (136, 136)), 3: ((240, 180), (200, 200), (180, 240))}
_COUNTS: Final = (0.15, 0.5, 0.35)
_LEAST_SEEN: Final = 0.45  # a thing that is hidden more than this is photographed again, alone
MAX_MARGIN: Final = 0.13  # of the box's side, on each side
JITTER: Final = 0.06  # by how much of its side a detector's box is off


@dataclass(frozen=True, slots=True)
class CropPool:
    """Rendered views of looks; look number n is the pool's n-th, four in a row make a family.

    Attributes:
        images: shards, each uint8 (looks of the shard, VIEWS, STORED, STORED, 3), memory-mapped.
        boxes: float32 (looks, VIEWS, 4): the box inside its region, in shares of the region's sides.
        looks: every look.
    """

    images: tuple[NDArray[np.uint8], ...]
    boxes: NDArray[np.float32]
    looks: tuple[Look, ...]

    def crop(self, look: int, view: int, window: Sequence[float], size: int) -> NDArray[np.uint8]:
        """The part `window` (x0, y0, x1, y1, in shares) of a view, squeezed to (size, size, 3)."""
        shard, at = divmod(look, len(self.images[0]))
        region = Image.fromarray(self.images[shard][at, view])
        x0, y0, x1, y1 = (value * STORED for value in window)
        return np.asarray(region.resize((size, size), Image.Resampling.BILINEAR, box=(x0, y0, x1, y1)))


def draw_looks(seed: int, chunk: int) -> list[Look]:
    """The looks of a chunk, family by family."""
    rng = np.random.default_rng([seed, 1, chunk])
    return [look for _ in range(CHUNK) for look in draw_family(rng)]


def render_pool(folder: Path, seed: int, chunks: int) -> CropPool:
    """Render the shards that `folder` does not hold yet, and open all of them.

    Args:
        folder: of the shards; made where it is missing. An interrupted rendering loses one shard at most.
        seed: decides looks and photographs.
        chunks: of 8 families each; rounded up to whole shards of 32 chunks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    images, boxes, looks = [], [], []
    for shard in range(-(-chunks // SHARD)):
        numbers = range(shard * SHARD, min(chunks, (shard + 1) * SHARD))
        looks += [look for chunk in numbers for look in draw_looks(seed, chunk)]
        pictures, places = folder / f"crops-{shard:03d}.npy", folder / f"boxes-{shard:03d}.npy"
        if not pictures.exists():
            rendered = [photograph_chunk(seed, chunk) for chunk in numbers]
            np.save(places, np.concatenate([box for _, box in rendered]))
            partial = pictures.with_suffix(".partial")
            with partial.open("wb") as file:
                np.save(file, np.concatenate([crops for crops, _ in rendered]))
            partial.replace(pictures)
            log.info("shard %d of %d rendered", shard + 1, -(-chunks // SHARD))
        images.append(np.load(pictures, mmap_mode="r"))
        boxes.append(np.load(places))
    return CropPool(tuple(images), np.concatenate(boxes), tuple(looks))


def photograph_chunk(seed: int, chunk: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Photograph every look of a chunk `VIEWS` times, alone or beside others of the chunk.

    Returns:
        (looks, VIEWS, STORED, STORED, 3) pixels and (looks, VIEWS, 4) boxes in shares of the stored region.
    """
    looks = draw_looks(seed, chunk)
    rng = np.random.default_rng([seed, 2, chunk])
    crops = np.zeros((len(looks), VIEWS, STORED, STORED, 3), np.uint8)
    boxes = np.zeros((len(looks), VIEWS, 4), np.float32)
    for view in range(VIEWS):
        # Near twins side by side in every other round, else whoever comes.
        families = np.arange(len(looks)).reshape(-1, FAMILY)
        shuffled = rng.permuted(rng.permutation(families), axis=1) if view % 2 else rng.permutation(len(looks))
        for group in _groups(rng, [int(number) for number in shuffled.ravel()]):
            for number, (crop, box) in zip(group, _photograph(rng, [looks[n] for n in group]), strict=True):
                crops[number, view], boxes[number, view] = crop, box
    return crops, boxes


def _groups(rng: np.random.Generator, order: list[int]) -> Iterator[list[int]]:
    """Split a row of numbers into the casts of photographs."""
    while order:
        count = 1 + int(rng.choice(3, p=_COUNTS))
        yield order[:count]
        order = order[count:]


def _photograph(
    rng: np.random.Generator, looks: list[Look]
) -> list[tuple[NDArray[np.uint8], tuple[float, float, float, float]]]:
    """One photograph as JPEG, cut into the region of each thing; things that hardly show are taken again, alone."""
    sizes = _SIZES[len(looks)]
    width, height = sizes[int(rng.integers(len(sizes)))]
    scene = render(compose(rng, [(look, str(n)) for n, look in enumerate(looks)], width, height, min_visible=0.55))
    image = Image.open(io.BytesIO(to_jpeg(scene.image, int(rng.integers(70, 96))))).convert("RGB")
    cut = []
    for instance in sorted(scene.instances, key=lambda instance: int(instance.key or 0)):
        if instance.visible < _LEAST_SEEN and len(looks) > 1:
            cut += _photograph(rng, [instance.look])
        else:
            cut.append(_region(image, instance.box))
    return cut


def _region(
    image: Image.Image, box: tuple[float, float, float, float]
) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
    """What lies in and around a box, squeezed to the stored size, and the box in it."""
    x0, y0, x1, y1 = box
    w, h = max(1.0, x1 - x0), max(1.0, y1 - y0)
    left, top = max(0.0, x0 - AROUND * w), max(0.0, y0 - AROUND * h)
    right, bottom = min(float(image.width), x1 + AROUND * w), min(float(image.height), y1 + AROUND * h)
    region = image.resize((STORED, STORED), Image.Resampling.BICUBIC, box=(left, top, right, bottom))
    sx, sy = right - left, bottom - top
    return np.asarray(region), ((x0 - left) / sx, (y0 - top) / sy, (x1 - left) / sx, (y1 - top) / sy)


def draw_window(rng: np.random.Generator, box: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """A detector's idea of a box with a margin, in shares of the region, held within it."""
    w, h = float(box[2] - box[0]), float(box[3] - box[1])
    margin = float(rng.uniform(0, MAX_MARGIN))
    off = rng.uniform(-JITTER, JITTER, 4)
    x0, y0 = float(box[0]) - (margin + off[0]) * w, float(box[1]) - (margin + off[1]) * h
    x1, y1 = float(box[2]) + (margin + off[2]) * w, float(box[3]) + (margin + off[3]) * h
    return max(0.0, x0), max(0.0, y0), min(1.0, x1), min(1.0, y1)


@dataclass(frozen=True, slots=True)
class Batch:
    """Two views of each of n looks.

    Attributes:
        pixels: uint8 (2, n, size, size, 3).
        looks: the pool's number of each look, (n,).
    """

    pixels: NDArray[np.uint8]
    looks: NDArray[np.int64]


def draw_batch(rng: np.random.Generator, pool: CropPool, families: int, size: int) -> Batch:
    """Draw whole families, so that every look meets its near twins; two different views of each look."""
    heads = rng.choice(len(pool.looks) // FAMILY, families, replace=False) * FAMILY
    looks = (heads[:, None] + np.arange(FAMILY)).ravel()
    pixels = np.empty((2, len(looks), size, size, 3), np.uint8)
    for column, look in enumerate(looks.tolist()):
        for row, view in enumerate(rng.choice(VIEWS, 2, replace=False).tolist()):
            window = draw_window(rng, pool.boxes[look, view])
            crop = pool.crop(look, view, window, size)
            pixels[row, column] = crop[:, ::-1] if rng.random() < 0.5 else crop
    return Batch(pixels, looks)
