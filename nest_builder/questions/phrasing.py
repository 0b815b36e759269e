"""Questions by rules: about the named thing where it is novel, about the holder of a role where it is emerging."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nest_builder.entities.names import fold
from nest_builder.entities.roles import role_key

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip

_NAMED: Final = (
    "Segment {the_name} in the picture.",
    "Where is {the_name} in this picture?",
    "Outline {the_name}.",
    "Which part of the image shows {the_name}? Segment it.",
    "Find {the_name}, the {hypernym} first seen in the news in {first_seen}, and segment it.",
)
_NAMED_PERSON: Final = (
    "Segment {name} in the picture.",
    "Where is {name} in this picture?",
    "Which of the people is {name}? Segment that person.",
    "Find {name}, who first made the news in {first_seen}, and segment that person.",
)
_MADE: Final = (
    "Which {hypernym} did {maker} launch in {launched}? Segment it.",
    "Where is the {hypernym} that {maker} launched in {launched}?",
    "Segment the {hypernym} that {maker} introduced in {launched}.",
)
_HELD: Final = (
    "Who is the current {role}? Segment that person.",
    "Who is the {role} as of {as_of}? Segment that person.",
    "Segment the person who is the {role} as of {as_of}.",
    "Where in the picture is the current {role} (as of {as_of})?",
)
_HELD_THING: Final = (
    "Which {hypernym} is the current {role}? Segment it.",
    "Which {hypernym} is the {role} as of {as_of}? Segment it.",
    "Segment the {hypernym} that is the {role} as of {as_of}.",
    "Where in the picture is the current {role} (as of {as_of})?",
)
_TOOK: Final = (
    "Who became {role} in {changed}? Segment that person.",
    "Segment the person who became {role} in {changed}.",
    "Which person in the picture was news in {changed} as the new {role}? Segment that person.",
)
_TOOK_THING: Final = (
    "Which {hypernym} became {role} in {changed}? Segment it.",
    "Segment the {hypernym} that became {role} in {changed}.",
    "Which {hypernym} was news in {changed} as the new {role}? Segment it.",
)


@dataclass(frozen=True, slots=True)
class Subject:
    """An entity, as far as a question needs it.

    Attributes:
        key: The entity key.
        name: Its name, which is the answer.
        aliases: Its other names.
        hypernym: "person", "car" ...
        category: novel | emerging.
        role: The role that it took; "" where there is none.
        maker: Who made it; "" where articles do not say.
        launched: The day of its launch, or of its first sighting.
        first_seen: When it (or the change) was first told of.
        bare: Its name takes no article, like a person's.
    """

    key: str
    name: str
    aliases: tuple[str, ...]
    hypernym: str
    category: str
    role: str
    maker: str
    launched: dt.date
    first_seen: dt.date
    bare: bool

    @property
    def person(self) -> bool:
        """Return whether it is a person."""
        return self.hypernym == "person"


@dataclass(frozen=True, slots=True)
class Question:
    """A question.

    Attributes:
        text: The words.
        fits: What an entity must be for the question to mean it too; see ``signatures``.
        names_target: Whether it names its target.
    """

    text: str
    fits: tuple[str, ...]
    names_target: bool


def month(day: dt.date) -> str:
    """Return "August 2025"."""
    return f"{_MONTHS[day.month - 1]} {day.year}"


def signatures(subject: Subject) -> set[tuple[str, ...]]:
    """Return all by which a question could mean the subject: its name, its role, its maker with kind and month."""
    found: set[tuple[str, ...]] = {("name", fold(subject.name))}
    if subject.role:
        found.add(("role", role_key(subject.role), str(subject.person)))
    if subject.maker and not subject.person:
        found.add(("made", fold(subject.maker), subject.hypernym, month(subject.launched)))
    return found


def ask(subject: Subject, as_of: dt.date, pick: int) -> list[Question]:
    """Return one or two questions about a subject, shown or not: what is asked must not give away that it is absent.

    Args:
        subject: The target.
        as_of: The day to which the question refers: of the article, or of the change where that came later.
        pick: Chooses the phrasing.
    """
    words = {
        "name": subject.name, "the_name": subject.name if subject.bare else f"the {subject.name}",
        "hypernym": subject.hypernym,
        "role": subject.role, "maker": subject.maker, "launched": month(subject.launched),
        "first_seen": month(subject.first_seen),
        "changed": month(subject.first_seen), "as_of": month(as_of),
    }  # fmt: skip
    known = {kind[0]: kind for kind in signatures(subject)}

    def phrase(templates: Sequence[str], kind: str, shift: int = 0) -> Question:
        text = templates[(pick // (shift + 1)) % len(templates)].format_map(words)
        return Question(text, known[kind], kind == "name")

    questions = []
    if subject.category == "novel":
        questions.append(phrase(_NAMED_PERSON if subject.person else _NAMED, "name"))
        if "made" in known:
            questions.append(phrase(_MADE, "made", 1))
    if "role" in known:
        if subject.category == "emerging":
            questions.append(phrase(_HELD if subject.person else _HELD_THING, "role"))
        questions.append(phrase(_TOOK if subject.person else _TOOK_THING, "role", 2))
    return questions[:2]
