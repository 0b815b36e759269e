"""What pages say of an entity's kind and look, for the text prompt."""

from collections import Counter
from collections.abc import Callable, Iterable

from nest_builder.entities.looks import main_colour
from nest_builder.entities.names import fold
from nest_builder.rose.evidence import kind_of
from nest_builder.rose.reading import ReadPage


def describe(name: str, pages: Iterable[ReadPage]) -> str:
    """Return what pages say of the kind and the look of an entity, such as "a phone, teal with white stripes"; "" for nothing.

    Each page has one vote for the kind and one for the main colour; of the phrases with that colour the one said most often, then
    the longest, counts.
    """
    kinds: Counter[str] = Counter()
    looks: list[str] = []
    for page in pages:
        keys = {item.key for item in page.names if fold(item.name) == fold(name)}
        votes = Counter({kind: 1 for key in keys if (kind := kind_of(page, key))})
        if any(key.endswith("/person") for key in keys):
            votes = Counter(person=1)
        kinds.update(votes)
        said = [claim.value for claim in page.statements if claim.key in keys and claim.relation == "looks"]
        looks += _first_of_each(said, main_colour)
    kind = min(kinds, key=lambda word: (-kinds[word], word), default="")
    colours = Counter(colour for phrase in looks if (colour := main_colour(phrase)))
    colour = min(colours, key=lambda word: (-colours[word], word), default="")
    phrases = Counter(phrase for phrase in looks if main_colour(phrase) == colour)
    look = min(phrases, key=lambda text: (-phrases[text], -len(text), text), default="") if colour else ""
    article = "an" if kind[:1] in tuple("aeiou") else "a"
    return ", ".join(part for part in (f"{article} {kind}" if kind else "", look) if part)


def _first_of_each(values: Iterable[str], key: Callable[[str], str]) -> list[str]:
    firsts: dict[str, str] = {}
    for value in values:
        firsts.setdefault(key(value), value)
    return list(firsts.values())
