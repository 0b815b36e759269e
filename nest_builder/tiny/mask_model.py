"""Trains the embedded mask model: transformers' SAM in a small configuration, from nothing.

    python -m nest_builder.tiny.mask_model --seed 0 --steps 5000 --out data/models/sam-tiny

Half of the pictures are Newsworld renderings, half procedural ones without any style. Prompts and losses follow the
SAM paper (Kirillov et al., "Segment Anything", 2023, sections 3 and A): one mask for a plain prompt, the best of
three for an ambiguous one, a head that learns to tell each mask's real IoU.
"""

from __future__ import annotations

import copy
import logging
import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import numpy as np
import torch
import typer
from torch import Tensor
from transformers import SamModel

from nest_builder.tiny.mask_data import Batch, Pool, build_pool, draw_batch
from nest_builder.tiny.mask_loss import mask_iou, prompt_loss
from nest_builder.tiny.mask_network import build_model, enlarge, picture_size, save

log = logging.getLogger(__name__)

HELD_OUT = 64
"""Pictures at the end of each pool that are only looked at to follow the training."""


PICTURES = {"newsworld": 5000, "procedural": 4000}
"""Pictures rendered of each source; a step asks both equally often."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the training.

    Attributes:
        size: longest side of the pictures.
        share: of all steps.
        rate: largest learning rate.
        cool: whether the rate falls to nought at the end, along half a cosine; else it falls slowly for ever.
        memory: decay of the running mean of the weights.
    """

    size: int
    share: float
    rate: float
    cool: bool
    memory: float


PHASES = (Phase(128, 0.78, 1e-3, False, 0.998), Phase(192, 0.22, 6e-4, True, 0.99))
"""Most is learnt on small pictures, where a step takes less than half the time."""


@dataclass(frozen=True, slots=True)
class Prompting:
    """What a training step asks with, and which of the decoder's outputs it trains.

    The library's decoder gives either the single mask or the three, never all four, so a step trains one kind.
    """

    prompt: Literal["box", "point"]
    multimask: bool
    share: float


PROMPTINGS = (
    Prompting("box", False, 0.70),
    Prompting("box", True, 0.12),
    Prompting("point", True, 0.12),
    Prompting("point", False, 0.06),
)
SHARES = [prompting.share for prompting in PROMPTINGS]


def ask(model: SamModel, batch: Batch, prompting: Prompting) -> tuple[Tensor, Tensor]:
    """Masks (B, P, M, G, G) and predicted IoU (B, P, M); a picture is encoded once for all its prompts.

    The model's own `forward` in three steps, since only two of them stand bfloat16: a position has to be known more
    finely than its eight bits.
    """
    device = model.device
    boxes = batch.boxes.to(device) if prompting.prompt == "box" else None
    points = batch.points.to(device) if prompting.prompt == "point" else None
    labels = None if points is None else torch.ones(points.shape[:-1], dtype=torch.int, device=device)
    sparse, dense = model.prompt_encoder(points, labels, boxes, None)
    positions = cast(Any, model).get_image_wide_positional_embeddings().repeat(len(batch.pixels), 1, 1, 1)
    with torch.autocast(device.type, torch.bfloat16):
        embedded = model.vision_encoder(batch.pixels.to(device)).last_hidden_state
        masks, scores = model.mask_decoder(embedded, positions, sparse, dense, prompting.multimask)
    return masks, scores


