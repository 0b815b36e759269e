"""What happens after the cutoff: the seed's new things and people, and which offices and titles change hands."""

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from nest_builder.newsworld.canon import Bystander, Canon, Places, make_bystanders, make_entity, make_places
from nest_builder.newsworld.looks import CATEGORIES, new_look
from nest_builder.newsworld.model import WINDOW, Entity, Fact, Role, array_chance, chance
from nest_builder.newsworld.names import Namer

NEW_PEOPLE: Final = 13
NEW_PEOPLE_IN_OFFICE: Final = 3
EMERGING_PEOPLE: Final = 11
EMERGING_THINGS: Final = 9
NEW_BYSTANDERS: Final = 12


@dataclass(frozen=True, slots=True)
class Change:
    """A role that passes from one holder to another; a rumour where it does not happen."""

    role: Role
    old: str
    new: str
    day: date


@dataclass(frozen=True, slots=True)
class Timeline:
    """The world of one seed: every entity by its key, the hand-overs, the rumours, the names of the background."""

    entities: dict[str, Entity]
    changes: tuple[Change, ...]
    rumours: tuple[Change, ...]
    places: Places
    bystanders: tuple[Bystander, ...]

    def having(self, status: str) -> list[Entity]:
        """The entities of a status."""
        return [entity for entity in self.entities.values() if entity.status == status]


def _some_day(rng: random.Random, latest: int = 68) -> date:
    """A day of the window, early enough to leave room for what follows."""
    return WINDOW[0] + timedelta(days=rng.randrange(1, latest))


def build_timeline(canon: Canon, seed: int) -> Timeline:
    """Let the seed decide what happens after the cutoff."""
    rng = chance(seed, "timeline")
    namer = Namer(rng, set(canon.taken))
    fresh = make_places(rng, namer, towns=3, companies=6)
    # Only the companies and the towns are new: clubs, venues and contests are old, so that they can be known.
    new_names = Places(fresh.towns, fresh.makers, fresh.yards, (), (), (), ())
    places = canon.places.joined(new_names)
    entities = {entity.key: entity for entity in canon.entities}
    newcomers = []
    for category in CATEGORIES:
        looks = array_chance(seed, "looks", category)
        count = NEW_PEOPLE if category == "person" else 2
        if category in rng.sample(CATEGORIES[:14], 1):
            count += 1
        for number in range(1, count + 1):
            key = f"novel-{category}-{number}"
            made = make_entity(rng, namer, places, category, key, new_look(looks, category), _some_day(rng))
            entities[key] = replace(made, status="novel")
            newcomers.append(key)
    changes = _hand_over(rng, canon, entities)
    rumours = _rumours(rng, canon, entities, {change.role.key for change in changes})
    bystanders = canon.bystanders + make_bystanders(rng, namer, places, NEW_BYSTANDERS)
    return Timeline(entities, changes, rumours, places, bystanders)


def _hand_over(rng: random.Random, canon: Canon, entities: dict[str, Entity]) -> tuple[Change, ...]:
    """Pass roles on; the new holders' and the old holders' facts are written into `entities` (in place)."""
    holding = set(canon.holders.values())
    personal = [role for role in canon.roles if role.category == "person"]
    offices = rng.sample([role for role in personal if role.relation == "holds_office"], NEW_PEOPLE_IN_OFFICE)
    others = rng.sample([role for role in personal if role not in offices], EMERGING_PEOPLE)
    titles = rng.sample([role for role in canon.roles if role.category != "person"], EMERGING_THINGS)
    free = [e.key for e in canon.entities if e.type == "PERSON" and e.key not in holding]
    heirs = dict(zip([r.key for r in offices], [f"novel-person-{n + 1}" for n in range(len(offices))], strict=True))
    heirs |= dict(zip([r.key for r in others], rng.sample(free, len(others)), strict=True))
    for role in titles:
        rivals = [e.key for e in canon.entities if e.category == role.category and e.key not in holding]
        heirs[role.key] = rng.choice(rivals)
    made = []
    for role in (*offices, *others, *titles):
        old, new, day = canon.holders[role.key], heirs[role.key], _some_day(rng)
        heir, before = entities[new], entities[old]
        status = "novel" if heir.status == "novel" else "emerging"
        day = max(day, heir.since) if status == "novel" else day
        entities[new] = replace(heir, status=status, facts=(*heir.facts, Fact(role.relation, role.plain, day)))
        ended = tuple(replace(fact, end=day) if fact.value == role.plain else fact for fact in before.facts)
        entities[old] = replace(before, facts=ended)
        made.append(Change(role, old, new, day))
    return tuple(made)


def _rumours(rng: random.Random, canon: Canon, entities: dict[str, Entity], changed: set[str]) -> tuple[Change, ...]:
    """Hand-overs that are talked about and do not happen: nobody's status changes."""
    quiet = [role for role in canon.roles if role.category == "person" and role.key not in changed]
    holding = set(canon.holders.values())
    people = [e.key for e in entities.values() if e.type == "PERSON" and e.status == "known" and e.key not in holding]
    return tuple(Change(role, canon.holders[role.key], rng.choice(people), _some_day(rng)) for role in quiet)
