"""Linking inside one article: every name gets an entity, short forms get that of the full name they stand for."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from nest_builder.entities.base import KnowledgeBase, Reading, Span
from nest_builder.entities.hypernyms import BUILT_IN
from nest_builder.entities.names import STORED, coarse, entity_key, fold, short_forms, trim

MAX_FORMS: Final = 400  # names of one article; a page with more is a list, and the rest is left out
_WORD: Final = re.compile(r"[^\W\d_]{2,}|\d*[^\W\d_]+\d+")
_ANIMAL: Final = re.compile(r" the ([A-Z][a-z]+)\b")
_SENTENCE_HEAD: Final = re.compile(r"(?:^|[.!?:]\s+|\n\s*|[“\"]\s*)$")
# What may follow a product's name and makes another product of it: "Atlas" is known, "Atlas 2" is not.
MODEL_SUFFIX: Final = re.compile(r"(?:\d{1,4}|[IVX]{1,4}|[A-Z]|Pro|Mini|Max|Plus|Lite|Ultra|Air|One|SE|XL|Neo|Mk)\b")
# Last words that make a name no person's, whatever a small model says.
_NO_SURNAMES: Final = {
    **dict.fromkeys(("Summit", "Day", "Week", "Conference", "Festival", "Award", "Awards", "Cup", "Games"), "EVENT"),
    **dict.fromkeys(
        ("Department", "University", "Committee", "Agency", "Office", "Service", "Council", "Museum"), "ORG"
    ),
}
# Words that stand for an institution and name none.
_NO_NAMES: Final = frozenset(
    (
        "League",
        "Year",
        "Season",
        "Council",
        "Department",
        "Government",
        "Company",
        "Board",
        "Committee",
        "Agency",
        "Office",
    )
)
# A form that two kinds of names share goes to the kind that is more telling.
_PRECEDENCE: Final = ("PERSON", "PRODUCT", "FAC", "ORG", "EVENT", "GPE")


@dataclass(frozen=True, slots=True)
class Part:
    """A text of an article: its title, a paragraph or a caption.

    Attributes:
        field: title, text or caption.
        figure_id: The figure of a caption.
        offset: Where the text starts in its field.
        reading: What the recogniser found in it.
    """

    field: str
    figure_id: str | None
    offset: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class Link:
    """A mention: where it stands in its part, and the entity it is a mention of."""

    start: int
    end: int
    label: str
    name: str
    key: str


@dataclass(frozen=True, slots=True)
class LinkedPart:
    """A part with its mentions, in order."""

    part: Part
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class _Form:
    text: str
    label: str


def link(parts: Sequence[Part], knowledge: KnowledgeBase) -> list[LinkedPart]:
    """Link the names of one article.

    Args:
        parts: Title, paragraphs and captions, in reading order.
        knowledge: Its entities lend their names to their aliases.
    """
    makers = {
        part.reading.text[span.start : span.end].split()[0]
        for part in parts
        for span in part.reading.spans
        if span.label == "ORG" and part.reading.text[span.start : span.end].strip()
    }
    names = {part.reading.text[span.start : span.end] for part in parts for span in part.reading.spans}
    # "Ada Lind-Okoro", later "Lind-Okoro"
    joined = {form for name in names for form in (name, name.rpartition(" ")[2]) if "-" in form}
    hyphenated = sorted(joined, key=lambda name: (-len(name), name))[:MAX_FORMS]
    lower = set(re.findall(r"(?<!\w)[^\W\d_A-Z][\w]*", " ".join(part.reading.text for part in parts)))
    trimmed = [
        longest(
            span
            for raw in part.reading.spans
            if (span := _trimmed(part.reading, _whole(part.reading.text, raw, makers, hyphenated), lower, knowledge))
        )
        for part in parts
    ]
    forms = _forms(parts, trimmed, knowledge)
    shorts = _shorts(forms, knowledge)
    patterns = _pattern([*forms.values(), *(_Form(text, full.label) for text, full in _derived(forms, shorts))])
    linked = []
    seen: list[str] = []  # folded full names in reading order: a surname that two people share means the one named last
    for part, spans in zip(parts, trimmed, strict=True):
        links = []
        for span in [*spans, *_missed(part.reading.text, spans, patterns)]:
            form = fold(part.reading.text[span.start : span.end])
            if form in forms or form in shorts:
                links.append(_resolve(span, form, forms, shorts, seen, knowledge))
        linked.append(LinkedPart(part, tuple(sorted(links, key=lambda item: item.start))))
    return linked


def _whole(text: str, span: Span, makers: set[str], hyphenated: Sequence[str]) -> Span:
    """Return a span with the part that the recogniser cut off: "Pip [the Owl]", "[Verdo] Pioneer One", "Ada [Lind-]Okoro".

    Args:
        text: Where the span stands.
        span: As it was recognised.
        makers: First words of the article's organisations.
        hyphenated: The article's names with a hyphen, the longest first; "Trump-Biden" is two names where nobody has it for one.
    """
    if "-" in (text[span.start - 1 : span.start], text[span.end : span.end + 1]):
        for name in hyphenated:
            start = text.find(name, max(0, span.end - len(name)), span.start + len(name))
            end = start + len(name)
            if start >= 0 and not re.search(r"[\w-]", text[start - 1 : start] + text[end : end + 1]):
                return Span(start, end, span.label)
    if (animal := _ANIMAL.match(text, span.end)) and animal.group(1).casefold() in BUILT_IN:
        return Span(span.start, animal.end(), span.label)
    maker = text[: span.start].rstrip().rsplit(" ", 1)[-1] if span.label == "PRODUCT" else ""
    if maker in makers and text[: span.start].endswith(f"{maker} "):
        return Span(span.start - len(maker) - 1, span.end, span.label)
    return span


def _trimmed(reading: Reading, span: Span, lower: set[str], knowledge: KnowledgeBase) -> Span | None:
    """Return the span of the name itself; None where it is no name, such as a plain word that begins a sentence."""
    text = reading.text
    start, end = trim(text[span.start : span.end], span.label)
    first, _, rest = text[span.start + start : span.start + end].partition(" ")
    place = knowledge.find(first) if span.label == "PERSON" and " " in rest else None
    if place is not None and place.type in ("GPE", "ORG") and not _marks_model(rest.split()[-1]):
        start += len(first) + 1  # "Visit to Harwick Ada Okoro postponed": two names
    name = text[span.start + start : span.start + end]
    if not _WORD.search(name) or not any(c.isupper() or c.isdigit() for c in name) or len(name) > 100 or "\n" in name:
        return None
    if name in _NO_NAMES or (name.casefold() in lower and any(span.start == first for first, _ in reading.sentences)):
        return None
    return Span(span.start + start, span.start + end, STORED.get(span.label, span.label))


def _forms(parts: Sequence[Part], trimmed: Sequence[Sequence[Span]], knowledge: KnowledgeBase) -> dict[str, _Form]:
    """Return folded form -> its usual spelling and label."""
    labels: dict[str, Counter[str]] = {}
    texts: dict[str, Counter[str]] = {}
    for part, spans in zip(parts, trimmed, strict=True):
        for span in spans:
            text = part.reading.text[span.start : span.end]
            form = fold(text)
            if form not in labels and len(labels) >= MAX_FORMS:
                continue
            labels.setdefault(form, Counter())[span.label] += 1
            texts.setdefault(form, Counter())[text] += 1 if not text.isupper() else 0
    forms = {}
    for form, votes in labels.items():
        known = knowledge.find(form)
        rank = {label: at for at, label in enumerate(_PRECEDENCE)}
        label = min(votes, key=lambda label: (-votes[label], rank.get(label, len(rank)), label))
        if known is not None and fold(known.name) == form:
            label = STORED.get(known.type, known.type)
        text = min(texts[form], key=lambda text: (-texts[form][text], text))
        forms[form] = _Form(text, label)
    organisations = {form for form, found in forms.items() if found.label == "ORG"}
    for form, found in forms.items():
        if (kind := _telling_label(found, organisations, knowledge)) is not None:
            forms[form] = _Form(found.text, kind)
    return forms


def _telling_label(form: _Form, organisations: set[str], knowledge: KnowledgeBase) -> str | None:
    """Return the label that a name's own words speak for, where a small model may have taken it for another kind."""
    words = form.text.split()
    if len(words) < 2 or knowledge.find(form.text) is not None or form.label in ("PRODUCT", "FAC", "EVENT"):
        return None
    if words[-1].casefold() in BUILT_IN["tower"] + ("tower",) and form.label != "PERSON":
        return "FAC"
    if form.label != "PERSON":
        return None
    return "PRODUCT" if _is_model(form.text, organisations, knowledge) else _NO_SURNAMES.get(words[-1])


