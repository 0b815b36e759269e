"""The routing benchmark's arithmetic, on drawn samples instead of built worlds."""

import numpy as np
import pytest

from nest_builder.bench.calibration import Rated, calibration_error, calibration_figures, noise_floor
from nest_builder.bench.routing import BUDGET, Known, ours_on, sorted_on
from nest_builder.config import ReviewSettings
from nest_builder.review.routing import Candidate
from nest_builder.review.simulate import Reviewer

PEOPLE = (Reviewer("anna"), Reviewer("ben"))


def drawn(count: int = 300, seed: int = 0) -> list[Known]:
    """Return samples, two an annotation, right as often as their prior says."""
    rng = np.random.default_rng(seed)
    known = []
    for at in range(count // 2):
        p = float(rng.choice([0.3, 0.8, 0.99], p=[0.06, 0.1, 0.84]))
        right = bool(rng.random() < p)
        for part in "ab":
            candidate = Candidate(f"{at:03}{part}", f"a{at}", f"e{at // 3}", p)
            known.append(Known(candidate, right, {"good": p, "bad": -p}))
    return known


def test_what_is_routed_by_a_true_probability_finds_most_errors() -> None:
    known = drawn()
    ours = ours_on(known, ReviewSettings(budget_share=BUDGET), "draw", PEOPLE)
    good, bad = (sorted_on(sorted(known, key=lambda one: one.scores[score]), PEOPLE[0]) for score in ("good", "bad"))
    assert ours.looks <= BUDGET
    assert ours.caught > 0.8 > bad.caught
    assert ours.error_left < 0.03 < bad.error_left
    assert good.caught >= ours.caught - 0.05  # which spends a part of its looks on the audit
    assert ours.covered


def test_the_interval_covers_the_error_left_over_many_draws() -> None:
    known = drawn()
    settings = ReviewSettings(budget_share=BUDGET)
    people = [(Reviewer(f"first {draw}"), Reviewer(f"second {draw}")) for draw in range(12)]
    assert sum(bool(ours_on(known, settings, str(draw), two).covered) for draw, two in enumerate(people)) >= 11


@pytest.mark.parametrize(
    ("probabilities", "right", "expected"),
    [
        ([0.95] * 20, [1.0] * 19 + [0.0], 0.0),
        ([0.95] * 10, [0.0] * 10, 0.95),
        ([0.05, 0.95], [1.0, 0.0], 0.95),
        ([1.0, 0.0], [1.0, 0.0], 0.0),
    ],
)
def test_calibration_error(probabilities: list[float], right: list[float], expected: float) -> None:
    assert calibration_error(np.array(probabilities), np.array(right), equal_width=True) == pytest.approx(expected)


def test_bins_of_equal_size_hold_equally_many() -> None:
    probabilities = np.repeat(np.linspace(0.9, 0.99, 10), 10)  # one bin, were they of equal width
    right = np.ones(100)
    assert calibration_error(probabilities, right) == pytest.approx(0.055)
    right[:10] = 0.0
    assert calibration_error(probabilities, right) == pytest.approx((0.9 + sum(1 - np.linspace(0.91, 0.99, 9))) / 10)


def test_no_sample_has_no_calibration_error() -> None:
    with pytest.raises(ValueError, match="no sample"):
        calibration_error(np.array([]), np.array([]))


def test_few_samples_seem_miscalibrated_by_chance_and_many_do_not() -> None:
    rng = np.random.default_rng(0)
    few, many = (noise_floor(np.full(n, 0.9), [str(at) for at in range(n)], rng) for n in (30, 3000))
    assert few > 0.08 > 0.03 > many


def test_figures_of_true_probabilities_are_at_their_floor() -> None:
    rated = [
        Rated(
            one.candidate.sample_id,
            one.candidate.annotation_id,
            one.candidate.event,
            one.candidate.p_correct,
            one.right,
        )
        for one in drawn(600)
    ]
    figures = calibration_figures(rated, seed=1)
    assert figures["ece_before"] < 0.04
    assert figures["ece_after_300"] < 0.05
    assert calibration_figures(rated[:5], seed=1) == {}
