"""Map and reduce by extraction: from passages to candidate answers with confidences and sources.

Map: each claim that a retrieved passage makes and that fits the need is one piece of evidence. Reduce: names of one entity are
merged, copies of one text count once, what independent sources say adds up.
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from nest_builder.entities.roles import RoleBook
from nest_builder.rose.base import Candidate, Passage
from nest_builder.rose.chunks import Ranked
from nest_builder.rose.evidence import Evidence, canonical, independent
from nest_builder.rose.map_names import find_launched, find_named, find_spoken_of
from nest_builder.rose.map_roles import find_holders
from nest_builder.rose.reading import ReadPage
from nest_builder.rose.rewrite import Need

MAX_CANDIDATES: Final = 8
MAX_SOURCES: Final = 6
MIN_BELIEF: Final = 0.15  # a candidate that hardly anything speaks for would be a guess

Known = Callable[[str], dt.date | None]


def find_candidates(
    need: Need, ranked: Sequence[Ranked], read: Mapping[str, ReadPage], book: RoleBook, known: Known
) -> list[Candidate]:
    """Return the candidate answers to a need, the most confident first.

    Args:
        need: What is looked up.
        ranked: The retrieved passages, the nearest first; their pages are dated as the question allows.
        read: The pages by their address.
        book: Known roles.
        known: Returns since when something is known; what is known from before a time was not launched in it.
    """
    sources = independent(list(read.values()))
    match need.kind:
        case "role":
            evidence = find_holders(need, ranked, read, sources, book)
        case "made":
            evidence = find_launched(need, ranked, read, sources)
            evidence = [
                item for item in evidence if not (need.since and (day := known(item.name)) and day < need.since)
            ]
        case "named":
            evidence = find_named(need, read, sources)
        case _:
            evidence = find_spoken_of(need, ranked, read, sources)
    return reduce(evidence)


def reduce(evidence: Sequence[Evidence]) -> list[Candidate]:
    """Merge the evidence for each name: noisy-or over independent sources, scaled down where the sum passes 1."""
    names = canonical(Counter(item.name for item in evidence), {item.name: item.label for item in evidence})
    groups: defaultdict[str, list[Evidence]] = defaultdict(list)
    for item in evidence:
        groups[names[item.name]].append(item)
    beliefs: dict[str, float] = {}
    for name, items in groups.items():
        best: dict[int, float] = {}
        for item in items:
            best[item.source] = max(best.get(item.source, 0.0), item.weight)
        doubt = 1.0
        for weight in best.values():
            doubt *= 1 - 0.7 * weight  # even a plain statement may be wrong
        if 1 - doubt >= MIN_BELIEF:
            beliefs[name] = 1 - doubt
    total = max(1.0, sum(beliefs.values()))
    order = sorted(beliefs, key=lambda name: (-beliefs[name], name))[:MAX_CANDIDATES]
    return [Candidate(name, round(beliefs[name] / total, 6), _sources(groups[name])) for name in order]


def _sources(items: Iterable[Evidence]) -> tuple[Passage, ...]:
    ordered = sorted(items, key=lambda item: (-item.weight, item.passage.url, item.passage.text))
    return tuple(dict.fromkeys(item.passage for item in ordered))[:MAX_SOURCES]
