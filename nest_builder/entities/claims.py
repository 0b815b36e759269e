"""What an article states about its entities: what they are, how they look, when they began, which roles they took."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nest_builder.entities.dates import DATE, find_date, read_date
from nest_builder.entities.hypernyms import VAGUE, Lexicon
from nest_builder.entities.linking import LinkedPart
from nest_builder.entities.looks import look_phrase
from nest_builder.entities.roles import Role, RoleBook, holdings, last_role
from nest_builder.entities.sentences import MARK, Masked, masked_sentences, polarity

_BEGIN: Final = (
    r"(?:launch(?:ed|es|ing)|unveil(?:ed|s|ing)|present(?:ed|s)|introduc(?:ed|es|ing)|reveal(?:ed|s)|releas(?:ed|es"
    r"|ing)|announc(?:ed|es|ing)|inaugurat(?:ed|es)|"
    r"debut(?:ed|s)|open(?:ed|s)|welcom(?:ed|es)|put on sale|started selling|goes on sale|went on sale|brings"
    r"|br(?:ought) out)"
)
_X: Final = r"⟨(?P<x>\d+)t⟩"
_GAP: Final = r"(?:(?!⟨\d+[pt]⟩)[^.?!]){0,90}?"
_LAUNCHES: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"⟨\d+[og]⟩,? (?:(?:has|have|had|will|also|now|on|this|last|today|week"
        rf"|\w+day),? )*{_BEGIN}\b(?:(?!⟨\d+[pt]⟩)[^.?!]){{0,60}}?(?<!at )(?<!near ){_X}",
        rf"{_X}(?:(?!⟨\d+[pto]⟩|where)[^.?!]){{0,90}}?\b(?:was|were|is|has been|have been|had been|being|first"
        rf"|officially|that|which|mascot|tower|landmark)?\s*{_BEGIN}\b",
        rf"{_X}{_GAP}\b(?:ma(?:de|kes|king) (?:its|his|her|their)? ?(?:\w+ )?debut|goes on sale|went on sale"
        rf"|shown to the public|shown for the first time|opens its doors|opened its doors|is open|first appeared"
        rf"|is finished)",
        rf"{_X}, (?:⟨\d+\w⟩'s |the |a )(?:\w+ )?(?:new|newest|latest)\b",
        rf"\b(?:new|newest|latest) (?:[\w-]+ ){{0,3}}(?:is |called |named |from ⟨\d+\w⟩: |for ⟨\d+\w⟩: )?{_X}",
        rf"\bmeet {_X}",
        rf"\b(?:an?|the)(?: \w+)? (?:new|newest|latest|unexpected)\b{_GAP}[:.] {_X}",
        rf"{_X}{_GAP}\b(?:did not exist|nobody knew)\b",
        rf"{_X}{_GAP}\b(?:is|becomes|became|as) the (?:new )?(?:\w+ )?mascot of\b",
        rf"\b(?:launch|debut|opening|premiere|presentation|unveiling) of {_X}",
    )
)  # fmt: skip
_DEBUTS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:newcomer|new face|debutant)\b(?:(?!⟨\d+p⟩)[^?!]){0,80}?⟨(?P<x>\d+)p⟩",
        r"(?:nobody|hardly anyone|no one|few) (?:had|has|have) heard of ⟨(?P<x>\d+)p⟩",
        r"⟨(?P<x>\d+)p⟩(?:(?!⟨\d+p⟩)[^.?!]){0,90}?\b(?:newcomer|new face|made (?:his|her|their) debut|first appeared"
        r"|first made the news|became known|was unknown|had not appeared in public|first in public)",
        r"\bwho is ⟨(?P<x>\d+)p⟩\?",
    )
)  # fmt: skip
# "launched by Vantor on 12 August", but not "the Delta, made in Norby, where a hall opened in 2017"
_WHEN: Final = re.compile(
    rf"(?:(?! from)[^.?!,;:]){{0,40}}?\b(?:on|in|since|before) (?:\w+day,? )?{DATE.pattern}", re.IGNORECASE
)
_SINCE: Final = re.compile(
    r"⟨(?P<x>\d+)[pt]⟩,? (?:(?:is|was|has been|which|who|that|first|well|been|known|around|in|service|lived|lives|has"
    r"|on the market) )*?"
    r"(?:dates from|dates back to|first appeared in|founded in|built in|launched in|opened in|released in"
    r"|introduced in|since) (?=\D{0,3}\d)",
    re.IGNORECASE,
)
_MADE: Final = (
    re.compile(
        r"⟨(?P<o>\d+)o⟩(?:'s)? (?:(?!⟨)[^.?!]){0,50}?\b" + _BEGIN + r"\b(?:(?!⟨)[^.?!]){0,40}?⟨(?P<x>\d+)t⟩",
        re.IGNORECASE,
    ),
    re.compile(
        r"⟨(?P<x>\d+)t⟩(?:(?!⟨\d+[pt]⟩)[^.?!]){0,70}?\b(?:made by|built by|from|designed by|developed by|by|of"
        r"|owned by) (?:the )?⟨(?P<o>\d+)o⟩",
        re.IGNORECASE,
    ),
)
_NOUN_GAP: Final = r"(?:(?!⟨\d+[pt]⟩)[\w'’⟨⟩-]+ ){0,5}?"
_FEW_WORDS: Final = r"(?:[\w'’-]+ ){0,2}?"
_ADVERBIAL: Final = r"(?:on|in|at|last|this|yesterday|today)\b(?: [\w'’⟨⟩-]+){0,3}"
_CALLED: Final = r"\b(?:describ|call|bill|market|advertis|promot|present)(?:ing|ed|es|s)"
_PRONOUN: Final = re.compile(
    r"^[“\"]?(?:it|its|he|she|his|her|they|the|this|that|in the pictures|seen|what|visitors|on show|dressed|with"
    r"|wearing)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim before it is stored: about an entity, with the sentence that makes it."""

    key: str
    relation: str
    value: str
    polarity: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What the rules know beside grammar.

    Attributes:
        lexicon: Hypernyms and their synonyms.
        book: Known roles.
    """

    lexicon: Lexicon
    book: RoleBook


def statements(parts: Sequence[LinkedPart], said: dt.date | None, rules: Rules) -> list[Statement]:
    """Read every claim of an article, without repetitions, in order.

    Args:
        parts: The article's texts with linked mentions, in reading order.
        said: When the article appeared.
        rules: Lexicon and roles.
    """
    sentences = list(masked_sentences(parts, said))
    found = [
        *_kinds(sentences, rules.lexicon),
        *_roles(sentences, rules.book),
        *_beginnings(sentences),
        *_makers(sentences),
    ]
    found += _looks(sentences, rules.lexicon)
    return list(dict.fromkeys(found))


def topic(sentences: Sequence[Masked]) -> str | None:
    """Return the entity that an article is about: the visible one in its title, else the one named most often."""
    counts = Counter(link.key for sentence in sentences for link in sentence.things)
    titled = [link.key for sentence in sentences if sentence.field == "title" for link in sentence.things]
    if titled:
        return max(titled, key=lambda key: (counts[key], -titled.index(key)))
    order = list(counts)
    return max(order, key=lambda key: (counts[key], -order.index(key)), default=None)


def _kinds(sentences: Sequence[Masked], lexicon: Lexicon) -> Iterator[Statement]:
    word = lexicon.pattern.pattern
    rules = [
        re.compile(
            rf"{_X}[,;]? ?[,(–—-]? ?(?:(?:is|was|are|were|becomes?|became|be|as) )?(?:an?|the|its|their|this"
            rf"|⟨\d+\w⟩'s|new) {_NOUN_GAP}(?P<word>{word})",
            re.IGNORECASE,
        ),
        # "the Vantor K3 on Saturday, a small phone", "the Vantor K3, calling it its best phone so far"
        re.compile(rf"{_X} {_ADVERBIAL}, an? {_FEW_WORDS}(?P<word>{word})\b", re.IGNORECASE),
        re.compile(
            rf"{_X}{_GAP}{_CALLED} it (?:as )?(?:an?|the|its|their) {_NOUN_GAP}(?P<word>{word})\b", re.IGNORECASE
        ),
        re.compile(rf"(?P<word>{word})(?: called| named| is| model|,|:)? (?:the )?{_X}", re.IGNORECASE),
        re.compile(
            rf"\b(?:an?|the|its|unexpected|new) {_NOUN_GAP}(?P<word>{word})\b(?:(?!⟨\d+[pt]⟩)[^?!]){{0,60}}[:.] {_X}",
            re.IGNORECASE,
        ),
    ]
    about = topic(sentences)
    weak = Counter[str]()
    for sentence in sentences:
        for rule in rules:
            for match in rule.finditer(sentence.masked):
                hypernym = lexicon.hypernym(match.group("word"))
                if hypernym and hypernym != "person":
                    weight = "is_a" if match.group("word").casefold() not in VAGUE else "may_be_a"
                    # What a thing is may be said for sure in a sentence that tells a rumour of it.
                    told = polarity(match.group())
                    yield Statement(sentence.link(match.group("x")).key, weight, hypernym, told, sentence.text)
        for link in sentence.things:
            hypernym = lexicon.hypernym(link.name.split()[-1])
            if hypernym and " " in link.name and hypernym != "person":
                yield Statement(link.key, "is_a", hypernym, "stated", sentence.text)
        # "The handset costs ...": a noun for something mentioned before, mostly the article's topic.
        for match in re.finditer(
            rf"\b(?:the|this|new) (?:\w+ )?(?P<word>{word})\b(?! ⟨)", sentence.masked, re.IGNORECASE
        ):
            hypernym = lexicon.hypernym(match.group("word"))
            if hypernym and hypernym != "person":
                weak[hypernym] += 1 if match.group("word").casefold() not in VAGUE else 0
    if about is not None and weak and not about.endswith("/person"):
        hypernym = min(weak, key=lambda word: (-weak[word], word))
        if weak[hypernym]:
            first = next(sentence for sentence in sentences if any(link.key == about for link in sentence.things))
            yield Statement(about, "may_be_a", hypernym, "stated", first.text)


def _roles(sentences: Sequence[Masked], book: RoleBook) -> Iterator[Statement]:
    doubted = {
        (holding.key, holding.role)
        for sentence in sentences
        for holding in holdings(sentence, book, None)
        if holding.polarity != "stated"
    }
    context: Role | None = None
    paragraph = -1
    for sentence in sentences:
        if sentence.paragraph != paragraph:
            context, paragraph = None, sentence.paragraph
        for holding in holdings(sentence, book, context):
            if sentence.field == "caption" and holding.polarity == "stated" and (holding.key, holding.role) in doubted:
                continue  # a picture's caption is written in haste: the text it illustrates counts
            if holding.kind == "won":
                yield Statement(holding.key, "won", holding.role.text, holding.polarity, sentence.text)
                continue
            yield Statement(holding.key, holding.role.relation, holding.role.text, holding.polarity, sentence.text)
            if holding.kind == "took":
                yield Statement(holding.key, "took", holding.role.text, holding.polarity, sentence.text)
            match = re.match(r"[^.]{0,25}?\bsince (?:the )?", holding.tail)
            date = DATE.match(holding.tail, match.end()) if match else None
            day = read_date(date, sentence.said) if date else None
            if day is not None:
                yield Statement(
                    holding.key, "held_since", f"{day.isoformat()} {holding.role.text}", "stated", sentence.text
                )
        context = last_role(sentence, book) or context


def _beginnings(sentences: Iterable[Masked]) -> Iterator[Statement]:
    for sentence in sentences:
        done: set[str] = set()
        for relation, rules in (("launched", _LAUNCHES), ("debut", _DEBUTS)):
            for rule in rules:
                for match in rule.finditer(sentence.masked):
                    key = sentence.link(match.group("x")).key
                    if key in done:
                        continue
                    done.add(key)
                    date = _WHEN.match(sentence.masked, match.end()) or _WHEN.search(match.group())
                    day = find_date(date.group(), sentence.said) if date else None
                    told = polarity(sentence.masked)
                    if (
                        "nobody" in sentence.masked.casefold()
                        or "did not exist" in sentence.masked
                        or relation == "debut"
                    ):
                        told = "stated" if told == "denied" else told
                    yield Statement(key, relation, day.isoformat() if day else "", told, sentence.text)
        for match in _SINCE.finditer(sentence.masked):
            date = DATE.search(sentence.masked, match.end(), match.end() + 20)
            day = read_date(date, sentence.said) if date else None
            if day is not None:
                yield Statement(
                    sentence.link(match.group("x")).key,
                    "since",
                    day.isoformat(),
                    polarity(sentence.masked),
                    sentence.text,
                )


def _makers(sentences: Iterable[Masked]) -> Iterator[Statement]:
    for sentence in sentences:
        for rule in _MADE:
            for match in rule.finditer(sentence.masked):
                maker = sentence.link(match.group("o")).name
                yield Statement(
                    sentence.link(match.group("x")).key, "made_by", maker, polarity(sentence.masked), sentence.text
                )


def _looks(sentences: Sequence[Masked], lexicon: Lexicon) -> Iterator[Statement]:
    about = topic(sentences)
    subject: str | None = None  # of the sentences before, in the same text
    paragraph = -1
    for sentence in sentences:
        if sentence.paragraph != paragraph and sentence.field == "caption":
            subject = None
        paragraph = sentence.paragraph
        key = _looked_at(sentence, subject if sentence.field == "caption" else (subject or about), about, lexicon)
        if key is not None:
            phrase = look_phrase(sentence.masked, person=key.endswith("/person"))
            if phrase is not None:
                yield Statement(key, "looks", sentence.unmask(phrase[0]), "stated", sentence.text)
        if sentence.things:
            subject = sentence.things[0].key


def _looked_at(sentence: Masked, subject: str | None, about: str | None, lexicon: Lexicon) -> str | None:
    """Return whose look a sentence describes: the last name before it, or the first after it, or the subject so far."""
    phrase = look_phrase(sentence.masked, person=False)
    if phrase is None:
        return None
    marks = [
        (match.start(), sentence.link(match.group(1)).key)
        for match in MARK.finditer(sentence.masked)
        if match.group(2) in "pt"
    ]
    before = [key for start, key in marks if start < phrase[1]]
    if before:
        return before[-1]
    if marks:
        return marks[0][1]
    if sentence.field == "caption":
        return None
    noun = lexicon.pattern.search(sentence.masked, phrase[1])
    if (
        noun is not None
        and about is not None
        and not about.endswith("/person")
        and lexicon.hypernym(noun.group()) != "person"
    ):
        return about  # "the teal handset": the article's topic
    return subject if _PRONOUN.match(sentence.masked) else None
