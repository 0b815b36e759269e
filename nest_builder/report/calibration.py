"""Whether the confidences can be believed: a reliability diagram of what people decided."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.review.said import by_sample, read_said
from nest_builder.store.tables import Route

BINS: Final = 10
_Z: Final = 1.959964  # 95 % of a normal distribution


@dataclass(frozen=True, slots=True)
class Bin:
    """Decided samples of a range of confidence.

    Attributes:
        low: Lower end of the range.
        expected: Mean confidence.
        right: Share that people call right.
        bounds: Its 95 % interval (Wilson 1927).
        count: How many.
    """

    low: float
    expected: float
    right: float
    bounds: tuple[float, float]
    count: int


@dataclass(frozen=True, slots=True)
class Curve:
    """Confidences held against answers.

    Attributes:
        bins: Those that hold a sample.
        error: Expected calibration error: the mean distance of ``expected`` and ``right``, weighted by count (Guo et al. 2017).
        brier: Mean squared distance of confidence and answer (Brier 1950).
        count: Decided samples.
    """

    bins: tuple[Bin, ...]
    error: float
    brier: float
    count: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """The models' own confidences, before anybody had looked, and the calibrated ones, which have seen these answers."""

    models: Curve
    calibrated: Curve


def read_calibration(session: Session) -> Calibration | None:
    """Return the diagram's numbers; None where nobody has decided anything."""
    answers = by_sample(read_said(session))
    routes = session.scalars(select(Route).order_by(Route.sample_id)).all()
    decided = [
        (route, sum(answers[route.sample_id]) / len(answers[route.sample_id]))
        for route in routes
        if route.sample_id in answers
    ]
    if not decided:
        return None
    return Calibration(
        curve([(float(route.evidence.get("prior", route.p_correct)), right) for route, right in decided]),
        curve([(route.p_correct, right) for route, right in decided]),
    )


def curve(samples: Sequence[tuple[float, float]]) -> Curve:
    """Return the curve of at least one sample, each a confidence and the share of people who call it right."""
    bins: list[Bin] = []
    held: list[list[tuple[float, float]]] = [[] for _ in range(BINS)]
    for confidence, right in samples:
        held[min(BINS - 1, int(confidence * BINS))].append((confidence, right))
    for number, inside in enumerate(held):
        if inside:
            count = len(inside)
            share = sum(right for _, right in inside) / count
            expected = sum(confidence for confidence, _ in inside) / count
            bins.append(Bin(number / BINS, expected, share, wilson(share, count), count))
    total = len(samples)
    return Curve(
        tuple(bins),
        sum(one.count * abs(one.expected - one.right) for one in bins) / total,
        sum((confidence - right) ** 2 for confidence, right in samples) / total,
        total,
    )


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of ``count`` samples (Wilson 1927)."""
    middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z / (1 + _Z**2 / count) * math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)
