"""Trains the embedded mask model: transformers' SAM in a small configuration, from nothing.

    python -m nest_builder.tiny.mask_model --seed 0 --steps 7450 --out data/models/sam-tiny

Half of the pictures or more are Newsworld renderings, the others procedural ones without any style. Prompts and losses follow the
SAM paper (Kirillov et al., "Segment Anything", 2023, sections 3 and A): one mask for a plain prompt, the best of
three for an ambiguous one, a head that learns to tell each mask's real IoU.
"""

from __future__ import annotations

import copy
import logging
import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
import typer
from torch import Tensor, nn
from transformers import SamModel

from nest_builder.tiny.mask_data import CELL, Batch, Mix, Pool, build_pool, draw_batch
from nest_builder.tiny.mask_loss import mask_iou, outline_loss, prompt_loss
from nest_builder.tiny.mask_network import DECODER, PATCH, build_model, enlarge, picture_size, save, whiten_patches

log = logging.getLogger(__name__)

HELD_OUT = 64
"""Pictures at the end of each pool that are only looked at to follow the training."""


PICTURES = {"newsworld": 5000, "procedural": 4000}
"""Pictures rendered of each source."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the training.

    Attributes:
        size: longest side of the pictures.
        share: of all steps.
        rate: largest learning rate.
        cool: whether the rate falls to nought at the end, along half a cosine; else it falls slowly for ever.
        memory: decay of the running mean of the weights.
        mix: how samples are cut from the pictures.
        sources: share of each source of `PICTURES`; None: equal ones.
    """

    size: int
    share: float
    rate: float
    cool: bool
    memory: float
    mix: Mix
    sources: tuple[float, ...] | None = None


STEPS = 7450
"""Of the whole training."""

PHASES = (
    Phase(128, 1250 / STEPS, 1e-3, False, 0.998, Mix()),
    Phase(128, 1500 / STEPS, 7.5e-4, False, 0.998, Mix(cell=1, mosaics=0.3)),
    Phase(192, 1000 / STEPS, 6e-4, True, 0.99, Mix(cell=1, mosaics=0.15, closeups=0.3)),
    Phase(192, 2500 / STEPS, 5e-4, True, 0.99, Mix(cell=1, mosaics=0.05, closeups=0.6), (0.65, 0.35)),
    Phase(192, 1200 / STEPS, 4e-4, True, 0.99, Mix(cell=1, mosaics=0.03, closeups=0.85), (0.8, 0.2)),
)
"""First large things, then small ones too, at last larger pictures and the close-ups that the pipeline asks for."""


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


def ask(model: SamModel, batch: Batch, prompting: Prompting) -> tuple[Tensor, Tensor, Tensor]:
    """Masks (B, P, M, G, G), predicted IoU (B, P, M) and the pictures' encoding (B, C, G / 4, G / 4).

    A picture is encoded once for all its prompts.

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
    return masks, scores, embedded


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
        batch = draw_batch(rng, [pool], 8, 4, picture_size(model), Mix())
        masks, _, _ = ask(model, batch, PROMPTINGS[0])
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
        pools: pictures by source.
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
    state: dict[str, Any] = {"phase": -1}
    if state_file is not None and state_file.is_file():
        state = torch.load(state_file, map_location=device, weights_only=True)
    model = build_model(seed, PHASES[0].size)
    look = torch.cat([draw_batch(rng, training, 8, 1, PHASES[0].size, Mix()).pixels for _ in range(8)])
    whiten_patches(model, look)
    cast(nn.Module, model).to(device)
    outliner = nn.Conv2d(DECODER, 3 * (PATCH // CELL) ** 2, 1).to(device)
    for number, phase in enumerate(PHASES):
        if number < state["phase"]:
            continue
        model = enlarge(model, phase.size).train()
        mean = copy.deepcopy(model).eval()
        optimizers = make_optimizers(model, outliner)
        begin, phase_steps = 0, max(1, round(steps * phase.share))
        if number == state["phase"]:
            model.load_state_dict(state["model"])
            mean.load_state_dict(state["mean"])
            outliner.load_state_dict(state["outliner"])
            for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            rng.bit_generator.state = state["rng"]
            begin = state["step"]
        start = time.monotonic()
        for step in range(begin, phase_steps):
            for group in [group for optimizer in optimizers for group in optimizer.param_groups]:
                group["lr"] = rate(phase, step, phase_steps)
            batch = draw_batch(rng, training, count, prompts, phase.size, phase.mix, phase.sources)
            overlap = learn(model, outliner, optimizers, batch, PROMPTINGS[int(rng.choice(len(PROMPTINGS), p=SHARES))])
            keep = min(phase.memory, (step + 1) / (step + 10))
            with torch.no_grad():
                torch._foreach_lerp_(list(mean.parameters()), list(model.parameters()), 1 - keep)
            if step % 25 == 24:
                log.info(
                    "phase %d step %d best IoU %.3f after %.0f s",
                    phase.size,
                    step + 1,
                    overlap,
                    time.monotonic() - start,
                )
            if step % 250 == 249 or step == phase_steps - 1:
                save(mean, out)
                if state_file is not None:
                    whole = {
                        "phase": number,
                        "step": step + 1,
                        "rng": rng.bit_generator.state,
                        "model": model.state_dict(),
                        "mean": mean.state_dict(),
                        "outliner": outliner.state_dict(),
                        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
                    }
                    torch.save(whole, state_file)
                scores = {name: round(follow(mean, pool), 3) for name, pool in held_out.items()}
                log.info("phase %d step %d of %d, held-out IoU %s", number, step + 1, phase_steps, scores)
        model = mean
    return model


def make_optimizers(model: SamModel, outliner: nn.Module) -> tuple[torch.optim.Optimizer, ...]:
    """Muon for the matrices of the transformers (Jordan et al. 2024), AdamW for all else.

    Muon's steps are scaled to the size of AdamW's, so that one learning rate serves both.
    """
    learned = {name: p for name, p in model.named_parameters() if p.requires_grad}
    inner = {
        n for n, p in learned.items() if p.ndim == 2 and (".layers." in n or "_attn" in n) and n.endswith("weight")
    }
    others = [p for n, p in learned.items() if n not in inner] + list(outliner.parameters())
    matrices = [p for n, p in learned.items() if n in inner]
    return (
        torch.optim.Muon(matrices, weight_decay=0.03, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0),
    )


def learn(
    model: SamModel,
    outliner: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    batch: Batch,
    prompting: Prompting,
) -> float:
    """One optimiser step.

    Returns:
        The mean IoU of the best masks before it.

    Raises:
        FloatingPointError: if the loss is no number any more.
    """
    masks, scores, embedded = ask(model, batch, prompting)
    loss, overlap = prompt_loss(masks, scores, batch.targets.to(model.device))
    outlines = F.pixel_shuffle(outliner(embedded.float()), PATCH // CELL)
    loss = loss + outline_loss(outlines, batch.labels.to(model.device))
    if not torch.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss.item()}")
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None], 1.0)
    for optimizer in optimizers:
        optimizer.step()
    return float(overlap)


def main(
    out: Annotated[Path, typer.Option(help="Folder for the weights.")],
    seed: Annotated[int, typer.Option(help="Decides the pictures, the weights and the draws.")] = 0,
    steps: Annotated[int, typer.Option(min=1)] = STEPS,
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
