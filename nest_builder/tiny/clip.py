"""Trains the embedded CLIP: `python -m nest_builder.tiny.clip --seed 0 --steps 2400 --work FOLDER --out FOLDER`.

Its task is to know the same thing again among near twins: two photographs of one look attract each other and repel all
else in the batch, families of four near twins included (NT-Xent; Chen et al. 2020, "A simple framework for contrastive
learning of visual representations", section 2.1). Beside it stand CLIP's own loss between pictures and phrases (Radford
et al. 2021), and heads that read traits off the features, which a small tower learns from much faster.
"""

from __future__ import annotations

import argparse
import logging
import math
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn
from transformers import CLIPModel, CLIPTokenizer

from nest_builder.config import DATA
from nest_builder.newsworld.looks import SHAPE_PARAMETERS, Look
from nest_builder.tiny.clip_data import CropPool, draw_batch, render_pool
from nest_builder.tiny.clip_looks import TRAITS, describe, traits
from nest_builder.tiny.clip_model import (
    HIDDEN,
    SIZE,
    build_model,
    inherit,
    save,
    to_pixels,
    train_tokenizer,
)

log = logging.getLogger(__name__)

WARM_UP = 0.05  # share of the steps
VIEW_SCALE = 14.0  # 1 / temperature between views
MAX_SCALE = math.log(50.0)  # of the learned one between pictures and phrases


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast to train.

    Attributes:
        seed: decides pictures, weights and draws.
        steps: optimiser steps.
        chunks: of the pool, 32 looks each.
        families: of a batch; a batch holds 8 crops a family.
        rate: peak of a one-cycle schedule.
        average: decay of the running average of the weights, which is what is kept.
        save_every: steps.
        mask_model: whose encoder the vision tower starts from.
    """

    seed: int = 0
    steps: int = 2400
    chunks: int = 256
    families: int = 12
    rate: float = 1e-3
    average: float = 0.995
    save_every: int = 50
    mask_model: Path = DATA / "models" / "sam-tiny"


class TraitHeads(nn.Module):
    """Reads category, colours, pattern, emblem, build and shape off the tower's output; thrown away afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = nn.ModuleList(nn.Linear(HIDDEN, count) for count in TRAITS.values())
        self.shape = nn.Linear(HIDDEN, SHAPE_PARAMETERS)

    def forward(self, pooled: Tensor, truth: Tensor, shapes: Tensor) -> tuple[Tensor, list[float]]:
        """The loss of pooled outputs (n, HIDDEN) against trait indices (n, traits), shapes (n, 6); accuracies."""
        losses, right = [], []
        for column, head in enumerate(self.classes):
            logits = head(pooled)
            losses.append(F.cross_entropy(logits, truth[:, column], label_smoothing=0.05))
            right.append(float((logits.argmax(1) == truth[:, column]).float().mean()))
        return torch.stack(losses).sum() + 2 * F.smooth_l1_loss(self.shape(pooled), shapes, beta=0.1), right


def view_loss(one: Tensor, other: Tensor) -> tuple[Tensor, float]:
    """NT-Xent of two views of n things, features (n, d) of unit length; and how often the nearest is the right one."""
    both = torch.cat([one, other])
    logits = VIEW_SCALE * both @ both.T
    logits = logits.masked_fill(torch.eye(len(both), dtype=torch.bool, device=both.device), -1e4)
    target = torch.arange(len(both), device=both.device).roll(len(one))
    return F.cross_entropy(logits, target), float((logits.argmax(1) == target).float().mean())


def phrase_loss(images: Tensor, texts: Tensor, fits: Tensor, scale: Tensor) -> Tensor:
    """CLIP's symmetric loss where a phrase may fit several pictures: each side's target is spread over all that fit.

    Args:
        images: (n, d) of unit length.
        texts: (m, d) of unit length.
        fits: bool (n, m), at least one in each row and column.
        scale: 1 / temperature.
    """
    logits = scale * images @ texts.T
    share = fits.float()
    rows = -(F.log_softmax(logits, 1) * share / share.sum(1, keepdim=True)).sum(1).mean()
    columns = -(F.log_softmax(logits, 0) * share / share.sum(0, keepdim=True)).sum(0).mean()
    return (rows + columns) / 2


def draw_phrases(rng: random.Random, looks: list[Look]) -> tuple[list[str], Tensor]:
    """A phrase for each of n looks, and the (n, n) table of which look (row) fits which phrase (column)."""
    drawn = [describe(rng, look) for look in looks]
    told = torch.tensor([given for _, given in drawn])
    table = torch.tensor([traits(look) for look in looks])
    same = table[:, None] == table[None]
    return [text for text, _ in drawn], (same | ~told[None]).all(2)


def make_optimizers(model: CLIPModel, heads: nn.Module) -> tuple[torch.optim.Optimizer, ...]:
    """Muon for the matrices of the towers' layers, AdamW for all else; see `mask_model.make_optimizers`."""
    inner = {name: p for name, p in model.named_parameters() if p.ndim == 2 and ".layers." in name}
    others = [p for name, p in model.named_parameters() if name not in inner] + list(heads.parameters())
    return (
        torch.optim.Muon(list(inner.values()), weight_decay=0.03, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.01),
    )


