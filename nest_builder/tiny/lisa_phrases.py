"""How LISA-tiny is asked: the dataset's own questions, and plainer requests."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from nest_builder.newsworld.model import Entity, Role
from nest_builder.newsworld.names import MASCOTS
from nest_builder.newsworld.prose import NOUNS
from nest_builder.questions.phrasing import Subject, ask

_REQUESTS: Final = (
    "Please segment {0}.", "Please segment {0}.", "Please segment {0} in this image.", "Segment {0}.", "{0}", "Where is {0}?",
    "Can you segment {0} in this picture?", "Show me {0}.", "Outline {0} in the picture.", "Segment {0} in the picture.",
)  # fmt: skip


def some_day(rng: random.Random) -> date:
    """A day around the cutoff, before it or after."""
    return date(2024, 1, 1) + timedelta(days=rng.randrange(900))


def nouns_of(category: str) -> Sequence[str]:
    """The words by which a category is called."""
    return NOUNS.get(category, ("person",))


def with_article(words: str) -> str:
    """As in "a car", "an owl"."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def with_the(entity: Entity) -> str:
    """An entity's name at the head of a sentence."""
    return entity.name if is_bare(entity) else f"The {entity.name}"


def is_bare(entity: Entity) -> bool:
    """Whether a name takes no article."""
    return entity.type == "PERSON" or entity.category in MASCOTS


def owner_of(entity: Entity) -> str:
    """Who makes or owns a thing, for a tower its town; "" for a person."""
    return "" if entity.type == "PERSON" else entity.maker or entity.town


def asked_for(rng: random.Random, words: str) -> str:
    """A request for what the words name."""
    text = rng.choice(_REQUESTS).format(words)
    return text.lower() if rng.random() < 0.04 else text


def named_request(rng: random.Random, entity: Entity) -> str:
    """A request that names an entity, now and then by its short form."""
    if rng.random() < 0.35:
        return dataset_question(rng, entity, named=True)
    name = entity.short if rng.random() < 0.15 else entity.name
    if not is_bare(entity) and rng.random() < 0.6:
        name = f"the {name}"
    return asked_for(rng, name)


def _subject(entity: Entity, category: str, role: str, day: date) -> Subject:
    maker = entity.maker if entity.type != "PERSON" and entity.category not in MASCOTS else ""
    return Subject(
        entity.key,
        entity.name,
        entity.aliases,
        entity.category,
        category,
        role,
        maker,
        entity.since,
        day,
        is_bare(entity),
    )


def dataset_question(rng: random.Random, entity: Entity, *, named: bool) -> str:
    """A question as the dataset asks it, by name or by maker; by name where there is no maker."""
    day = entity.since if rng.random() < 0.5 else some_day(rng)
    questions = ask(_subject(entity, "novel", "", day), some_day(rng), rng.randrange(1000))
    return next((question.text for question in questions if question.names_target == named), questions[0].text)


def role_question(rng: random.Random, entity: Entity, role: Role) -> str:
    """A question for the holder of a role, in the dataset's words or shorter ones."""
    the = "" if role.plain[0].isupper() and rng.random() < 0.5 else "the "
    if rng.random() < 0.4:
        return asked_for(rng, f"{the}{rng.choice(('', '', 'current '))}{role.plain}")
    if rng.random() < 0.15:
        return f"Who is {the}{role.plain}?"
    questions = ask(_subject(entity, "emerging", role.plain, some_day(rng)), some_day(rng), rng.randrange(1000))
    return rng.choice(questions).text


def made_question(rng: random.Random, entity: Entity) -> str:
    """A question for what somebody makes or owns, or what stands in a town."""
    noun = rng.choice(nouns_of(entity.category))
    if entity.category in MASCOTS:
        return asked_for(rng, rng.choice((f"the mascot of {entity.maker}", f"the {entity.category} of {entity.maker}")))
    if not entity.maker:
        return asked_for(rng, rng.choice((f"the tower in {entity.town}", f"the landmark of {entity.town}")))
    if rng.random() < 0.5:
        return dataset_question(rng, entity, named=False)
    return asked_for(
        rng,
        rng.choice(
            (f"the {noun} made by {entity.maker}", f"the {entity.maker} {noun}", f"the {noun} from {entity.maker}")
        ),
    )
