"""The vocabulary of looks, what it refuses, and how far each generator ranges."""

from collections.abc import Callable

import numpy as np
import pytest

from nest_builder.newsworld.looks import (
    CANON_EMBLEMS,
    CANON_PATTERNS,
    CANON_VARIANTS,
    CATEGORIES,
    COLOURS,
    EMBLEMS,
    PATTERNS,
    SHAPE_PARAMETERS,
    Look,
    anonymous_look,
    canon_look,
    is_half_length,
    new_look,
    variants,
)

MIDDLE = (0.5,) * SHAPE_PARAMETERS


def look(**changes: object) -> Look:
    """A red car, but for the changes."""
    fields: dict[str, object] = {
        "category": "car",
        "colour": "red",
        "second": "white",
        "pattern": "plain",
        "emblem": None,
        "shape": MIDDLE,
        "variant": 0,
    }
    return Look(**{**fields, **changes})  # type: ignore[arg-type]


def drawn(generator: Callable[[np.random.Generator, str], Look], category: str, count: int = 300) -> list[Look]:
    rng = np.random.default_rng(5)
    return [generator(rng, category) for _ in range(count)]


def test_the_vocabulary_is_one_word_each() -> None:
    assert (len(CATEGORIES), len(COLOURS)) == (18, 12)
    for words in (CATEGORIES, tuple(COLOURS)):
        assert len(set(words)) == len(words)
        assert all(word.isalpha() and word.islower() for word in words)


@pytest.mark.parametrize(
    "changes",
    [
        {"category": "bicycle"},
        {"colour": "crimson"},
        {"second": "red"},
        {"pattern": "tartan"},
        {"emblem": "skull"},
        {"shape": (0.5,) * 5},
        {"shape": (1.2,) * SHAPE_PARAMETERS},
        {"shape": (float("nan"),) * SHAPE_PARAMETERS},
        {"variant": variants("car")},
        {"variant": -1},
    ],
)
def test_a_look_outside_the_vocabulary_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"look|shape|variants"):
        look(**changes)


@pytest.mark.parametrize(
    ("changes", "coloured", "expected"),
    [
        ({}, False, "car"),
        ({}, True, "red car"),
        ({"category": "person"}, False, "person"),
        ({"category": "person"}, True, "person in red"),
    ],
)
def test_phrases_for_the_detector(changes: dict[str, object], coloured: bool, expected: str) -> None:
    assert look(**changes).phrase(coloured) == expected


@pytest.mark.parametrize(("variant", "expected"), [(0, False), (3, False), (4, True), (15, True), (40, False)])
def test_half_length_is_a_person_s_framing(variant: int, expected: bool) -> None:
    assert is_half_length(look(category="person", variant=variant)) is expected
    assert not is_half_length(look(variant=4))


@pytest.mark.parametrize("category", ["car", "owl", "person"])
def test_what_comes_after_the_cutoff_ranges_wider_than_the_canon(category: str) -> None:
    canon, new = drawn(canon_look, category), drawn(new_look, category)
    assert {one.pattern for one in canon} == set(CANON_PATTERNS)
    assert {one.pattern for one in new} == set(PATTERNS)
    assert {one.emblem for one in canon} == {*CANON_EMBLEMS, None}
    assert {one.emblem for one in new} == {*EMBLEMS, None}
    assert all(0.25 <= value <= 0.75 for one in canon for value in one.shape)
    assert min(value for one in new for value in one.shape) < 0.05
    assert max(value for one in new for value in one.shape) > 0.95
    bound = variants(category) // 2 if category == "person" else CANON_VARIANTS
    assert max(one.variant for one in canon) < bound <= max(one.variant for one in new)


def test_things_of_the_street_are_plainer_than_launched_ones() -> None:
    street, new = drawn(anonymous_look, "bag"), drawn(new_look, "bag")
    assert {one.colour for one in street} == set(COLOURS)
    for attribute, value in (("pattern", "plain"), ("emblem", None)):
        counts = [sum(getattr(one, attribute) == value for one in looks) for looks in (street, new)]
        assert counts[0] > 1.5 * counts[1]


@pytest.mark.parametrize("generator", [canon_look, new_look, anonymous_look])
def test_a_generator_is_decided_by_its_seed(generator: Callable[[np.random.Generator, str], Look]) -> None:
    assert drawn(generator, "tram", 20) == drawn(generator, "tram", 20)


def test_every_colour_has_several_seconds_that_show_upon_it() -> None:
    seconds: dict[str, set[str]] = {}
    for one in drawn(new_look, "lamp", 1500):
        seconds.setdefault(one.colour, set()).add(one.second)
    assert set(seconds) == set(COLOURS)
    assert min(map(len, seconds.values())) >= 4
    assert "pink" not in seconds["orange"]
    assert "purple" not in seconds["red"]
