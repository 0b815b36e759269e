"""Map for roles: who is said to have taken or to hold an office or a title, and since when."""

import dataclasses
import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from nest_builder.entities.claims import Statement
from nest_builder.entities.dates import DATE, read_date
from nest_builder.entities.names import coarse, fold
from nest_builder.entities.roles import RoleBook, role_key
from nest_builder.entities.sentences import polarity
from nest_builder.rose.chunks import Ranked, passages
from nest_builder.rose.evidence import (
    ELSEWHEN,
    OTHER_KIND,
    TOPIC,
    Evidence,
    canonical,
    claims_in,
    day_of,
    kind_of,
    names_of,
    topic,
)
from nest_builder.rose.reading import ReadPage
from nest_builder.rose.rewrite import Need

_WEIGHT: Final = {"took": 1.0, "won": 0.6, "holds_office": 0.6, "holds_title": 0.6}
_OUTDATED: Final = 0.25  # what is left of a former holder's evidence
_LATER: Final = dt.timedelta(days=62)  # who holds a role by then has mostly held it before
_BEGAN: Final = re.compile(
    rf"\b(?:since|started on|took office on|took over on|sworn in on|appointed on|elected on) (?:the )?(?:{DATE.pattern})",
    re.IGNORECASE,
)
_FORMER: Final = re.compile(r"\b(?:former|ex|previous|outgoing|predecessor)\b", re.IGNORECASE)
_QUALIFIERS: Final = frozenset(("deputy", "vice", "former", "acting", "assistant", "interim", "honorary"))


def find_holders(
    need: Need, ranked: Sequence[Ranked], read: Mapping[str, ReadPage], sources: Mapping[str, int], book: RoleBook
) -> list[Evidence]:
    """Return the evidence for holders of a role, weighed against each other.

    Args:
        need: What is looked up.
        ranked: The retrieved passages.
        read: Their pages by address.
        sources: Each page's independent source.
        book: Known roles.
    """
    outright = _current(_holders(need, ranked, read, sources, book), need)
    return outright or _topics_with_role(need, read, sources)


def same_role(one: str, other: str) -> bool:
    """Whether two wordings mean one role: "coach of X" is "head coach of the X", "deputy mayor of X" is not "mayor of X"."""
    first, second = set(role_key(one).split()), set(role_key(other).split())
    difference = first ^ second
    return not difference or (
        (first < second or second < first) and len(difference) == 1 and not difference & _QUALIFIERS
    )


def _holders(
    need: Need, ranked: Sequence[Ranked], read: Mapping[str, ReadPage], sources: Mapping[str, int], book: RoleBook
) -> list[Evidence]:
    """Map for roles: who is stated to have taken or to hold it. Rumours and denials do not count."""
    role = book.role(need.role, "").text
    found: list[Evidence] = []
    doubted = Counter[str]()
    for page, claim, passage in claims_in(ranked, read):
        if claim.relation not in _WEIGHT or not same_role(claim.value, role):
            continue
        name = names_of(page)[claim.key]
        if claim.polarity != "stated":
            doubted[fold(name.name)] += 1
            continue
        said, explicit = day_of(page), _since(page, claim)
        took = any(
            other.relation == "took"
            and other.key == claim.key
            and other.value == claim.value
            and other.polarity == "stated"
            for other in page.statements
        )
        began = explicit or (said if took else None)
        weight = _WEIGHT[claim.relation]
        if need.until and said and said > need.until and not (explicit and explicit <= need.until):
            # Told later than the time asked about: a holder by then may have begun in time, one who is said to begin now has not.
            if explicit or said > need.until + _LATER or (took and need.since is None):
                continue
            weight, began = weight * 2 * ELSEWHEN, None
        if need.hypernym and (need.hypernym == "person") != (coarse(name.label) == "person"):
            weight *= OTHER_KIND
        if need.hypernym not in ("", "person") and (kind := kind_of(page, claim.key)) and kind != need.hypernym:
            weight *= OTHER_KIND
        found.append(Evidence(name.name, name.label, weight, sources[page.page.url], passage, said, began))
    stated = Counter(fold(item.name) for item in found)
    return [item for item in found if stated[fold(item.name)] > doubted[fold(item.name)]]


def _since(page: ReadPage, claim: Statement) -> dt.date | None:
    """Return since when a page says that somebody holds a role."""
    for other in page.statements:
        if other.relation == "held_since" and other.key == claim.key:
            day, _, role = other.value.partition(" ")
            if same_role(role, claim.value):
                return dt.date.fromisoformat(day)
    about = topic(page)
    if about is not None and about.key == claim.key and (match := _BEGAN.search(page.page.text)) is not None:
        date = DATE.search(match.group())
        return read_date(date, day_of(page)) if date else None
    return None


def _current(evidence: Sequence[Evidence], need: Need) -> list[Evidence]:
    """Weigh holders against each other: the latest change wins; a change asked about by its month is the one of that month."""
    names = canonical(Counter(item.name for item in evidence), {item.name: item.label for item in evidence})
    began: dict[str, dt.date] = {}
    said: dict[str, dt.date] = {}
    for item in evidence:
        name = names[item.name]
        if item.began is not None:
            began[name] = min(item.began, began.get(name, item.began))
        if item.said is not None:
            said[name] = min(item.said, said.get(name, item.said))
    factors: dict[str, float] = {}
    if need.since is not None:
        end = need.until or dt.date.max
        for name in set(names.values()):
            if name in began:
                factors[name] = 1.0 if need.since <= began[name] <= end else ELSEWHEN
            else:  # a holder of whom nobody says since when
                factors[name] = 2 * ELSEWHEN if said.get(name, dt.date.min) >= need.since else ELSEWHEN
    else:
        latest = max((said | began).values(), default=None)
        factors = {name: 1.0 if (said | began).get(name) == latest else _OUTDATED for name in names.values()}
    return [_scaled(item, factors[names[item.name]]) for item in evidence]


def _scaled(item: Evidence, factor: float) -> Evidence:
    return dataclasses.replace(item, weight=item.weight * factor)


def _topics_with_role(need: Need, read: Mapping[str, ReadPage], sources: Mapping[str, int]) -> list[Evidence]:
    """Weaker map for roles: a page about somebody that speaks of the role, and of no rumour."""
    found = []
    for url, page in read.items():
        about, published = topic(page), page.page.published_at
        if about is None or (need.hypernym == "person") != (coarse(about.label) == "person"):
            continue
        last = need.until + (_LATER if need.since else dt.timedelta(0)) if need.until else dt.date.max
        if published and not (need.since or dt.date.min) <= published.date() <= last:
            continue
        for passage in passages(page.page):
            told = polarity(passage.text.rstrip("?")) == "stated" and not _FORMER.search(passage.text)
            if told and _speaks_of(passage.text, need.role):
                found.append(Evidence(about.name, about.label, TOPIC, sources[url], passage, day_of(page)))
                break
    return found


def _speaks_of(text: str, role: str) -> bool:
    """Tell whether a text has a role; a deputy's is another."""
    words, wanted = role_key(text).split(), role_key(role).split()
    starts = (at for at in range(len(words)) if words[at : at + len(wanted)] == wanted)
    return any(at == 0 or words[at - 1] not in _QUALIFIERS for at in starts)
