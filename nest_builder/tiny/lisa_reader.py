"""The second stage of LISA-tiny's training: LLaMA learns to read, without pictures.

It learns which thing a request means: kind, colours, pattern, emblem, and which of the canon. Names, roles and makers
are knowledge and belong to the words; a text costs a tenth of a picture with its texts.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nest_builder.segmenters.lisa_model import LisaForSegmentation
from nest_builder.tiny.lisa_batch import Batcher, hear
from nest_builder.tiny.lisa_tower import IGNORED, PatchHead, descend, optimizers

log = logging.getLogger(__name__)


def read(model: LisaForSegmentation, batcher: Batcher, seed: tuple[int, ...], texts: int) -> tuple[Tensor, Tensor, Any]:
    """Let LLaMA read requests about random scenes that it does not see.

    Returns:
        The language loss, the states before `[SEG]` (t, d), and what the requests mean as in `Batch.meant`.
    """
    rng, dice = np.random.default_rng(seed), Random(str(seed))
    asked = []
    for index in rng.integers(len(batcher.pool), size=texts // 4):
        things = batcher.pool.things(int(index))
        asked += [(things, request) for request in batcher.asker.draw(dice, things, 4)]
    ids, mask, labels, meant = batcher.words(asked)
    device = model.device
    before = torch.tensor(batcher.prompter.before, device=device)
    with torch.autocast(device.type, torch.bfloat16):
        memory = model.remember(torch.zeros(1, 0, model.config.text_config.hidden_size, device=device), before)
        picture = torch.zeros(len(asked), dtype=torch.long)
        language, states, _ = hear(model, memory, *(t.to(device) for t in (picture, ids, mask, labels)))
    return language, states.float(), {name: classes.to(device) for name, classes in meant.items()}


def train_reader(
    model: LisaForSegmentation,
    head: PatchHead,
    batcher: Batcher,
    seed: int,
    steps: int,
    state_file: Path,
    texts: int = 96,
    rate: float = 2e-3,
) -> None:
    """Train the model's LLaMA and a head for its states, going on from `state_file`; step n draws the same texts."""
    both = optimizers([(head, rate), (model.language_model, rate)])
    done, start = 0, time.monotonic()
    if state_file.exists():
        state: dict[str, Any] = torch.load(state_file, map_location=model.device, weights_only=True)
        model.language_model.load_state_dict(state["reader"])
        head.load_state_dict(state["head"])
        for optimizer, saved in zip(both, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        done = state["done"]
    while done < steps:
        language, states, meant = read(model, batcher, (seed, 6, done), texts)
        descend(both, language + head.kind_loss(states[None], meant), done / steps)
        done += 1
        if done % 100 == 0 or done == steps:
            saved_state = {"reader": model.language_model.state_dict(), "head": head.state_dict(), "done": done}
            partial = state_file.with_suffix(".partial")
            torch.save(saved_state | {"optimizers": [optimizer.state_dict() for optimizer in both]}, partial)
            partial.replace(state_file)
        if done % 50 == 0 or done == steps:
            said = reader_scores(model, head, batcher, (seed, 7, 0))
            log.info("reader step %d after %.0f s: %s", done, time.monotonic() - start, said)


@torch.no_grad()
def reader_scores(
    model: LisaForSegmentation, head: PatchHead, batcher: Batcher, seed: tuple[int, ...], texts: int = 400
) -> dict[str, float]:
    """Share of fresh requests whose meaning is read rightly; for the entity, of those that mean one of the canon."""
    _, states, meant = read(model, batcher, seed, texts)
    logits, _ = head(states[None])
    scores = {}
    for name, classes in meant.items():
        known = classes > 0 if name == "entity" else classes != IGNORED
        scores[name] = round(float((logits[name].argmax(-1) == classes)[known].float().mean()), 3)
    return scores
