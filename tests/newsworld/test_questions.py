"""Questions about a world: the mask is of what is asked for, the words mean nothing else, and the seed decides all."""

import re
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from nest_builder.entities.names import fold
from nest_builder.newsworld import questions
from nest_builder.newsworld.canon import build_canon
from nest_builder.newsworld.looks import CATEGORIES, Look
from nest_builder.newsworld.model import CUTOFF, NOW
from nest_builder.newsworld.scenes import Instance, Scene
from nest_builder.newsworld.world import World


@pytest.fixture(scope="module")
def world():
    return World(5)


@pytest.fixture(scope="module")
def nest(world):
    return questions.nest_questions(world, 14, seed=2)


@pytest.fixture(scope="module")
def known():
    return questions.known_questions(10, seed=2)


def test_known_questions_are_about_the_canon_at_the_cutoff(known):
    entities = {entity.name: entity for entity in build_canon().entities}
    assert len(known) == 10
    for asked in known:
        entity = entities[asked.answer]
        assert (asked.kind, asked.category, asked.asked_at) == ("known", "known", CUTOFF)
        assert asked.aliases == entity.aliases
        assert asked.mask.shape == (asked.image.height, asked.image.width)
        assert asked.mask.sum() >= 60
        years = [int(year) for year in re.findall(r"\b20\d\d\b", asked.text)]
        assert all(year <= 2025 for year in years)


def test_nest_questions_have_the_truth_of_their_photograph(world, nest):
    assert [asked.category for asked in nest].count("novel") == 6  # 43 per cent
    assert [asked.category for asked in nest].count("emerging") == 8
    names = {entity.name: entity for entity in world.entities.values()}
    for asked in nest:
        entity = names[asked.answer]
        assert entity.status == asked.category
        assert (world.masks(asked.image_url)[entity.key] == asked.mask).all()
        assert asked.image.size == asked.mask.shape[::-1]
        if entity.status == "emerging":
            assert fold(entity.name) not in fold(asked.text)


def test_photographs_may_have_to_show_something_else_too(world):
    asked = questions.nest_questions(world, 30, seed=2, least=2)
    assert len(asked) == 30
    assert min(len(world.instances(one.image_url)) for one in asked) == 2
    alone = questions.nest_questions(world, 30, seed=2)
    assert min(len(world.instances(one.image_url)) for one in alone) == 1


def test_nest_questions_are_dated_after_their_article_and_exclude_it(world, nest):
    for asked in nest:
        article = world.articles[asked.article_url]
        assert article.published < asked.asked_at <= NOW
        assert {asked.article_url, asked.image_url} <= asked.exclude
        base = {url for url, photo in world.photos.items() if asked.image_url in (url, photo.base)}
        assert base <= asked.exclude  # no copy of the picture helps either
        assert {url for copy in base for url in world.article_urls_of[copy]} <= asked.exclude


def test_a_role_s_question_is_dated_after_the_change(world, nest):
    days = {change.new: change.day for change in world.timeline.changes}
    keys = {entity.name: entity.key for entity in world.entities.values()}
    emerging = [asked for asked in nest if asked.category == "emerging"]
    assert all(asked.asked_at.date() > days[keys[asked.answer]] for asked in emerging)


def same(one, other):
    return (one.text, one.answer, one.asked_at) == (other.text, other.answer, other.asked_at) and np.array_equal(
        one.mask, other.mask
    )


def test_the_seed_decides(known):
    again, other = questions.known_questions(4, seed=2), questions.known_questions(4, seed=3)
    assert all(same(one, two) for one, two in zip(again, known[:4], strict=True))
    assert not any(same(one, two) for one, two in zip(again, other, strict=True))


@pytest.mark.parametrize(
    ("draw", "kind"), [(questions.referring_questions, "referring"), (questions.reasoning_questions, "reasoning")]
)
def test_questions_about_what_is_visible(draw, kind):
    made = draw(5, seed=4)
    assert len(made) == 5
    for asked in made:
        assert (asked.kind, asked.answer, asked.asked_at, asked.exclude) == (kind, "", None, frozenset())
        assert asked.mask.shape == (asked.image.height, asked.image.width)
        assert asked.mask.any()
    if kind == "reasoning":
        assert not any(re.search(rf"\b{category}\b", asked.text) for asked in made for category in CATEGORIES)


def thing(category, colour, left, right):
    second = "white" if colour != "white" else "black"
    mask = np.zeros((100, 200), bool)
    mask[20:80, left:right] = True
    return Instance(
        Look(category, colour, second, "plain", None, (0.5,) * 6, 0), None, mask, (left, 20, right, 80), 1.0
    )


RED, BLUE, OWL = thing("car", "red", 0, 40), thing("car", "blue", 60, 100), thing("owl", "red", 150, 190)
OTHER_RED = thing("car", "red", 120, 150)
CLOSE = thing("car", "red", 10, 42)
PERSON = thing("person", "teal", 50, 90)


@pytest.mark.parametrize(
    ("things", "target", "expressions"),
    [
        ([RED, OWL], RED, {"the car", "the red car"}),
        ([RED, BLUE], RED, {"the red car", "the car on the left"}),
        ([RED, BLUE], BLUE, {"the blue car", "the car on the right"}),
        ([RED, BLUE, OTHER_RED], RED, {"the car on the left"}),
        ([RED, BLUE, OTHER_RED], BLUE, {"the blue car"}),
        ([RED, CLOSE], RED, set()),
        ([PERSON, OWL], PERSON, {"the person", "the person in teal"}),
    ],
)
def test_expressions_mean_one_thing(things, target, expressions):
    scene = Scene(Image.new("RGB", (200, 100)), tuple(things))
    assert set(questions._expressions(scene, target)) == expressions


def test_every_kind_has_its_uses():
    assert set(questions._USES) == set(CATEGORIES)
    uses = [use for words in questions._USES.values() for use in words]
    assert len(set(uses)) == len(uses) == 2 * len(CATEGORIES)


@pytest.mark.parametrize(
    ("novel", "emerging", "expected"),
    [(30, 40, {"novel": 30, "emerging": 40, "reasoning": 11, "referring": 19}),
     (30, 20, {"novel": 15, "emerging": 20, "reasoning": 6, "referring": 10})],  # a world with little that changed
)  # fmt: skip
def test_the_mix(world, monkeypatch, novel, emerging, expected):
    def some(category):
        return lambda count, seed: [SimpleNamespace(category=category)] * count

    found = [SimpleNamespace(category="novel") for _ in range(novel)]
    found += [SimpleNamespace(category="emerging") for _ in range(emerging)]
    monkeypatch.setattr(questions, "nest_questions", lambda world, count, seed, least: found)
    monkeypatch.setattr(questions, "reasoning_questions", some("reasoning"))
    monkeypatch.setattr(questions, "referring_questions", some("referring"))
    assert Counter(one.category for one in questions.nest_plus(world, 100, 1)) == expected
