"""Training data of the embedded Grounding DINO: a pool of rendered scenes, prompts drawn for them, and batches.

Scenes are rendered once, into arrays on disk that are mapped into memory; prompts, flips, brightness and noise are
drawn anew every time a scene is used.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from transformers.utils.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from nest_builder.newsworld.looks import CATEGORIES, COLOURS, PATTERNS
from nest_builder.newsworld.scenes import Scene, random_training_scene
from nest_builder.tiny.detector_loss import Label
from nest_builder.tiny.vocabulary import MAX_TOKENS, PAD, PromptEncoder

log = logging.getLogger(__name__)

SIZE = 128  # the model sees every picture squeezed to SIZE x SIZE
GRID = 16  # side of the label grid that the backbone is pre-trained on
COLOUR_NAMES = tuple(COLOURS)
RENDER_SIZES = (
    (128, 128),
    (160, 120),
    (192, 144),
    (256, 192),
    (320, 240),
    (480, 360),
    (120, 160),
    (192, 256),
    (240, 320),
)
RENDER_SHARES = (0.18, 0.22, 0.14, 0.1, 0.08, 0.06, 0.12, 0.06, 0.04)
MOST_PHRASES = 10
SMALLEST_BOX = 0.02  # boxes with a side below this share of the picture cannot be seen at SIZE and are not taught
MEAN, STD = np.array(IMAGENET_DEFAULT_MEAN, np.float32), np.array(IMAGENET_DEFAULT_STD, np.float32)
UNLISTED = "thing"  # a word that the vocabulary lacks

SceneSource = Callable[[np.random.Generator, int, int], Scene]
TARGET = np.dtype([("category", "i2"), ("colour", "i2"), ("pattern", "i2"), ("box", "f4", (4,))])


@dataclass(frozen=True, slots=True)
class Query:
    """A phrase by indices: None for the category is a word that is in no vocabulary, None elsewhere is "any"."""

    category: int | None
    colour: int | None = None
    pattern: int | None = None

    def fits(self, target: np.void) -> bool:
        """Whether a row of a pool's targets is what the phrase names."""
        return (
            self.category == target["category"]
            and self.colour in (None, target["colour"])
            and self.pattern in (None, target["pattern"])
        )

    def phrase(self) -> str:
        """The words as `Look.phrase` puts them ("car", "red car", "person in red"), or words that name nothing."""
        noun = UNLISTED if self.category is None else CATEGORIES[self.category]
        attributes = [] if self.pattern is None else [PATTERNS[self.pattern]]
        attributes += [] if self.colour is None else [COLOUR_NAMES[self.colour]]
        if noun == "person" and attributes:
            return f"person in {' '.join(attributes)}"
        return " ".join([*attributes, noun])


@dataclass(frozen=True, slots=True)
class ScenePool:
    """Rendered scenes, squeezed to SIZE x SIZE.

    Attributes:
        images: (n, SIZE, SIZE, 3).
        cells: (n, 2, GRID, GRID), 1 + category and 1 + colour of each cell, 0 for background.
        targets: flat rows of `TARGET`; those of scene i are `targets[starts[i]:starts[i + 1]]`.
        starts: (n + 1,).
    """

    images: NDArray[np.uint8]
    cells: NDArray[np.uint8]
    targets: NDArray[np.void]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    def targets_of(self, index: int) -> NDArray[np.void]:
        """The objects of one scene."""
        return self.targets[self.starts[index] : self.starts[index + 1]]


