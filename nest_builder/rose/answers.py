"""Map and reduce by extraction: from passages to candidate answers with confidences and sources.

Map: each claim that a retrieved passage makes and that fits the need is one piece of evidence. Reduce: names of one entity are
merged, copies of one text count once, what independent sources say adds up.
"""

import dataclasses
import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nest_builder.entities.claims import Statement
from nest_builder.entities.dates import DATE, read_date
from nest_builder.entities.names import coarse, fold, short_forms
from nest_builder.entities.roles import RoleBook, role_key
from nest_builder.entities.sentences import polarity
from nest_builder.news.duplicates import jaccard
from nest_builder.questions.checks import mentions
from nest_builder.rose.base import Candidate, Passage
from nest_builder.rose.chunks import Ranked, passages
from nest_builder.rose.pages import shingles_of
from nest_builder.rose.reading import Named, ReadPage
from nest_builder.rose.rewrite import Need

SAME_TEXT: Final = 0.7  # Jaccard similarity from which on two pages are one source
MAX_CANDIDATES: Final = 8
MAX_SOURCES: Final = 6
_WEIGHT: Final = {"took": 1.0, "won": 0.6, "holds_office": 0.6, "holds_title": 0.6}
_OUTDATED: Final = 0.2  # what is left of a former holder's evidence
_ELSEWHEN: Final = 0.3  # of a launch or a change at another time than asked
_OTHER_KIND: Final = 0.1  # of a launch of another kind of thing
_SOON: Final = dt.timedelta(days=31)  # reviews come after the launch
_LATER: Final = dt.timedelta(days=62)  # who holds a role by then has mostly held it before
_BEGAN: Final = re.compile(
    rf"\b(?:since|started on|took office on|took over on|sworn in on|appointed on|elected on) (?:the )?(?:{DATE.pattern})",
    re.IGNORECASE,
)
_FORMER: Final = re.compile(r"\b(?:former|ex|previous|outgoing|predecessor)\b", re.IGNORECASE)
_QUALIFIERS: Final = frozenset(("deputy", "vice", "former", "acting", "assistant", "interim", "honorary"))
_TOPIC: Final = 0.35  # of what a page is about, where no sentence says it outright
MIN_BELIEF: Final = 0.15  # a candidate that hardly anything speaks for would be a guess
_SEEN: Final = frozenset(("person", "product", "building"))


Known = Callable[[str], dt.date | None]


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
            evidence = _current(_holders(need, ranked, read, sources, book), need) or _topics_with_role(
                need, read, sources
            )
        case "made":
            evidence = _launched(need, ranked, read, sources) + _topics_of_maker(need, read, sources)
            evidence = [
                item for item in evidence if not (need.since and (day := known(item.name)) and day < need.since)
            ]
        case "named":
            evidence = _named(need, read, sources)
        case _:
            evidence = _any_name(need, ranked, read, sources)
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


def same_role(one: str, other: str) -> bool:
    """Whether two wordings mean one role: "coach of X" is "head coach of the X", "deputy mayor of X" is not "mayor of X"."""
    first, second = set(role_key(one).split()), set(role_key(other).split())
    difference = first ^ second
    return not difference or (
        (first < second or second < first) and len(difference) == 1 and not difference & _QUALIFIERS
    )


def _said(ranked: Sequence[Ranked], read: Mapping[str, ReadPage]) -> Iterable[tuple[ReadPage, Statement, Passage]]:
    """Yield the claims that the passages make, each once a page."""
    by_page: defaultdict[str, list[Passage]] = defaultdict(list)
    for item in ranked:
        by_page[item.passage.url].append(item.passage)
    for url, found in by_page.items():
        for claim in read[url].statements:
            passage = next((item for item in found if claim.sentence[:80] in item.text), None)
            if passage is not None:
                yield read[url], claim, passage


def _names_of(page: ReadPage) -> dict[str, Named]:
    return {name.key: name for name in reversed(page.names)}


def _holders(
    need: Need, ranked: Sequence[Ranked], read: Mapping[str, ReadPage], sources: Mapping[str, int], book: RoleBook
) -> list[Evidence]:
    """Map for roles: who is stated to have taken or to hold it. Rumours and denials do not count."""
    role = book.role(need.role, "").text
    found: list[Evidence] = []
    doubted = Counter[str]()
    for page, claim, passage in _said(ranked, read):
        if claim.relation not in _WEIGHT or not same_role(claim.value, role):
            continue
        name = _names_of(page)[claim.key]
        if claim.polarity != "stated":
            doubted[fold(name.name)] += 1
            continue
        said = _day(page)
        began = _since(page, claim) or (said if claim.relation == "took" else None)
        weight = _WEIGHT[claim.relation]
        if need.until and said and said > need.until and not (began and began <= need.until):
            if began or said > need.until + _LATER:
                continue  # it tells of a time after the one asked about
            weight *= _ELSEWHEN * 2
        if need.hypernym and (need.hypernym == "person") != (coarse(name.label) == "person"):
            weight *= _OTHER_KIND
        if need.hypernym not in ("", "person") and (kind := kind_of(page, claim.key)) and kind != need.hypernym:
            weight *= _OTHER_KIND
        found.append(Evidence(name.name, name.label, weight, sources[page.page.url], passage, said, began))
    stated = Counter(fold(item.name) for item in found)
    return [item for item in found if stated[fold(item.name)] > doubted[fold(item.name)]]


