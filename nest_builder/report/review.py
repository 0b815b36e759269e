"""The report's section on the review: what went to people, what their answers say of the rest, and where the models fail."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.review.failures import Failure, Threshold, propose_thresholds, read_failures
from nest_builder.review.summary import review_summary
from nest_builder.store.tables import Route

BINS = 20
PARTS = ("accept", "audit", "review", "reject")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the histogram: samples in a range of `p_correct`, by what becomes of them.

    Attributes:
        low: Lower end of the range.
        high: Upper end.
        counts: Of each of `PARTS` that is there.
        height: Of the column in per cent of the highest, by square roots: the few doubtful ones must be seen beside the many sure ones.
    """

    low: float
    high: float
    counts: dict[str, int]
    height: float

    @property
    def total(self) -> int:
        """Return how many samples there are."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class ReviewSection:
    """Everything that the section shows.

    Attributes:
        summary: See `review.summary.review_summary`.
        columns: The histogram.
        failures: Where the models fail, by kind.
        thresholds: What could be accepted unseen.
        worst: The most wrong or expected answers of any group, the length of the longest bar.
    """

    summary: dict[str, Any]
    columns: tuple[Column, ...]
    failures: dict[str, list[Failure]]
    thresholds: list[Threshold]
    worst: float


def read_review(session: Session, published: Collection[str] | None = None) -> ReviewSection | None:
    """Return what the section shows of an edition's samples; None where nothing has been routed."""
    summary = review_summary(session, published)
    if summary is None:
        return None
    routes = session.scalars(select(Route).order_by(Route.sample_id)).all()
    failures: dict[str, list[Failure]] = {}
    for failure in read_failures(session):
        failures.setdefault(failure.kind, []).append(failure)
    return ReviewSection(
        summary=summary,
        columns=histogram([(route.p_correct, "audit" if route.audit else route.action) for route in routes]),
        failures=failures,
        thresholds=propose_thresholds([route.p_correct for route in routes]),
        worst=max((max(one.wrong, one.expected) for ones in failures.values() for one in ones), default=0.0),
    )


def histogram(samples: Sequence[tuple[float, str]]) -> tuple[Column, ...]:
    """Count samples, each a `p_correct` and one of `PARTS`, in columns of equal width."""
    counts: list[Counter[str]] = [Counter() for _ in range(BINS)]
    for p_correct, part in samples:
        counts[min(BINS - 1, int(p_correct * BINS))][part] += 1
    highest = max((count.total() for count in counts), default=0) or 1
    return tuple(
        Column(
            at / BINS,
            (at + 1) / BINS,
            {part: count[part] for part in PARTS if count[part]},
            round(100 * (count.total() / highest) ** 0.5, 1),
        )
        for at, count in enumerate(counts)
    )
