"""The canon: the world before the cutoff, one and the same for every seed, and its knowledge snapshot.

`python -m nest_builder.newsworld.canon --snapshot PATH` writes the snapshot that the pipeline's knowledge base reads.
"""

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from nest_builder.newsworld.looks import CATEGORIES, Look, canon_look
from nest_builder.newsworld.markup import mark, plain
from nest_builder.newsworld.model import CUTOFF, Entity, Fact, Outlet, Role, array_chance, chance
from nest_builder.newsworld.names import MASCOTS, VEHICLES, Namer, PersonName

CANON_SALT: Final = "canon-2025-06-30"
OBJECTS_PER_CATEGORY: Final = 4
PEOPLE: Final = 32
BYSTANDERS: Final = 140
STAFF: Final = 30
OUTLETS: Final = (
    Outlet("harbourpost", "Harbour Post", "semantic", "rss"),
    Outlet("dailycurrent", "The Daily Current", "soup", "atom", media_host="cdn.newsworld.test"),
    Outlet("northgazette", "North Gazette", "semantic", "rss-broken"),
    Outlet("techledger", "Tech Ledger", "magazine", "rss-media", media_host="cdn.newsworld.test"),
    Outlet("citywire", "City Wire", "magazine", "atom"),
    Outlet("sportsbeacon", "Sports Beacon", "magazine", "rss"),
    Outlet("plainview", "Plainview Dispatch", "soup", ""),
    Outlet("abendblatt", "Küstener Abendblatt", "semantic", "rss", language="de"),
)
CLOSED_OUTLET: Final = "sportsbeacon"  # its robots.txt turns every crawler away from articles and pictures
TRADES: Final = (
    "sculptor", "sprinter", "novelist", "engineer", "marine biologist", "architect", "violinist", "economist", "chef",
    "film director", "climber", "midfielder", "rower", "designer", "physicist", "councillor", "entrepreneur", "surgeon",
    "cyclist", "composer", "goalkeeper", "software developer", "historian", "tennis player",
)  # fmt: skip
TYPES: Final = {"person": "PERSON", "tower": "FACILITY"}


