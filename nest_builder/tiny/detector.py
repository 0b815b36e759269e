"""Trains the embedded Grounding DINO: `python -m nest_builder.tiny.detector --seed 0 --steps 12000 --out FOLDER`.

transformers' `GroundingDinoForObjectDetection` in a small configuration, in two stages: the ResNet backbone learns
category and colour of each cell of a raster, then the whole model learns to detect. The losses and their reasons are
in `detector_loss`. The result loads through the same calls as `IDEA-Research/grounding-dino-tiny`.
"""

from __future__ import annotations

import argparse
import logging
import math
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoBackbone, GroundingDinoForObjectDetection

from nest_builder.newsworld.looks import CATEGORIES
from nest_builder.newsworld.scenes import random_training_scene
from nest_builder.tiny.detector_data import (
    COLOUR_NAMES,
    GRID,
    SIZE,
    ScenePool,
    SceneSource,
    draw_batch,
    draw_cells,
    render_pool,
)
from nest_builder.tiny.detector_eval import best_threshold, pool_detections
from nest_builder.tiny.detector_loss import TokenHead, dense_loss, token_grid
from nest_builder.tiny.detector_model import STRIDES, build_model, detector_config, save_detector
from nest_builder.tiny.vocabulary import PromptEncoder

log = logging.getLogger(__name__)

