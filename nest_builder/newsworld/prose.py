"""Writes a story: fills the slots that the templates ask for and joins sentences into an article's text."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from nest_builder.newsworld import grammar_people as people
from nest_builder.newsworld import grammar_things as things
from nest_builder.newsworld.canon import Bystander, Places
from nest_builder.newsworld.looks import Look
from nest_builder.newsworld.markup import expand, mark
from nest_builder.newsworld.model import Entity, Role, chance
from nest_builder.newsworld.names import MASCOTS

NOUNS: Final[dict[str, tuple[str, ...]]] = {
    "phone": ("phone", "phone", "smartphone", "handset"),
    "watch": ("watch", "watch", "wristwatch", "timepiece"),
    "camera": ("camera", "camera", "compact camera"),
    "drone": ("drone", "drone", "quadcopter"),
    "robot": ("robot", "robot", "household robot", "machine"),
    "lamp": ("lamp", "lamp", "desk lamp", "light"),
    "shoe": ("shoe", "shoe", "running shoe", "trainer"),
    "bag": ("bag", "bag", "handbag", "shoulder bag"),
    "guitar": ("guitar", "guitar", "electric guitar", "instrument"),
    "car": ("car", "car", "electric car", "motor car"),
    "boat": ("boat", "boat", "sailing boat", "vessel"),
    "rocket": ("rocket", "rocket", "launcher", "carrier rocket"),
    "plane": ("plane", "plane", "aircraft", "light aircraft"),
    "tram": ("tram", "tram", "streetcar"),
    "bear": ("bear", "mascot"),
    "owl": ("owl", "mascot"),
    "tower": ("tower", "tower", "landmark"),
}
UNTRUE: Final = frozenset({"rumour", "denial"})  # kinds of story whose subject does not hold the role
GRAMMARS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "launch": things.LAUNCH, "review": things.REVIEW, "opening": things.OPENING, "visit": things.LANDMARK_VISIT,
    "mascot": things.MASCOT, "mascot_visit": things.MASCOT_VISIT, "title": things.TITLE, "feature": things.FEATURE,
    "takeover": people.TAKEOVER, "profile": people.PROFILE, "debut": people.DEBUT, "person_visit": people.PERSON_VISIT,
    "person_feature": people.PERSON_FEATURE, "rumour": people.RUMOUR, "denial": people.DENIAL, "other": people.OTHER,
}  # fmt: skip
_PATTERN_WORDS: Final = {
    "striped": ("striped in {second}", "with {second} stripes"),
    "dotted": ("dotted with {second}", "with {second} dots"),
    "checked": ("checked in {second}", "with {second} checks"),
    "two-tone": ("two-tone with {second}", "half {second}"),
    "diagonal": ("with diagonal {second} stripes", "striped aslant in {second}"),
    "banded": ("with {second} bands", "banded in {second}"),
    "zigzag": ("with a {second} zigzag", "with {second} zigzag lines"),
    "grid": ("with a {second} grid", "covered by a grid of {second} lines"),
    "split": ("split into {colour} and {second}", "one side of it {second}"),
    "speckled": ("speckled with {second}", "with {second} speckles"),
}
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PRONOUNS: Final = {"f": ("she", "her", "her"), "m": ("he", "his", "him"), "": ("it", "its", "it")}


@dataclass(frozen=True, slots=True)
class Text:
    """A written story, marked."""

    title: str
    standfirst: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """What a text is about.

    `began` is the day on which the subject was launched, opened, introduced or took its role; `day` the day told of.
    """

    kind: str
    subject: Entity | None
    day: date
    began: date
    town: str
    role: Role | None = None
    predecessor: Entity | None = None
    rival: Entity | None = None
    known_role: str = ""


def day_month(day: date) -> str:
    """A day in words: "14 August"."""
    return f"{day.day} {_MONTHS[day.month - 1]}"


def look_words(rng: random.Random, look: Look) -> str:
    """A thing's look in words: "teal, with white stripes and marked with a star"."""
    parts = [look.colour]
    if look.pattern != "plain":
        parts.append(rng.choice(_PATTERN_WORDS[look.pattern]).format(colour=look.colour, second=look.second))
    if look.emblem:
        mark_words = rng.choice(("marked with a {0}", "with a {0} on it", "bearing a {0}", "carrying a {0} emblem"))
        parts.append(mark_words.format(look.emblem))
    if len(parts) == 1:
        return rng.choice((f"{look.colour} all over", f"plain {look.colour}", f"entirely {look.colour}"))
    return ", ".join(parts) if len(parts) == 2 else f"{parts[0]}, {parts[1]} and {parts[2]}"


def finish_words(rng: random.Random, look: Look) -> str:
    """What a look has besides its main colour: "with white stripes"."""
    words = look_words(rng, look)
    return words.split(", ", 1)[1] if ", " in words else rng.choice(("with no pattern on it", "plain and unmarked"))


