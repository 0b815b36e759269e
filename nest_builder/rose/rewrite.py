"""From a question to what has to be looked up, and to search queries: rules first, a language model where one is configured."""

import calendar
import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from nest_builder.entities.dates import DATE, read_date
from nest_builder.entities.hypernyms import Lexicon
from nest_builder.rose.base import LanguageModel

Kind = Literal["role", "made", "named", "open"]
MAX_QUERIES: Final = 3
_MAX_QUESTION: Final = 2000
_PICTURE: Final = r"(?:picture|image|photo(?:graph)?|scene|shot|frame)"
_VERB: Final = (
    r"(?:segment|outline|find|locate|highlight|mask|mark|show(?: me)?|point (?:out|to)|identify|select|pick out|give me"
    r"|draw|detect|output)"
)
_IT: Final = r"(?:it|him|her|them|that|this|one)(?: \w+)?"
_ORDER: Final = re.compile(
    rf"^(?:please,? |then,? |and )*{_VERB} {_IT}(?: out)?(?: (?:in|on) (?:the|this) {_PICTURE})?$", re.I
)
_HEADS: Final = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"^(?:please,? |can you |could you |would you )+",
        rf"^{_VERB}(?: (?:the )?(?:segmentation )?mask (?:of|for))? ",
        rf"^where (?:in (?:the|this) {_PICTURE} )?(?:is|are) ",
        rf"^(?:which|what) (?:part|region|area) of (?:the|this) {_PICTURE} (?:shows|is|contains|depicts) ",
        r"^(?:which|what|who)(?: one)? of (?:the|these|those) (?:people|persons|things|objects|\w+s) is (?=(?:the )?[A-Z])",
    )
)
_TAILS: Final = re.compile(
    rf",? (?:and|then) (?:please )?{_VERB} {_IT}\W*$|,? (?:in|on|of) (?:the|this) {_PICTURE}\W*$|,? please\W*$", re.I
)
_IN_PICTURE: Final = re.compile(rf" (?:in|on) (?:the|this) {_PICTURE}\b", re.I)
_WHEN: Final = re.compile(
    rf"[ ,(]*\b(?P<how>as of|as at|since|by|before|in|on|during|until) (?P<date>{DATE.pattern})\)?", re.I
)
_CURRENT: Final = re.compile(
    r"\b(?:currently|current|now|today|nowadays|latest|newest|most recent(?:ly)?|recent(?:ly)?|this (?:year|month|week|season)"
    r"|last (?:year|month|week|season)|yesterday|at the moment|these days|incumbent|reigning|upcoming|new|just)\b",
    re.I,
)  # fmt: skip
_ROLE: Final = r"(?P<role>(?:[\w’'&.-]+ ){1,8}?(?:of|for|at) (?:the )?[\w’'&. -]+|[\w’'&. -]+['’]s? [a-z][\w -]+)"
_NEW: Final = (
    r"(?:the )?(?:(?:current|currently|new|newest|latest|present|reigning|incumbent|acting|first|now) )*(?:the )?"
)
_ROLES: Final = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        rf"\bas {_NEW}{_ROLE}\W*$",
        rf"\b(?:is|was|are|be|became|becomes|become|been|serves as|named|elected|appointed|crowned|won|wins|holds|took"
        rf"|takes|leads?)(?: over)?(?: as)?(?: the (?:title|office|post|position) of)? {_NEW}{_ROLE}\W*$",
        rf"^(?:the )?(?:current|new|newest|latest|present|reigning|incumbent|acting)(?: the)? {_ROLE}\W*$",
        rf"^(?:the )?{_ROLE}\W*$",
    )
)  # fmt: skip
_WON: Final = re.compile(r"\b(?:won|wins|win|has won) ((?:the )?[A-Z][\w’'&. -]+?)\W*$")
_LAUNCH: Final = re.compile(
    r"\b(?:launch|introduc|unveil|releas|present|announc|reveal|debut|bring out|brought out|put on sale|show)(?:e[ds]?|s|ing|ed)?\b",
    re.I,
)
_BY: Final = re.compile(r"\b(?:by|from|made by|built by|of)(?: the)? (?=[A-Z])")
_JOIN: Final = r"(?:of the|of|the|and|de|von|van|der|la|al|&)"
_CAPITAL: Final = r"[a-z]?[A-ZÀ-ÖØ-Þ][\w’'&-]*\.?(?=\W|$)"
_NAME: Final = re.compile(rf"(?<![\w’']){_CAPITAL}(?: (?:{_CAPITAL}|\d[\w-]*|{_JOIN}(?= {_CAPITAL})))*")
_NO_NAMES: Final = frozenset((
    "which", "who", "where", "what", "when", "whose", "why", "how", "segment", "outline", "find", "please", "the",
    "a", "an", "is", "are", "was", "in", "on", "of", "can", "could", "would", "show", "point", "mark", "mask",
    "highlight", "locate", "identify", "select", "pick", "give", "draw", "detect", "output", "if", "this", "that",
    "these", "those", "it", "he", "she", "they", "i", "as", "at", "and", "january", "february", "march", "april",
    "may", "june", "july", "august", "september", "october", "november", "december", "monday", "tuesday",
    "wednesday", "thursday", "friday", "saturday", "sunday",
))  # fmt: skip
_TYPES: Final = re.compile(r"^(?:who|whom|whose)\b|\b(?:person|people|someone|man|woman)\b", re.I)
_REWRITE: Final = (
    "Write one to three short web search queries, one a line and nothing else, that find the answer to the question about a"
    " picture. Keep names, roles and dates; leave out what only asks to outline something."
)