def _is_model(name: str, organisations: set[str], knowledge: KnowledgeBase) -> bool:
    """Return whether a name is built like a product's: it begins with a maker's name or ends with a model's mark."""
    words = name.split()
    if words[1] == "the":  # "Pip the Owl" is a mascot, "Alexander the Great" is none
        return words[-1].casefold() in BUILT_IN
    maker = knowledge.find(words[0])
    return fold(words[0]) in organisations or (maker is not None and maker.type == "ORG") or _marks_model(words[-1])


def _marks_model(word: str) -> bool:
    return bool(MODEL_SUFFIX.fullmatch(word)) or any(letter.isdigit() for letter in word)


def _shorts(forms: dict[str, _Form], knowledge: KnowledgeBase) -> dict[str, list[str]]:
    """Return folded short form -> the folded full names of this article that it may stand for."""
    shorts: dict[str, list[str]] = {}
    for form, full in sorted(forms.items()):
        for text in short_forms(full.text, full.label):
            short = fold(text)
            known = knowledge.find(short)
            if short == form or (known is not None and fold(known.name) == short):
                continue  # a name of its own
            own = forms.get(short)
            strange = known is None and (own is None or own.label != "GPE")
            # A surname, a model or a nickname is the full name's, whatever kind the recogniser took it for.
            last = fold(full.text.split()[-1]) == short.split()[-1] or " the " in full.text
            last = last or coarse(full.label) in ("building", "event")
            if own is None or coarse(own.label) == coarse(full.label) or (last and strange):
                shorts.setdefault(short, []).append(form)
    # "K3" stands for "Vantor K3", which stands for nothing longer: follow the chain to its end.
    return {short: [full for full in fulls if full not in shorts] or fulls for short, fulls in shorts.items()}


