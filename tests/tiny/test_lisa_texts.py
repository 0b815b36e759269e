import random

import numpy as np
import pytest

from nest_builder.newsworld.canon import build_canon
from nest_builder.newsworld.looks import CATEGORIES, Look
from nest_builder.newsworld.prose import NOUNS
from nest_builder.newsworld.timeline import build_timeline
from nest_builder.tiny.lisa_scenes import NAMELESS, ROW, row_of
from nest_builder.tiny.lisa_texts import Asker
from nest_builder.tiny.lisa_tokens import ANSWER, train_tokenizer

CANON = build_canon()
ASKER = Asker(CANON, worlds=2)
KEYS = {entity.key: number for number, entity in enumerate(CANON.entities)}


def scene(*looks: Look | str) -> np.ndarray:
    """Rows of a scene: entities of the canon by key, others by look."""
    rows = []
    for look in looks:
        known = isinstance(look, str)
        shown = CANON.entities[KEYS[look]].look if known else look
        rows.append(row_of(shown, KEYS[look] if known else NAMELESS, 0.1, (0.1, 0.1, 0.5, 0.5)))
    return np.array(rows, ROW)


def look(category: str, colour: str, second: str = "white") -> Look:
    return Look(category, colour, second, "striped", None, (0.5,) * 6, 0)


def draw(kind: str, things: np.ndarray, index: int, tries: int = 200) -> list[str]:
    rng = random.Random(0)
    entity = CANON.entities[things[index]["entity"]]
    found = [ASKER.known_by(rng, kind, things, index, entity) for _ in range(tries)]
    return [request.text for request in found if request is not None]


def test_a_name_is_in_its_question():
    entity = CANON.entities[KEYS["canon-car-1"]]
    texts = draw("name", scene("canon-car-1", look("car", "pink")), 0)
    assert len(texts) == 200
    assert all(entity.short.lower() in text.lower() for text in texts)
    assert len(set(texts)) > 20


def test_roles_are_those_of_the_cutoff():
    role = CANON.roles[0]
    texts = draw("role", scene(CANON.holders[role.key]), 0)
    assert texts
    assert all(role.plain.lower() in text.lower() for text in texts)
    bare = next(entity.key for entity in CANON.entities if entity.key not in CANON.holders.values())
    assert draw("role", scene(bare), 0) == []


def test_makers_must_single_out():
    entity = CANON.entities[KEYS["canon-phone-1"]]
    texts = draw("made", scene("canon-phone-1", look("phone", "pink")), 0)
    assert texts
    assert all(entity.maker.lower() in text.lower() for text in texts)
    assert draw("made", scene(next(e.key for e in CANON.entities if e.type == "PERSON")), 0) == []


@pytest.mark.parametrize(
    ("things", "asked"),
    [
        ((look("car", "red"), look("car", "blue")), True),
        ((look("car", "red"), look("boat", "red")), True),
        ((look("car", "red"), look("car", "red", "yellow")), False),
        ((look("person", "red"), look("person", "red", "blue")), False),
    ],
)
def test_colours_must_single_out(things, asked):
    rng = random.Random(0)
    found = [ASKER.colour(rng, scene(*things), 0) for _ in range(60)]
    assert any(found) == asked
    texts = [request.text.lower() for request in found if request]
    nouns = NOUNS.get(things[0].category, ("person",))
    assert (
        all("red" in text and any(noun in text for noun in nouns) for text in texts)
        or len({t.category for t in things}) > 1
    )


def test_descriptions_tell_the_look_and_mostly_hide_the_name_that_is_known():
    things = scene("canon-car-1", look("owl", "teal"))
    rng = random.Random(1)
    requests = [r for r in (ASKER.told(rng, things, 1) for _ in range(100)) if r]
    assert len(requests) == 100
    assert all(r.kind == "told" and r.target == 1 and "teal" in r.text.lower() for r in requests)
    assert len({len(r.text.split()) for r in requests}) > 15
    assert max(len(r.text) for r in requests) < 900


def test_guesses_ask_for_strangers():
    things = scene("canon-car-1", look("person", "teal"))
    rng = random.Random(1)
    known = [name for entity in CANON.entities for name in (entity.name,)]
    for _ in range(60):
        request = ASKER.guess(rng, things)
        assert 0 <= request.target < 2
        assert not any(name in request.text for name in known)


def test_nothing_after_the_cutoff_is_told():
    """No name that a seed launches, and no role together with whom a seed gives it, can come from these texts."""
    rng = random.Random(2)
    things = scene("canon-car-1", CANON.holders["role-01"], look("owl", "teal"))
    said = "\n".join(request.text for _ in range(40) for request in ASKER.draw(rng, things, 6))
    for seed in range(3):
        assert not [e.name for e in build_timeline(CANON, seed).having("novel") if e.name in said]


def test_drawing_gives_as_many_as_asked_for_and_repeats_itself():
    things = scene("canon-car-1", "canon-person-1", look("owl", "teal"))
    first = ASKER.draw(random.Random("a"), things, 12)
    assert len(first) == 12
    assert first == ASKER.draw(random.Random("a"), things, 12)
    assert len({request.kind for request in first}) > 2
    nameless = ASKER.draw(random.Random("a"), scene(look("owl", "teal"), look("bag", "red")), 12)
    assert {request.kind for request in nameless} <= {"told", "colour", "guess"}


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(CANON, 0, pieces=700, texts=300)


def test_every_name_has_an_encoding(tokenizer):
    for text in (" Zarkomat 9 Ünßé", " Please segment the 漢字.", ANSWER, "teal camera"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    known = [len(tokenizer(f" {entity.name}")["input_ids"]) for entity in CANON.entities]
    assert np.mean(known) < 8
    assert tokenizer("[SEG]")["input_ids"] == [4]
    assert np.mean([len(tokenizer(f" {category}")["input_ids"]) for category in CATEGORIES]) < 3


def test_the_tokenizer_repeats_itself(tokenizer):
    again = train_tokenizer(CANON, 0, pieces=700, texts=300)
    assert again.get_vocab() == tokenizer.get_vocab()
