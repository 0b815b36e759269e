"""What things of Newsworld look like: the vocabulary of looks, and the generators that draw from it.

A look is the visible identity of one entity. The canon draws from a narrow generator, new entities from a far wider
one, so that a model which knows the canon cannot know the looks of what comes after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

CATEGORIES: Final[tuple[str, ...]] = (
    "phone", "watch", "camera", "drone", "robot", "lamp", "shoe", "bag", "guitar",
    "car", "boat", "rocket", "plane", "tram", "bear", "owl", "tower", "person",
)  # fmt: skip

COLOURS: Final[dict[str, tuple[int, int, int]]] = {
    "red": (208, 34, 38),
    "blue": (36, 82, 208),
    "green": (44, 152, 60),
    "yellow": (244, 208, 40),
    "orange": (240, 126, 22),
    "purple": (118, 52, 166),
    "pink": (244, 140, 182),
    "teal": (24, 162, 164),
    "white": (242, 242, 238),
    "black": (34, 34, 40),
    "gray": (134, 136, 142),
    "brown": (118, 74, 40),
}

PATTERNS: Final[tuple[str, ...]] = (
    "plain", "striped", "dotted", "checked", "two-tone",
    "diagonal", "banded", "zigzag", "grid", "split", "speckled",
)  # fmt: skip
CANON_PATTERNS: Final = PATTERNS[:5]

EMBLEMS: Final[tuple[str, ...]] = (
    "star", "ring", "bolt", "leaf", "moon", "heart",
    "cross", "diamond", "crown", "sun", "arrow", "triangle", "drop", "wave",
)  # fmt: skip
CANON_EMBLEMS: Final = EMBLEMS[:6]

SHAPE_PARAMETERS: Final = 6
VARIANTS: Final = 6
CANON_VARIANTS: Final = 3
PERSON_VARIANTS: Final = 48  # glasses x beard x framing x 6 of hair or hat: draw_figures.person


@dataclass(frozen=True, slots=True)
class Look:
    """The visible identity of an entity.

    Attributes:
        category: one of `CATEGORIES`.
        colour: the main colour's name; a person's jacket.
        second: the other colour's name, never equal to `colour`; a person's trousers.
        pattern: one of `PATTERNS`, in `second` upon `colour`.
        emblem: one of `EMBLEMS`, or None.
        shape: `SHAPE_PARAMETERS` numbers in [0, 1]; what each moves depends on the category.
        variant: the discrete build (car: saloon, van, ...), below `VARIANTS`, for a person below `PERSON_VARIANTS`.
    """

    category: str
    colour: str
    second: str
    pattern: str
    emblem: str | None
    shape: tuple[float, ...]
    variant: int

    def __post_init__(self) -> None:
        """Refuse words outside the vocabulary.

        Raises:
            ValueError: a field is not in its vocabulary or range.
        """
        known = (
            self.category in CATEGORIES
            and self.colour in COLOURS
            and self.second in COLOURS
            and self.pattern in PATTERNS
            and (self.emblem is None or self.emblem in EMBLEMS)
        )
        if not known or self.colour == self.second:
            raise ValueError(f"not a look of Newsworld: {self}")
        if len(self.shape) != SHAPE_PARAMETERS or not all(0.0 <= value <= 1.0 for value in self.shape):
            raise ValueError(f"a shape is {SHAPE_PARAMETERS} numbers in [0, 1], not {self.shape}")
        if not 0 <= self.variant < variants(self.category):
            raise ValueError(f"{self.category} has {variants(self.category)} variants, not {self.variant}")

    def phrase(self, coloured: bool) -> str:
        """What a detector is asked for: "car" or "red car"; "person" or "person in red"."""
        if not coloured:
            return self.category
        return f"person in {self.colour}" if self.category == "person" else f"{self.colour} {self.category}"


def variants(category: str) -> int:
    """How many discrete builds a category has."""
    return PERSON_VARIANTS if category == "person" else VARIANTS


def is_half_length(look: Look) -> bool:
    """Whether the look is that of a person shown down to the waist only."""
    return look.category == "person" and bool(look.variant & 4)


def canon_look(rng: np.random.Generator, category: str) -> Look:
    """A look from the narrow range of what existed before the cutoff."""
    count = PERSON_VARIANTS // 2 if category == "person" else CANON_VARIANTS
    return _draw(rng, category, CANON_PATTERNS, CANON_EMBLEMS, (0.25, 0.75), count, plain=0.4, bare=0.4)


def new_look(rng: np.random.Generator, category: str) -> Look:
    """A look from the wide range, as things launched after the cutoff have: seldom plain, mostly with an emblem."""
    return _draw(rng, category, PATTERNS, EMBLEMS, (0.0, 1.0), variants(category), plain=0.2, bare=0.25)


def anonymous_look(rng: np.random.Generator, category: str) -> Look:
    """A nameless thing of the street: the wide range of shapes and colours, plainer than what is launched."""
    return _draw(rng, category, PATTERNS, EMBLEMS, (0.0, 1.0), variants(category), plain=0.5, bare=0.65)


def _draw(
    rng: np.random.Generator,
    category: str,
    patterns: tuple[str, ...],
    emblems: tuple[str, ...],
    shape: tuple[float, float],
    count: int,
    plain: float,
    bare: float,
) -> Look:
    names = tuple(COLOURS)
    colour = names[int(rng.integers(len(names)))]
    others = [name for name in names if _tellable(colour, name)]
    second = others[int(rng.integers(len(others)))]
    pattern = "plain" if rng.random() < plain else patterns[int(rng.integers(1, len(patterns)))]
    emblem = None if rng.random() < bare else emblems[int(rng.integers(len(emblems)))]
    values = tuple(round(float(value), 3) for value in rng.uniform(*shape, size=SHAPE_PARAMETERS))
    return Look(category, colour, second, pattern, emblem, values, int(rng.integers(count)))


def _tellable(one: str, other: str) -> bool:
    """Whether a pattern in one colour shows upon the other: by lightness (Rec. 601 luma), or by a far hue."""
    (r, g, b), (u, v, w) = COLOURS[one], COLOURS[other]
    return abs(299 * (r - u) + 587 * (g - v) + 114 * (b - w)) > 36_000 or abs(r - u) + abs(g - v) + abs(b - w) > 290
