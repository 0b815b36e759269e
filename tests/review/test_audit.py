"""The exact interval of what is left wrong, and how far people agree."""

import numpy as np
import pytest
from scipy.stats import hypergeom

from nest_builder.review.audit import agreement, edition_error, wrong_in_population


@pytest.mark.parametrize(
    ("population", "drawn", "wrong", "expected"),
    [
        (400, 400, 3, (3, 3)),  # everything was looked at
        (10, 10, 0, (0, 0)),
        (400, 0, 0, (0, 400)),  # nothing was
        (400, 40, 0, (0, 33)),
        (400, 40, 1, (1, 50)),
        (5, 1, 1, (1, 5)),
        (0, 0, 0, (0, 0)),
    ],
)
def test_interval(population: int, drawn: int, wrong: int, expected: tuple[int, int]) -> None:
    assert wrong_in_population(population, drawn, wrong) == expected


@pytest.mark.parametrize(("population", "drawn", "wrong"), [(10, 11, 0), (10, 5, 6), (10, 5, -1)])
def test_impossible_numbers_are_refused(population: int, drawn: int, wrong: int) -> None:
    with pytest.raises(ValueError, match="must be a part of the next"):
        wrong_in_population(population, drawn, wrong)


@pytest.mark.parametrize(("population", "drawn"), [(60, 12), (200, 25), (90, 80)])
def test_the_interval_covers_every_true_number_at_its_level(population: int, drawn: int) -> None:
    ends = {wrong: wrong_in_population(population, drawn, wrong) for wrong in range(drawn + 1)}
    for true in range(population + 1):
        chances = hypergeom.pmf(np.arange(drawn + 1), population, true, drawn)
        covered = sum(chances[wrong] for wrong, (low, high) in ends.items() if low <= true <= high)
        assert covered >= 0.95 - 1e-9


def test_what_the_audit_found_is_no_longer_in_the_edition() -> None:
    estimate = edition_error(accepted=400, drawn=400, wrong=4, settled=100)
    assert (estimate.value, estimate.low, estimate.high) == (0.0, 0.0, 0.0)
    estimate = edition_error(accepted=400, drawn=40, wrong=1, settled=100)
    assert estimate.value == pytest.approx((400 * 1 / 40 - 1) / 499)
    assert estimate.low == 0.0
    assert estimate.high == pytest.approx(49 / 499)


@pytest.mark.parametrize(
    ("decided", "expected"),
    [
        ({}, (0, None, None)),
        ({"a": [True], "b": []}, (0, None, None)),
        ({"a": [True, True], "b": [True, True]}, (2, 1.0, None)),  # nobody ever said no: chance alone would agree
        ({"a": [True, True], "b": [False, False], "c": [True]}, (2, 1.0, 1.0)),
        ({"a": [True, False], "b": [False, True]}, (2, 0.0, -1.0)),
        ({"a": [True, True, False], "b": [False, False], "c": [True, False], "d": [True, True]}, (4, 0.75, 0.5)),
    ],
)
def test_agreement(decided: dict[str, list[bool]], expected: tuple[int, float | None, float | None]) -> None:
    found = agreement(decided)
    assert (found.pairs, found.share, found.kappa) == expected
