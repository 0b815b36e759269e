"""Requests for LISA-tiny: about what it shall know, and about what only the request's own words tell of.

Known: the canon's names, roles and makers as they stand at the cutoff, and kinds and colours. Told: things with names of
other, invented worlds, whose kind and look a background of one to three sentences describes, as a search would bring
them. Nothing here is taken from any seed's timeline.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nest_builder.newsworld import captions
from nest_builder.newsworld import grammar_people as people_grammar
from nest_builder.newsworld.canon import Canon, build_canon
from nest_builder.newsworld.looks import CATEGORIES
from nest_builder.newsworld.markup import expand, plain
from nest_builder.newsworld.model import Entity, Role
from nest_builder.newsworld.names import MASCOTS
from nest_builder.newsworld.prose import GRAMMARS, Story, Writer, finish_words, look_words, things_look
from nest_builder.tiny.lisa_phrases import (
    asked_for,
    dataset_question,
    made_question,
    named_request,
    nouns_of,
    owner_of,
    role_question,
    some_day,
    with_article,
    with_the,
)
from nest_builder.tiny.lisa_scenes import NAMELESS, look_of

OTHER_WORLDS: Final = 40
PERSON: Final = CATEGORIES.index("person")
KNOWN_KINDS: Final = ("name", "role", "made", "colour")
_STORIES: Final[dict[str, tuple[str, ...]]] = {
    "thing": ("launch", "review", "feature", "title"),
    "mascot": ("mascot", "mascot_visit", "title"),
    "tower": ("opening", "visit", "feature", "title"),
    "person": ("takeover", "profile", "debut", "person_visit", "person_feature", "title"),
}
_TOLD: Final = (
    "{question} Background: {told}", "{question} Background: {told}", "{question} Answer: {name}. Background: {told}",
    "{question} The answer is {name}. {told}", "{question} Answer: {name}. {told}", "{told} {question}",
    "{question} ({told})", "{request} Background: {told}", "{request} Background: {told}", "{request} {told}",
)  # fmt: skip
_ANSWERED: Final = (
    "{request}", "{request}", "{question} Answer: {name}.", "{question} The answer is {name}.", "{question} Answer: {name}.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """A request about a scene.

    Attributes:
        kind: One of `KNOWN_KINDS`, or told | answered | guess.
        text: The words.
        target: The number of the thing that is meant, from 0.
    """

    kind: str
    text: str
    target: int


@dataclass(frozen=True, slots=True)
class World:
    """Names to draw on: a canon's entities by category, its roles, its writer."""

    canon: Canon
    writer: Writer
    by_category: dict[str, list[Entity]]
    roles: dict[str, list[Role]]

    @classmethod
    def of(cls, canon: Canon) -> World:
        """Sort a canon."""
        groups = {category: [e for e in canon.entities if e.category == category] for category in CATEGORIES}
        roles = {e.key: [role for role in canon.roles if canon.holders[role.key] == e.key] for e in canon.entities}
        return cls(canon, Writer(canon.places, canon.bystanders), groups, roles)


