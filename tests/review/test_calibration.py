"""What people said moves the probabilities: slowly at first, and without their slips."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from nest_builder.review.calibration import (
    NOISE,
    PRIOR,
    Calibrator,
    fit_calibrator,
    load_prior,
    reviewer_noise,
)
from nest_builder.review.evidence import Evidence
from nest_builder.review.looks import Look

Truth = Callable[[NDArray[np.float64]], NDArray[np.float64]]
POPULATION = np.linspace(0.02, 0.995, 300).tolist()
RECORD = {
    "detector_score": 0.6, "hypernym_score": 0.6, "area_share": 0.1, "support": "caption", "same_hypernym": 1, "lookalikes": 0,
    "p_absent": 0.01,
}  # fmt: skip


def answers(count: int, truth: Truth, noise: float, seed: int = 0) -> tuple[list[float], list[bool]]:
    rng = np.random.default_rng(seed)
    given = rng.choice(POPULATION, count)
    right = rng.random(count) < truth(given)
    slips = rng.random(count) < noise
    return given.tolist(), (right != slips).tolist()


def test_without_answers_the_prior_stands() -> None:
    calibrator = fit_calibrator("prior@1", [], [], POPULATION)
    assert calibrator.version == "prior@1"
    assert calibrator([0.2, 0.9]) == [0.2, 0.9]


def test_answers_that_agree_with_the_prior_change_little() -> None:
    calibrator = fit_calibrator("prior@1", *answers(300, lambda p: p, NOISE), POPULATION)
    assert np.abs(np.array(calibrator(POPULATION)) - POPULATION).mean() < 0.06


@pytest.mark.parametrize(("count", "distance"), [(30, 0.22), (300, 0.14), (6000, 0.06)])
def test_many_answers_overrule_a_wrong_prior(count: int, distance: float) -> None:
    # as it stands, the prior is off by 0.25 in the mean
    def truth(p: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(p**3, np.float64)

    calibrator = fit_calibrator("prior@1", *answers(count, truth, NOISE), POPULATION)
    assert np.abs(np.array(calibrator(POPULATION)) - truth(np.array(POPULATION))).mean() < distance


def test_slips_are_not_taken_for_errors_of_the_models() -> None:
    given, said = [0.99] * 600, [True] * 582 + [False] * 18  # 3 % of what is always right is called wrong
    (heard,) = fit_calibrator("prior@1", given, said, [0.99, 0.5], noise=0.03)([0.99])
    (believed,) = fit_calibrator("prior@1", given, said, [0.99, 0.5], noise=0.0)([0.99])
    assert believed < 0.98 < heard


def test_the_curve_rises_and_nothing_is_certain() -> None:
    values = fit_calibrator("prior@1", *answers(300, lambda p: 1 - p, NOISE), POPULATION)(POPULATION)
    assert values == sorted(values)
    assert 0 < values[0] <= values[-1] < 1


def test_the_version_changes_with_what_was_said() -> None:
    given, said = answers(40, lambda p: p, NOISE)
    first = fit_calibrator("prior@1", given, said, POPULATION)
    again = fit_calibrator("prior@1", given, said, POPULATION)
    other = fit_calibrator("prior@1", given, [not said[0], *said[1:]], POPULATION)
    assert first.version == again.version != other.version
    assert first.version.startswith("prior@1+40@")


@pytest.mark.parametrize(
    ("given", "said", "noise", "expected"), [([0.5], [], 0.03, "0 answers"), ([0.5], [True], 0.5, "share of wrong")]
)
def test_what_cannot_be_fitted(given: list[float], said: list[bool], noise: float, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        fit_calibrator("prior@1", given, said, POPULATION, noise)


@pytest.mark.parametrize(
    ("pairs", "differing", "low", "high"),
    [(0, 0, NOISE, NOISE), (500, 0, 0.0, 0.004), (500, 50, 0.045, 0.06), (500, 400, 0.3, 0.5)],
)
def test_noise_of_reviewers(pairs: int, differing: int, low: float, high: float) -> None:
    said = {str(at): [True, at >= differing] for at in range(pairs)} | {"alone": [False]}
    assert low <= reviewer_noise(said) <= high


def evidence(look: Look, negative: bool = False) -> Evidence:
    return Evidence("a", negative, 0.9, RECORD, look, candidates=2)


def test_the_shipped_prior_heeds_the_other_pictures() -> None:
    prior = load_prior()
    same, unknown, other = (
        prior.probability(evidence(look)) for look in (Look(3, 0.95, 0.1), Look(0, None, None), Look(3, 0.2, 0.9))
    )
    assert same > 0.97
    assert same > unknown > other
    assert other < 0.3
    nothing_like_it, its_double = (
        prior.probability(evidence(look, negative=True)) for look in (Look(3, None, -0.1), Look(3, None, 0.9))
    )
    assert nothing_like_it > its_double
    assert prior.identity.startswith(PRIOR.name)


def test_a_calibrator_without_knots_is_its_line() -> None:
    assert Calibrator("prior@1", 10, slope=2.0, offset=0.0)([0.5, 0.75]) == [0.5, 0.9]