def coat_words(rng: random.Random, look: Look) -> str:
    """A person's dress in words: "a striped green jacket and white trousers"."""
    garment = rng.choice(("jacket", "jacket", "coat", "top"))
    pattern = "" if look.pattern == "plain" else f"{look.pattern} "
    if look.pattern != "plain" and rng.random() < 0.3:
        pattern = ""
    words = f"a {pattern}{look.colour} {garment}"
    if look.emblem and rng.random() < 0.6:
        words += f" with a {look.emblem}"
    if rng.random() < 0.3:
        words += f" and {look.second} trousers"
    return words


def role_words(rng: random.Random, role: Role) -> str:
    """A role with the article that it takes: "the winner of the Coastal Rally", "mayor of Harwick"."""
    if " of the Year" in role.plain or " of the League" in role.plain:
        return role.text
    return f"the {role.text}" if role.relation == "holds_title" or rng.random() < 0.35 else role.text


class Slots(dict[str, str]):
    """Slots that are filled once, and slots whose value is drawn again at every use (numbers, years)."""

    def __init__(self, rng: random.Random, fixed: Mapping[str, str]) -> None:
        super().__init__(fixed)
        self._rng = rng

    def also(self, **fixed: str) -> "Slots":
        """These slots and `fixed`, which go first."""
        return Slots(self._rng, {**self, **fixed})

    def __missing__(self, key: str) -> str:
        draw = _DRAWN[key]
        return draw(self._rng)


_DRAWN: Final[dict[str, Callable[[random.Random], str]]] = {
    "year": lambda rng: str(rng.randrange(1998, 2024)),
    "num": lambda rng: str(rng.choice((40, 60, 75, 120, 180, 250, 300, 450, 520, 700, 860, 900))),
    "small": lambda rng: rng.choice(("two", "three", "four", "five", "six", "seven", "eight", "nine", "twelve")),
    "pct": lambda rng: str(rng.randrange(2, 40)),
    "price": lambda rng: f"{rng.choice('€£$')}{rng.choice((19, 35, 49, 75, 90, 120, 199, 249, 320, 399, 480, 650))}",
    "salary": lambda rng: f"{rng.choice('€£$')}{rng.randrange(60, 190)},000",
    "age": lambda rng: str(rng.randrange(17, 61)),
    "won": lambda rng: f"{rng.randrange(2, 6)}-{rng.randrange(2)}",
    "lost": lambda rng: f"{rng.randrange(2)}-{rng.randrange(2, 6)}",
    "drawn": lambda rng: rng.choice(("0-0", "1-1", "2-2", "3-3")),
}


