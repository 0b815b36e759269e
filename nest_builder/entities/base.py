"""The seams of this package and the records that pass between its parts."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Span:
    """A name found in a text.

    Attributes:
        start: First character.
        end: One past the last character.
        label: A spaCy entity label: PERSON, ORG, GPE, LOC, FAC, PRODUCT, EVENT, WORK_OF_ART ...
    """

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a recogniser makes of one text: its names and its sentences (start and end in characters), both in order."""

    text: str
    spans: tuple[Span, ...]
    sentences: tuple[tuple[int, int], ...]


class Recognizer(Protocol):
    """Finds names in texts."""

    def identity(self) -> Any:
        """Return what results depend on: the model's hash and parameters; cheap, loads no model."""

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Read texts, in order; a text's reading does not depend on the other texts."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A relation that held from ``since`` until ``until`` (None: still at the cutoff)."""

    relation: str
    value: str
    since: dt.date
    until: dt.date | None


@dataclass(frozen=True, slots=True)
class KnownEntity:
    """What was known of an entity at the cutoff.

    Attributes:
        name: The name under which it is filed.
        aliases: Other names.
        type: PERSON, PRODUCT, FACILITY, ORG, GPE, EVENT ...
        hypernym: A common noun for it, such as "car".
        since: When it became known.
        facts: What was known of it.
    """

    name: str
    aliases: tuple[str, ...]
    type: str
    hypernym: str
    since: dt.date
    facts: tuple[Fact, ...]


class KnowledgeBase(Protocol):
    """What was known at the cutoff."""

    def identity(self) -> Any:
        """Return what answers depend on."""

    def find(self, name: str) -> KnownEntity | None:
        """Return the entity of that name or unambiguous alias; case and punctuation do not matter."""

    def entities(self) -> Iterable[KnownEntity]:
        """Return all entities, in a fixed order."""


@dataclass(frozen=True, slots=True)
class Revision:
    """An encyclopedia's answer about a title.

    Attributes:
        title: The page's title after redirects.
        url: Where the answer came from.
        created: When the page was begun; None where there is no such page.
    """

    title: str
    url: str
    created: dt.datetime | None


class FirstRevision(Protocol):
    """Asks an encyclopedia when a page was begun."""

    def identity(self) -> Any:
        """Return what answers depend on, as far as it is known beforehand."""

    def __call__(self, title: str) -> Revision | None:
        """Return the first revision of a title's page, or None where no answer could be had."""
