"""gIoU, cIoU and Acc of referring segmentation, each with a 95 % bootstrap interval.

The convention is that of LISA (Lai et al. 2024, "LISA: Reasoning Segmentation via Large Language Model", section 4): gIoU is
the mean of the samples' foreground IoUs, where an empty union (nothing to find, nothing found) counts 1; cIoU is the
total intersection over the total union. Intervals are percentiles over resamples of the samples (Efron 1979).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nest_builder.annotate.base import Mask
from nest_builder.entities.names import fold

RESAMPLES: Final = 2000
_LEVEL: Final = 95.0  # per cent
_AT_ONCE: Final = 4_000_000  # drawn indices that are held in memory
_ARTICLES: Final = re.compile(r"^(?:the|an?)\s+", re.IGNORECASE)

Counts = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the bounds of its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Overlap:
    """Pixels that n predictions share with the truth, and that either of the two has.

    Attributes:
        intersection: (n,)
        union: (n,)
    """

    intersection: Counts
    union: Counts

    def __post_init__(self) -> None:
        """Refuse counts that no two masks can have.

        Raises:
            ValueError: The shapes differ, or an intersection is negative or larger than its union.
        """
        if self.intersection.ndim != 1 or self.intersection.shape != self.union.shape:
            raise ValueError(f"expected two rows of one length, got {self.intersection.shape} and {self.union.shape}")
        if (self.intersection < 0).any() or (self.intersection > self.union).any():
            raise ValueError("an intersection is negative or larger than its union")

    @property
    def ious(self) -> Values:
        """Return each sample's IoU (n,); 1 where the union is empty."""
        return np.where(self.union > 0, self.intersection / np.maximum(self.union, 1), 1.0)

    def take(self, kept: ArrayLike) -> "Overlap":
        """Return some of the samples, by indices or by an (n,) bool array."""
        index = np.asarray(kept)
        return Overlap(self.intersection[index], self.union[index])


def overlap(predicted: Sequence[Mask], true: Sequence[Mask], ignored: Sequence[Mask | None] | None = None) -> Overlap:
    """Count the pixels of n predictions and their truths.

    Args:
        predicted: n masks (height, width).
        true: n masks of the same sizes.
        ignored: Pixels that count for nothing, where the truth has such (ReasonSeg's "ignore" regions).

    Raises:
        ValueError: The numbers of masks or the sizes of a pair differ.
    """
    regions: Sequence[Mask | None] = [None] * len(true) if ignored is None else ignored
    if not len(predicted) == len(true) == len(regions):
        raise ValueError(f"{len(predicted)} predictions for {len(true)} truths with {len(regions)} ignored regions")
    counts = np.zeros((2, len(true)), np.int64)
    for at, (one, other, region) in enumerate(zip(predicted, true, regions, strict=True)):
        if one.shape != other.shape or (region is not None and region.shape != other.shape):
            raise ValueError(f"sample {at}: a prediction of shape {one.shape} for a truth of shape {other.shape}")
        first, second = (one.astype(bool, copy=False), other.astype(bool, copy=False))
        counted = True if region is None else ~region
        counts[:, at] = np.count_nonzero(first & second & counted), np.count_nonzero((first | second) & counted)
    return Overlap(counts[0], counts[1])


def giou(predicted: Sequence[Mask], true: Sequence[Mask], seed: int = 0) -> Interval:
    """Return the mean IoU of masks; see `overlap` for errors."""
    return giou_of(overlap(predicted, true), seed)


def ciou(predicted: Sequence[Mask], true: Sequence[Mask], seed: int = 0) -> Interval:
    """Return the total intersection over the total union of masks; see `overlap` for errors."""
    return ciou_of(overlap(predicted, true), seed)


def giou_of(counted: Overlap, seed: int = 0) -> Interval:
    """Return the mean IoU of counted pixels."""
    return mean(counted.ious, seed)


def ciou_of(counted: Overlap, seed: int = 0) -> Interval:
    """Return the total intersection over the total union; 1 where nothing was to be found in any sample and nothing was."""
    sizes = np.stack([counted.intersection, counted.union], 1).astype(np.float64)

    def ratio(totals: Values) -> Values:
        return np.where(totals[..., 1] > 0, totals[..., 0] / np.maximum(totals[..., 1], 1.0), 1.0)

    return _interval(sizes, ratio, seed)


def mean(values: Sequence[float] | Values, seed: int = 0) -> Interval:
    """Return the mean of n numbers, such as IoUs."""
    row = np.asarray(values, np.float64).reshape(-1, 1)
    return _interval(row, lambda totals: totals[..., 0] / len(row), seed)


def difference(first: Sequence[float] | Values, second: Sequence[float] | Values, seed: int = 0) -> Interval:
    """Return by how much the mean of one system's n values lies over another's on the same samples (a paired bootstrap).

    Raises:
        ValueError: The lengths differ.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != other.shape:
        raise ValueError(f"expected values of the same samples, got {one.shape} and {other.shape}")
    return mean(one - other, seed)


def accuracy(right: Sequence[bool], seed: int = 0) -> Interval:
    """Return the share of questions whose answer is right."""
    return mean(np.asarray(right, np.float64), seed)


def answer_right(answer: str | None, true: str, aliases: Iterable[str] = ()) -> bool:
    """Return whether an answer is the true name or one of its aliases; case, punctuation and articles do not matter."""
    if answer is None or not (said := _normal(answer)):
        return False
    return said in {_normal(name) for name in (true, *aliases)}


def _normal(name: str) -> str:
    return fold(_ARTICLES.sub("", name.strip()))


def _interval(rows: Values, figure: Callable[[Values], Values], seed: int) -> Interval:
    """Bootstrap a figure of column totals.

    Args:
        rows: (n, k), one row a sample.
        figure: Totals (..., k) to figures (...).
        seed: Of the resamples.

    Raises:
        ValueError: There are no samples.
    """
    count, columns = rows.shape
    if not count:
        raise ValueError("nothing to measure: no samples")
    rng = np.random.default_rng(seed)
    figures: list[Values] = []
    step = max(1, _AT_ONCE // count)
    for start in range(0, RESAMPLES, step):
        drawn = rng.integers(count, size=(min(step, RESAMPLES - start), count), dtype=np.int32)
        totals = np.stack([rows[:, column][drawn].sum(1) for column in range(columns)], 1)
        figures.append(figure(totals))
    edge = (100.0 - _LEVEL) / 2
    low, high = np.percentile(np.concatenate(figures), [edge, 100.0 - edge])
    return Interval(float(figure(rows.sum(0))), float(low), float(high))