@dataclass(frozen=True, slots=True)
class Places:
    """Names that entities and stories draw on: towns, companies, clubs, public bodies, venues, contests."""

    towns: tuple[str, ...]
    makers: tuple[str, ...]
    yards: tuple[str, ...]
    teams: tuple[str, ...]
    institutions: tuple[str, ...]
    venues: tuple[str, ...]
    events: tuple[str, ...]

    def joined(self, other: "Places") -> "Places":
        """These places and the others."""
        names = (f for f in self.__dataclass_fields__)
        return Places(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(frozen=True, slots=True)
class Bystander:
    """Someone whom the news quotes and never photographs; `role` is marked text, such as "head of sales at Vantor"."""

    name: PersonName
    role: str


@dataclass(frozen=True, slots=True)
class Canon:
    """The world before the cutoff.

    `holders` gives the entity key that holds each role at the cutoff; `staff` the reporters and photographers.
    """

    places: Places
    entities: tuple[Entity, ...]
    roles: tuple[Role, ...]
    holders: dict[str, str]
    bystanders: tuple[Bystander, ...]
    staff: tuple[str, ...]
    taken: frozenset[str]


def make_places(rng: random.Random, namer: Namer, towns: int, companies: int) -> Places:
    """Draw `towns` towns and their clubs and venues, and `companies` companies of either sort."""
    names = tuple(namer.town() for _ in range(towns))
    return Places(
        towns=names,
        makers=tuple(namer.maker() for _ in range(companies)),
        yards=tuple(namer.maker(vehicles=True) for _ in range(companies // 2)),
        teams=tuple(namer.team(rng.choice(names)) for _ in range(max(2, towns // 2))),
        institutions=tuple(namer.institution(rng.choice(names)) for _ in range(max(2, towns // 2))),
        venues=tuple(namer.venue(rng.choice(names)) for _ in range(towns)),
        events=tuple(namer.event() for _ in range(max(3, towns))),
    )


def make_entity(
    rng: random.Random, namer: Namer, places: Places, category: str, key: str, look: Look, since: date
) -> Entity:
    """Give a thing or a person of `category` a name, an owner and a place."""
    town = rng.choice(places.towns)
    kind = TYPES.get(category, "PRODUCT")
    if category == "person":
        name = namer.person()
        trade = rng.choice(TRADES)
        return Entity(key, name.full, name.surname, kind, category, look, since, town, "", trade, name.gender)
    if category == "tower":
        full, short = namer.landmark()
        return Entity(key, full, short, kind, category, look, since, town, facts=(Fact("located_in", town, since),))
    if category in MASCOTS:
        owner = rng.choice(places.teams + places.institutions)
        full, short = namer.mascot(category)
        fact = Fact("mascot_of", owner, since)
    else:
        owner = rng.choice(places.yards if category in VEHICLES else places.makers)
        full, short = namer.product(owner)
        fact = Fact("made_by", owner, since)
    return Entity(key, full, short, kind, category, look, since, town, owner, facts=(fact,))


def _make_roles(rng: random.Random, places: Places) -> list[Role]:
    """Eighteen offices and titles of people, twelve titles of things."""
    roles: list[Role] = []

    def add(relation: str, head: str, label: str, name: str, category: str, town: str, the: str = "the ") -> None:
        text = f"{head}{the}{mark(label, name)}" if name else head
        if plain(text) not in {role.plain for role in roles}:
            roles.append(Role(f"role-{len(roles) + 1:02d}", relation, text, plain(text), category, town))

    for town in rng.sample(places.towns, 4):
        add("holds_office", "mayor of ", "GPE", town, "person", town, "")
    for team in rng.sample(places.teams, 4):
        add("holds_office", rng.choice(("captain of ", "head coach of ")), "ORG", team, "person", _home(places, team))
    for maker in rng.sample(places.makers, 4):
        add("holds_office", "chief executive of ", "ORG", maker, "person", rng.choice(places.towns), "")
    for body in rng.sample(places.institutions, 4):
        add("holds_office", rng.choice(("director of ", "president of ")), "ORG", body, "person", _home(places, body))
    contests = rng.sample(places.events, 8)
    for contest in contests[:2]:
        head = rng.choice(("champion of ", "winner of "))
        add("holds_title", head, "EVENT", contest, "person", rng.choice(places.towns))
    for contest, category in zip(contests[2:], ("car", "boat", "robot", "plane", "drone", "guitar"), strict=False):
        add("holds_title", "winner of ", "EVENT", contest, category, rng.choice(places.towns))
    for head, category in (
        ("Landmark of the Year", "tower"), ("Mascot of the Year", "owl"), ("Phone of the Year", "phone"),
        ("Watch of the Year", "watch"), ("Tram of the Year", "tram"), ("Favourite Mascot of the League", "bear"),
    ):  # fmt: skip
        add("holds_title", head, "", "", category, rng.choice(places.towns))
    return roles


def _home(places: Places, body: str) -> str:
    """The town after which a club or a public body is named."""
    return max((town for town in places.towns if body.startswith(town)), key=len)


def build_canon(salt: str = CANON_SALT) -> Canon:
    """Build the world before the cutoff.

    Args:
        salt: Another salt gives another canon; only the trainer of the recogniser wants one, for more names.
    """
    rng = chance(salt, "names")
    taken: set[str] = set()
    namer = Namer(rng, taken)
    places = make_places(rng, namer, towns=24, companies=18)
    entities: list[Entity] = []
    for category in CATEGORIES:
        count = PEOPLE if category == "person" else OBJECTS_PER_CATEGORY
        looks = array_chance(salt, "looks", category)
        for number in range(1, count + 1):
            since = date(2012, 1, 9) + timedelta(days=rng.randrange(4800))
            key = f"canon-{category}-{number}"
            entities.append(make_entity(rng, namer, places, category, key, canon_look(looks, category), since))
    roles = _make_roles(rng, places)
    holders = _appoint(rng, roles, entities)
    bystanders = make_bystanders(rng, namer, places, BYSTANDERS)
    staff = tuple(namer.person().full for _ in range(STAFF))
    return Canon(places, tuple(entities), tuple(roles), holders, bystanders, staff, frozenset(taken))


def make_bystanders(rng: random.Random, namer: Namer, places: Places, count: int) -> tuple[Bystander, ...]:
    """Draw `count` people to quote."""
    made = []
    for _ in range(count):
        firm, town = mark("ORG", rng.choice(places.makers)), mark("GPE", rng.choice(places.towns))
        body, club = mark("ORG", rng.choice(places.institutions)), mark("ORG", rng.choice(places.teams))
        role = rng.choice((
            f"head of sales at {firm}", f"a shopkeeper in {town}", f"a spokeswoman for the {body}",
            f"a researcher at the {body}",
            f"an analyst at {firm}", f"who lives in {town}", f"a fan of the {club}", f"a teacher from {town}",
            f"chief engineer at {firm}", f"press officer of the {body}", "a retired driver", "a student",
            f"secretary of the {club}", f"a council member in {town}", f"who runs a café in {town}",
        ))  # fmt: skip
        made.append(Bystander(namer.person(), role))
    return tuple(made)


def _appoint(rng: random.Random, roles: Sequence[Role], entities: list[Entity]) -> dict[str, str]:
    """Give every role a holder of its category, and write the fact into the holder's record (in place)."""
    free = {category: [e.key for e in entities if e.category == category] for category in CATEGORIES}
    index = {entity.key: at for at, entity in enumerate(entities)}
    holders: dict[str, str] = {}
    for role in roles:
        key = free[role.category].pop(rng.randrange(len(free[role.category])))
        holders[role.key] = key
        entity = entities[index[key]]
        earliest = max(entity.since, date(2019, 1, 1)) + timedelta(days=30)
        span = max(1, (CUTOFF.date() - earliest).days - 30)
        start = min(earliest + timedelta(days=rng.randrange(span)), CUTOFF.date() - timedelta(days=20))
        entities[index[key]] = replace(entity, facts=(*entity.facts, Fact(role.relation, role.plain, start)))
    return holders


def snapshot(canon: Canon) -> list[dict[str, Any]]:
    """What was known at the cutoff, in the form that a knowledge base reads: one record a name, sorted by name."""
    records = [
        {
            "name": e.name,
            "aliases": list(e.aliases),
            "type": e.type,
            "hypernym": e.category,
            "since": e.since.isoformat(),
            "facts": [fact.as_dict() for fact in e.facts],
        }
        for e in canon.entities
    ]
    places = canon.places
    groups = (
        ("GPE", "town", places.towns, date(1840, 1, 1)),
        ("ORG", "company", places.makers + places.yards, date(1990, 1, 1)),
        ("ORG", "club", places.teams, date(1950, 1, 1)),
        ("ORG", "institution", places.institutions, date(1960, 1, 1)),
        ("FACILITY", "venue", tuple(dict.fromkeys(places.venues)), date(1970, 1, 1)),
        ("EVENT", "event", places.events, date(1980, 1, 1)),
        ("ORG", "newspaper", tuple(outlet.name for outlet in OUTLETS), date(1990, 1, 1)),
    )
    for kind, hypernym, names, since in groups:
        for name in names:
            short = [name.split()[0]] if hypernym == "company" and " " in name else []
            records.append(_record(name, short, kind, hypernym, since))
    # Reporters and photographers, too: a reference work knows them, and a credit line must not make news of them.
    for name in canon.staff:
        records.append(_record(name, [], "PERSON", "person", date(2018, 1, 1)))
    for person in canon.bystanders:
        records.append(_record(person.name.full, [person.name.surname], "PERSON", "person", date(2018, 1, 1)))
    return sorted(records, key=lambda record: str(record["name"]))


def _record(name: str, aliases: list[str], kind: str, hypernym: str, since: date) -> dict[str, Any]:
    return {
        "name": name, "aliases": aliases, "type": kind, "hypernym": hypernym, "since": since.isoformat(), "facts": [],
    }  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Write the snapshot to the file that `--snapshot` names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snapshot", type=Path, required=True)
    target: Path = parser.parse_args(argv).snapshot
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(snapshot(build_canon()), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
