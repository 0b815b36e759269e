"""Trains the embedded LISA: `python -m nest_builder.tiny.lisa --seed 0 --steps 6000 --out data/models/lisa-tiny`.

Three stages: CLIP's tower learns what each patch shows (`lisa_tower`), LLaMA what a request means (`lisa_reader`), then
tower, projector, LLaMA and SAM's mask decoder learn together; SAM's vision encoder stays that of the trained mask model.
What it is taught is the world before the cutoff and how to follow a description; see `lisa_texts`.
"""

from __future__ import annotations

import argparse
import logging
import math
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoTokenizer, SamModel

from nest_builder.annotate.models import model_identity
from nest_builder.newsworld.canon import build_canon
from nest_builder.segmenters.lisa import Prompter
from nest_builder.segmenters.lisa_model import LisaForSegmentation
from nest_builder.tiny.lisa_batch import Batch, Batcher, Features, hear
from nest_builder.tiny.lisa_loss import StateHead, Teacher, box_loss, patch_loss
from nest_builder.tiny.lisa_network import WIDTH, build_model, save
from nest_builder.tiny.lisa_reader import train_reader
from nest_builder.tiny.lisa_scenes import Pool, render_pool
from nest_builder.tiny.lisa_texts import Asker
from nest_builder.tiny.lisa_tokens import train_tokenizer
from nest_builder.tiny.lisa_tower import CPU, PatchHead, descend, optimizers, train_tower
from nest_builder.tiny.mask_loss import mask_iou, mask_loss

log = logging.getLogger(__name__)

