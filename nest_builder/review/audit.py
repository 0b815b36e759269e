"""How wrong an edition still is: an exact interval from a draw of what nobody looked at, and how far reviewers agree.

The audit is a simple random sample, without replacement, of the accepted samples. So the number of wrong ones in it is
hypergeometric whatever the calibrator believes, and however samples hang together by pictures and entities; inverting that test
gives an interval whose coverage is at least its level for every true error (the finite-population form of Clopper & Pearson 1934,
"The use of confidence or fiducial limits"; Wright 1991, "Exact confidence bounds when sampling from small finite universes").
No weights, hence no strata.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share with its interval.

    Attributes:
        value: The point estimate, in [0, 1].
        low: The interval's lower end.
        high: Its upper end.
        level: Its nominal coverage.
    """

    value: float
    low: float
    high: float
    level: float = LEVEL


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two people agree on whether an annotation is right.

    Attributes:
        pairs: Samples that two people decided.
        share: Of them on which both said the same; None without any.
        kappa: Cohen's, chance being 0; None without any, or where nobody ever said the other thing.
    """

    pairs: int
    share: float | None
    kappa: float | None


def wrong_in_population(population: int, drawn: int, wrong: int, level: float = LEVEL) -> tuple[int, int]:
    """Return the exact interval of how many of a population are wrong.

    Args:
        population: Size of what was drawn from.
        drawn: Size of the draw.
        wrong: How many of the draw are wrong.
        level: Coverage, at least.

    Raises:
        ValueError: The draw is not a part of the population, or ``wrong`` not of the draw.
    """
    from scipy.stats import hypergeom  # here, and not above: a build with nothing to do should not wait for it

    if not 0 <= wrong <= drawn <= population:
        raise ValueError(f"{wrong} wrong of {drawn} drawn of {population}: each must be a part of the next")
    tail = (1 - level) / 2
    # As the population holds more wrong ones, seeing at least `wrong` becomes likelier and seeing at most `wrong` less likely.
    candidates = range(wrong, population - (drawn - wrong) + 1)
    low = bisect_left(candidates, tail, key=lambda k: float(hypergeom.sf(wrong - 1, population, k, drawn)))
    high = bisect_left(candidates, -tail, key=lambda k: -float(hypergeom.cdf(wrong, population, k, drawn))) - 1
    last = len(candidates) - 1
    return candidates[min(low, last)], candidates[min(max(high, low), last)]


def edition_error(accepted: int, drawn: int, wrong: int, settled: int, level: float = LEVEL) -> Estimate:
    """Estimate which share of an edition is wrong, after what the audit found has been mended or left out.

    Args:
        accepted: Samples that were taken as they are, those of the draw among them.
        drawn: Samples of the draw that people have decided.
        wrong: How many of those are wrong.
        settled: Other samples of the edition, which people decided: they count as right, as people are the measure here.
        level: Coverage.

    Raises:
        ValueError: Numbers that cannot be (see `wrong_in_population`).
    """
    low, high = wrong_in_population(accepted, drawn, wrong, level)
    size = max(1, accepted - wrong + settled)
    guess = accepted * wrong / drawn if drawn else (low + high) / 2
    return Estimate(
        (guess - wrong) / size if drawn else guess / size, (low - wrong) / size, (high - wrong) / size, level
    )


def agreement(decided: Mapping[str, Sequence[bool]]) -> Agreement:
    """Return how far people agree.

    Args:
        decided: For each sample what people said, in the order of their names; only those that two people decided count, and the
            first two of them.
    """
    from sklearn.metrics import cohen_kappa_score  # as above

    pairs = [(said[0], said[1]) for said in decided.values() if len(said) >= 2]
    if not pairs:
        return Agreement(0, None, None)
    first, second = np.array(pairs).T
    constant = len({*first.tolist(), *second.tolist()}) < 2
    kappa = None if constant else round(float(cohen_kappa_score(first, second)), 4)
    return Agreement(len(pairs), round(float((first == second).mean()), 4), kappa)
