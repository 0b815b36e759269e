"""The first stage of LISA-tiny's training: CLIP's tower learns what each patch shows.

Without it the tower learns hardly anything: a mask's gradient has to come through SAM's decoder and all of LLaMA.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import CLIPVisionModel
from transformers.utils.constants import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from nest_builder.newsworld.looks import CATEGORIES, COLOURS, EMBLEMS, PATTERNS
from nest_builder.tiny.detector import one_cycle
from nest_builder.tiny.detector_data import augment
from nest_builder.tiny.lisa_network import WIDTH, build_tower, whiten
from nest_builder.tiny.lisa_scenes import Pool

log = logging.getLogger(__name__)

MEAN, STD = np.array(OPENAI_CLIP_MEAN, np.float32), np.array(OPENAI_CLIP_STD, np.float32)
IGNORED = -100
BOX_WEIGHT = 4.0
PERSON = CATEGORIES.index("person")
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class PatchLabels:
    """What is seen in each patch of b pictures; `IGNORED` where a question has no answer.

    Attributes:
        kinds: name -> (b, GRID * GRID) classes; `category` counts the background as 0, `entity` the nameless.
        boxes: (b, GRID * GRID, 4), the thing's left, top, right and bottom in shares of the picture: where it is, not how
            far from the patch, since LLaMA can carry over only what the patch's own state tells.
        inside: (b, GRID * GRID) bool, whether a thing is seen.
    """

    kinds: dict[str, Tensor]
    boxes: Tensor
    inside: Tensor

    def to(self, device: torch.device) -> PatchLabels:
        """The same labels on a device."""
        kinds = {name: classes.to(device) for name, classes in self.kinds.items()}
        return PatchLabels(kinds, self.boxes.to(device), self.inside.to(device))


def kind_sizes(entities: int) -> dict[str, int]:
    """Classes of each question to a patch."""
    return {
        "category": len(CATEGORIES) + 1,
        "colour": len(COLOURS),
        "second": len(COLOURS),
        "pattern": len(PATTERNS),
        "emblem": len(EMBLEMS) + 1,
        "entity": entities + 1,
    }


class PatchHead(nn.Module):
    """Answers `kind_sizes` and the box for each patch; kept for the second stage, thrown away after it."""

    def __init__(self, entities: int, width: int = WIDTH) -> None:
        super().__init__()
        self.sizes = kind_sizes(entities)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, sum(self.sizes.values()) + 4)

    def forward(self, states: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """States (b, n, width) to logits (b, n, classes) by name and boxes (b, n, 4)."""
        *logits, boxes = self.out(self.norm(states)).split([*self.sizes.values(), 4], -1)
        return dict(zip(self.sizes, logits, strict=True)), boxes

    def loss(self, states: Tensor, labels: PatchLabels) -> Tensor:
        """Mean cross-entropies, and the L1 distance of boxes where there is a thing."""
        distance = (self(states)[1].float() - labels.boxes)[labels.inside].abs().mean()
        total: Tensor = self.kind_loss(states, labels.kinds) + BOX_WEIGHT * distance
        return total

    def kind_loss(self, states: Tensor, kinds: Mapping[str, Tensor]) -> Tensor:
        """Sum of the mean cross-entropies of states (b, n, width) and classes (b, n)."""
        logits, _ = self(states)
        terms = [
            F.cross_entropy(logits[name].flatten(0, 1).float(), classes.flatten(), ignore_index=IGNORED)
            for name, classes in kinds.items()
        ]
        return torch.stack(terms).sum()


def to_pixels(pictures: list[NDArray[np.float32]]) -> Tensor:
    """Pictures (h, w, 3) in [0, 1] to (b, 3, h, w), normalised as CLIP's processor does it."""
    return torch.from_numpy((np.stack(pictures) - MEAN) / STD).permute(0, 3, 1, 2).contiguous()


def answers(rows: NDArray[np.void], seen: NDArray[np.bool_]) -> dict[str, NDArray[np.int64]]:
    """The classes of `kind_sizes` for things (n,); where nothing is `seen` (n,) only the category has one, 0."""
    shown = seen & ((rows["pattern"] > 0) | (rows["category"] == PERSON))  # a plain thing hides its second colour
    truth = {
        "category": np.where(seen, rows["category"] + 1, 0),
        "colour": np.where(seen, rows["colour"], IGNORED),
        "second": np.where(shown, rows["second"], IGNORED),
        "pattern": np.where(seen, rows["pattern"], IGNORED),
        "emblem": np.where(seen, rows["emblem"] + 1, IGNORED),
        "entity": np.where(seen, rows["entity"] + 1, IGNORED),
    }
    return {name: classes.astype(np.int64) for name, classes in truth.items()}


def patch_labels(patches: list[NDArray[np.uint8]], things: list[NDArray[np.void]]) -> PatchLabels:
    """Labels from the numbers of things in each patch, (GRID, GRID), and the things' rows."""
    kinds: dict[str, list[NDArray[np.int64]]] = {name: [] for name in kind_sizes(0)}
    boxes, inside = [], []
    for numbers, rows in zip(patches, things, strict=True):
        flat = numbers.reshape(-1).astype(np.int64)
        seen = flat > 0
        own = rows[np.maximum(flat - 1, 0)]
        for name, classes in answers(own, seen).items():
            kinds[name].append(classes)
        boxes.append(own["box"])
        inside.append(seen)
    return PatchLabels(
        {name: torch.from_numpy(np.stack(classes)) for name, classes in kinds.items()},
        torch.from_numpy(np.stack(boxes).astype(np.float32)),
        torch.from_numpy(np.stack(inside)),
    )


