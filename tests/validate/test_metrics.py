"""Metrics against arithmetic done by hand and by plain Python."""

import random
from fractions import Fraction

import numpy as np
import pytest

from nest_builder.validate import metrics
from nest_builder.validate.metrics import Interval, Overlap


def block(rows: slice, columns: slice, shape: tuple[int, int] = (10, 10)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[rows, columns] = True
    return mask


ALL, NONE = slice(0, 10), slice(0, 0)
HALF = block(slice(0, 5), ALL)
QUARTER = block(slice(0, 5), slice(0, 5))
EMPTY = block(NONE, NONE)
FULL = block(ALL, ALL)

# Worked on paper: (predictions, truths, gIoU, cIoU)
CASES = [
    ([HALF], [HALF], Fraction(1), Fraction(1)),
    ([QUARTER], [HALF], Fraction(1, 2), Fraction(1, 2)),
    ([HALF, FULL], [QUARTER, FULL], (Fraction(1, 2) + 1) / 2, Fraction(125, 150)),
    ([EMPTY], [HALF], Fraction(0), Fraction(0)),
    ([HALF], [EMPTY], Fraction(0), Fraction(0)),
    ([EMPTY], [EMPTY], Fraction(1), Fraction(1)),
    ([EMPTY, HALF], [EMPTY, FULL], (1 + Fraction(1, 2)) / 2, Fraction(50, 100)),
    ([~HALF, QUARTER, EMPTY], [HALF, QUARTER, QUARTER], Fraction(1, 3), Fraction(25, 150)),
]


@pytest.mark.parametrize(("predicted", "true", "giou", "ciou"), CASES)
def test_worked_cases(predicted, true, giou, ciou):
    assert metrics.giou(predicted, true).value == pytest.approx(float(giou))
    assert metrics.ciou(predicted, true).value == pytest.approx(float(ciou))


def test_same_as_lisas_running_sums():
    """LISA adds up intersection / (union + 1e-5), and 1 where the union is 0, and divides by the count at the end."""
    rng = np.random.default_rng(3)
    true = [rng.random((12, 9)) < share for share in rng.random(40)]
    true[7][:], true[8][:] = False, False
    predicted = [mask ^ (rng.random(mask.shape) < 0.2) for mask in true]
    predicted[7][:] = False
    total, inter, union = 0.0, 0, 0
    for one, other in zip(predicted, true, strict=True):
        i = sum(bool(a) and bool(b) for a, b in zip(one.flat, other.flat, strict=True))
        u = sum(bool(a) or bool(b) for a, b in zip(one.flat, other.flat, strict=True))
        total += i / (u + 1e-5) + (1.0 if u == 0 else 0.0)
        inter, union = inter + i, union + u
    assert metrics.giou(predicted, true).value == pytest.approx(total / 40, abs=1e-6)
    assert metrics.ciou(predicted, true).value == pytest.approx(inter / union)


def test_ignored_pixels_count_for_nothing():
    counted = metrics.overlap([HALF], [FULL], [~HALF])
    assert (counted.intersection.tolist(), counted.union.tolist()) == ([50], [50])


def test_published_shares_make_the_published_total():
    """ROSE's tables: novel 67.0 and emerging 77.5 at 43 and 57 per cent of the samples give 73.0 overall."""
    ious = np.concatenate([np.full(430, 0.670), np.full(570, 0.775)])
    assert metrics.mean(ious).value == pytest.approx(0.730, abs=5e-4)


@pytest.mark.parametrize(
    ("predicted", "true", "message"),
    [
        ([HALF], [HALF, FULL], "1 predictions for 2 truths"),
        ([np.zeros((10, 9), bool)], [HALF], r"sample 0: .*\(10, 9\).*\(10, 10\)"),
        ([], [], "nothing to measure"),
    ],
)
def test_errors(predicted, true, message):
    for figure in (metrics.giou, metrics.ciou):
        with pytest.raises(ValueError, match=message):
            figure(predicted, true)


@pytest.mark.parametrize(
    ("intersection", "union", "message"),
    [([1, 2], [3], "one length"), ([4], [3], "larger"), ([-1], [3], "negative")],
)
def test_impossible_counts(intersection, union, message):
    with pytest.raises(ValueError, match=message):
        Overlap(np.array(intersection), np.array(union))


def test_interval_is_the_percentile_bootstrap():
    """The same interval as a plain loop gives, up to the chance of the draws; and the one that theory gives for a mean."""
    values = np.random.default_rng(5).random(200)
    got = metrics.mean(values, seed=1)
    dice = random.Random(2)
    means = sorted(sum(dice.choices(values.tolist(), k=200)) / 200 for _ in range(2000))
    assert got.value == pytest.approx(values.mean())
    assert got.low == pytest.approx(means[49], abs=0.006)
    assert got.high == pytest.approx(means[1950], abs=0.006)
    error = 1.96 * values.std() / 200**0.5
    assert got.high - got.low == pytest.approx(2 * error, rel=0.1)


def test_interval_is_seeded_and_bounded_in_memory(monkeypatch):
    values = np.random.default_rng(6).random(50)
    whole = metrics.mean(values, seed=4)
    assert metrics.mean(values, seed=4) == whole != metrics.mean(values, seed=5)
    monkeypatch.setattr(metrics, "_AT_ONCE", 1000)  # many pieces
    assert metrics.mean(values, seed=4) == whole


def test_single_sample_has_no_width():
    assert metrics.giou([QUARTER], [HALF]) == Interval(0.5, 0.5, 0.5)


def test_paired_difference_is_narrower_than_the_figures():
    rng = np.random.default_rng(8)
    hard = rng.random(300)
    better = np.clip(hard + 0.2, 0, 1)
    gain = metrics.difference(better, hard)
    assert gain.low > 0.15
    assert gain.high - gain.low < metrics.mean(hard).high - metrics.mean(hard).low
    with pytest.raises(ValueError, match="same samples"):
        metrics.difference([1.0], [1.0, 0.0])


def test_part_of_an_overlap():
    counted = metrics.overlap([QUARTER, FULL], [HALF, FULL])
    assert counted.take([False, True]).ious.tolist() == [1.0]
    assert counted.take([0]).ious.tolist() == [0.5]


@pytest.mark.parametrize(
    ("answer", "true", "aliases", "right"),
    [
        ("Vantor K-3", "Vantor K3", (), True),
        ("the vantor k3.", "Vantor K3", (), True),
        ("K3", "Vantor K3", ("K3",), True),
        ("Vantor K4", "Vantor K3", ("K3",), False),
        ("The", "The", (), True),
        ("a", "", (), False),
        ("", "Vantor K3", ("",), False),
        (None, "Vantor K3", (), False),
        ("Vantor", "Vantor K3", (), False),
    ],
)
def test_answers(answer, true, aliases, right):
    assert metrics.answer_right(answer, true, aliases) is right


def test_accuracy():
    assert metrics.accuracy([True, True, False, True]).value == 0.75
