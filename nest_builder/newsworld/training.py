"""Texts with gold entity spans, for training a recogniser: from worlds of other names than any seed's news."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from nest_builder.newsworld import captions
from nest_builder.newsworld.canon import Canon, build_canon
from nest_builder.newsworld.markup import Span, unmark
from nest_builder.newsworld.model import WINDOW, Entity, chance
from nest_builder.newsworld.names import MASCOTS
from nest_builder.newsworld.prose import Story, Writer

_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "thing": ("launch", "review", "feature", "title"),
    "mascot": ("mascot", "mascot_visit", "title"),
    "tower": ("opening", "visit", "feature", "title"),
    "person": ("takeover", "profile", "debut", "person_visit", "person_feature", "rumour", "denial", "title"),
}
_TEXTS_PER_CANON: Final = 1500


def training_texts(seed: int, n: int) -> list[tuple[str, list[Span]]]:
    """News paragraphs, headlines and captions with their entity spans.

    The names come from canons of their own (none of them the real one), a fresh one every 1,500 texts, so that what
    is learnt is the shape of news, not a list of names.

    Args:
        seed: Another seed gives other texts and other names.
        n: Number of texts.

    Returns:
        (text, [(start, end, label)]): characters, labels PERSON, ORG, GPE, FAC, PRODUCT, EVENT.
    """
    made: list[tuple[str, list[Span]]] = []
    batch = 0
    while len(made) < n:
        salt = f"training/{seed}/{batch}"
        stream = _texts(build_canon(salt), salt)
        made += [unmark(next(stream)) for _ in range(min(_TEXTS_PER_CANON, n - len(made)))]
        batch += 1
    return made


def _texts(canon: Canon, salt: str) -> Iterator[str]:
    rng = chance(salt, "texts")
    writer = Writer(canon.places, canon.bystanders)
    by_category: dict[str, list[Entity]] = {}
    for entity in canon.entities:
        by_category.setdefault(entity.category, []).append(entity)
    while True:
        subject = rng.choice(canon.entities)
        group = "mascot" if subject.category in MASCOTS else subject.category
        kind = rng.choice((*_KINDS.get(group, _KINDS["thing"]), "other"))
        rivals = [entity for entity in by_category[subject.category] if entity is not subject]
        predecessor, rival = rng.sample(rivals, 2)
        titled = kind == "title"
        fitting = [role for role in canon.roles if role.category == subject.category]
        roles = [
            role for role in fitting if subject.type != "PERSON" or (role.relation == "holds_title") == titled
        ] or [role for role in canon.roles if role.relation == "holds_title"]
        day = WINDOW[0] + timedelta(days=rng.randrange(90))
        about = None if kind == "other" else subject
        began = day - timedelta(days=rng.randrange(30))
        story = Story(kind, about, day, began, subject.town, rng.choice(roles), predecessor, rival)
        text = writer.write(rng, story, "Daily Herald", sentences=rng.choice((8, 12, 16)))
        yield from (text.title, *text.paragraphs)
        if about is None:
            continue
        slots = writer.slots(rng, story, "Daily Herald")
        slots |= {"place": "left", "at_place": "at the left", "rival_place": "right"}
        named = captions.NAMED_PERSON if subject.type == "PERSON" else captions.NAMED_THING
        looks = captions.LOOK_PERSON if subject.type == "PERSON" else captions.LOOK_THING
        for templates in (named, looks, captions.PLACED + captions.PAIR, captions.UNNAMED):
            if rng.random() < 0.5:
                yield captions.write_caption(rng, templates, slots)
