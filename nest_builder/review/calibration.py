"""``p_correct`` of a sample: a prior that ships with the product, corrected by what people decided.

The prior is a logistic model of the joined evidence, fitted on simulated worlds (`tiny.review_prior`). What people decide moves it in
two steps: a line through its log-odds (Platt 1999) that is held to the identity by a Gaussian, then a monotone curve (isotonic
regression, Zadrozny & Elkan 2002) held to that line by `PRIOR_WEIGHT` made-up decisions. So the first decisions move little, the
line moves within some hundreds, and after thousands people have the say. The three constants are from worlds 0 and 1: with 300 made-up
decisions instead of 1,000 the curve follows chance (expected calibration error after 300 answers 0.026 and 0.030, now 0.026 and 0.028).

People err too. If a share e of their answers is wrong, a sample that is right with probability p is *called* right with
probability (1 - 2e) p + e; without that, perfect samples would seem to be worth 1 - e only. e comes from samples that two decided.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nest_builder.annotate.models import model_identity
from nest_builder.annotate.uncertainty import Logistic
from nest_builder.config import DATA
from nest_builder.digest import digest
from nest_builder.review.evidence import Evidence

PRIOR = DATA / "models" / "review.json"
PRIOR_WEIGHT = 1000.0  # decisions that the shipped prior is worth
SLOPE_SPREAD, OFFSET_SPREAD = 0.5, 1.0  # of the line through the log-odds, around 1 and 0
NOISE, NOISE_PAIRS = 0.03, 50.0  # share of wrong answers, and how many pairs of answers that guess is worth
LEAST = 0.002  # nothing here is ever certain
_GRID = 200  # of made-up decisions

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prior:
    """Models of the evidence: for things that are shown, and for entities that are said to be absent."""

    shown: Logistic
    absent: Logistic
    identity: str

    def probability(self, evidence: Evidence) -> float:
        """Return how likely the annotation is right, before anybody has decided anything."""
        return (self.absent if evidence.negative else self.shown).probability(evidence.features())


@dataclass(frozen=True, slots=True)
class Calibrator:
    """From a prior probability to ``p_correct``.

    Attributes:
        prior: Identity of the prior.
        decisions: How many answers it was fitted on.
        slope: Of the line through the log-odds.
        offset: Of that line.
        knots: The curve after it: pairs of probabilities, rising; empty for none.
        noise: Share of wrong answers that was allowed for.
    """

    prior: str
    decisions: int = 0
    slope: float = 1.0
    offset: float = 0.0
    knots: tuple[tuple[float, float], ...] = ()
    noise: float = NOISE

    def __call__(self, probabilities: Sequence[float]) -> list[float]:
        """Return calibrated probabilities."""
        line = _line(np.asarray(probabilities, np.float64), self.slope, self.offset)
        if self.knots:
            given, wanted = np.array(self.knots).T
            line = np.interp(line, given, wanted)
        return [round(float(value), 4) for value in np.clip(line, LEAST, 1 - LEAST)]

    @property
    def version(self) -> str:
        """Return a name that changes whenever the same evidence could give another probability; 64 characters at most."""
        if not self.decisions:
            return self.prior
        content = (self.prior, self.slope, self.offset, self.knots)
        return f"{self.prior}+{self.decisions}@{digest(*content)[:12]}"


def fit_calibrator(
    prior: str,
    given: Sequence[float],
    said: Sequence[bool],
    population: Sequence[float],
    noise: float = NOISE,
) -> Calibrator:
    """Fit the calibrator.

    Args:
        prior: Identity of the prior.
        given: For each answer the prior probability of what it is about.
        said: What each answer was: right or not.
        population: Prior probabilities of everything that will be calibrated; where they lie, the made-up decisions lie.
        noise: Share of wrong answers, under one half.

    Raises:
        ValueError: Lengths differ, or the noise leaves nothing to learn.
    """
    if len(given) != len(said):
        raise ValueError(f"{len(said)} answers about {len(given)} things")
    if not 0 <= noise < 0.5:
        raise ValueError(f"a share of wrong answers lies in [0, 0.5), not at {noise}")
    if not said:
        return Calibrator(prior, noise=noise)
    probabilities, answers = np.asarray(given, np.float64), np.asarray(said, np.float64)
    slope, offset = _fit_line(probabilities, answers, noise)
    grid = np.quantile(_line(np.asarray(population, np.float64), slope, offset), np.linspace(0, 1, _GRID))
    knots = _fit_curve(_line(probabilities, slope, offset), answers, grid, noise)
    return Calibrator(prior, len(said), slope, offset, knots, noise)


def reviewer_noise(answers: Mapping[str, Sequence[bool]]) -> float:
    """Estimate which share of answers is wrong from how often two people disagree, d = 2e (1 - e); `NOISE` without any pair."""
    pairs = [values[0] != values[1] for values in answers.values() if len(values) >= 2]
    expected = 2 * NOISE * (1 - NOISE)
    disagree = (sum(pairs) + NOISE_PAIRS * expected) / (len(pairs) + NOISE_PAIRS)
    return round((1 - math.sqrt(max(0.0, 1 - 2 * min(disagree, 0.48)))) / 2, 4)


@lru_cache(maxsize=8)
def load_prior(path: Path = PRIOR) -> Prior:
    """Read the prior that `python -m nest_builder.tiny.review_prior` fitted.

    Raises:
        FileNotFoundError: The file is not there.
        KeyError: It is of another form.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    shown, absent = (Logistic(content[name]["bias"], content[name]["weights"]) for name in ("shown", "absent"))
    return Prior(shown, absent, model_identity(str(path)))


