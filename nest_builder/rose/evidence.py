"""Pieces of evidence, and what the rules that find them share."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nest_builder.entities.claims import Statement
from nest_builder.entities.names import coarse, fold, short_forms
from nest_builder.news.duplicates import jaccard
from nest_builder.questions.checks import mentions
from nest_builder.rose.base import Passage
from nest_builder.rose.chunks import Ranked
from nest_builder.rose.pages import shingles_of
from nest_builder.rose.reading import Named, ReadPage

SAME_TEXT: Final = 0.7  # Jaccard similarity from which on two pages are one source
TOPIC: Final = 0.35  # weight of what a page is about, where no sentence says it outright
ELSEWHEN: Final = 0.3  # what is left of a launch or a change at another time than asked
OTHER_KIND: Final = 0.1  # of another kind of thing than asked
SEEN: Final = frozenset(("person", "product", "building"))


@dataclass(frozen=True, slots=True)
class Evidence:
    """A piece of evidence.

    Attributes:
        name: The entity's name as the page has it.
        label: Its entity label.
        weight: In (0, 1].
        source: Number of the independent source.
        passage: What says so.
        said: When it was said.
        began: When it says that it happened or began; None where it does not.
    """

    name: str
    label: str
    weight: float
    source: int
    passage: Passage
    said: dt.date | None = None
    began: dt.date | None = None


def canonical(counts: Mapping[str, int], labels: Mapping[str, str]) -> dict[str, str]:
    """Return each name's full form: "Okoro" -> "Ada Okoro" where only one of the names can be meant; case does not matter."""
    spelling: dict[str, str] = {}
    for name in sorted(counts, key=lambda name: (name.isupper(), -counts[name], name)):
        spelling.setdefault(fold(name), name)
    longer: defaultdict[str, set[str]] = defaultdict(set)
    for name in spelling.values():
        for short in short_forms(name, labels[name]):
            longer[fold(short)].add(fold(name))
    full = {}
    for name in counts:
        form = fold(name)
        if len(longer.get(form, ())) == 1:
            form = next(iter(longer[form]))
        full[name] = spelling[form]
    return full


def independent(pages: Sequence[ReadPage]) -> dict[str, int]:
    """Return each page's source: copies of a text, such as an agency's, are one."""
    kept: list[frozenset[str]] = []
    numbers: dict[str, int] = {}
    for read in pages:
        own = shingles_of(read.page.text)
        number = next((at for at, other in enumerate(kept) if jaccard(own, other) >= SAME_TEXT), len(kept))
        if number == len(kept):
            kept.append(own)
        numbers[read.page.url] = number
    return numbers


def claims_in(ranked: Sequence[Ranked], read: Mapping[str, ReadPage]) -> Iterable[tuple[ReadPage, Statement, Passage]]:
    """Yield the claims that the passages make, each once a page."""
    by_page: defaultdict[str, list[Passage]] = defaultdict(list)
    for item in ranked:
        by_page[item.passage.url].append(item.passage)
    for url, found in by_page.items():
        for claim in read[url].statements:
            passage = next((item for item in found if claim.sentence[:80] in item.text), None)
            if passage is not None:
                yield read[url], claim, passage


def names_of(page: ReadPage) -> dict[str, Named]:
    """Return a page's names by their keys, each as it first stands."""
    return {name.key: name for name in reversed(page.names)}


def day_of(page: ReadPage) -> dt.date | None:
    """Return the day on which a page appeared."""
    return page.page.published_at.date() if page.page.published_at else None


def kind_of(page: ReadPage, key: str) -> str:
    """Return the kind of thing that a page says an entity is; "" where it does not say."""
    votes: Counter[str] = Counter()
    for claim in page.statements:
        if claim.key == key and claim.relation in ("is_a", "may_be_a") and claim.polarity == "stated":
            votes[claim.value] += 3 if claim.relation == "is_a" else 1
    return min(votes, key=lambda word: (-votes[word], word), default="")


def topic(page: ReadPage) -> Named | None:
    """Return what a page is about: the first name in its title of what can be seen, else the one named most often."""
    seen = [name for name in page.names if coarse(name.label) in SEEN]
    titled = next((name for name in seen if mentions(page.page.title, [name.surface])), None)
    counts = Counter(name.key for name in seen)
    return titled or max(seen, key=lambda name: counts[name.key], default=None)