WARM_UP = 0.06  # share of the steps
FOCUS = 0.285  # share of the steps after which boxes are good and classification, the harder part, counts double
BACKBONE = "model.backbone.conv_encoder.model."


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast to train. `*_rate` are the peaks of one-cycle schedules."""

    seed: int = 0
    steps: int = 12000
    backbone_steps: int = 1300
    scenes: int = 20000
    batch: int = 16
    backbone_batch: int = 32
    rate: float = 8e-4
    tuning_rate: float = 2e-4  # of the pre-trained backbone in the second stage
    backbone_rate: float = 1.5e-3
    average: float = 0.998  # decay of the running average of the weights, which is what is kept
    save_every: int = 250
    judge_every: int = 500
    judged_scenes: int = 192
    half_backbone: bool = False  # bfloat16 convolutions: a fifth faster where the CPU has them, much slower elsewhere


class CellHead(nn.Module):
    """Predicts category and colour of each raster cell from the backbone's maps; thrown away after the first stage."""

    def __init__(self, channels: list[int], width: int = 96) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(count, width, 1) for count in channels)
        self.head = nn.Sequential(
            nn.GroupNorm(8, width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, len(CATEGORIES) + len(COLOUR_NAMES) + 2, 1),
        )

    def forward(self, maps: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Maps of (b, c, h, w) to logits (b, 1 + categories, GRID, GRID) and (b, 1 + colours, GRID, GRID)."""
        resized = [
            nn.functional.interpolate(lateral(level), size=(GRID, GRID), mode="bilinear")
            for lateral, level in zip(self.lateral, maps, strict=True)
        ]
        category, colour = self.head(torch.stack(resized).sum(0)).split([len(CATEGORIES) + 1, len(COLOUR_NAMES) + 1], 1)
        return category, colour


def train_backbone(plan: Plan, pool: ScenePool, device: torch.device) -> dict[str, Tensor]:
    """Train the backbone on raster labels: it learns what there is before the model learns where. Returns its state."""
    backbone: Any = AutoBackbone.from_config(detector_config().backbone_config)  # type: ignore[no-untyped-call]
    backbone.to(device, memory_format=torch.channels_last)
    head = CellHead(backbone.channels).to(device)
    optimizer = torch.optim.AdamW([*backbone.parameters(), *head.parameters()], plan.backbone_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.backbone_rate, total_steps=plan.backbone_steps, pct_start=0.1
    )
    rng = np.random.default_rng([plan.seed, 1])
    for step in range(plan.backbone_steps):
        pixels, cells = (tensor.to(device) for tensor in draw_cells(rng, pool, plan.backbone_batch))
        with torch.autocast(device.type, torch.bfloat16, enabled=plan.half_backbone):
            maps = backbone(pixels.contiguous(memory_format=torch.channels_last)).feature_maps
        category, colour = head([level.float() for level in maps])
        loss = nn.functional.cross_entropy(category, cells[:, 0]) + nn.functional.cross_entropy(colour, cells[:, 1])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            log.info("backbone step %d: loss %.3f", step + 1, loss.item())
    state: dict[str, Tensor] = backbone.state_dict()
    return state


def one_cycle(progress: float) -> float:
    """Share of the peak rate after a share of the steps: a short linear rise, then half a cosine down to nothing.

    A function of progress alone, so that a training taken up with other `steps` simply goes on at the new pace.
    """
    if progress < WARM_UP:
        return 0.04 + 0.96 * progress / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))) + 1e-4


class Training:
    """The second stage, as a state that can be saved after any step and taken up again."""

    def __init__(self, plan: Plan, model: Any, device: torch.device) -> None:
        self.plan, self.model, self.device = plan, model, device
        named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
        self.head = TokenHead(model.config.d_model, len(CATEGORIES), len(COLOUR_NAMES)).to(device)
        tuned = [parameter for name, parameter in named if name.startswith(BACKBONE)]
        fresh = [parameter for name, parameter in named if not name.startswith(BACKBONE)]
        groups = [
            {"params": tuned, "peak": plan.tuning_rate},
            {"params": [*fresh, *self.head.parameters()], "peak": plan.rate},
        ]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=1e-4, fused=True)
        self.average = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self.grid = token_grid(SIZE, STRIDES, device)
        self.encoder = PromptEncoder()
        self.done = 0

    def step(self, pool: ScenePool) -> dict[str, float]:
        """Train on one batch; step n of a plan always draws the same batch. Returns the loss terms."""
        rng = np.random.default_rng([self.plan.seed, 2, self.done])
        batch = draw_batch(rng, pool, self.plan.batch, self.encoder).to(self.device)
        out = self.model(pixel_values=batch.pixels, input_ids=batch.ids, attention_mask=batch.mask, labels=batch.labels)
        classes, boxes = dense_loss(out.enc_outputs_class, out.enc_outputs_coord_logits, batch.labels, self.grid)
        terms = out.loss_dict | {"dense_classes": classes, "dense_boxes": boxes}
        terms["token_classes"] = self.head(out.encoder_last_hidden_state_vision, batch.cells)
        focus = 2 if self.done >= FOCUS * self.plan.steps else 1
        weights = {name: focus if name.endswith("classes") else 1 for name in terms}
        self.optimizer.zero_grad()
        torch.autograd.backward(torch.stack([weights[name] * value for name, value in terms.items()]).sum())
        nn.utils.clip_grad_norm_(self.model.parameters(), 0.5)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * one_cycle(self.done / self.plan.steps)
        self.optimizer.step()
        self.done += 1
        decay = min(self.plan.average, self.done / (self.done + 10))  # a short memory while all is new
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - decay)
        return {name: value.item() for name, value in terms.items()}

    def averaged(self) -> Any:
        """A plain model with the averaged weights, on the CPU, for judging and saving."""
        model: Any = GroundingDinoForObjectDetection(detector_config())
        model.load_state_dict({name: value.cpu() for name, value in self.average.items()})
        return model.eval()

    def save(self, path: Path) -> None:
        """Write the whole state; the file is replaced only when it is complete."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average,
            "head": self.head.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "done": self.done,
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Take up a state that `save` wrote."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        self.head.load_state_dict(state["head"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.done = state["done"]


def train(plan: Plan, work: Path, out: Path, device: torch.device, source: SceneSource = random_training_scene) -> None:
    """Run both stages, taking up what an interrupted call left in `work`, and write the model to `out`."""
    torch.manual_seed(plan.seed)
    pool = render_pool(work / "pool", plan.scenes, plan.seed, source)
    judged = render_pool(work / "judged", plan.judged_scenes, plan.seed, source, stream=1)
    backbone, checkpoint = work / "backbone.pt", work / "checkpoint.pt"
    if not backbone.exists():
        torch.save(train_backbone(plan, pool, device), backbone)
    state = torch.load(backbone, map_location=device, weights_only=True)
    training = Training(plan, build_model(state, device, plan.half_backbone), device)
    if checkpoint.exists():
        training.load(checkpoint)
    training.model.train()
    for terms in _steps(training, pool, checkpoint):
        if training.done % 50 == 0:
            log.info("step %d: %s", training.done, " ".join(f"{name} {value:.3f}" for name, value in terms.items()))
        if training.done % plan.judge_every == 0:
            score = best_threshold(pool_detections(training.averaged(), judged, plan.seed))
            log.info("step %d judged on %d unseen scenes: %s", training.done, plan.judged_scenes, score)
    save_detector(training.averaged(), out)


def _steps(training: Training, pool: ScenePool, checkpoint: Path) -> Iterator[dict[str, float]]:
    start = time.monotonic()
    while training.done < training.plan.steps:
        yield training.step(pool)
        if training.done % training.plan.save_every == 0 or training.done == training.plan.steps:
            training.save(checkpoint)
            log.info("step %d saved after %.0f s", training.done, time.monotonic() - start)


def main() -> None:
    """The command line."""
    plan = Plan()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=plan.seed)
    parser.add_argument("--steps", type=int, default=plan.steps)
    parser.add_argument("--backbone-steps", type=int, default=plan.backbone_steps)
    parser.add_argument("--scenes", type=int, default=plan.scenes, help="size of the pool of rendered scenes")
    parser.add_argument("--half-backbone", action="store_true", help="bfloat16 convolutions (CPUs with AMX, GPUs)")
    parser.add_argument("--out", type=Path, default=Path("data/models/grounding-dino-tiny"))
    parser.add_argument("--work", type=Path, help="folder of the pool and the checkpoints; a second call takes them up")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    plan = Plan(
        seed=arguments.seed,
        steps=arguments.steps,
        backbone_steps=arguments.backbone_steps,
        scenes=arguments.scenes,
        half_backbone=arguments.half_backbone,
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with tempfile.TemporaryDirectory(prefix="nest-detector-") as scratch:
        train(plan, arguments.work or Path(scratch), arguments.out, device)


if __name__ == "__main__":
    main()
