"""How things look, in the words of an article: colours, patterns, emblems, clothes."""

import re
from typing import Final

COLOURS: Final = {
    "red": ("crimson", "scarlet", "maroon", "burgundy", "ruby"),
    "blue": ("navy", "azure", "indigo", "cobalt-blue"),
    "green": ("emerald", "olive", "lime"),
    "yellow": ("gold", "golden", "lemon", "mustard"),
    "orange": ("amber", "tangerine"),
    "purple": ("violet", "lilac", "mauve", "lavender"),
    "pink": ("rose", "magenta"),
    "teal": ("turquoise", "cyan", "aqua"),
    "white": ("ivory", "cream"),
    "black": ("charcoal", "ebony"),
    "gray": ("grey", "silver"),
    "brown": ("tan", "bronze", "chestnut", "beige"),
}  # fmt: skip
_CANONICAL: Final = {word: colour for colour, others in COLOURS.items() for word in (colour, *others)}
_COLOUR: Final = "|".join(sorted(_CANONICAL, key=lambda word: (-len(word), word)))
COLOUR: Final = re.compile(
    rf"\b(?:(?:light|dark|pale|bright|deep|plain|entirely)[ -])?(?P<colour>{_COLOUR})(?:-\w+)?\b(?! medal| prize"
    rf"| award)",
    re.IGNORECASE,
)
_PATTERN: Final = (
    r"strip(?:ed|es?)|dott(?:ed)?|dots?|check(?:ed|s|ered)|two-tone|diagonal|aslant|band(?:ed|s)|zigzag|grid|split"
    r"|speckle(?:d|s)|spotted|plaid|floral|"
    r"unmarked|pattern(?:ed)?"
)
_EMBLEM: Final = (
    r"(?:emblem|logo|star|ring|bolt|leaf|moon|heart|cross|diamond|crown|sun|arrow|triangle|drop|wave|badge|crest)"
)
_GARMENT: Final = (
    r"(?:jacket|coat|top|shirt|t-shirt|blouse|dress|suit|sweater|jumper|pullover|hoodie|blazer|vest|cardigan|gown"
    r"|robe|jersey|uniform|raincoat|cape|parka|"
    r"trousers|skirt|jeans|hat|cap|scarf|tie|glasses)"
)
_LOOK: Final = re.compile(rf"\b(?:(?:{_COLOUR})(?:-\w+)?|{_PATTERN}|{_GARMENT}|all over)\b", re.IGNORECASE)
_EMBLEM_PHRASE: Final = re.compile(
    rf"\b(?:marked with|bearing|carrying|with|adorned with|decorated with)(?: an?"
    rf"| the)? (?:\w+ )?{_EMBLEM}\b(?: (?:emblem|on it|on its \w+|logo))?",
    re.IGNORECASE,
)
_WORN: Final = re.compile(
    rf"\b(?:in|wearing|wore|wears|dressed in|clad in|trademark|usual)\b[^.;]{{0,120}}?\b(?:{_COLOUR})\b"
    rf"|\b(?:{_COLOUR})\b[^.;]{{0,20}}{_GARMENT}",
    re.IGNORECASE,
)
_LIMIT: Final = 140
# A second colour: it tells of the pattern, not of the ground.
_SECOND: Final = re.compile(
    r"\b(?:with(?: an?)?(?: diagonal)?|half|striped in|checked in|banded in|dotted with|speckled with|two-tone with"
    r"|aslant in)\s+$",
    re.IGNORECASE,
)


def look_phrase(masked: str, *, person: bool) -> tuple[str, int] | None:
    """Return the words for a look in a masked sentence, and where they start; None where it speaks of none.

    Args:
        masked: The sentence with its names masked, so that the "Golden Cup" is no colour.
        person: A person's look is what they wear: a colour counts beside a garment or after "in" only.
    """
    colours = list(COLOUR.finditer(masked))
    if not colours or (person and not _WORN.search(masked)):
        return None
    first = colours[0].start()
    spans = [m.span() for m in _LOOK.finditer(masked)] + [m.span() for m in _EMBLEM_PHRASE.finditer(masked)]
    start = min(
        (begin for begin, _ in spans if first - 25 <= begin <= first and "⟨" not in masked[begin:first]), default=first
    )
    end = colours[0].end()
    for begin, stop in sorted(spans):
        if begin >= start and begin - end <= 30 and stop > end and not re.search(r"[.;:⟨⟩]", masked[end:begin]):
            end = stop
    return masked[start : min(end, start + _LIMIT)].strip(" ,"), start


def main_colour(phrase: str) -> str:
    """Return the colour of the ground, as one of the twelve plain words; "" where the phrase names none."""
    found = list(COLOUR.finditer(phrase))
    ground = [match for match in found if not _SECOND.search(phrase, 0, match.start())] or found
    return _CANONICAL[ground[0].group("colour").casefold()] if ground else ""
