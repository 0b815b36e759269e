"""Batches for LISA-tiny's training: pictures with SAM's features, several requests about each, and what they mean."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache
from transformers.utils.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from nest_builder.segmenters.lisa import Prompter, pad
from nest_builder.segmenters.lisa_model import IGNORED, LisaForSegmentation
from nest_builder.tiny.detector_data import augment
from nest_builder.tiny.lisa_scenes import SIDE, Pool
from nest_builder.tiny.lisa_texts import Asker, Request
from nest_builder.tiny.lisa_tokens import ANSWER
from nest_builder.tiny.lisa_tower import PatchLabels, answers, patch_labels, to_pixels

MEAN, STD = np.array(IMAGENET_DEFAULT_MEAN, np.float32), np.array(IMAGENET_DEFAULT_STD, np.float32)
GROUPS = 3  # of texts of like length in a batch
CELLS = SIDE // 2  # of a mask that SAM's decoder gives


def extent(frame: NDArray[np.uint8]) -> tuple[int, int]:
    """Width and height of the picture within a padded frame (SIDE, SIDE, 3)."""
    width, height = (int(np.flatnonzero(frame.any((axis, 2))).max(initial=0)) + 1 for axis in (0, 1))
    return width, height


class Features:
    """SAM's features of a pool's pictures: computed when first needed, then kept on disk.

    Args:
        encoder: SAM's vision encoder; frozen.
        pool: The pictures.
        file: Where they are kept; another encoder needs another file.
    """

    def __init__(self, encoder: Any, pool: Pool, file: Path) -> None:
        self._encoder, self._pool = encoder, pool
        channels, grid = encoder.config.output_channels, SIDE // encoder.config.patch_size
        mode, done = ("r+", file.with_suffix(".done.npy")) if file.exists() else ("w+", file.with_suffix(".done.npy"))
        shape = (len(pool), channels, grid, grid)
        self._kept = open_memmap(file, mode, np.float16, None if mode == "r+" else shape)
        self._done = open_memmap(done, mode, np.bool_, None if mode == "r+" else (len(pool),))

    @torch.no_grad()
    def __call__(self, indices: list[int]) -> Tensor:
        """Features (n, c, h, w) of some pictures."""
        fresh = [index for index in dict.fromkeys(indices) if not self._done[index]]
        if fresh:
            pixels = np.zeros((len(fresh), SIDE, SIDE, 3), np.float32)  # padding is nought after the normalisation
            for row, index in enumerate(fresh):
                width, height = extent(self._pool.framed[index])
                shown = self._pool.framed[index, :height, :width].astype(np.float32)
                pixels[row, :height, :width] = (shown / 255 - MEAN) / STD
            device = self._encoder.device
            given = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().to(device)
            with torch.autocast(device.type, torch.bfloat16):
                made = self._encoder(given).last_hidden_state
            self._kept[fresh] = made.float().cpu().numpy()
            self._done[fresh] = True
        return torch.from_numpy(self._kept[indices].astype(np.float32))


@dataclass(frozen=True, slots=True)
class Batch:
    """p pictures and t texts about them.

    Attributes:
        pixels: (p, 3, SIDE, SIDE) for the tower.
        features: (p, c, h, w) of SAM.
        patches: What the patches show.
        picture: (t,) the picture of each text.
        ids: (t, l) request and answer, padded at the right.
        mask: (t, l), 0 for padding.
        labels: (t, l), the answer's ids, `IGNORED` elsewhere.
        boxes: (t, 4) of the targets, (x0, y0, x1, y1) in shares of the picture.
        framed: (t, 4) the same in shares of SAM's padded frame.
        inside: (t, patches) bool, where the target is seen.
        targets: (t, CELLS, CELLS), the share of each cell that the target covers.
        kinds: t kinds of request.
        meant: name -> (1, t), what the target is, as `lisa_tower.answers` puts it; nothing for a guess.
    """

    pixels: Tensor
    features: Tensor
    patches: PatchLabels
    picture: Tensor
    ids: Tensor
    mask: Tensor
    labels: Tensor
    boxes: Tensor
    framed: Tensor
    inside: Tensor
    targets: Tensor
    kinds: tuple[str, ...]
    meant: dict[str, Tensor]

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if isinstance(getattr(self, f.name), Tensor)}
        moved = {name: tensor.to(device) for name, tensor in tensors.items()}
        meant = {name: classes.to(device) for name, classes in self.meant.items()}
        return replace(self, patches=self.patches.to(device), meant=meant, **moved)


class Batcher:
    """Draws batches from a pool.

    Args:
        pool: Scenes.
        features: SAM's view of them.
        asker: Draws requests.
        prompter: Turns them into ids.
    """

    def __init__(self, pool: Pool, features: Features, asker: Asker, prompter: Prompter) -> None:
        self.pool, self.features, self.asker, self.prompter = pool, features, asker, prompter
        tokenizer = prompter.tokenizer
        self.answer = [*tokenizer(ANSWER, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]

    def draw(self, seed: tuple[int, ...], pictures: int, texts: int) -> Batch:
        """A training batch of mildly changed pictures; the same seed gives the same batch."""
        rng, dice = np.random.default_rng(seed), random.Random(str(seed))
        indices = [int(index) for index in rng.integers(len(self.pool), size=pictures)]
        requests = [self.asker.draw(dice, self.pool.things(index), texts) for index in indices]
        return self.make(indices, requests, rng)

    def make(self, indices: list[int], requests: list[list[Request]], rng: np.random.Generator | None = None) -> Batch:
        """Make a batch of some scenes and requests about each; pictures stay as they are without a generator."""
        squeezed = [self.pool.squeezed[index] for index in indices]
        plain = [picture.astype(np.float32) / 255 for picture in squeezed]
        shown = plain if rng is None else [augment(rng, picture) for picture in squeezed]
        asked_all = [(index, request) for index, asked in zip(indices, requests, strict=True) for request in asked]
        ids, mask, labels, meant = self.words([(self.pool.things(index), request) for index, request in asked_all])
        boxes, framed, inside, targets, kinds, place = [], [], [], [], [], []
        for number, (index, asked) in enumerate(zip(indices, requests, strict=True)):
            things, seen = self.pool.things(index), self.pool.labels[index]
            inner = np.array(extent(self.pool.framed[index]) * 2, np.float32) / SIDE
            for request in asked:
                box = things[request.target]["box"]
                boxes.append(box)
                framed.append(box * inner)
                inside.append((self.pool.patches[index] == request.target + 1).reshape(-1))
                targets.append((seen == request.target + 1).reshape(CELLS, 2, CELLS, 2).mean((1, 3), dtype=np.float32))
                kinds.append(request.kind)
                place.append(number)
        return Batch(
            to_pixels(shown),
            self.features(indices),
            patch_labels([self.pool.patches[i] for i in indices], [self.pool.things(i) for i in indices]),
            torch.tensor(place),
            ids,
            mask,
            labels,
            torch.from_numpy(np.stack(boxes)),
            torch.from_numpy(np.stack(framed).astype(np.float32)),
            torch.from_numpy(np.stack(inside)),
            torch.from_numpy(np.stack(targets)),
            tuple(kinds),
            meant,
        )

    def words(
        self, asked: Sequence[tuple[NDArray[np.void], Request]]
    ) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """Ids, mask and labels (t, l) of requests with their answers, and what each means as in `Batch.meant`."""
        said = [self.prompter(request.text) for _, request in asked]
        ids, mask = pad([[*row, *self.answer] for row in said], self.prompter.tokenizer.eos_token_id)
        labels = torch.where(mask.bool(), ids, IGNORED)
        for row, start in zip(labels, said, strict=True):
            row[: len(start)] = IGNORED
        rows = np.array([things[request.target] for things, request in asked])
        told = np.array([request.kind != "guess" for _, request in asked])
        meant = {name: np.where(told, classes, IGNORED)[None] for name, classes in answers(rows, told).items()}
        return ids, mask, labels, {name: torch.from_numpy(classes) for name, classes in meant.items()}


def language_loss(hidden: Tensor, head: torch.nn.Module, labels: Tensor) -> Tensor:
    """Cross-entropy of the answers' tokens, from hidden states (t, l, d) and labels (t, l)."""
    wanted = labels[:, 1:] != IGNORED
    logits = head(hidden[:, :-1][wanted])
    return F.cross_entropy(logits.float(), labels[:, 1:][wanted])


def hear(
    model: LisaForSegmentation, memory: DynamicCache, picture: Tensor, ids: Tensor, mask: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Let LLaMA read texts (t, l) in groups of like length: padding would be most of it.

    Returns:
        The language loss, the states before `[SEG]` (t, d), and their attention (t, heads, k + n) as in `Heard`.
    """
    order = mask.sum(1).argsort()
    losses, states, attention = [], [], []
    for group in order.chunk(GROUPS):
        longest = int(mask[group].sum(1).max())
        heard = model.hear(memory, picture[group], ids[group, :longest], mask[group, :longest])
        losses.append(language_loss(heard.hidden, model.language_model.lm_head, labels[group, :longest]))
        states.append(heard.states)
        if heard.attention is None:
            raise ValueError("the training needs eager attention")
        attention.append(heard.attention)
    back = order.argsort()
    return torch.stack(losses).mean(), torch.cat(states)[back], torch.cat(attention)[back]