@dataclass(frozen=True, slots=True)
class Need:
    """What a question asks to be looked up.

    Attributes:
        kind: "role" (who holds it), "made" (what a maker launched), "named" (a name stands in it), or "open".
        text: The question without instructions.
        names: The names in it, in order.
        role: As the question words it, without a leading article; "" for other kinds.
        maker: Who launched it; "" for other kinds.
        hypernym: The kind of thing asked for; "" where it does not say.
        since: First day of the time that it names; None: open to the past ("as of").
        until: Last day of that time.
        current: It speaks of the present ("current", "latest").
    """

    kind: Kind
    text: str
    names: tuple[str, ...]
    role: str = ""
    maker: str = ""
    hypernym: str = ""
    since: dt.date | None = None
    until: dt.date | None = None
    current: bool = False


def strip_instructions(question: str) -> str:
    """Return a question without what only tells to outline something: "Who is X? Segment him." -> "Who is X"."""
    sentences = re.split(r"(?<=[?!])\s+|(?<=[a-z0-9)]\.)\s+(?=[A-Z])", question.strip()[:_MAX_QUESTION])
    kept = [text for sentence in sentences if (text := sentence.strip(" .?!")) and not _ORDER.match(text)]
    text = ". ".join(kept) or question.strip(" .?!")[:_MAX_QUESTION]
    for head in _HEADS:
        text = head.sub("", text, count=1)
    while (shorter := _TAILS.sub("", text)) != text:
        text = shorter
    return _IN_PICTURE.sub("", text).strip(" ,.?!")


def find_names(text: str) -> Iterator[re.Match[str]]:
    """Yield the spans with capitals that may be names; months, weekdays and words that begin a sentence are none."""
    for match in _NAME.finditer(text):
        words = match.group().split()
        skipped = 0
        while words and words[0].strip(".,'’").casefold() in _NO_NAMES:
            skipped += len(words[0]) + 1
            words.pop(0)
        # "August 2025" is a time; what is left of it is a number.
        if words and not re.fullmatch(r"\d+", " ".join(words)):
            found = _NAME.match(text, match.start() + skipped) if skipped else match
            if found is not None:
                yield found


