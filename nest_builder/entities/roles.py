"""Offices and titles: finding them in a sentence, and who is said to hold them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nest_builder.entities.base import KnowledgeBase
from nest_builder.entities.names import fold
from nest_builder.entities.sentences import Masked, polarity

_OFFICES: Final = (
    r"(?:(?:deputy|vice|acting|interim|head|chief|prime|lord|first|executive|managing|general|team|club|artistic"
    r"|music|creative|technical|mayoral)[ -])*"
    r"(?:mayor|captain|skipper|coach|executive(?: officer)?|ceo|cto|director|president|chair(?:man|woman|person)?"
    r"|governor|minister|secretary|commissioner|"
    r"administrator|head|leader|manager|editor|dean|rector|chancellor|ambassador|principal|conductor|curator"
    r"|treasurer|speaker|bishop|king|queen)"
)
_HONOURS: Final = r"(?:champion|winner|holder|title[- ]?holder|medallist)"
_PAST: Final = re.compile(
    r"(?:former|ex-|previous|outgoing|past|late|then|one-time|old|longtime|predecessor as)[\s-]*(?:the\s+)?$",
    re.IGNORECASE,
)
_ROLE: Final = re.compile(
    rf"\b(?P<office>{_OFFICES}|{_HONOURS})\s+(?:of|at|for)\s+(?:the\s+)?⟨(?P<of>\d+)[ogeptw]⟩"
    rf"|⟨(?P<whose>\d+)[oge]⟩(?:'s?)?\s+(?:new\s+|first\s+|next\s+)?(?P<office2>{_OFFICES}|{_HONOURS})\b(?!\s+of\b)"
    r"|\b(?-i:(?:(?:The|A|An|Wins|Takes|Named|Is|Becomes|Crowned|Claims"
    r"|As)\s+)*(?P<award>(?:[A-Z][\w-]{1,30}\s+){1,4}of\s+the\s+"
    r"(?:Year|Month|Season|League|Decade|Match|Tournament|Century)))\b",
    re.IGNORECASE,
)
R: Final = r"⟦(?P<r>\d+)⟧"
X: Final = r"⟨(?P<x>\d+)[pt]⟩"
Y: Final = r"⟨(?P<y>\d+)[pt]⟩"
_GAP: Final = r"(?:(?!⟨\d+[pt]⟩|⟦)[^.?!]){0,90}?"
_SHORT: Final = r"(?:(?!⟨\d+[pt]⟩|⟦)[^.?!]){0,30}?"
_THE: Final = r"(?:the |an? |its |their )?(?:(?:new|next|first|current|reigning) )*"
_CHOSEN: Final = (
    r"(?:sworn in|elected|re-elected|appointed|named|chosen|confirmed|declared|installed|crowned|picked|selected"
    r"|voted|promoted|hired|inaugurated|announced|"
    r"introduced|presented|nominated)"
)
_FOLLOWS: Final = (
    r"(?:succeed(?:s|ed|ing)?|follow(?:s|ed|ing)?|replac(?:es|ed|ing)|tak(?:es|ing) over from|took over from"
    r"|taken over from|ahead of|beat(?:s|ing|en)?|defeat(?:s|ed|ing)?|"
    r"edg(?:es|ed|ing) out|outshone|departure of|resignation of|preferred to|unlike|no longer|former|previous"
    r"|outgoing|predecessor,?)"
)
# Each rule names the holder x and the role r, and what it tells: keeps (the holder stays, whatever else the sentence
# denies), took (a change)
# or holds (an apposition: it says nothing of when it began).
_RULES: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (rf"{X}{_SHORT}\b(?:stays|remains|stay|remain|is still|still holds"
         rf"|continues)\b(?: on)?(?: as)? {_THE}{R}", "keeps"),
        (rf"{X},? (?:who )?(?:has been|has held the (?:post|office|title) of) {_THE}{R}", "keeps"),
        (rf"{X}{_GAP}\b{_FOLLOWS} (?:the )?{Y} as {_THE}{R}", "took"),
        (rf"{X}{_GAP}\b{_CHOSEN}\b{_SHORT} ?{_THE}{R}", "took"),
        (rf"{X},? (?:{_SHORT}, )?(?:is|are|was|becomes|become|became|has become|had become|be"
         rf"|(?:will )?(?:not )?become|is now|are now) (?:now |also |officially )?{_THE}{R}", "took"),
        (rf"{X}{_GAP}\b(?:tak(?:es|ing)|took|has taken|take)\b (?:over|up|charge|office|on"
         rf"|the helm){_SHORT} ?{_THE}{R}", "took"),
        (rf"{X}{_GAP}\b(?:won|wins|win|tak(?:es|ing)|took|claim(?:s|ed)|clinch(?:es|ed)|captur(?:es|ed)|land(?:s|ed)"
         rf"|holds?) (?:the title of )?{_THE}{R}", "took"),
        (rf"{X}{_GAP}\b(?:to|could|may|might|would) (?:be|become) {_THE}{R}", "took"),
        (rf"{R} (?:is|are) (?:now |from now on )?{X}", "took"),
        (rf"{R} is (?:a new one|(?:no longer|not) {Y}(?: any more)?)[:;,.]? ?{X}", "took"),
        (rf"{R}: {X}{_SHORT}\b{_CHOSEN}", "took"),
        (rf"(?<!former )(?<!ex-){R},? {X}", "holds"),
        (rf"{X},? ?[,(–—-] ?{_THE}{R}", "holds"),
        (rf"{X}{_GAP}\bas {_THE}{R}", "holds"),
        (rf"\b(?:will|could|is|can) {X} (?:be|become|the) {_THE}{R}", "took"),
    )
)  # fmt: skip
_WON: Final = re.compile(
    rf"{X}{_GAP}\b(?:won|wins|win|tak(?:es|ing)|took|claim(?:s|ed)|clinch(?:es|ed)|captur(?:es"
    rf"|ed)) (?:first prize (?:at|in) )?(?:the )?⟨(?P<e>\d+)e⟩",
    re.IGNORECASE,
)
_TAKES_OVER: Final = re.compile(
    rf"{X},?{_GAP}\b(?:took over|takes over|taken over|take over|moved into the office|sworn in|took office"
    rf"|took the title|"
    r"(?:succeed(?:s|ed)?|follow(?:s|ed)?|replac(?:es|ed)) (?:the )?⟨\d+[pt]⟩)",
    re.IGNORECASE,
)
_BEFORE: Final = re.compile(
    rf"\b{_FOLLOWS} (?:the )?⟨(\d+)[pt]⟩|⟨(\d+)[pt]⟩,? (?:(?:his|her|its|their|the)(?: \w+)? (?:predecessor|holder)"
    rf"|who (?:had held|had been|stepped down|resigned))"
    r"|⟨(\d+)[pt]⟩ (?:is no longer|hands? over|handed over|stepped down|steps down|leaves|left|resigned|loses|lost"
    r"|loses its)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Role:
    """A role as an article words it: "mayor of Harwick", "winner of the Coastal Rally", "Landmark of the Year"."""

    text: str
    relation: str  # holds_office | holds_title


@dataclass(frozen=True, slots=True)
class Holding:
    """Someone or something is said to hold a role."""

    key: str
    role: Role
    kind: str  # keeps | took | holds | won (an event, by which a title may go to the winner)
    polarity: str
    tail: str  # the masked text after the role, where a date may stand


class RoleBook:
    """The roles that the knowledge base knows, so that "Harwick's mayor" and "mayor of Harwick" are one role.

    Args:
        knowledge: Its facts ``holds_office`` and ``holds_title``.
    """

    def __init__(self, knowledge: KnowledgeBase) -> None:
        facts = [fact for entity in knowledge.entities() for fact in entity.facts if fact.relation.startswith("holds_")]
        self._roles = {role_key(fact.value): Role(fact.value, fact.relation) for fact in facts}

    def role(self, text: str, relation: str) -> Role:
        """Return the known role of that wording, or a new one."""
        return self._roles.get(role_key(text), Role(text, relation))

    def title_of(self, event: str) -> Role:
        """Return the title that goes to whoever wins an event."""
        for honour in ("winner", "champion"):
            if (role := self._roles.get(role_key(f"{honour} of {event}"))) is not None:
                return role
        return Role(f"winner of the {event}", "holds_title")


def role_key(text: str) -> str:
    """Return a role for comparison: folded, without articles."""
    return " ".join(word for word in fold(text).split() if word not in ("the", "a", "an"))


def mask_roles(sentence: Masked, book: RoleBook) -> tuple[str, list[Role]]:
    """Replace the roles in a masked sentence by marks ``⟦0⟧``; roles of the past are left alone."""
    roles: list[Role] = []

    def replace(match: re.Match[str]) -> str:
        found = match.groupdict()
        if _PAST.search(match.string, 0, match.start()):
            return match.group()
        if found["award"]:
            role = book.role(found["award"], "holds_title")
        else:
            office = str(found["office"] or found["office2"]).casefold()
            link = sentence.link(found["of"] or found["whose"])
            relation = "holds_title" if re.search(_HONOURS, office) else "holds_office"
            the = "the " if re.search(r"\bthe ⟨", match.group()) else ""
            role = book.role(f"{office} of {the}{link.name}", relation)
        roles.append(role)
        return f"⟦{len(roles) - 1}⟧"

    return _ROLE.sub(replace, sentence.masked), roles


def holdings(sentence: Masked, book: RoleBook, context: Role | None) -> Iterator[Holding]:
    """Yield who is said to hold which role in a sentence.

    Args:
        sentence: The sentence.
        book: Known roles.
        context: The role that the sentence before spoke of, for "On Monday X took over."
    """
    text, roles = mask_roles(sentence, book)
    before = {number for match in _BEFORE.finditer(text) for number in match.groups() if number}
    said: set[tuple[str, str]] = set()
    for rule, kind in _RULES:
        for match in rule.finditer(text):
            number, holder = match.group("r"), match.group("x")
            if holder in before and kind != "keeps":
                continue
            if (holder, number) in said or any(other == number for _, other in said):
                continue
            said.add((holder, number))
            told = "stated" if kind == "keeps" else polarity(text)
            yield Holding(sentence.link(holder).key, roles[int(number)], kind, told, text[match.end() :])
    for match in _WON.finditer(text):
        role = book.title_of(sentence.link(match.group("e")).name)
        yield Holding(sentence.link(match.group("x")).key, role, "won", polarity(text), text[match.end() :])
    spoken_of = roles[-1] if roles else context
    if not said and spoken_of is not None:
        hands_over = re.search(rf"{Y}{_SHORT} hand(?:s|ed) over to {X}", text)
        taking = (match for match in _TAKES_OVER.finditer(text) if match.group("x") not in before)
        if (taken := next(taking, hands_over)) is not None:
            yield Holding(sentence.link(taken.group("x")).key, spoken_of, "took", polarity(text), text[taken.end() :])


def last_role(sentence: Masked, book: RoleBook) -> Role | None:
    """Return the last role that a sentence speaks of."""
    roles = mask_roles(sentence, book)[1]
    return roles[-1] if roles else None
