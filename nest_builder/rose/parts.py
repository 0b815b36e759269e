"""ROSE's four parts as Protocols, and how one is called: timed, and with its expected errors turned into a step."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from PIL import Image

from nest_builder.annotate.base import MODEL_ERRORS
from nest_builder.rose.base import Candidate, Part, Query, Retrieval, SearchError, Step
from nest_builder.segmenters.base import ReferringSegmenter, Segmentation
from nest_builder.web.exchange import FetchError

log = logging.getLogger(__name__)

# What may go wrong with a service or with one picture; anything else is a fault of ours and is not caught.
NETWORK_ERRORS = (SearchError, FetchError, OSError)
EXPECTED_ERRORS = (*NETWORK_ERRORS, *MODEL_ERRORS)

Item = TypeVar("Item")
Result = TypeVar("Result")


class DecidesOnSearch(Protocol):
    """WebSense."""

    def decide(self, queries: Sequence[Query], base: ReferringSegmenter | None) -> list[Step]:
        """Return for each of n queries a step whose decision is "retrieve" or "skip"; a base that is given may be asked first."""


class Retrieves(Protocol):
    """IRAG."""

    def retrieve(self, queries: Sequence[Query]) -> list[Retrieval]:
        """Return for each of n queries what was found; a service that fails raises nothing and is said in `Step.lost`."""


class Remembered:
    """Retrieves once for each query, whatever asks; for as long as one comparison of systems lasts.

    Args:
        inner: What retrieves.
    """

    def __init__(self, inner: Retrieves) -> None:
        self._inner = inner
        # Queries are kept as well: the id of a picture that is gone may come again.
        self._found: dict[tuple[object, ...], tuple[Query, Retrieval]] = {}

    def retrieve(self, queries: Sequence[Query]) -> list[Retrieval]:
        """See `Retrieves.retrieve`."""
        keys = [(id(query.image), query.text, query.asked_at, query.exclude) for query in queries]
        new = {key: query for key, query in zip(keys, queries, strict=True) if key not in self._found}
        if new:
            found = self._inner.retrieve(list(new.values()))
            self._found |= {key: (new[key], one) for key, one in zip(new, found, strict=True)}
        return [self._found[key][1] for key in keys]


class EnhancesText(Protocol):
    """TPE."""

    def enhance(self, question: str, answer: Candidate) -> str:
        """Return the prompt for the segmenter."""


@dataclass(frozen=True, slots=True)
class Case:
    """What VPE works on.

    Attributes:
        image: RGB picture.
        segmentation: The base's.
        retrieval: The answer with its reference pictures; None where nothing was retrieved.
        only: The kind of thing that is meant, of which the picture shows one only; "" where it is not that simple.
    """

    image: Image.Image
    segmentation: Segmentation
    retrieval: Retrieval | None
    only: str = ""


class CorrectsMasks(Protocol):
    """VPE."""

    def correct(self, cases: Sequence[Case]) -> list[tuple[Segmentation, Step]]:
        """Return for each of n cases the verified or corrected segmentation, and what was decided."""


def call_part(
    part: Part,
    call: Callable[[Sequence[Item]], Sequence[Result]],
    items: Sequence[Item],
    step_of: Callable[[Result], Step],
    clock: Callable[[], float] = time.perf_counter,
) -> list[tuple[Result | None, Step]]:
    """Let a part work on a batch.

    Args:
        part: Its name.
        call: Its method, which takes a batch.
        items: n items.
        step_of: Takes the step out of a result.
        clock: Seconds of a clock that never goes back.

    Returns:
        For each item its result with the part's step; no result, and a step that says why, where the part failed. A step without a
        time of its own gets the item's share.
    """
    start = clock()
    outcomes = _attempt(part, call, items, step_of)
    share = (clock() - start) / max(1, len(items))
    return [(result, step if step.seconds else replace(step, seconds=share)) for result, step in outcomes]


def _attempt(
    part: Part,
    call: Callable[[Sequence[Item]], Sequence[Result]],
    items: Sequence[Item],
    step_of: Callable[[Result], Step],
) -> list[tuple[Result | None, Step]]:
    """Call a part; where a model fails on a batch, with each item alone. A network that is down is not asked again."""
    if not items:
        return []
    try:
        results = call(items)
    except NETWORK_ERRORS as error:
        return [(None, failed(part, error)) for _ in items]
    except MODEL_ERRORS as error:
        if len(items) == 1:
            return [(None, failed(part, error))]
        log.warning("%s failed on a batch of %d, taken one by one: %s", part, len(items), error)
        return [outcome for item in items for outcome in _attempt(part, call, [item], step_of)]
    if len(results) != len(items):
        raise TypeError(f"{part} answers {len(items)} queries with {len(results)} results")
    return [(result, step_of(result)) for result in results]


def failed(part: str, error: Exception) -> Step:
    """Return the step of a part that failed."""
    why = f"{type(error).__name__}: {error}"[:300]
    return Step(part, "failed", why, lost=why if isinstance(error, NETWORK_ERRORS) else "")
