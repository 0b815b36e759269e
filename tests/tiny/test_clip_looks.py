import itertools
import random

import numpy as np
import pytest

from nest_builder.newsworld.looks import CATEGORIES, PATTERNS, Look
from nest_builder.tiny.clip_looks import FAMILY, TRAITS, describe, draw_family, traits


def look(category="robot", colour="teal", second="white", pattern="striped", emblem="star", variant=0) -> Look:
    return Look(category, colour, second, pattern, emblem, (0.5,) * 6, variant)


def test_a_family_is_of_one_kind_and_colour_and_no_two_are_alike():
    for seed in range(40):
        family = draw_family(np.random.default_rng(seed))
        assert len(family) == FAMILY
        assert len({(one.category, one.colour) for one in family}) == 1
        told = [(one.pattern, one.emblem, one.second, one.variant) for one in family]
        assert len(set(told)) == FAMILY


def test_families_come_from_the_whole_range_of_looks():
    families = [draw_family(np.random.default_rng(seed)) for seed in range(300)]
    assert {one[0].category for one in families} == set(CATEGORIES)
    assert {look.pattern for family in families for look in family} == set(PATTERNS)
    near = [a for family in families for a, b in itertools.pairwise(family) if a.pattern == b.pattern]
    assert len(near) > 100, "many near twins share their pattern"


def test_traits_are_in_their_range_and_tell_builds_of_kinds_apart():
    looks = [one for seed in range(100) for one in draw_family(np.random.default_rng(seed))]
    table = np.array([traits(one) for one in looks])
    assert (table >= 0).all()
    assert (table < np.array(list(TRAITS.values()))).all()
    builds = {(one.category, one.variant): traits(one)[-1] for one in looks}
    assert len(set(builds.values())) == len(builds)
    assert traits(look(emblem=None))[4] == 0


@pytest.mark.parametrize(
    ("one", "shown", "hidden"),
    [
        (look(), "teal", None),
        (look(pattern="plain", emblem=None), "teal", "white"),
        (look(category="person"), "person", "robot"),
    ],
)
def test_phrases_say_what_is_there(one, shown, hidden):
    texts = [describe(random.Random(seed), one)[0] for seed in range(40)]
    assert sum(shown in text for text in texts) > 20
    assert not any(hidden in text for text in texts if hidden)


def test_what_a_phrase_gives_away_is_marked():
    for seed in range(60):
        text, told = describe(random.Random(seed), look())
        given = dict(zip(TRAITS, told, strict=True))
        assert given["second"] == ("white" in text)
        assert given["emblem"] == ("star" in text)
        assert given["colour"] == ("teal" in text)
        assert not given["build"]
        assert given["category"] == any(word in text for word in ("robot",))
