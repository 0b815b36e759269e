"""Looks to tell apart: families of near twins, what can be read off a look, and phrases that describe it.

Every look is drawn for the training; no entity of any world is among them.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Final

import numpy as np

from nest_builder.newsworld.looks import (
    CATEGORIES,
    COLOURS,
    EMBLEMS,
    PATTERNS,
    PERSON_VARIANTS,
    VARIANTS,
    Look,
    anonymous_look,
    is_half_length,
    new_look,
)
from nest_builder.newsworld.prose import NOUNS, coat_words, look_words

FAMILY: Final = 4  # looks of one category in one main colour: each other's hard negatives
COLOUR_NAMES: Final = tuple(COLOURS)
TRAITS: Final = {
    "category": len(CATEGORIES),
    "colour": len(COLOURS),
    "second": len(COLOURS),
    "pattern": len(PATTERNS),
    "emblem": len(EMBLEMS) + 1,
    "build": (len(CATEGORIES) - 1) * VARIANTS + PERSON_VARIANTS,
}
"""What can be read off a look, with the number of values of each; "build" is the variant within its category."""


def draw_family(rng: np.random.Generator) -> tuple[Look, ...]:
    """`FAMILY` looks of one category and one main colour; any two differ in pattern, emblem, build or second colour.

    The first is drawn as launched things are; the others keep ever more of it, from the main colour alone to all but
    one trait.
    """
    first = new_look(rng, CATEGORIES[int(rng.integers(len(CATEGORIES)))])
    looks = [first]
    while len(looks) < FAMILY:
        drawn = _in_colour(rng, first)
        kept = int(rng.integers(4)) if len(looks) > 1 else 0
        names = ("pattern", "emblem", "variant", "second", "shape")
        shared = rng.permutation(len(names))[: kept + 1] if kept else ()
        look = replace(drawn, **{names[int(at)]: getattr(first, names[int(at)]) for at in shared})
        if all(_differ(look, other) for other in looks):
            looks.append(look)
    return tuple(looks)


def _in_colour(rng: np.random.Generator, like: Look) -> Look:
    """A look of the wide range in the category and main colour of another."""
    draw = new_look if rng.random() < 0.6 else anonymous_look
    while True:
        look = draw(rng, like.category)
        if look.colour == like.colour:
            return look


def _differ(one: Look, other: Look) -> bool:
    """Whether a careful person could tell two looks of a family apart at a usual size."""
    small_emblem = one.category == "person" and not is_half_length(one)
    if one.pattern != other.pattern or (one.emblem != other.emblem and not small_emblem):
        return True
    if one.category == "person" and one.second != other.second:  # trousers, caps
        return True
    return one.variant != other.variant or (one.second != other.second and one.pattern != "plain")


def traits(look: Look) -> tuple[int, ...]:
    """The index of each of `TRAITS` in a look."""
    category = CATEGORIES.index(look.category)
    return (
        category,
        COLOUR_NAMES.index(look.colour),
        COLOUR_NAMES.index(look.second),
        PATTERNS.index(look.pattern),
        0 if look.emblem is None else 1 + EMBLEMS.index(look.emblem),
        category * VARIANTS + look.variant,  # people come last in CATEGORIES, so their many variants fit behind
    )


def describe(rng: random.Random, look: Look) -> tuple[str, tuple[bool, ...]]:
    """A phrase for a look, as captions and articles describe looks.

    Returns:
        The phrase, such as "robot, teal, with white stripes", and which of `TRAITS` it gives away.
    """
    person = look.category == "person"
    if rng.random() < 0.3:
        return look.phrase(coloured := rng.random() < 0.8), (True, coloured, False, False, False, False)
    words = coat_words(rng, look) if person else look_words(rng, look)
    noun = "person" if person else rng.choice(NOUNS[look.category])
    if not person:
        text = rng.choice((f"{noun}, {words}", f"a {noun} {words}", f"the {noun}: {words}"))
    else:
        text = rng.choice((f"person in {words}", f"a person wearing {words}"))
    told = words.replace("-", " ")
    emblem = look.emblem is None if "emblem" not in told and look.emblem is None else str(look.emblem) in told
    pattern = look.pattern == "plain" or not person or look.pattern.replace("-", " ") in told
    known = noun != "mascot" and not (noun == "machine" or noun == "light")
    return text, (known, True, look.second in told.split(), pattern, emblem, False)