def _line(probabilities: Probabilities, slope: float, offset: float) -> Probabilities:
    inside = np.clip(probabilities, 1e-6, 1 - 1e-6)
    result: Probabilities = 1 / (1 + np.exp(-(slope * np.log(inside / (1 - inside)) + offset)))
    return result


def _fit_line(probabilities: Probabilities, answers: Probabilities, noise: float) -> tuple[float, float]:
    """Return the likeliest slope and offset, given what people said and where both should lie."""
    from scipy.optimize import minimize  # here, and not above: a build with nothing to do should not wait for it

    def loss(parameters: Probabilities) -> float:
        slope, offset = float(parameters[0]), float(parameters[1])
        called = np.clip((1 - 2 * noise) * _line(probabilities, slope, offset) + noise, 1e-9, 1 - 1e-9)
        likelihood = float(np.sum(answers * np.log(called) + (1 - answers) * np.log(1 - called)))
        return ((slope - 1) / SLOPE_SPREAD) ** 2 / 2 + (offset / OFFSET_SPREAD) ** 2 / 2 - likelihood

    slope, offset = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return round(max(0.05, float(slope)), 4), round(float(offset), 4)


def _fit_curve(
    line: Probabilities, answers: Probabilities, grid: Probabilities, noise: float
) -> tuple[tuple[float, float], ...]:
    """Fit the monotone curve to what is *called* right, then take the noise out again."""
    from sklearn.isotonic import IsotonicRegression  # as above

    grid = (1 - 2 * noise) * grid + noise
    called = (1 - 2 * noise) * line + noise
    weights = np.concatenate([np.ones(len(line)), np.full(len(grid), PRIOR_WEIGHT / len(grid))])
    curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    curve.fit(np.concatenate([called, grid]), np.concatenate([answers, grid]), sample_weight=weights)
    given = (curve.X_thresholds_ - noise) / (1 - 2 * noise)
    wanted = np.clip((curve.y_thresholds_ - noise) / (1 - 2 * noise), LEAST, 1 - LEAST)
    return tuple((round(float(x), 6), round(float(y), 6)) for x, y in zip(given, wanted, strict=True))
