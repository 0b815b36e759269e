"""Names: normal forms, entity keys, and which short form stands for which full name."""

import re
import unicodedata
from typing import Final

from nest_builder.digest import short_id
from nest_builder.entities.hypernyms import BUILT_IN

COARSE: Final = {
    "PERSON": "person", "ORG": "org", "NORP": "group", "GPE": "place", "LOC": "place", "FAC": "building",
    "FACILITY": "building",
    "PRODUCT": "product", "EVENT": "event", "WORK": "work", "WORK_OF_ART": "work", "LAW": "work",
}  # fmt: skip
STORED: Final = {"FACILITY": "FAC"}

_TITLES: Final = (
    r"mr|mrs|ms|miss|dr|prof|professor|sir|dame|lord|lady|mayor|president|captain|coach|minister|senator|governor"
    r"|judge|"
    r"general|king|queen|deputy|assistant|secretary|director|commissioner|chairman|chairwoman|ambassador"
)
_LEADING: Final = re.compile(
    r"^(?:(?:the|an?|(?-i:new|young|former)|up|in|at|on|from|meet|inside|with|by|near|why|how)\s+|"
    rf"(?:{_TITLES})\.?\s+(?=\S))+",
    re.IGNORECASE,
)
_TRADE: Final = re.compile(rf"(?:{'|'.join(sorted(BUILT_IN['person']))}) (?=\S+ \S)", re.IGNORECASE)
_TRAILING: Final = re.compile(r"(?:['’]s|['’]|[\s,;:.!?\-–—\"”“()]+)+$")
_INITIAL: Final = re.compile(r"\b[A-Z]\.$")
_PUNCTUATION: Final = re.compile(r"[^\w\s]|_")
_SPACE: Final = re.compile(r"\s+")
_SMALL: Final = frozenset(("the", "a", "an", "of", "and", "de", "la", "von", "van", "der", "den", "al", "bin"))
MAX_KEY: Final = 120


def fold(name: str) -> str:
    """Return a name for comparison: NFKC, without case, punctuation and extra space; "K-3" and "K3" are the same."""
    plain = _PUNCTUATION.sub("", unicodedata.normalize("NFKC", name).casefold())
    return _SPACE.sub(" ", plain).strip()


def trim(surface: str, label: str = "") -> tuple[int, int]:
    """Return the part of ``surface`` that is the name: no leading article or title, no trailing possessive.

    Args:
        surface: The words that were recognised.
        label: A person's occupation ("Midfielder Ada Okoro") is no part of the name either.

    Returns:
        Start and end offsets; the whole surface where nothing would be left.
    """
    end = len(surface)
    if (tail := _TRAILING.search(surface)) and not (label == "PERSON" and _INITIAL.search(surface)):
        end = tail.start()
    head = _LEADING.match(surface[:end])
    start = head.end() if head else 0
    if label == "PERSON" and (trade := _TRADE.match(surface, start, end)):
        start = trade.end()
    return (start, end) if fold(surface[start:end]) else (0, len(surface))


def coarse(label: str) -> str:
    """Return the coarse type of an entity label; what has none of its own is a "thing"."""
    return COARSE.get(label, "thing")


def entity_key(name: str, label: str) -> str:
    """Return the key of an entity: its folded canonical name and its coarse type, such as ``vantor k3/product``."""
    folded = fold(name)
    if len(folded) > MAX_KEY - 12:
        folded = f"{folded[: MAX_KEY - 40]} {short_id(folded)}"
    return f"{folded}/{coarse(label)}"


def short_forms(name: str, label: str) -> tuple[str, ...]:
    """Return the forms by which running text takes up a full name: "Ada Okoro" -> Okoro, Ada; "Vantor K3" -> K3.

    Args:
        name: A full name; one word has no short form.
        label: The entity's label.
    """
    words = name.split()
    if len(words) < 2:
        return ()
    match coarse(label):
        case "person":
            forms = [" ".join(words[start:]) for start in range(1, len(words))] + [words[0]]
        case "product":
            forms = [" ".join(words[start:]) for start in range(1, len(words))]
            if words[1].casefold() == "the":  # "Pip the Owl"
                forms = [words[0]]
        case "building" | "org" | "event" | "work":
            forms = [" ".join(words[:stop]) for stop in range(len(words) - 1, 0, -1)]
        case _:
            forms = []
    return tuple(form for form in dict.fromkeys(forms) if len(fold(form)) > 1 and form.casefold() not in _SMALL)
