import pytest

from nest_builder.report.calibration import curve, wilson


def test_a_curve_of_known_numbers() -> None:
    found = curve([(0.9, 1.0)] * 9 + [(0.9, 0.0)] + [(0.2, 0.5)] * 2)
    assert [(one.low, round(one.expected, 6), round(one.right, 6), one.count) for one in found.bins] == [
        (0.2, 0.2, 0.5, 2),
        (0.9, 0.9, 0.9, 10),
    ]
    assert found.error == pytest.approx(2 / 12 * 0.3)
    assert found.brier == pytest.approx((9 * 0.01 + 0.81 + 2 * 0.09) / 12)
    assert sum(one.count for one in curve([(0.0, 0.0), (1.0, 1.0), (0.1, 1.0)]).bins) == 3


@pytest.mark.parametrize(
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    ("right", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval(right: int, count: int, low: float, high: float) -> None:
    assert wilson(right / count, count) == pytest.approx((low, high), abs=5e-5)