def draw(rng: np.random.Generator, pool: Pool, size: int) -> tuple[Tensor, PatchLabels]:
    """Draw pictures, half of them mirrored: pixels (size, 3, SIDE, SIDE) and labels."""
    pictures, patches, things = [], [], []
    for index in rng.integers(len(pool), size=size):
        rows, mirrored = pool.things(index), rng.random() < 0.5
        step = -1 if mirrored else 1
        if mirrored:
            rows = rows.copy()
            rows["box"][:, [0, 2]] = 1 - rows["box"][:, [2, 0]]
        pictures.append(augment(rng, pool.squeezed[index][:, ::step]))
        patches.append(pool.patches[index][:, ::step])
        things.append(rows)
    return to_pixels(pictures), patch_labels(patches, things)


Optimizers = tuple[torch.optim.Optimizer, ...]


def optimizers(modules: Sequence[tuple[nn.Module, float]]) -> Optimizers:
    """Muon for the transformers' matrices (Jordan et al. 2024), AdamW for the rest.

    Muon's steps are scaled to the size of AdamW's, so that one learning rate serves both. Modules come with the peak of
    their rate; what belongs to two of them goes with the first.
    """
    matrices: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    taken: set[int] = set()
    for module, peak in modules:
        named = [(name, p) for name, p in module.named_parameters() if p.requires_grad and id(p) not in taken]
        taken |= {id(p) for _, p in named}
        inner = [p for name, p in named if p.ndim == 2 and ".layers." in f".{name}" and name.endswith("weight")]
        chosen = {id(p) for p in inner}
        for groups, kept in ((matrices, inner), (others, [p for _, p in named if id(p) not in chosen])):
            if kept:
                groups.append({"params": kept, "peak": peak})
    muon = torch.optim.Muon(matrices, weight_decay=0.03, adjust_lr_fn="match_rms_adamw")
    return muon, torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0, fused=True)


def descend(both: Optimizers, loss: Tensor, progress: float) -> None:
    """One step down a loss, at a one-cycle rate; gradients are clipped to length 1."""
    for optimizer in both:
        optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    groups = [group for optimizer in both for group in optimizer.param_groups]
    nn.utils.clip_grad_norm_([p for group in groups for p in group["params"] if p.grad is not None], 1.0)
    for group in groups:
        group["lr"] = group["peak"] * one_cycle(progress)
    for optimizer in both:
        optimizer.step()


@torch.no_grad()
def patch_scores(tower: CLIPVisionModel, head: PatchHead, pool: Pool, size: int = 96) -> dict[str, float]:
    """Share of patches that are answered rightly, on the first `size` scenes of a pool that was not trained on."""
    size = min(size, len(pool))
    pixels = to_pixels([pool.squeezed[i].astype(np.float32) / 255 for i in range(size)])
    labels = patch_labels([pool.patches[i] for i in range(size)], [pool.things(i) for i in range(size)])
    device = tower.device
    labels = labels.to(device)
    logits, boxes = head(tower(pixels.to(device)).last_hidden_state[:, 1:])
    scores = {}
    for name, classes in labels.kinds.items():
        known = classes > 0 if name in ("category", "entity") else classes != IGNORED
        scores[name] = round(float((logits[name].argmax(-1) == classes)[known].float().mean()), 3)
    scores["box"] = round(float((boxes - labels.boxes)[labels.inside].abs().mean()), 3)
    return scores


def train_tower(
    pool: Pool,
    judged: Pool,
    entities: int,
    seed: int,
    steps: int,
    state_file: Path,
    batch: int = 16,
    rate: float = 1e-3,
    device: torch.device = CPU,
) -> tuple[CLIPVisionModel, PatchHead]:
    """Train tower and head, going on from `state_file` where a broken training left it.

    Step n always draws the same batch.
    """
    tower, head = build_tower(seed), PatchHead(entities)
    whiten(tower, draw(np.random.default_rng([seed, 5]), pool, 64)[0])
    cast(nn.Module, tower).to(device)
    head.to(device)
    both = optimizers([(tower, rate), (head, rate)])
    done, start = 0, time.monotonic()
    if state_file.exists():
        state: dict[str, Any] = torch.load(state_file, map_location=device, weights_only=True)
        tower.load_state_dict(state["tower"])
        head.load_state_dict(state["head"])
        for optimizer, saved in zip(both, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        done = state["done"]
    while done < steps:
        pixels, labels = draw(np.random.default_rng([seed, 3, done]), pool, batch)
        with torch.autocast(device.type, torch.bfloat16):
            states = tower(pixels.to(device)).last_hidden_state[:, 1:]
        loss = head.loss(states.float(), labels.to(device))
        descend(both, loss, done / steps)
        done += 1
        if done % 25 == 0:
            log.info("tower step %d: loss %.3f after %.0f s", done, loss.item(), time.monotonic() - start)
        if done % 100 == 0 or done == steps:
            saved_state = {"tower": tower.state_dict(), "head": head.state_dict(), "done": done}
            partial = state_file.with_suffix(".partial")
            torch.save(saved_state | {"optimizers": [optimizer.state_dict() for optimizer in both]}, partial)
            partial.replace(state_file)
            log.info("tower step %d judged: %s", done, patch_scores(tower, head, judged))
    return tower, head