class Writer:
    """Writes the stories of one world.

    Args:
        places: Names for the background of stories.
        bystanders: People to quote.
    """

    def __init__(self, places: Places, bystanders: tuple[Bystander, ...]) -> None:
        self._places = places
        self._bystanders = bystanders

    def slots(self, rng: random.Random, story: Story, outlet: str) -> Slots:
        """Everything that a template may ask for, marked."""
        places = self._places
        one, two = rng.sample(self._bystanders, 2)
        team, team2 = (mark("ORG", name) for name in rng.sample(places.teams, 2))
        org, org2 = (mark("ORG", name) for name in rng.sample(places.institutions, 2))
        elsewhere = rng.choice([town for town in places.towns if town != story.town])
        ahead = story.day + timedelta(days=rng.randrange(20, 100))
        slots = {
            "town": mark("GPE", story.town), "town2": mark("GPE", elsewhere),
            "venue": mark("FAC", rng.choice(places.venues)), "event": mark("EVENT", rng.choice(places.events)),
            "team": f"the {team}", "team2": f"the {team2}",
            "org": f"the {org}", "org2": f"the {org2}", "outlet": mark("ORG", outlet.removeprefix("The ")),
            "weekday": _DAYS[story.day.weekday()], "date": day_month(story.day), "launched": day_month(story.began),
            "month": _MONTHS[ahead.month - 1], "month0": _MONTHS[(story.day.month - 3) % 12],
        }  # fmt: skip
        for name, person in (("q1", one), ("q2", two)):
            slots[name] = mark("PERSON", person.name.full)
            slots[f"{name}s"] = mark("PERSON", person.name.surname)
            slots[f"{name}role"] = person.role
            slots[f"{name}pron"] = _PRONOUNS[person.name.gender][0]
        pron, poss, obj = _PRONOUNS[two.name.gender]
        if story.subject:
            slots |= self._about(rng, story, story.subject)
            pron, poss, obj = _PRONOUNS[story.subject.gender] if story.subject.type == "PERSON" else (pron, poss, obj)
        slots |= {"pron": pron, "Pron": pron.capitalize(), "poss": poss, "obj": obj, "him": "it"}
        return Slots(rng, slots)

    def _about(self, rng: random.Random, story: Story, subject: Entity) -> dict[str, str]:
        person = subject.type == "PERSON"
        nouns = (subject.role,) if person else NOUNS[subject.category]
        owner = mark("ORG", subject.maker) if subject.maker else mark("GPE", subject.town)
        if subject.category in MASCOTS:
            owner = f"the {owner}"
        rival = story.rival.full if story.rival else "an older model"
        if story.rival and story.rival.type == "PRODUCT" and story.rival.category not in MASCOTS:
            rival = f"{rng.choice(('the ', ''))}{rival}"
        slots = {
            "S": subject.full, "s": subject.brief, "maker": owner, "owner": owner,
            "cat": nouns[0], "hyper": rng.choice(nouns), "animal": subject.category, "trade": subject.role,
            "trade_cap": subject.role.capitalize(), "colour": subject.look.colour,
            "look": look_words(rng, subject.look),
            "finish": finish_words(rng, subject.look), "age": str(chance(subject.name, "age").randrange(17, 61)),
            "role_or_trade": subject.role,
            "coat": coat_words(rng, subject.look), "garment": rng.choice(("jacket", "coat")),
            "since": str(subject.since.year), "rival": rival, "known_role": story.known_role,
        }  # fmt: skip
        if story.role and person and story.kind not in UNTRUE:
            slots["role_or_trade"] = story.role.text
        slots["role_or_trade_cap"] = slots["role_or_trade"][:1].upper() + slots["role_or_trade"][1:]
        if story.role and story.predecessor:
            before = story.predecessor
            the = role_words(rng, story.role)
            held = next((fact.start.year for fact in before.facts if fact.value == story.role.plain), story.began.year)
            prize = (
                f"the {the.split(' of the ', 1)[1]}" if the.startswith(("the winner of", "the champion of")) else the
            )
            slots |= {
                "pred_year": str(held), "prize": prize, "prize_cap": prize[:1].upper() + prize[1:],
                "role": story.role.text, "role_the": the, "role_cap": the[:1].upper() + the[1:],
                "pred": before.full, "preds": before.brief, "predposs": _PRONOUNS[before.gender][1],
            }  # fmt: skip
        return slots

    def write(self, rng: random.Random, story: Story, outlet: str, *, sentences: int = 12) -> Text:
        """Write a story of about `sentences` sentences for an outlet.

        Args:
            rng: Chooses templates and background.
            story: What is told.
            outlet: The outlet's name, which some quotes mention.
            sentences: 12 gives about 250 words; 2 or fewer give a lead and nothing else.
        """
        grammar = GRAMMARS[story.kind]
        slots = self.slots(rng, story, outlet)

        def say(template: str) -> str:
            return expand(rng, template, slots)

        lead = say(rng.choice(grammar["lead"]))
        title = say(rng.choice(grammar["title"]))
        if sentences <= 2:
            return Text(title, "", (lead,))
        facts = rng.sample(grammar["facts"], min(len(grammar["facts"]), max(2, sentences // 3)))
        half = (len(facts) + 1) // 2
        paragraphs = [lead]
        if story.subject and story.kind not in UNTRUE and rng.random() < 0.85:
            looks = people.LOOK_PERSON if story.subject.type == "PERSON" else things_look(story.subject)
            described = say(rng.choice(looks))
            if rng.random() < 0.5:
                paragraphs[0] += f" {described}"
            else:
                paragraphs.append(described)
        paragraphs.append(" ".join(say(template) for template in facts[:half]))
        paragraphs.append(say(rng.choice(people.QUOTES)))
        if facts[half:]:
            paragraphs.append(" ".join(say(template) for template in facts[half:]))
        backing = self._backing(rng, story, outlet, max(1, sentences // 4))
        paragraphs += backing
        paragraphs.append(say(rng.choice(grammar["close"])))
        standfirst = say(rng.choice(grammar["lead"])) if rng.random() < 0.3 else ""
        return Text(title, standfirst, tuple(paragraphs))

    def _backing(self, rng: random.Random, story: Story, outlet: str, count: int) -> list[str]:
        """Paragraphs that have little to do with the subject, with names of their own."""
        slots: Mapping[str, str] = self.slots(rng, story, outlet)
        made = [expand(rng, template, slots) for template in rng.sample(people.BACKGROUND, min(count, 4))]
        return [" ".join(made[:2]), *([expand(rng, rng.choice(people.QUOTES), slots)] if count > 2 else []), *made[2:]]


def things_look(subject: Entity) -> tuple[str, ...]:
    """The look templates that fit a thing: mascots are not sold in a finish."""
    if subject.category not in MASCOTS:
        return people.LOOK_THING
    return tuple(template for template in people.LOOK_THING if "finish" not in template and "{cat}" not in template)
