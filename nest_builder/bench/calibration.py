"""How far ``p_correct`` can be believed: the expected calibration error, before and after people have decided.

ECE (Guo et al. 2017, "On calibration of modern neural networks"): samples in ten bins by their probability, the mean distance between a
bin's mean probability and its share of right samples. On some hundred samples even perfect probabilities have an ECE well above 0, as
few samples scatter; ``noise`` is that floor: the mean ECE of drawn outcomes for which the probabilities are true by
construction, an annotation's samples together. The bins hold equally many samples, which has the least of that bias (Roelofs et al. 2022,
"Mitigating bias in calibration error estimation"); with bins of equal width, ``..._equal_width``, nine of ten would hold next to nothing
here, and the floor alone is 0.025 to 0.04.

"After decisions" is measured on samples that the decisions are not of: entities are dealt into five groups, and each group's
samples are calibrated on answers about the other four. So every sample of the edition is held out once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.bench.result import Bound
from nest_builder.review.calibration import NOISE, Calibrator, fit_calibrator
from nest_builder.review.simulate import Reviewer
from nest_builder.store.tables import Annotation, Route, Sample

BINS = 10
FOLDS = 5
DECISIONS = 300
REPEATS = 20  # of the drawn decisions, and of the drawn outcomes
TARGETS: dict[str, Bound] = {"ece_before": ("<=", 0.08), "ece_after_300": ("<=", 0.03)}

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rated:
    """A sample with what it is worth before any decision, and the truth.

    Attributes:
        sample_id: The sample.
        annotation_id: Its annotation.
        entity: Its entity.
        prior: Probability before any decision.
        right: The truth.
    """

    sample_id: str
    annotation_id: str
    entity: str
    prior: float
    right: bool


def read_rated(session: Session, truth: Mapping[str, bool]) -> list[Rated]:
    """Return the routed samples with the truth about each; none where nothing has been routed."""
    rows = session.execute(
        select(Sample.id, Sample.annotation_id, Annotation.entity_key, Route.evidence)
        .join(Annotation, Annotation.id == Sample.annotation_id)
        .join(Route, Route.sample_id == Sample.id)
        .order_by(Sample.id)
    ).tuples()
    return [
        Rated(sample, annotation, entity, float(evidence["prior"]), truth[sample])
        for sample, annotation, entity, evidence in rows
    ]


def calibration_error(probabilities: Values, right: Values, equal_width: bool = False) -> float:
    """Return the expected calibration error of probabilities (n,) of outcomes (n,), in [0, 1], in bins of equal size or width.

    Raises:
        ValueError: There is nothing to measure on.
    """
    if not len(probabilities):
        raise ValueError("no sample, no calibration error")
    if equal_width:
        places = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    else:
        places = np.empty(len(probabilities), int)
        places[np.argsort(probabilities, kind="stable")] = np.arange(len(probabilities)) * BINS // len(probabilities)
    gaps = np.bincount(places, probabilities - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(probabilities))


def noise_floor(probabilities: Values, annotations: Sequence[str], rng: np.random.Generator) -> float:
    """Return the mean calibration error that these probabilities would have if they were true."""
    _, first, places = np.unique(np.asarray(annotations), return_index=True, return_inverse=True)
    drawn = [(rng.random(len(first)) < probabilities[first])[places].astype(np.float64) for _ in range(REPEATS)]
    return float(np.mean([calibration_error(probabilities, outcomes) for outcomes in drawn]))


def calibration_figures(rated: Sequence[Rated], seed: int) -> dict[str, float]:
    """Return ECE before any decision and after `DECISIONS`, each with the floor of its noise; nothing for too few samples."""
    if len(rated) < 2 * FOLDS:
        return {}
    rng = np.random.default_rng([seed, 4])
    right = np.array([one.right for one in rated], np.float64)
    prior = np.array(Calibrator("prior")([one.prior for one in rated]))
    annotations = [one.annotation_id for one in rated]
    after, wide, floors = [], [], []
    for repeat in range(REPEATS):
        held_out = _held_out(rated, rng, Reviewer(f"reviewer {seed} {repeat}"))
        after.append(calibration_error(held_out, right))
        wide.append(calibration_error(held_out, right, equal_width=True))
        floors.append(noise_floor(held_out, annotations, rng))
    return {
        "ece_before": round(calibration_error(prior, right), 4),
        "ece_before_noise": round(noise_floor(prior, annotations, rng), 4),
        "ece_after_300": round(float(np.mean(after)), 4),
        "ece_after_300_noise": round(float(np.mean(floors)), 4),
        "ece_before_equal_width": round(calibration_error(prior, right, equal_width=True), 4),
        "ece_after_300_equal_width": round(float(np.mean(wide)), 4),
    }


def _held_out(rated: Sequence[Rated], rng: np.random.Generator, reviewer: Reviewer) -> Values:
    """Return each sample's probability, calibrated on answers about other entities."""
    entities = sorted({one.entity for one in rated})
    folds = dict(zip(entities, rng.permutation(len(entities)) % FOLDS, strict=True))
    places = np.array([folds[one.entity] for one in rated])
    result = np.zeros(len(rated))
    priors = [one.prior for one in rated]
    for fold in range(FOLDS):
        asked = [rated[at] for at in rng.permutation(np.flatnonzero(places != fold))[:DECISIONS]]
        said = [reviewer.says(one.annotation_id, one.right) for one in asked]
        calibrator = fit_calibrator("prior", [one.prior for one in asked], said, priors, NOISE)
        inside = np.flatnonzero(places == fold)
        result[inside] = calibrator([priors[at] for at in inside])
    return result