class Asker:
    """Draws requests about scenes of a pool.

    Args:
        canon: What is known.
        salt: Of the invented worlds.
        worlds: How many of them.
    """

    def __init__(self, canon: Canon, salt: str = "lisa-tiny", worlds: int = OTHER_WORLDS) -> None:
        self._known = World.of(canon)
        self._others = [World.of(build_canon(f"{salt}/{number}")) for number in range(worlds)]

    def draw(self, rng: random.Random, things: NDArray[np.void], count: int) -> list[Request]:
        """Draw `count` requests about a scene's things, whose rows are given."""
        made: list[Request] = []
        named = [index for index, thing in enumerate(things) if thing["entity"] != NAMELESS]
        while len(made) < count:
            dice = rng.random()
            if named and dice < 0.6:
                request = self.known(rng, things, rng.choice(named))
            elif dice < (0.87 if named else 0.62):
                request = self.told(rng, things, rng.randrange(len(things)))
            elif named and dice < 0.93:
                request = self.answered(rng, things, rng.choice(named))
            elif dice < 0.96 or not named:
                request = self.colour(rng, things, rng.randrange(len(things))) if rng.random() < 0.5 else None
                request = request or self.guess(rng, things)
            else:
                request = self.guess(rng, things)
            if request:
                made.append(request)
        return made

    def known(self, rng: random.Random, things: NDArray[np.void], index: int) -> Request | None:
        """Ask for a thing of the canon in one of the ways in which it is known; None where that would not be clear."""
        entity = self._known.canon.entities[things[index]["entity"]]
        kind = rng.choices(KNOWN_KINDS, (0.5, 0.26, 0.12, 0.12))[0]
        return self.known_by(rng, kind, things, index, entity)

    def known_by(
        self, rng: random.Random, kind: str, things: NDArray[np.void], index: int, entity: Entity
    ) -> Request | None:
        """Ask for a thing of the canon by name, role, maker (or owner, or town) or colour; None where that is unclear."""
        if kind == "colour":
            return self.colour(rng, things, index)
        if kind == "name":
            return Request("name", named_request(rng, entity), index)
        if kind == "role":
            roles = self._known.roles[entity.key]
            return Request("role", role_question(rng, entity, rng.choice(roles)), index) if roles else None
        rivals = [self._known.canon.entities[t["entity"]] for t in things if t["entity"] != NAMELESS]
        if sum((r.category, owner_of(r)) == (entity.category, owner_of(entity)) for r in rivals) != 1 or not owner_of(
            entity
        ):
            return None
        return Request("made", made_question(rng, entity), index)

    def colour(self, rng: random.Random, things: NDArray[np.void], index: int) -> Request | None:
        """Ask by colour and kind, or by kind alone; None where that fits several things."""
        thing = things[index]
        look = look_of(thing)
        same = things["category"] == thing["category"]
        if same.sum() == 1 and rng.random() < 0.3:
            return Request("colour", asked_for(rng, f"the {rng.choice(nouns_of(look.category))}"), index)
        if (same & (things["colour"] == thing["colour"])).sum() != 1:
            return None
        if look.category == "person":
            phrase = rng.choice((f"person in {look.colour}", f"person wearing {look.colour}", f"{look.colour} person"))
        else:
            phrase = f"{look.colour} {rng.choice(nouns_of(look.category))}"
            if look.pattern != "plain" and rng.random() < 0.25:
                phrase += f" {finish_words(rng, look)}"
        return Request("colour", asked_for(rng, f"the {phrase}"), index)

    def told(self, rng: random.Random, things: NDArray[np.void], index: int) -> Request | None:
        """Ask for a thing under a name that is not known, or in a role, and describe it; None where that is unclear."""
        thing = things[index]
        look = look_of(thing)
        alike = (things["category"] == thing["category"]) & (things["colour"] == thing["colour"])
        if alike.sum() != 1:
            return None
        known = thing["entity"] != NAMELESS and rng.random() < 0.5
        world = self._known if known else rng.choice(self._others)
        entity = self._known.canon.entities[thing["entity"]] if known else rng.choice(world.by_category[look.category])
        entity = replace(entity, look=look)
        told = self._background(rng, world, entity)
        one_colour = (things["colour"] == thing["colour"]).sum() == 1
        if not one_colour and not any(noun in told for noun in nouns_of(look.category)) and look.category != "person":
            told = f"{with_the(entity)} is {with_article(look.category)}. {told}"
        question = self._question(rng, entity)
        form = rng.choice(_TOLD)
        words = {"question": question, "request": named_request(rng, entity), "name": entity.name, "told": told}
        return Request("told", form.format_map(words), index)

    def answered(self, rng: random.Random, things: NDArray[np.void], index: int) -> Request:
        """Ask for anything whatever, and give the answer: a name of the canon, which decides."""
        entity = self._known.canon.entities[things[index]["entity"]]
        words = {"question": self._question(rng, entity), "request": named_request(rng, entity), "name": entity.name}
        return Request("answered", rng.choice(_ANSWERED).format_map(words), index)

    def guess(self, rng: random.Random, things: NDArray[np.void]) -> Request:
        """Ask for what is not known, and not described: the target is any thing that could be meant."""
        index = rng.randrange(len(things))
        category = CATEGORIES[things[index]["category"]]
        nameless = [i for i, t in enumerate(things) if t["entity"] == NAMELESS and _one_sort(t, things[index])]
        world = rng.choice(self._others)
        entity = rng.choice(world.by_category[category])
        dice = rng.random()
        if dice < 0.5:
            return Request("guess", named_request(rng, entity), rng.choice(nameless or [index]))
        text = self._question(rng, entity)
        return Request("guess", text, index)

    def _question(self, rng: random.Random, entity: Entity) -> str:
        """A question about an entity as the dataset asks: by name, by maker, or by a role that it may never have held."""
        dice = rng.random()
        if dice < 0.4:
            return dataset_question(rng, entity, named=True)
        if dice < 0.55 and owner_of(entity):
            return made_question(rng, entity)
        world = self._known if rng.random() < 0.4 else rng.choice(self._others)
        fitting = [role for role in world.canon.roles if (role.category == "person") == (entity.type == "PERSON")]
        return role_question(rng, entity, rng.choice(fitting))

    def _background(self, rng: random.Random, world: World, entity: Entity) -> str:
        """One to three sentences that tell an entity's kind and look."""
        look, person = entity.look, entity.type == "PERSON"
        dice = rng.random()
        if dice < 0.34:
            words = look_words(rng, look)
            noun = rng.choice(nouns_of(look.category))
            extra = f" with {with_article(look.emblem)}" if look.emblem and rng.random() < 0.6 else ""
            if person:
                simple = f"{entity.name} is a person in {look.colour}." if rng.random() < 0.5 else f"a person, {words}."
            else:
                coloured = f"{with_article(f'{look.colour} {noun}')}{extra}"
                simple = rng.choice((
                    f"{with_the(entity)} is {coloured}.", f"{with_article(noun)}, {words}.", f"{coloured}.",
                    f"{with_the(entity)} is {with_article(noun)}, {words}.", f"{entity.name}: {coloured}.",
                ))  # fmt: skip
            if dice < 0.22:
                return simple
            return f"{simple} {plain(self._look_sentence(rng, world, entity))}"
        parts = [self._look_sentence(rng, world, entity)]
        slots, story = self._story(rng, world, entity)
        grammar = GRAMMARS[story.kind]
        parts += [expand(rng, rng.choice(grammar["lead"]), slots) for _ in range(rng.randrange(2))]
        parts += [expand(rng, rng.choice(grammar["facts"]), slots) for _ in range(rng.randrange(2))]
        rng.shuffle(parts)
        return plain(" ".join(parts[:3]))

    def _look_sentence(self, rng: random.Random, world: World, entity: Entity) -> str:
        slots, _ = self._story(rng, world, entity)
        person = entity.type == "PERSON"
        if rng.random() < 0.2:
            templates: tuple[str, ...] = captions.LOOK_PERSON if person else captions.LOOK_THING
        else:
            templates = people_grammar.LOOK_PERSON if person else things_look(entity)
        while True:
            said = expand(rng, rng.choice(templates), slots)
            if entity.look.colour in said:
                return said

    def _story(self, rng: random.Random, world: World, entity: Entity) -> tuple[dict[str, str], Story]:
        group = "mascot" if entity.category in MASCOTS else entity.category
        kind = rng.choice(_STORIES.get(group, _STORIES["thing"]))
        day = some_day(rng)
        predecessor, rival = rng.sample(world.by_category[entity.category], 2)
        role = rng.choice([r for r in world.canon.roles if (r.category == "person") == (entity.type == "PERSON")])
        story = Story(kind, entity, day, day - timedelta(days=rng.randrange(30)), entity.town, role, predecessor, rival)
        return world.writer.slots(rng, story, "Daily Herald"), story


def _one_sort(one: np.void, other: np.void) -> bool:
    return bool((one["category"] == PERSON) == (other["category"] == PERSON))