def read_need(question: str, lexicon: Lexicon, asked_at: dt.datetime | None = None) -> Need:
    """Read what a question asks for.

    Args:
        question: The question.
        lexicon: Words for kinds of things.
        asked_at: For days without a year.
    """
    text = strip_instructions(question)
    since, until, timeless = _window(text, asked_at)
    names = tuple(_clean(match.group()) for match in find_names(timeless))
    current = bool(_CURRENT.search(_NAME.sub(" ", timeless)))
    plain = timeless
    for name in names:
        plain = plain.replace(name, "⟨⟩")
    noun = lexicon.pattern.search(plain)
    hypernym = "person" if _TYPES.search(plain) else (lexicon.hypernym(noun.group()) or "" if noun else "")
    if names and (role := _role(timeless, names)):
        return Need("role", text, names, role=role, hypernym=hypernym, since=since, until=until, current=current)
    if names and hypernym and hypernym != "person" and (_LAUNCH.search(plain) or _BY.search(timeless)):
        last = names[-1] if not _LAUNCH.search(plain) else names[0]
        if not re.search(rf"\b(?:the|is) {re.escape(last)},", timeless):
            return Need("made", text, names, maker=last, hypernym=hypernym, since=since, until=until, current=current)
    kind: Kind = "named" if names else "open"
    return Need(kind, text, names, hypernym=hypernym, since=since, until=until, current=current)


def searches(need: Need) -> tuple[str, ...]:
    """Return one to three search queries for a need."""
    when = f"{need.until:%B %Y}" if need.until else ""
    match need.kind:
        case "role":
            found = [f"new {need.role} {when}", need.role]
        case "made":
            found = [f"{need.maker} new {need.hypernym} launch {when}", f"{need.maker} {need.hypernym}"]
        case "named":
            found = [f"{need.names[0]} {need.hypernym if need.hypernym != 'person' else ''}", *need.names]
        case _:
            found = [need.text]
    return tuple(dict.fromkeys(" ".join(query.split()) for query in found))[:MAX_QUERIES]


def rewrite(question: str, need: Need, language: LanguageModel | None) -> tuple[str, ...]:
    """Return one to three search queries: a language model's, after the rules' first one, which no text can talk away.

    Raises:
        OSError: The language model gives no answer.
    """
    ruled = searches(need)
    if language is None:
        return ruled
    lines = language.complete(_REWRITE, question[:_MAX_QUESTION]).splitlines()
    cleaned = (re.sub(r"^[\s\d.)*-]+", "", line).strip("\"' ") for line in lines)
    usable = [line for line in cleaned if 3 <= len(line) <= 150 and "://" not in line]
    return tuple(dict.fromkeys([*ruled[:1], *usable]))[:MAX_QUERIES]


def _clean(name: str) -> str:
    return re.sub(r"['’]s?$", "", name.strip(" .,"))


def _role(text: str, names: tuple[str, ...]) -> str:
    for rule in _ROLES:
        if (match := rule.search(text)) is None:
            continue
        role = _clean(match.group("role"))
        # "Rocket of the Year" is a title; "Tower of London" and "Pip the Owl" are names.
        if role in names and not re.search(
            r" of the (?:Year|Month|Season|League|Decade|Match|Tournament|Century)$", role
        ):
            continue
        if any(name in role for name in names):
            if whose := re.fullmatch(r"([^’']+)['’]s? (.+)", role):
                return f"{whose.group(2)} of {whose.group(1)}"
            return re.sub(r"^(?:the|a|an) ", "", role)
    if won := _WON.search(text):
        return f"winner of {won.group(1)}"
    return ""


def _window(text: str, asked_at: dt.datetime | None) -> tuple[dt.date | None, dt.date | None, str]:
    """Return the first and last day that a question speaks of, and the question without those words."""
    match = _WHEN.search(text)
    if match is None:
        return None, None, text
    date = DATE.match(text, match.start("date"))
    day = read_date(date, asked_at.date() if asked_at else None) if date else None
    rest = f"{text[: match.start()]} {text[match.end() :]}".strip(" ,")
    if date is None or day is None:
        return None, None, text
    found = date.groupdict()
    last = day
    if found["year4"]:
        last = day.replace(month=12, day=31)
    elif found["month3"]:
        last = day.replace(day=calendar.monthrange(day.year, day.month)[1])
    how = match.group("how").casefold()
    if how in ("as of", "as at", "by", "before", "until"):
        return None, last, rest
    return day, None if how == "since" else last, rest
