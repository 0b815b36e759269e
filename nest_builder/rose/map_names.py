"""Map for makers, names and open questions: what was launched, what is named, what the passages speak of."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

from nest_builder.entities.names import coarse, fold
from nest_builder.questions.checks import mentions
from nest_builder.rose.base import Passage
from nest_builder.rose.chunks import Ranked
from nest_builder.rose.evidence import (
    ELSEWHEN,
    OTHER_KIND,
    SEEN,
    TOPIC,
    Evidence,
    claims_in,
    day_of,
    kind_of,
    names_of,
    topic,
)
from nest_builder.rose.reading import ReadPage
from nest_builder.rose.rewrite import Need

_MENTIONED: Final = 0.65  # a page that has the maker may have it as a rival
_SOON: Final = dt.timedelta(days=31)  # reviews come after the launch


def find_launched(
    need: Need, ranked: Sequence[Ranked], read: Mapping[str, ReadPage], sources: Mapping[str, int]
) -> list[Evidence]:
    """Map for makers: what is stated to have been launched, by whom, when, and what kind of thing it is."""
    found = []
    wanted = fold(need.maker).split()
    for page, claim, passage in claims_in(ranked, read):
        if claim.relation not in ("launched", "made_by") or claim.polarity != "stated":
            continue
        name = names_of(page)[claim.key]
        makers = {other.value for other in page.statements if other.key == claim.key and other.relation == "made_by"}
        known = any(_overlap(fold(maker).split(), wanted) for maker in makers)
        begins = fold(name.name).split()[:1] == wanted[:1]  # "Vantor K3" is Vantor's, whoever says so
        if not known and not begins:
            continue
        day = next(
            (
                other.value
                for other in page.statements
                if other.key == claim.key and other.relation == "launched" and other.value
            ),
            "",
        )
        date = dt.date.fromisoformat(day) if day else day_of(page)
        weight = 1.0 if claim.relation == "launched" else 0.5
        if need.since and date and not need.since <= date <= (need.until or dt.date.max):
            weight *= ELSEWHEN
        kind = kind_of(page, claim.key)
        if kind and need.hypernym and kind != need.hypernym:
            weight *= OTHER_KIND
        found.append(Evidence(name.name, name.label, weight, sources[page.page.url], passage, date))
    return found + _topics_of_maker(need, read, sources)


def _topics_of_maker(need: Need, read: Mapping[str, ReadPage], sources: Mapping[str, int]) -> list[Evidence]:
    """Weaker map for makers: a page of the time asked about, or soon after, about such a thing of that maker."""
    found = []
    maker = fold(need.maker).split()
    for url, page in read.items():
        about, published = topic(page), page.page.published_at
        if about is None or kind_of(page, about.key) != need.hypernym:
            continue
        weight = TOPIC
        if fold(about.name).split()[:1] != maker[:1]:
            if not mentions(page.page.text, [need.maker]):
                continue
            weight *= _MENTIONED
        date = published.date() if published else None
        if date and need.since and not need.since <= date <= (need.until or date) + _SOON:
            continue
        own = next((name.sentence for name in page.names if name.key == about.key), page.page.title)
        passage = Passage(own, url, page.page.title, published)
        found.append(Evidence(about.name, about.label, weight, sources[url], passage, date))
    return found


def _overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether one name of a company begins the other: "Vantor", "Vantor Labs"."""
    shorter = min(len(one), len(other))
    return shorter > 0 and list(one[:shorter]) == list(other[:shorter])


def find_named(need: Need, read: Mapping[str, ReadPage], sources: Mapping[str, int]) -> list[Evidence]:
    """Map for names: the pages that have the name, whose full form counts."""
    found = []
    for order, wanted in enumerate(need.names):
        forms = {fold(wanted), fold(wanted.removeprefix("the "))}
        for url, page in read.items():
            hits = [name for name in page.names if fold(name.surface) in forms or fold(name.name) in forms]
            for name in hits[:1]:
                weight = (1.0 if coarse(name.label) in SEEN else 0.3) * 0.4**order
                passage = Passage(name.sentence, url, page.page.title, page.page.published_at)
                found.append(Evidence(name.name, name.label, weight, sources[url], passage))
    return found


def find_spoken_of(
    need: Need, ranked: Sequence[Ranked], read: Mapping[str, ReadPage], sources: Mapping[str, int]
) -> list[Evidence]:
    """Map for open questions: what can be seen and is named in the nearest passages, of the kind asked for."""
    found = []
    given = {fold(name) for name in need.names}
    best = max((item.score for item in ranked), default=0.0)
    if best <= 0:
        return []
    for item in ranked:
        page = read[item.passage.url]
        for name in page.names:
            seen = coarse(name.label)
            if name.sentence[:80] not in item.passage.text or seen not in SEEN or fold(name.name) in given:
                continue
            if need.hypernym and (need.hypernym == "person") != (seen == "person"):
                continue
            kind = kind_of(page, name.key)
            fits = not kind or not need.hypernym or kind == need.hypernym
            weight = 0.6 * max(0.0, item.score / best) ** 2 * (1.0 if fits else OTHER_KIND)
            if weight > 0:
                found.append(Evidence(name.name, name.label, weight, sources[page.page.url], item.passage))
    return found