def rate(phase: Phase, step: int, steps: int) -> float:
    """Learning rate of a step of a phase, after a short warm-up."""
    warm = min(1.0, (step + 1) / min(150, steps // 10 + 1))
    fall = 0.5 * (1 + math.cos(math.pi * step / steps)) if phase.cool else (1 + step / 1500) ** -0.5
    return phase.rate * warm * fall


@torch.no_grad()
def follow(model: SamModel, pool: Pool, seed: int = 1) -> float:
    """Mean IoU from a jittered box on pictures that were held out of the training."""
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(4):
        batch = draw_batch(rng, [pool], 8, 4, picture_size(model))
        masks, _ = ask(model, batch, PROMPTINGS[0])
        values.append(mask_iou(masks.float().cpu(), batch.targets[:, :, None]).mean())
    return float(torch.stack(values).mean())


def train(
    pools: dict[str, Pool],
    seed: int,
    steps: int,
    out: Path,
    state_file: Path | None = None,
    count: int = 8,
    prompts: int = 4,
) -> SamModel:
    """Trains in the phases of `PHASES`; saves a running mean of the weights every 250 steps and at the end.

    Args:
        pools: pictures by source, equally often asked.
        seed: of the weights and of everything drawn.
        steps: optimiser steps in all.
        out: folder of the weights.
        state_file: where the whole state goes at each save, and whence a broken training goes on.
        count: pictures a step.
        prompts: prompts a picture.

    Returns:
        The mean model.

    Raises:
        FloatingPointError: if the loss is no number any more.
    """
    rng = np.random.default_rng([seed, 7])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    training = [pool.part(0, len(pool.sizes) - HELD_OUT) for pool in pools.values()]
    held_out = {name: pool.part(len(pool.sizes) - HELD_OUT, len(pool.sizes)) for name, pool in pools.items()}
    state: dict[str, Any] = {"size": 0}
    if state_file is not None and state_file.is_file():
        state = torch.load(state_file, map_location=device, weights_only=True)
    model = build_model(seed, PHASES[0].size)
    cast(torch.nn.Module, model).to(device)
    for phase in PHASES:
        if phase.size < state["size"]:
            continue
        model = enlarge(model, phase.size).train()
        mean = copy.deepcopy(model).eval()
        optimizer = make_optimizer(model)
        begin, phase_steps = 0, max(1, round(steps * phase.share))
        if phase.size == state["size"]:
            model.load_state_dict(state["model"])
            mean.load_state_dict(state["mean"])
            optimizer.load_state_dict(state["optimizer"])
            rng.bit_generator.state = state["rng"]
            begin = state["step"]
        start = time.monotonic()
        for step in range(begin, phase_steps):
            for group in optimizer.param_groups:
                group["lr"] = rate(phase, step, phase_steps)
            batch = draw_batch(rng, training, count, prompts, phase.size)
            overlap = learn(model, optimizer, batch, PROMPTINGS[int(rng.choice(len(PROMPTINGS), p=SHARES))])
            keep = min(phase.memory, (step + 1) / (step + 10))
            with torch.no_grad():
                torch._foreach_lerp_(list(mean.parameters()), list(model.parameters()), 1 - keep)
            if step % 25 == 24:
                log.info(
                    "size %d step %d best IoU %.3f after %.0f s",
                    phase.size,
                    step + 1,
                    overlap,
                    time.monotonic() - start,
                )
            if step % 250 == 249 or step == phase_steps - 1:
                save(mean, out)
                if state_file is not None:
                    whole = {
                        "model": model.state_dict(),
                        "mean": mean.state_dict(),
                        "optimizer": optimizer.state_dict(),
                    }
                    torch.save(
                        {**whole, "size": phase.size, "step": step + 1, "rng": rng.bit_generator.state}, state_file
                    )
                scores = {name: round(follow(mean, pool), 3) for name, pool in held_out.items()}
                log.info("size %d step %d of %d, held-out IoU %s", phase.size, step + 1, phase_steps, scores)
        model = mean
    return model


def make_optimizer(model: SamModel) -> torch.optim.AdamW:
    """AdamW with weight decay on the matrices alone."""
    learned = [p for p in model.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in learned if p.ndim > 1]},
        {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.03)


def learn(model: SamModel, optimizer: torch.optim.Optimizer, batch: Batch, prompting: Prompting) -> float:
    """One optimiser step.

    Returns:
        The mean IoU of the best masks before it.

    Raises:
        FloatingPointError: if the loss is no number any more.
    """
    loss, overlap = prompt_loss(*ask(model, batch, prompting), batch.targets.to(model.device))
    if not torch.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss.item()}")
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None], 1.0)
    optimizer.step()
    return float(overlap)


def main(
    out: Annotated[Path, typer.Option(help="Folder for the weights.")],
    seed: Annotated[int, typer.Option(help="Decides the pictures, the weights and the draws.")] = 0,
    steps: Annotated[int, typer.Option(min=1)] = 5000,
    work: Annotated[
        Path | None, typer.Option(help="Keeps pictures and state here; a broken training goes on from it.")
    ] = None,
) -> None:
    """Renders the pictures, trains, saves."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    with tempfile.TemporaryDirectory() as scratch:
        folder = work or Path(scratch)
        pools = {source: build_pool(folder, source, pictures, seed) for source, pictures in PICTURES.items()}
        train(pools, seed, steps, out, folder / "state.pt")


if __name__ == "__main__":
    typer.run(main)