def scene_targets(scene: Scene) -> NDArray[np.void]:
    """The visible objects of a scene as rows of `TARGET`, boxes as centre and size in shares of the picture."""
    width, height = scene.image.size
    rows = []
    for instance in scene.instances:
        x0, y0, x1, y1 = instance.box
        box = ((x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height)
        if min(box[2:]) >= SMALLEST_BOX:
            look = instance.look
            rows.append(
                (CATEGORIES.index(look.category), COLOUR_NAMES.index(look.colour), PATTERNS.index(look.pattern), box)
            )
    return np.array(rows, dtype=TARGET)


def scene_cells(scene: Scene) -> NDArray[np.uint8]:
    """Category and colour of each cell of a raster that an object covers by at least 0.4: (2, GRID, GRID)."""
    cells = np.zeros((2, GRID, GRID), np.uint8)
    for instance in scene.instances:
        mask = Image.fromarray(instance.mask.astype(np.uint8) * 255)
        inside = np.asarray(mask.resize((GRID, GRID), Image.Resampling.BOX)) > 0.4 * 255
        cells[0, inside] = 1 + CATEGORIES.index(instance.look.category)
        cells[1, inside] = 1 + COLOUR_NAMES.index(instance.look.colour)
    return cells


def render_pool(
    folder: Path, count: int, seed: int, source: SceneSource = random_training_scene, stream: int = 0
) -> ScenePool:
    """Render `count` scenes into `folder`, or open the pool that a finished call left there.

    Scene i depends on (seed, stream, i) only. Most scenes are drawn at a 4:3 size and squeezed, as the processor does
    to photographs.

    Raises:
        ValueError: if the folder holds a pool of another size.
    """
    if not (folder / "starts.npy").exists():  # written last
        folder.mkdir(parents=True, exist_ok=True)
        images = open_memmap(folder / "images.npy", "w+", np.uint8, (count, SIZE, SIZE, 3))
        cells = open_memmap(folder / "cells.npy", "w+", np.uint8, (count, 2, GRID, GRID))
        targets, starts = [], [0]
        for index in range(count):
            rng = np.random.default_rng([seed, stream, index])
            scene = source(rng, *RENDER_SIZES[rng.choice(len(RENDER_SIZES), p=RENDER_SHARES)])
            images[index] = np.asarray(scene.image.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
            cells[index] = scene_cells(scene)
            targets.append(scene_targets(scene))
            starts.append(starts[-1] + len(targets[-1]))
            if index % 1000 == 999:
                log.info("rendered %d of %d scenes", index + 1, count)
        images.flush()
        cells.flush()
        np.save(folder / "targets.npy", np.concatenate(targets))
        np.save(folder / "starts.npy", np.array(starts, np.int64))
    pool = ScenePool(
        images=np.load(folder / "images.npy", mmap_mode="r"),
        cells=np.load(folder / "cells.npy", mmap_mode="r"),
        targets=np.load(folder / "targets.npy"),
        starts=np.load(folder / "starts.npy"),
    )
    if len(pool) != count:
        raise ValueError(f"{folder} holds a pool of {len(pool)} scenes, not {count}")
    return pool


def draw_queries(rng: np.random.Generator, targets: NDArray[np.void]) -> list[Query]:
    """Draw a prompt for a scene: phrases of most of its objects, and one to three that nothing in it fits.

    Absent phrases are mostly near misses (the right thing in another colour, another thing in the right colour),
    since those are what a detector gets wrong.
    """
    present: list[Query] = []
    for target in targets:
        category, colour, pattern = int(target["category"]), int(target["colour"]), int(target["pattern"])
        kind = rng.random()
        if kind < 0.45:
            present.append(Query(category))
        if 0.35 <= kind < 0.9:
            present.append(Query(category, colour, pattern if rng.random() < 0.06 else None))
    absent: list[Query] = []
    wanted = int(rng.integers(1, 4)) if present else 3
    while len(absent) < wanted:
        category, colour = int(rng.integers(len(CATEGORIES))), int(rng.integers(len(COLOUR_NAMES)))
        near = targets[rng.integers(len(targets))] if len(targets) else None
        kind = rng.random()
        if near is not None and kind < 0.4:
            query = Query(int(near["category"]), colour)
        elif near is not None and kind < 0.65:
            query = Query(category, int(near["colour"]))
        elif kind < 0.95:
            query = Query(category, colour if rng.random() < 0.4 else None)
        else:
            query = Query(None, colour if rng.random() < 0.5 else None)
        if not any(query.fits(target) for target in targets):
            absent.append(query)
    queries = list(dict.fromkeys([*present, *absent]))[:8]
    return [queries[index] for index in rng.permutation(len(queries))]


def token_label(queries: Sequence[Query], spans: Sequence[Sequence[int]], targets: NDArray[np.void]) -> Label:
    """Truth of a picture under a prompt: the boxes that some phrase fits, with the tokens of all phrases that do."""
    boxes, maps = [], []
    for target in targets:
        tokens = [token for query, span in zip(queries, spans, strict=True) if query.fits(target) for token in span]
        if tokens:
            boxes.append(target["box"])
            maps.append(np.isin(np.arange(MAX_TOKENS), tokens))
    return {
        "boxes": torch.tensor(np.array(boxes, np.float32).reshape(-1, 4)),
        "token_maps": torch.tensor(np.array(maps, np.int64).reshape(-1, MAX_TOKENS)),
        "class_labels": torch.arange(len(boxes)),
    }


def augment(rng: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mild changes of exposure, contrast, white balance and noise; values stay in [0, 1], colours keep their names."""
    pixels = image.astype(np.float32) / 255
    gain = np.float32(rng.uniform(0.85, 1.15)) * rng.uniform(0.97, 1.03, 3).astype(np.float32)
    pixels = (pixels - 0.5) * gain + np.float32(0.5 + rng.uniform(-0.06, 0.06))
    pixels += rng.standard_normal(pixels.shape, np.float32) * np.float32(rng.uniform(0, 0.02))
    return pixels.clip(0, 1)


def to_tensor(images: Sequence[NDArray[np.float32]]) -> Tensor:
    """Images (h, w, 3) in [0, 1] to (batch, 3, h, w), normalised as the image processor does it."""
    return torch.from_numpy((np.stack(images) - MEAN) / STD).permute(0, 3, 1, 2).contiguous()


@dataclass(frozen=True, slots=True)
class Batch:
    """Inputs of the model and truth.

    Attributes:
        pixels: (b, 3, SIZE, SIZE).
        ids: (b, tokens).
        mask: (b, tokens).
        labels: one an image.
        cells: (b, 2, GRID, GRID), as in `ScenePool`.
    """

    pixels: Tensor
    ids: Tensor
    mask: Tensor
    labels: list[Label]
    cells: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        labels = [{name: value.to(device) for name, value in label.items()} for label in self.labels]
        pixels, ids, mask = self.pixels.to(device), self.ids.to(device), self.mask.to(device)
        return Batch(pixels, ids, mask, labels, self.cells.to(device))


def flipped(targets: NDArray[np.void]) -> NDArray[np.void]:
    """Targets of the mirrored picture."""
    mirrored = targets.copy()
    mirrored["box"][:, 0] = 1 - mirrored["box"][:, 0]
    return mirrored


def draw_batch(rng: np.random.Generator, pool: ScenePool, size: int, encoder: PromptEncoder) -> Batch:
    """Draw scenes and prompts for one training step.

    A prompt joins one to three draws of `draw_queries`: words cost next to nothing beside the picture that they are
    learned from.
    """
    images, cells, prompts, labels = [], [], [], []
    for index in rng.integers(len(pool), size=size):
        image, raster, targets = pool.images[index], pool.cells[index], pool.targets_of(index)
        if rng.random() < 0.5:
            image, raster, targets = image[:, ::-1], raster[:, :, ::-1], flipped(targets)
        drawn = [query for _ in range(rng.integers(1, 4)) for query in draw_queries(rng, targets)]
        queries = list(dict.fromkeys(drawn))[:MOST_PHRASES]
        queries = [queries[place] for place in rng.permutation(len(queries))]
        article = [("a ", "the ")[rng.integers(2)] if rng.random() < 0.06 else "" for _ in queries]
        phrases = [word + query.phrase() for word, query in zip(article, queries, strict=True)]
        prompt = encoder(phrases)
        while len(prompt.ids) > MAX_TOKENS:
            phrases, queries = phrases[:-1], queries[:-1]
            prompt = encoder(phrases)
        images.append(augment(rng, image))
        cells.append(raster)
        prompts.append(prompt.ids)
        labels.append(token_label(queries, prompt.spans, targets))
    width = max(map(len, prompts))
    ids = torch.tensor([[*prompt, *[PAD] * (width - len(prompt))] for prompt in prompts])
    return Batch(to_tensor(images), ids, (ids != PAD).long(), labels, torch.tensor(np.stack(cells).astype(np.int64)))


def draw_cells(rng: np.random.Generator, pool: ScenePool, size: int) -> tuple[Tensor, Tensor]:
    """Draw scenes for the backbone: pixels (size, 3, SIZE, SIZE) and cells (size, 2, GRID, GRID)."""
    images, cells = [], []
    for index in rng.integers(len(pool), size=size):
        step = 1 if rng.random() < 0.5 else -1
        images.append(augment(rng, pool.images[index][:, ::step]))
        cells.append(pool.cells[index][:, :, ::step])
    return to_tensor(images), torch.tensor(np.stack(cells).astype(np.int64))
