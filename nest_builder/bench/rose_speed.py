"""``nest bench rose-speed``: a batch through ROSE against the same parts one sample at a time, and what each part takes.

The samples are questions on photographs of a Newsworld, in the order of validation, those on one entity together; its server is a
process of its own on loopback that lets each answer wait for `LATENCY_S`, as the web does, and once more without any such wait.
*Batch*: all samples in one call, nothing known before. *Alone*: the same models, but each sample for itself, as by a script that
calls the parts for one picture and question: no search answer, page, feature or prototype is kept from one to the next. *In turn*:
one sample at a time with everything kept. *Again*: the batch once more, with everything kept. Models are loaded before any clock runs.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nest_builder.annotate.masks import mask_iou
from nest_builder.annotate.models import choose_device
from nest_builder.bench.result import Pin, Result, machine
from nest_builder.config import Settings, load_settings
from nest_builder.newsworld.questions import Asked, nest_questions
from nest_builder.newsworld.world import World
from nest_builder.rose.base import Query
from nest_builder.rose.cache import Cache
from nest_builder.rose.load import assemble
from nest_builder.rose.models import Models, load_models
from nest_builder.rose.rose import Answered, Rose
from nest_builder.rose.search import SearxNG
from nest_builder.workspace import open_workspace

SAMPLES = 64
LATENCY_S = 0.1  # a quick site; what a search service takes is rather more
SAME_MASK = 0.98  # IoU from which two masks are one: batches differ in the last bits
PARTS = ("websense", "irag", "tpe", "base", "vpe")


def run(seed: int, data: Path | None, quick: bool = False) -> Result:
    """Measure ROSE's speed with the models that the settings name (`NEST_ROSE__SEGMENTER` and the like choose others).

    Args:
        seed: The world.
        data: Not used: the samples come from the world.
        quick: There is no short form: few samples share nothing.

    Raises:
        FileNotFoundError: A model's folder is missing.
    """
    with tempfile.TemporaryDirectory(prefix="nest-rose-speed-") as folder:
        settings = load_settings(workdir=Path(folder))
        asked = samples(World(seed), seed)
        figures: dict[str, float] = {}
        for prefix, latency in (("loopback_", 0.0), ("", LATENCY_S)):
            world = settings.newsworld.model_copy(update={"enabled": True, "seed": seed, "latency_s": latency})
            measured, said = measure(settings.model_copy(update={"newsworld": world}), asked)
            figures |= {f"{prefix}{name}": value for name, value in measured.items()}
    retrieved = sum(any(step.part == "irag" for step in one.steps) for one in said)
    setup = {
        **machine("torch", "transformers", "numpy"),
        "device": choose_device(settings.annotate.device),
        "segmenter": settings.rose.segmenter,
        "seed": seed,
        "samples": dict(Counter(one.category for one in asked)),
        "entities": len({one.answer for one in asked}),
        "latency_s": LATENCY_S,
        "retrieved": retrieved,
    }
    pins = {"speedup": Pin(f"seed {seed}", margin=0.3, relative=True)}
    return Result("rose-speed", figures, {"speedup": (">=", 3.0), "same_answers": (">=", 0.98)}, {}, setup, pins)


def samples(world: World, seed: int) -> list[Asked]:
    """Return the first questions of a world, those on one entity together."""
    every = nest_questions(world, len(world.photos), seed)
    return sorted(every, key=lambda one: (one.answer, one.asked_at))[:SAMPLES]


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds by the clock, and of this process's processor time, on which other work on the machine has less influence."""

    wall: float
    processor: float


def measure(settings: Settings, asked: Sequence[Asked]) -> tuple[dict[str, float], list[Answered]]:
    """Return the figures (milliseconds a sample, and ratios) and what the batch answered."""
    queries = [Query(one.image, one.text, one.asked_at, one.exclude) for one in asked]
    with open_workspace(settings) as space:

        def fresh(models: Models, cache: Cache) -> Rose:
            search = SearxNG(space.client, settings.rose.search_url)
            return assemble(settings, models, space.client, search, cache, space.clock)

        def loaded() -> Models:
            # A segmenter may keep pictures' features, so that each way of working gets models of its own.
            models = load_models(settings)
            with closing(Cache()) as cache:
                fresh(models, cache).segment(queries[:2], parts=("irag", "tpe", "vpe"))
            return models

        def one_alone(models: Models, query: Query) -> Answered:
            with closing(Cache()) as cache:
                return fresh(models, cache).segment([query])[0]

        models = loaded()
        with closing(Cache()) as cache:
            rose = fresh(models, cache)
            batch_took, batch = timed(lambda: rose.segment(queries))
            again_took, _ = timed(lambda: rose.segment(queries))
        models = loaded()
        with closing(Cache()) as cache:
            rose = fresh(models, cache)
            turn_took, _ = timed(lambda: [rose.segment([query])[0] for query in queries])
        models = loaded()
        alone_took, alone = timed(lambda: [one_alone(models, query) for query in queries])
    count = len(queries)
    figures = {
        "samples": float(count),
        "speedup": alone_took.wall / batch_took.wall,
        "speedup_processor": alone_took.processor / batch_took.processor,
        "speedup_in_turn": alone_took.wall / turn_took.wall,
        "speedup_again": alone_took.wall / again_took.wall,
        "batch_ms": 1000 * batch_took.wall / count,
        "again_ms": 1000 * again_took.wall / count,
        "in_turn_ms": 1000 * turn_took.wall / count,
        "alone_ms": 1000 * alone_took.wall / count,
        "batch_processor_ms": 1000 * batch_took.processor / count,
        "again_processor_ms": 1000 * again_took.processor / count,
        "in_turn_processor_ms": 1000 * turn_took.processor / count,
        "alone_processor_ms": 1000 * alone_took.processor / count,
        "same_answers": float(np.mean([same(one, other) for one, other in zip(batch, alone, strict=True)])),
    }
    for part in PARTS:
        figures[f"{part}_batch_ms"] = part_ms(batch, part)
        figures[f"{part}_alone_ms"] = part_ms(alone, part)
    return {key: round(value, 3) for key, value in figures.items()}, batch


def timed(call: Callable[[], list[Answered]]) -> tuple[Took, list[Answered]]:
    """Return how long a call takes, and what it returns."""
    wall, processor = time.perf_counter(), time.process_time()
    said = call()
    return Took(time.perf_counter() - wall, time.process_time() - processor), said


def same(one: Answered, other: Answered) -> bool:
    """Return whether two answers are one: the same words, and the same mask but for the last bits of a batch."""
    return one.answer == other.answer and mask_iou(one.segmentation.mask, other.segmentation.mask) >= SAME_MASK


def part_ms(said: Sequence[Answered], part: str) -> float:
    """Return a part's mean milliseconds over the samples that it worked on; 0 where there were none."""
    times = [1000 * step.seconds for one in said for step in one.steps if step.part == part]
    return float(np.mean(times)) if times else 0.0
