"""Fits how likely an annotation is to be right, on worlds whose truth is known.

    python -m nest_builder.tiny.confidence --seed 101 --seed 102 --seed 103 --out data/models/p_correct.json

Each seed's web is collected by the pipeline itself, so that the evidence has the faults of real extraction. A candidate
is right if its mask overlaps the entity's true mask by half; an entity is absent if nothing of it is visible. Seeds of
a score must be others.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sqlalchemy import select

from nest_builder.annotate.base import Detections, Mask
from nest_builder.annotate.choose import Evidence, Target, absence, phrases_for, weigh
from nest_builder.annotate.masks import mask_iou
from nest_builder.annotate.uncertainty import Logistic
from nest_builder.clock import fixed_clock
from nest_builder.config import load_settings
from nest_builder.newsworld.model import NOW
from nest_builder.newsworld.world import World
from nest_builder.pipeline import build_stages
from nest_builder.runner import Runner
from nest_builder.stage import Failed
from nest_builder.stages.annotate import Annotate, targets_of
from nest_builder.store.tables import Entity, Image
from nest_builder.workspace import open_workspace

log = logging.getLogger(__name__)

RIGHT_IOU = 0.5
REGULARISATION = 0.5  # scikit-learn's C: some hundred wrong cases cannot carry sharp weights
BEFORE_ANNOTATE = 5  # stages from collect to gather


@dataclass(frozen=True, slots=True)
class Case:
    """One entity in one picture: the evidence, and the truth about it.

    Attributes:
        picture: Names the picture, over all seeds.
        target: The entity.
        phrases: What the detector was asked.
        found: What it found.
        evidence: For each thing of the kind.
        ious: Of each candidate's mask with the true one.
        present: Whether the entity can be seen.
    """

    picture: str
    target: Target
    phrases: tuple[str, ...]
    found: Detections
    evidence: tuple[Evidence, ...]
    ious: tuple[float, ...]
    present: bool


def collect_cases(seed: int, folder: Path) -> Iterator[Case]:
    """Run the pipeline up to the pictures, look at each with the models, and hold what they see against the truth."""
    settings = load_settings(workdir=folder, newsworld={"enabled": True, "seed": seed})
    world = World(seed)
    keys = {entity.name: key for key, entity in world.entities.items()}
    with open_workspace(settings) as workspace:
        runner = Runner(workspace.store.sessions, fixed_clock(NOW))
        for stage in build_stages(workspace)[:BEFORE_ANNOTATE]:
            log.info("seed %d: %s", seed, runner.run(stage, "confidence").as_dict())
        annotate = Annotate(settings.annotate, workspace.store.blobs)
        with workspace.store.sessions() as session:
            images = session.scalars(select(Image).order_by(Image.id)).all()
            targets = targets_of(session, None)
            names = {row.key: row.name for row in session.execute(select(Entity.key, Entity.name))}
        images = [image for image in images if image.id in targets and image.image_url in world.photos]
        for start in range(0, len(images), annotate.batch_size):
            batch = images[start : start + annotate.batch_size]
            pictures = {image.id: annotate.picture(image.sha256) for image in batch}
            seen = annotate.look(pictures, targets)
            for image in batch:
                result = seen[image.id]
                if isinstance(result, Failed):
                    log.warning("%s: %s", image.image_url, result.error)
                    continue
                found, outlines = result
                asked, phrases = targets[image.id], phrases_for(targets[image.id])
                threshold = settings.annotate.box_threshold
                evidence = weigh(asked, phrases, found, outlines, pictures[image.id], image.caption, threshold)
                masks = world.masks(image.image_url)
                for target, items in zip(asked, evidence, strict=True):
                    truth = masks.get(keys.get(names[target.key], ""))
                    drawn = [outline.mask for outline in outlines]
                    yield _case(f"{seed} {image.id}", target, phrases, found, items, drawn, truth)


def _case(
    picture: str,
    target: Target,
    phrases: Sequence[str],
    found: Detections,
    evidence: Sequence[Evidence],
    masks: Sequence[Mask],
    truth: Mask | None,
) -> Case:
    present = truth is not None and bool(truth.any())
    ious = [mask_iou(masks[item.index], truth) if truth is not None and present else 0.0 for item in evidence]
    return Case(picture, target, tuple(phrases), found, tuple(evidence), tuple(ious), present)


def fit(cases: Sequence[Case]) -> tuple[dict[str, Any], dict[str, float]]:
    """Fit both models.

    Returns:
        The content of the coefficients' file, and how well its probabilities do on pictures left out of the fit.
    """
    rows = [
        (case.picture, item.uncertainty.features(), iou >= RIGHT_IOU)
        for case in cases
        for item, iou in zip(case.evidence, case.ious, strict=True)
    ]
    match, matched = logistic([row[1] for row in rows], [row[2] for row in rows], [row[0] for row in rows])
    model = Logistic(match["bias"], match["weights"])
    missing = []
    for case in cases:
        best = max((model.probability(item.uncertainty.features()) for item in case.evidence), default=0.0)
        missing.append(absence(case.target, case.phrases, case.found, case.evidence, best).features())
    absent, left = logistic(missing, [not case.present for case in cases], [case.picture for case in cases])
    figures = {f"match_{name}": value for name, value in matched.items()}
    return {"match": match, "absent": absent}, figures | {f"absent_{name}": value for name, value in left.items()}


def logistic(
    features: Sequence[dict[str, float]], labels: Sequence[bool], groups: Sequence[str]
) -> tuple[dict[str, Any], dict[str, float]]:
    """Fit standardised features, return weights for plain ones, and judge by five-fold validation over groups."""
    names = sorted(features[0])
    table = np.array([[row[name] for name in names] for row in features])
    wanted = np.array(labels)
    centre, spread = table.mean(0), table.std(0)
    spread[spread < 1e-6] = 1.0  # a feature that never varies gets whatever weight, times nothing
    scaled = (table - centre) / spread
    model = LogisticRegression(C=REGULARISATION, max_iter=2000)
    held_out = cross_val_predict(model, scaled, wanted, groups=groups, cv=GroupKFold(5), method="predict_proba")[:, 1]
    model.fit(scaled, wanted)
    weights = model.coef_[0] / spread
    bias = float(model.intercept_[0] - (weights * centre).sum())
    rounded = {name: round(float(weight), 4) for name, weight in zip(names, weights, strict=True)}
    return {"bias": round(bias, 4), "weights": rounded}, _quality(held_out, wanted)


def _quality(probabilities: NDArray[np.float64], labels: NDArray[np.bool_]) -> dict[str, float]:
    sure = probabilities >= 0.9
    return {
        "cases": len(labels),
        "share": round(float(labels.mean()), 4),
        "brier": round(float(((probabilities - labels) ** 2).mean()), 4),
        "sure": int(sure.sum()),
        "sure_wrong": round(float(1 - labels[sure].mean()), 4) if sure.any() else 0.0,
    }


def main(
    out: Annotated[Path, typer.Option(help="The coefficients' file.")],
    seed: Annotated[list[int], typer.Option(help="Worlds to fit on.")],
    work: Annotated[Path | None, typer.Option(help="Keeps the stores, for another fit.")] = None,
) -> None:
    """Fits and writes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    with tempfile.TemporaryDirectory() as scratch:
        cases = [case for one in seed for case in collect_cases(one, (work or Path(scratch)) / f"seed{one}")]
    content, figures = fit(cases)
    log.info("%s", figures)
    content["fitted_on"] = {"seeds": seed, "cases": len(cases), **figures}
    out.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