TAUGHT = 0.15  # share of the steps in which the mask decoder reads the teacher's tokens only
PATCHES = 0.5  # weight of what the tower learned first, lest the others make it forget
MEANT = 0.15  # weight of what LLaMA learned first
PLACE = 3.0  # weight of the box: that values carry a place is learned last, and masks wait for it
WEANED = 0.45  # share of the steps after which it reads LLaMA's only


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast to train; rates are the peaks of one cycle.

    Attributes:
        news: Texts from which the tokenizer learns.
        worlds: Invented worlds whose names stand for what is not known.
        pictures: Of a step.
        texts: About each picture.
        decoded: Masks of a step; the other texts learn by the auxiliary losses.
        average: Decay of the running mean of the weights, which is what is kept.
    """

    seed: int = 0
    steps: int = 4000
    tower_steps: int = 2500
    reader_steps: int = 1000
    reader_texts: int = 96
    scenes: int = 14000
    judged_scenes: int = 192
    news: int = 6000
    worlds: int = 40
    pictures: int = 8
    texts: int = 6
    decoded: int = 20
    tower_batch: int = 16
    tower_rate: float = 1e-3
    reader_rate: float = 2e-3
    rate: float = 1.5e-3
    tuning_rate: float = 3e-4  # of what is trained already: tower and mask decoder
    average: float = 0.998
    save_every: int = 100
    judge_every: int = 250


class Training:
    """The second stage, as a state that can be saved after any step and taken up again."""

    def __init__(
        self, plan: Plan, model: LisaForSegmentation, patches: PatchHead, meaning: PatchHead, batcher: Batcher
    ) -> None:
        self.plan, self.model, self.patches, self.meaning, self.batcher = plan, model, patches, meaning, batcher
        width = model.config.mask_config.prompt_encoder_config.hidden_size
        self.device = model.device
        self.head, self.teacher = StateHead(WIDTH).to(self.device), Teacher(width).to(self.device)
        tuned = (model.vision_tower, model.mask_model.mask_decoder, patches, meaning)
        fresh = (self.head, self.teacher, model)
        self.both = optimizers([(m, plan.tuning_rate) for m in tuned] + [(m, plan.rate) for m in fresh])
        self.parts = {
            "model": model,
            "patches": patches,
            "meaning": meaning,
            "head": self.head,
            "teacher": self.teacher,
        }
        self.average = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
        self.before = torch.tensor(batcher.prompter.before, device=self.device)
        self.done = 0

    def step(self) -> dict[str, float]:
        """Train on one batch; step n of a seed always draws the same batch. Returns the loss terms."""
        plan = self.plan
        batch = self.batcher.draw((plan.seed, 4, self.done), plan.pictures, plan.texts).to(self.device)
        generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + self.done)
        chosen = torch.randperm(len(batch.picture), generator=generator)[: plan.decoded]
        progress = self.done / plan.steps
        share = min(1.0, max(0.0, (WEANED - progress) / (WEANED - TAUGHT)))
        taught = torch.rand(len(chosen), generator=generator) < share
        terms = self.losses(batch, chosen.to(self.device), taught.to(self.device))
        weights = {"patches": PATCHES, "meant": MEANT, "box": PLACE, "teacher": max(0.1, share)}
        loss = torch.stack([weights.get(name, 1.0) * term for name, term in terms.items()]).sum()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()}")
        descend(self.both, loss, progress)
        self.done += 1
        keep = min(plan.average, self.done / (self.done + 10))  # a short memory while all is new
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                if name in self.average:
                    self.average[name].lerp_(parameter, 1 - keep)
        return {name: term.item() for name, term in terms.items()}

    def losses(self, batch: Batch, chosen: Tensor, taught: Tensor) -> dict[str, Tensor]:
        """The loss terms of a batch; masks of the `chosen` texts only, whose prompts are the teacher's where `taught`."""
        model, head = self.model, self.head
        with torch.autocast(self.device.type, torch.bfloat16):
            seen = model.vision_tower(batch.pixels).last_hidden_state[:, 1:]
            memory = model.remember(model.projector(seen), self.before)
            language, states, attention = hear(model, memory, batch.picture, batch.ids, batch.mask, batch.labels)
        seen, states = seen.float(), states.float()
        # Half of the last layer's heads shall look at the target: what they bring back says where it is.
        heads = attention.shape[1] // 2
        looking = attention[:, :heads, len(self.before) :].float().mean(1).clamp(min=1e-6).log()
        prompts, written = model.text_hidden_fcs(states[chosen]), self.teacher(self.corners(batch.framed[chosen]))
        given = torch.where(taught[:, None], written, prompts)
        with torch.autocast(self.device.type, torch.bfloat16):
            masks, ious = model.decode(given, batch.features[batch.picture[chosen]])
        masks, ious, targets = masks.float(), ious.float(), batch.targets[chosen]
        return {
            "language": language,
            "mask": mask_loss(masks, targets).mean(),
            "iou": (ious - mask_iou(masks, targets)).square().mean(),
            "teacher": (prompts - written.detach()).square().mean(),
            "box": box_loss(head.boxes(states), batch.boxes),
            "attention": patch_loss(looking, batch.inside),
            "looks": patch_loss(head.looks(states, seen[batch.picture]), batch.inside),
            "patches": self.patches.loss(seen, batch.patches),
            "meant": self.meaning.kind_loss(states[None], batch.meant),
        }

    @torch.no_grad()
    def corners(self, boxes: Tensor) -> Tensor:
        """SAM's own embedding of boxes (t, 4) in shares of the frame: two corners, (t, 2 c)."""
        size = self.model.config.mask_config.prompt_encoder_config.image_size
        sparse, _ = self.model.mask_model.prompt_encoder(None, None, boxes[None] * size, None)
        corners: Tensor = sparse[0].flatten(1)
        return corners

    def averaged(self) -> LisaForSegmentation:
        """The model with the averaged weights, for judging and saving."""
        model: Any = build_model(0, self.batcher.prompter.tokenizer, self.model.mask_model)
        model.load_state_dict({**self.model.state_dict(), **self.average}, strict=False)
        model.language_model.tie_weights()
        averaged: LisaForSegmentation = model.to(self.device).eval()
        return averaged

    def save(self, path: Path) -> None:
        """Write the whole state; the file is replaced only when it is complete."""
        state: dict[str, Any] = {name: part.state_dict() for name, part in self.parts.items()}
        state |= {"optimizers": [optimizer.state_dict() for optimizer in self.both]}
        partial = path.with_suffix(".partial")
        torch.save(state | {"average": self.average, "done": self.done}, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Take up a state that `save` wrote."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        for optimizer, saved in zip(self.both, state["optimizers"], strict=True):
            peaks = [group["peak"] for group in optimizer.param_groups]
            optimizer.load_state_dict(saved)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["peak"] = peak  # the plan's, which may have changed
        self.average, self.done = state["average"], state["done"]


@torch.no_grad()
def judge(training: Training, pool: Pool, batcher: Batcher) -> Mapping[str, float]:
    """Mean IoU by kind of request on a pool that was not trained on, at the decoder's resolution."""
    model, before = training.averaged(), training.before
    found: dict[str, list[float]] = defaultdict(list)
    for start in range(0, len(pool), 8):
        indices = list(range(start, min(start + 8, len(pool))))
        asked = [batcher.asker.draw(Random(f"judge/{index}"), pool.things(index), 5) for index in indices]
        batch = batcher.make(indices, asked).to(training.device)
        with torch.autocast(training.device.type, torch.bfloat16):
            memory = model.remember(model.read(batch.pixels), before)
            _, states, _ = hear(model, memory, batch.picture, batch.ids, batch.mask, batch.labels)
            masks, _ = model.decode(model.text_hidden_fcs(states.float()), batch.features[batch.picture])
        for kind, iou in zip(batch.kinds, mask_iou(masks.float(), batch.targets).tolist(), strict=True):
            found[kind].append(iou)
    known = [iou for kind in ("name", "role", "made", "colour") for iou in found.get(kind, ())]
    means = {kind: float(np.mean(ious)) for kind, ious in sorted(found.items())}
    return {"known": float(np.mean(known)) if known else math.nan} | means


def train(plan: Plan, sam_folder: Path, work: Path, out: Path, device: torch.device = CPU) -> None:
    """Run both stages, taking up what an interrupted call left in `work`, and write the model to `out`."""
    torch.manual_seed(plan.seed)
    work.mkdir(parents=True, exist_ok=True)
    canon = build_canon()
    pool = render_pool(work / "pool", canon, plan.scenes, plan.seed)
    judged = render_pool(work / "judged", canon, plan.judged_scenes, plan.seed, stream=1)
    if not (work / "tokenizer").exists():
        train_tokenizer(canon, plan.seed, texts=plan.news).save_pretrained(work / "tokenizer")
    tokenizer: Any = AutoTokenizer.from_pretrained(work / "tokenizer")
    tower, patches = train_tower(
        pool,
        judged,
        len(canon.entities),
        plan.seed,
        plan.tower_steps,
        work / "tower.pt",
        plan.tower_batch,
        plan.tower_rate,
        device,
    )
    sam: Any = SamModel.from_pretrained(sam_folder)
    model: Any = build_model(plan.seed, tokenizer, sam)
    model.to(device)
    model.vision_tower.load_state_dict(tower.state_dict())
    prompter, asker = Prompter(tokenizer, model.config), Asker(canon, worlds=plan.worlds)
    mark = model_identity(str(sam_folder)).replace("@", "-")
    encoder = sam.vision_encoder.to(device).eval()
    batcher = Batcher(pool, Features(encoder, pool, work / f"{mark}-pool.npy"), asker, prompter)
    judges = Batcher(judged, Features(encoder, judged, work / f"{mark}-judged.npy"), asker, prompter)
    meaning = PatchHead(len(canon.entities)).to(device)
    train_reader(
        model.train(),
        meaning,
        batcher,
        plan.seed,
        plan.reader_steps,
        work / "reader.pt",
        plan.reader_texts,
        plan.reader_rate,
    )
    training = Training(plan, model, patches, meaning, batcher)
    if (work / "checkpoint.pt").exists():
        training.load(work / "checkpoint.pt")
    start = time.monotonic()
    while training.done < plan.steps:
        terms = training.step()
        if training.done % 20 == 0:
            said = " ".join(f"{name} {value:.3f}" for name, value in terms.items())
            log.info("step %d after %.0f s: %s", training.done, time.monotonic() - start, said)
        if training.done % plan.save_every == 0 or training.done == plan.steps:
            training.save(work / "checkpoint.pt")
        if training.done % plan.judge_every == 0 or training.done == plan.steps:
            scores = judge(training, judged, judges)
            log.info("step %d gIoU: %s", training.done, {kind: round(value, 3) for kind, value in scores.items()})
            save(training.averaged(), tokenizer, out)


def main() -> None:
    """The command line."""
    plan = Plan()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=plan.seed)
    parser.add_argument("--steps", type=int, default=plan.steps)
    parser.add_argument("--tower-steps", type=int, default=plan.tower_steps)
    parser.add_argument("--reader-steps", type=int, default=plan.reader_steps)
    parser.add_argument("--scenes", type=int, default=plan.scenes, help="size of the pool of rendered scenes")
    parser.add_argument("--sam", type=Path, default=Path("data/models/sam-tiny"), help="the trained mask model")
    parser.add_argument("--out", type=Path, default=Path("data/models/lisa-tiny"))
    parser.add_argument("--work", type=Path, help="folder of the pool and the checkpoints; a second call takes them up")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    plan = Plan(
        seed=given.seed,
        steps=given.steps,
        tower_steps=given.tower_steps,
        reader_steps=given.reader_steps,
        scenes=given.scenes,
    )
    with tempfile.TemporaryDirectory(prefix="nest-lisa-") as scratch:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        train(plan, given.sam, given.work or Path(scratch), given.out, device)


if __name__ == "__main__":
    main()