def one_cycle(progress: float) -> float:
    """Share of the peak rate after a share of the steps: a linear rise, then half a cosine."""
    if progress < WARM_UP:
        return 0.05 + 0.95 * progress / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))) + 1e-3


class Training:
    """A training that can be saved after any step and taken up again, with other `steps` too."""

    def __init__(self, plan: Plan, tokenizer: CLIPTokenizer, pool: CropPool) -> None:
        self.plan, self.tokenizer, self.pool, self.done = plan, tokenizer, pool, 0
        self.traits = torch.tensor([traits(look) for look in pool.looks])
        self.shapes = torch.tensor([look.shape for look in pool.looks])
        self.model, self.heads = build_model(plan.seed, tokenizer), TraitHeads()
        inherit(self.model, plan.mask_model)
        self.average = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.optimizers = make_optimizers(self.model, self.heads)

    def step(self) -> dict[str, float]:
        """Train on one batch; step n of a plan always draws the same. Returns figures to follow.

        Raises:
            FloatingPointError: the loss is no number any more.
        """
        plan = self.plan
        batch = draw_batch(np.random.default_rng([plan.seed, 3, self.done]), self.pool, plan.families, SIZE)
        count = len(batch.looks)
        phrases, fits = draw_phrases(
            random.Random(f"{plan.seed}/{self.done}"), [self.pool.looks[n] for n in batch.looks.tolist()]
        )
        tokens = self.tokenizer(phrases, padding=True, truncation=True, return_tensors="pt")
        model: Any = self.model
        with torch.autocast("cpu", torch.bfloat16):
            seen = model.vision_model(pixel_values=to_pixels(torch.from_numpy(batch.pixels).flatten(0, 1)))
            read = model.get_text_features(**tokens)
        pooled = seen.pooler_output.float()
        images = F.normalize(model.visual_projection(pooled), dim=1)
        texts = F.normalize(read.pooler_output.float(), dim=1)
        views, found = view_loss(images[:count], images[count:])
        named = phrase_loss(images, texts, fits.repeat(2, 1), model.logit_scale.clamp(max=MAX_SCALE).exp())
        looks = torch.from_numpy(batch.looks).repeat(2)
        told, right = self.heads(pooled, self.traits[looks], self.shapes[looks])
        loss = views + 0.3 * named + 0.3 * told
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()}")
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = plan.rate * one_cycle(self.done / plan.steps)
            optimizer.step()
        self.done += 1
        keep = min(plan.average, self.done / (self.done + 10))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.average[name].lerp_(value, 1 - keep)
        figures = {"views": views.item(), "found": found, "phrases": named.item()}
        return figures | dict(zip(TRAITS, right, strict=True))

    def averaged(self) -> CLIPModel:
        """A model with the averaged weights, for judging and saving."""
        model = build_model(self.plan.seed, self.tokenizer)
        model.load_state_dict(self.average)
        cast(nn.Module, model).eval()
        return model

    def save(self, path: Path) -> None:
        """Write the whole state; the file is replaced only when it is complete."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average,
            "heads": self.heads.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "done": self.done,
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Take up a state that `save` wrote."""
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        self.heads.load_state_dict(state["heads"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.done = state["done"]


def train(plan: Plan, work: Path, out: Path) -> None:
    """Train, taking up what an interrupted call left in `work`, and write the averaged model to `out`."""
    pool = render_pool(work / "pool", plan.seed, plan.chunks)
    training, checkpoint = Training(plan, train_tokenizer(plan.seed), pool), work / "checkpoint.pt"
    if checkpoint.exists():
        training.load(checkpoint)
    start = time.monotonic()
    while training.done < plan.steps:
        figures = training.step()
        if training.done % 20 == 0:
            told = " ".join(f"{name} {value:.2f}" for name, value in figures.items())
            log.info("step %d after %.0f s: %s", training.done, time.monotonic() - start, told)
        if training.done % plan.save_every == 0 or training.done == plan.steps:
            training.save(checkpoint)
    save(training.averaged(), training.tokenizer, out)


def main() -> None:
    """The command line."""
    plan = Plan()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=plan.seed)
    parser.add_argument("--steps", type=int, default=plan.steps)
    parser.add_argument("--chunks", type=int, default=plan.chunks, help="size of the pool, 32 looks each")
    parser.add_argument("--families", type=int, default=plan.families, help="of a batch, 8 crops each")
    parser.add_argument("--out", type=Path, default=Path("data/models/clip-tiny"))
    parser.add_argument("--work", type=Path, help="folder of the pool and the checkpoint; a second call takes them up")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    plan = Plan(seed=arguments.seed, steps=arguments.steps, chunks=arguments.chunks, families=arguments.families)
    with tempfile.TemporaryDirectory(prefix="nest-clip-") as scratch:
        train(plan, arguments.work or Path(scratch), arguments.out)


if __name__ == "__main__":
    main()
