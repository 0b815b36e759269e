"""An entity's profile: everything that articles said of it, joined, with the votes on what it is and how it looks."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from nest_builder.entities.base import KnownEntity
from nest_builder.entities.hypernyms import Lexicon
from nest_builder.entities.looks import main_colour
from nest_builder.entities.names import STORED, coarse, fold

_VISIBLE: Final = frozenset({"person", "product", "building", "thing"})
MAX_ALIASES: Final = 8


@dataclass(frozen=True, slots=True)
class Naming:
    """A mention, as far as the assessment needs it."""

    url: str
    field: str
    surface: str
    label: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Saying:
    """A claim, as far as the assessment needs it; ``date`` is when its article appeared."""

    key: str
    url: str
    relation: str
    value: str
    polarity: str
    date: dt.datetime | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Profile:
    """An entity in the articles' words.

    Attributes:
        key: The entity key.
        namings: Its mentions, in a fixed order.
        sayings: Its claims, in a fixed order.
        published: When each article that names it appeared; None where it does not say.
        mentions_elsewhere: The most mentions that the same name has as another kind of entity.
    """

    key: str
    namings: tuple[Naming, ...]
    sayings: tuple[Saying, ...]
    published: dict[str, dt.datetime | None]
    mentions_elsewhere: int = 0

    @property
    def label(self) -> str:
        """Return the label that most mentions have."""
        votes = Counter(STORED.get(naming.label, naming.label) for naming in self.namings)
        return min(votes, key=lambda label: (-votes[label], label))

    @property
    def name(self) -> str:
        """Return the usual spelling of the full name, without capitals throughout if any article knows better."""
        folded = self.key.rsplit("/", 1)[0]
        votes = Counter(naming.surface for naming in self.namings)
        full = [surface for surface in votes if fold(surface) == folded] or list(votes)
        return min(full, key=lambda surface: (surface.isupper(), -votes[surface], -len(surface), surface))

    def aliases(self, known: KnownEntity | None) -> list[str]:
        """Return its other names, the frequent ones first."""
        votes = Counter(naming.surface for naming in self.namings)
        names = list(
            dict.fromkeys(
                [*sorted(votes, key=lambda surface: (-votes[surface], surface)), *(known.aliases if known else ())]
            )
        )
        own = fold(known.name if known else self.name)
        by_form = {fold(name): name for name in reversed(names)}
        return [name for name in names if by_form[fold(name)] == name and fold(name) != own][:MAX_ALIASES]

    def said(self, *relations: str, polarity: str = "stated") -> list[Saying]:
        """Return the claims of some relations, the oldest first, undated ones last."""
        far = dt.datetime.max.replace(tzinfo=dt.UTC)
        found = [saying for saying in self.sayings if saying.relation in relations and saying.polarity == polarity]
        return sorted(found, key=lambda saying: (saying.date or far, saying.url, saying.value, saying.sentence))

    def hypernym(self, known: KnownEntity | None, lexicon: Lexicon) -> str | None:
        """Return the word for the kind of thing that it is, by vote over articles; None where nothing is to be seen."""
        if known is not None and (word := lexicon.hypernym(known.hypernym)) is not None:
            return word
        if coarse(self.label) not in _VISIBLE:
            return None
        if coarse(self.label) == "person":
            return lexicon.hypernym("person")
        votes: Counter[str] = Counter()
        for relation, weight in (("is_a", 3), ("may_be_a", 1)):
            votes.update({word: weight * count for word, count in _by_article(self.said(relation)).items()})
        return min(votes, key=lambda word: (-votes[word], word), default=None)

    def look(self) -> tuple[str, str]:
        """Return colour and description, by vote over articles; "" where they do not say."""
        looks = self.said("looks")
        votes = _by_article(looks, main_colour)
        colour = min((word for word in votes if word), key=lambda word: (-votes[word], word), default="")
        phrases = _by_article([saying for saying in looks if main_colour(saying.value) == colour])
        return colour, min(phrases, key=lambda text: (-phrases[text], -len(text), text), default="") if colour else ""


def _by_article(sayings: Iterable[Saying], read: Callable[[str], str] = str) -> Counter[str]:
    """Count in how many articles each value is said."""
    urls: defaultdict[str, set[str]] = defaultdict(set)
    for saying in sayings:
        urls[read(saying.value)].add(saying.url)
    return Counter({value: len(where) for value, where in urls.items()})
