"""Fits what a sample is worth before anybody has looked at it, on worlds whose truth is known.

    python -m nest_builder.tiny.review_prior --seed 101 --seed 102 --seed 103 --seed 104 --out data/models/review.json

Each world is built as any other. The model that this fits goes beyond `tiny.confidence`, whose probability chooses the thing in a
picture and is one of the signals here: it also sees the entity's other pictures, so it needs all of them annotated first.
Seeds of a score must be others.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from sqlalchemy import select

from nest_builder.bench.worlds import built_world, sample_truth
from nest_builder.config import Settings
from nest_builder.newsworld.world import World
from nest_builder.review.evidence import Evidence, read_evidence, read_seen
from nest_builder.review.looks import LookFinder
from nest_builder.rose.cache import Cache
from nest_builder.rose.embed import ClipImages
from nest_builder.store.tables import Annotation, Sample
from nest_builder.tiny.confidence import logistic

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Case:
    """An annotation with the truth: what is known of it, whether it is right, and its entity (whose cases hang together)."""

    evidence: Evidence
    right: bool
    group: str


def collect_cases(seed: int, folder: Path) -> list[Case]:
    """Build a world where that is not done, join the evidence, and hold the annotations against the truth."""
    with built_world(seed, folder, last="ask") as store, store.sessions() as session:
        truth = sample_truth(session, World(seed))
        embedder = ClipImages(Settings().rose.image_embedder)
        cache = Cache(folder / "looks.sqlite")
        try:
            looks = LookFinder(embedder, store.blobs, cache).compare(read_seen(session, {}))
        finally:
            cache.close()
        rows = session.execute(
            select(Sample.annotation_id, Sample.id, Annotation.entity_key)
            .join(Annotation, Annotation.id == Sample.annotation_id)
            .order_by(Sample.id)
        ).tuples()
        known = {annotation: (truth[sample], f"{seed} {entity}") for annotation, sample, entity in rows}
        return [Case(one, *known[one.annotation_id]) for one in read_evidence(session, looks)]


def fit(cases: Sequence[Case]) -> tuple[dict[str, object], dict[str, float]]:
    """Fit both models; return the content of the file, and how well they do on entities that were left out of the fit."""
    content: dict[str, object] = {}
    figures: dict[str, float] = {}
    for name, negative in (("shown", False), ("absent", True)):
        part = [case for case in cases if case.evidence.negative == negative]
        content[name], scores = logistic(
            [case.evidence.features() for case in part], [case.right for case in part], [case.group for case in part]
        )
        figures |= {f"{name}_{key}": value for key, value in scores.items()}
        models = np.array([case.evidence.p_models for case in part])
        wrong = np.array([not case.right for case in part])
        figures[f"{name}_brier_of_models"] = round(float(((models - ~wrong) ** 2).mean()), 4)
    return content, figures


def main(
    out: Annotated[Path, typer.Option(help="The prior's file.")],
    seed: Annotated[list[int], typer.Option(help="Worlds to fit on.")],
    work: Annotated[Path | None, typer.Option(help="Holds or gets the built worlds, one folder a seed.")] = None,
) -> None:
    """Fits and writes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    with tempfile.TemporaryDirectory() as scratch:
        cases = [case for one in seed for case in collect_cases(one, (work or Path(scratch)) / str(one))]
    content, figures = fit(cases)
    log.info("%s", figures)
    content["fitted_on"] = {"seeds": seed, **figures}
    out.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