def _derived(forms: dict[str, _Form], shorts: dict[str, list[str]]) -> Iterable[tuple[str, _Form]]:
    """Yield the short forms worth searching for where the recogniser missed them: surnames, models, nicknames."""
    for short in sorted(shorts):
        for full in shorts[short]:
            for text in short_forms(forms[full].text, forms[full].label):
                tail = forms[full].text.endswith(text) or " the " in forms[full].text
                if (
                    fold(text) == short
                    and tail
                    and text[0].isupper()
                    and coarse(forms[full].label) in ("person", "product")
                ):
                    yield text, forms[full]


def longest(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Drop overlaps, keeping the longer span, and of equals the one that comes first in ``spans``."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start - span.end):
        if all(span.end <= other.start or span.start >= other.end for other in kept):
            kept.append(span)
    return tuple(sorted(kept, key=lambda span: span.start))


def _pattern(forms: Iterable[_Form]) -> dict[str, str]:
    """Return spelling -> label, the longest first."""
    return {form.text: form.label for form in sorted(forms, key=lambda form: (-len(form.text), form.text))}


def _missed(text: str, spans: Sequence[Span], patterns: dict[str, str]) -> list[Span]:
    """Find names of the article that the recogniser overlooked in this text."""
    present = [name for name in patterns if name in text]
    if not present:
        return []
    taken = [(span.start, span.end) for span in spans]
    found = []
    for match in re.finditer(rf"(?<![\w-])(?:{'|'.join(map(re.escape, present))})(?![\w-])", text):
        start, end = match.span()
        if any(start < stop and end > begin for begin, stop in taken):
            continue
        one_word = " " not in match.group()
        if one_word and patterns[match.group()] != "PERSON" and _SENTENCE_HEAD.search(text, 0, start):
            continue  # a plain word may stand here with a capital
        found.append(Span(start, end, patterns[match.group()]))
    return found


def _resolve(
    span: Span,
    form: str,
    forms: dict[str, _Form],
    shorts: dict[str, list[str]],
    seen: list[str],
    knowledge: KnowledgeBase,
) -> Link:
    fulls = shorts.get(form, [])
    full = form
    if fulls:
        full = next((name for name in reversed(seen) if name in fulls), fulls[0])
    else:
        seen.append(form)
    name, label = forms[full].text, forms[full].label
    known = knowledge.find(full)
    if known is not None:
        known_label = STORED.get(known.type, known.type)
        # A lone surname or place name is common property: it is the known one's only if it is of the same kind.
        if " " in full or coarse(known_label) == coarse(label) or known_label not in ("PERSON", "GPE"):
            name, label = known.name, known_label
    return Link(span.start, span.end, label, name, entity_key(name, label))
