"""The records of the simulated world: entities, roles, outlets, photographs, articles."""

import random
import zlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

import numpy as np

from nest_builder.newsworld.looks import Look
from nest_builder.newsworld.markup import mark

CUTOFF: Final = datetime(2025, 6, 30, tzinfo=UTC)
WINDOW: Final = (date(2025, 7, 1), date(2025, 9, 30))
NOW: Final = datetime(2025, 10, 1, 6, 0, tzinfo=UTC)
LABELS: Final = {"PERSON": "PERSON", "PRODUCT": "PRODUCT", "FACILITY": "FAC"}


def chance(*key: object) -> random.Random:
    """A generator that depends on `key` only, so that no draw disturbs another."""
    return random.Random("/".join(map(str, key)))  # a string seed is hashed with SHA-512: the same on every machine


def array_chance(*key: object) -> np.random.Generator:
    """As `chance`, for numpy."""
    return np.random.default_rng(zlib.crc32("/".join(map(str, key)).encode()))


@dataclass(frozen=True, slots=True)
class Fact:
    """One relation of an entity, with the days on which it began and ended to hold."""

    relation: str
    value: str
    start: date
    end: date | None = None

    def as_dict(self) -> dict[str, str | None]:
        """As JSON types: relation, value, from, to."""
        end = self.end.isoformat() if self.end else None
        return {"relation": self.relation, "value": self.value, "from": self.start.isoformat(), "to": end}


@dataclass(frozen=True, slots=True)
class Entity:
    """Someone or something that the news writes about and photographs.

    `short` is the short form used after the first mention (surname, model, nickname); `maker` the company of a product
    or the owner of a mascot; `role` the trade of a person; `status` novel, emerging, known, relative to the cutoff.
    """

    key: str
    name: str
    short: str
    type: str
    category: str
    look: Look
    since: date
    town: str
    maker: str = ""
    role: str = ""
    gender: str = ""
    status: str = "known"
    facts: tuple[Fact, ...] = ()

    @property
    def label(self) -> str:
        """The label that a recogniser should give."""
        return LABELS[self.type]

    @property
    def full(self) -> str:
        """The full name, marked."""
        return mark(self.label, self.name)

    @property
    def brief(self) -> str:
        """The short form, marked, with the article that it takes in running text."""
        alias = mark(self.label, self.short)
        return alias if self.type == "PERSON" or self.category in ("bear", "owl") else f"the {alias}"

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names under which the world knows it."""
        return (self.short,)


@dataclass(frozen=True, slots=True)
class Role:
    """An office or a title that one holder has at a time; `text` is its marked phrase, without an article."""

    key: str
    relation: str
    text: str
    plain: str
    category: str
    town: str
    verb: str = ""


@dataclass(frozen=True, slots=True)
class Outlet:
    """A news site: its host, name, language, house style and feed."""

    key: str
    name: str
    style: str
    feed: str
    language: str = "en"
    media_host: str = ""

    @property
    def host(self) -> str:
        """The host name under the simulated top-level domain."""
        return f"{self.key}.newsworld.test"


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph, as a recipe; `base` names the photograph that it repeats, `transform` how."""

    url: str
    width: int
    height: int
    looks: tuple[tuple[Look, str | None], ...]
    seed: str
    taken: datetime
    subject: str | None = None
    base: str | None = None
    transform: str = ""
    format: str = "JPEG"
    quality: int = 86
    exif: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A photograph's place in an article."""

    url: str
    caption: str
    credit: str
    lead: bool = False


@dataclass(frozen=True, slots=True)
class Article:
    """An article page. `title`, `standfirst`, `paragraphs` and the captions are marked text."""

    url: str
    outlet: Outlet
    published: datetime
    kind: str
    title: str
    standfirst: str
    paragraphs: tuple[str, ...]
    authors: tuple[str, ...]
    section: str
    subjects: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    duplicates_of: str | None = None
    flags: frozenset[str] = field(default_factory=frozenset)

    @property
    def path(self) -> str:
        """The path part of the address."""
        return "/" + self.url.split("/", 3)[3]