def _day(page: ReadPage) -> dt.date | None:
    return page.page.published_at.date() if page.page.published_at else None


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
        return read_date(date, _day(page)) if date else None
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
                factors[name] = 1.0 if need.since <= began[name] <= end else _ELSEWHEN
            else:  # a holder of whom nobody says since when
                factors[name] = 2 * _ELSEWHEN if said.get(name, dt.date.min) >= need.since else _ELSEWHEN
    else:
        latest = max((said | began).values(), default=None)
        factors = {name: 1.0 if (said | began).get(name) == latest else _OUTDATED for name in names.values()}
    return [_scaled(item, factors[names[item.name]]) for item in evidence]


def _scaled(item: Evidence, factor: float) -> Evidence:
    return dataclasses.replace(item, weight=item.weight * factor)


def _launched(
    need: Need, ranked: Sequence[Ranked], read: Mapping[str, ReadPage], sources: Mapping[str, int]
) -> list[Evidence]:
    """Map for makers: what is stated to have been launched, by whom, when, and what kind of thing it is."""
    found = []
    wanted = fold(need.maker).split()
    for page, claim, passage in _said(ranked, read):
        if claim.relation not in ("launched", "made_by") or claim.polarity != "stated":
            continue
        name = _names_of(page)[claim.key]
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
        date = dt.date.fromisoformat(day) if day else _day(page)
        weight = 1.0 if claim.relation == "launched" else 0.5
        if need.since and date and not need.since <= date <= (need.until or dt.date.max):
            weight *= _ELSEWHEN
        kind = kind_of(page, claim.key)
        if kind and need.hypernym and kind != need.hypernym:
            weight *= _OTHER_KIND
        found.append(Evidence(name.name, name.label, weight, sources[page.page.url], passage, date))
    return found


def topic(page: ReadPage) -> Named | None:
    """Return what a page is about: the first name in its title of what can be seen, else the one named most often."""
    seen = [name for name in page.names if coarse(name.label) in _SEEN]
    titled = next((name for name in seen if mentions(page.page.title, [name.surface])), None)
    counts = Counter(name.key for name in seen)
    return titled or max(seen, key=lambda name: counts[name.key], default=None)


def _topics_with_role(need: Need, read: Mapping[str, ReadPage], sources: Mapping[str, int]) -> list[Evidence]:
    """Weaker map for roles: a page about somebody that speaks of the role, and of no rumour."""
    found = []
    wanted = f" {role_key(need.role)} "
    for url, page in read.items():
        about, published = topic(page), page.page.published_at
        if about is None or (need.hypernym == "person") != (coarse(about.label) == "person"):
            continue
        if published and (
            (need.since and published.date() < need.since) or (need.until and published.date() > need.until)
        ):
            continue
        for passage in passages(page.page):
            text = f" {role_key(passage.text)} "
            if wanted in text and polarity(passage.text.rstrip("?")) == "stated" and not _FORMER.search(passage.text):
                found.append(Evidence(about.name, about.label, _TOPIC, sources[url], passage, _day(page)))
                break
    return found


def _topics_of_maker(need: Need, read: Mapping[str, ReadPage], sources: Mapping[str, int]) -> list[Evidence]:
    """Weaker map for makers: a page of the time asked about, or soon after, about such a thing of that maker."""
    found = []
    maker = fold(need.maker).split()
    for url, page in read.items():
        about, published = topic(page), page.page.published_at
        if about is None or kind_of(page, about.key) != need.hypernym:
            continue
        if fold(about.name).split()[:1] != maker[:1] and not mentions(page.page.text, [need.maker]):
            continue
        date = published.date() if published else None
        if date and need.since and not need.since <= date <= (need.until or date) + _SOON:
            continue
        own = next((name.sentence for name in page.names if name.key == about.key), page.page.title)
        passage = Passage(own, url, page.page.title, published)
        found.append(Evidence(about.name, about.label, _TOPIC, sources[url], passage, date))
    return found


def _overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether one name of a company begins the other: "Vantor", "Vantor Labs"."""
    shorter = min(len(one), len(other))
    return shorter > 0 and list(one[:shorter]) == list(other[:shorter])


def kind_of(page: ReadPage, key: str) -> str:
    """Return the kind of thing that a page says an entity is; "" where it does not say."""
    votes: Counter[str] = Counter()
    for claim in page.statements:
        if claim.key == key and claim.relation in ("is_a", "may_be_a") and claim.polarity == "stated":
            votes[claim.value] += 3 if claim.relation == "is_a" else 1
    return min(votes, key=lambda word: (-votes[word], word), default="")


def _named(need: Need, read: Mapping[str, ReadPage], sources: Mapping[str, int]) -> list[Evidence]:
    """Map for names: the pages that have the name, whose full form counts."""
    found = []
    for order, wanted in enumerate(need.names):
        forms = {fold(wanted), fold(wanted.removeprefix("the "))}
        for url, page in read.items():
            hits = [name for name in page.names if fold(name.surface) in forms or fold(name.name) in forms]
            for name in hits[:1]:
                weight = (1.0 if coarse(name.label) in _SEEN else 0.3) * 0.4**order
                passage = Passage(name.sentence, url, page.page.title, page.page.published_at)
                found.append(Evidence(name.name, name.label, weight, sources[url], passage))
    return found


def _any_name(
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
            if name.sentence[:80] not in item.passage.text or seen not in _SEEN or fold(name.name) in given:
                continue
            if need.hypernym and (need.hypernym == "person") != (seen == "person"):
                continue
            kind = kind_of(page, name.key)
            fits = not kind or not need.hypernym or kind == need.hypernym
            weight = 0.6 * max(0.0, item.score / best) ** 2 * (1.0 if fits else _OTHER_KIND)
            if weight > 0:
                found.append(Evidence(name.name, name.label, weight, sources[page.page.url], item.passage))
    return found
