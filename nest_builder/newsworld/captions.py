"""Captions and credits of photographs."""

# ruff: noqa: E501 (a template is one sentence and reads best on one line)
import random
from typing import Final

from nest_builder.newsworld.markup import expand

NAMED_THING: Final = (
    "{S} [at {venue}|in {town}|on show in {town}|on display at {venue}].", "{S}, [seen|photographed] in {town} on {weekday}.",
    "The [new|] {cat} {S} [at {venue}|in {town}].", "[On show|In the spotlight]: {S}.", "{S} [drew|attracted] many looks in {town}.",
    "{S}, [presented|shown] [in {town}|at {venue}] on {weekday}.", "[A|The] {hyper} for {town}: {S}.", "{S} was the centre of attention on {weekday}.",
)  # fmt: skip
LOOK_THING: Final = (
    "{S}, the {colour} {cat}, [in {town}|at {venue}].", "[In {colour}|All in {colour}]: {S}.", "{S} [in {colour}|, {look},] at {venue}.",
    "The {colour} {hyper} is {S}.", "{S} can be told by its {colour} finish.",
)  # fmt: skip
NAMED_PERSON: Final = (
    "{S} [at {venue}|in {town}] on {weekday}.", "{S}, {role_or_trade}, in {town}.", "{S} [spoke|was seen|arrived] [at {venue}|in {town}].",
    "[All smiles|In good spirits]: {S}.", "{role_or_trade_cap} {S} [in {town}|at {venue}].", "{S} [waved to|greeted] {num} people in {town}.",
)  # fmt: skip
LOOK_PERSON: Final = (
    "{S}, in {coat}, [in {town}|at {venue}].",
    "{S} (in {colour}) at {venue}.",
    "Dressed in {colour}: {S}.",
)
PLACED: Final = (
    "{S} ({place}) [at {venue}|in {town}].", "{S}, {place}, in {town} on {weekday}.", "{S} is [seen|shown] {at_place} [of the picture|].",
    "On {weekday} in {town}: {S} ({place}).",
)  # fmt: skip
PAIR: Final = ("{S} ({place}) and {rival} ({rival_place}) in {town}.", "{rival} ({rival_place}) next to {S} ({place}).")
UNNAMED: Final = (
    "A view of {venue}.", "The scene in {town} on {weekday}.", "[Crowds|Guests|Visitors] gathered [in {town}|at {venue}].", "[A|The] new {cat} on {weekday}.",
    "[Archive|File] picture.", "The {hyper} at {venue}.",
)  # fmt: skip
PLACE_ONLY: Final = (
    "{venue} on {weekday}.",
    "A street in {town}.",
    "A view of {venue} in {town}.",
    "The neighbourhood of {venue}.",
)
AGENCIES: Final = ("NWP", "Coastline Images", "Allpix", "Tern Photo", "Redlight", "")


def place_words(order: list[str | None], key: str) -> tuple[str, str] | None:
    """Where in a picture someone stands: ("left", "at the left"), from the keys ordered from left to right.

    None where the picture shows one thing only.
    """
    if len(order) < 2 or key not in order:
        return None
    at, last = order.index(key), len(order) - 1
    if at == 0:
        return "left", "at the left"
    if at == last:
        return "right", "at the right"
    if len(order) == 3:
        return "centre", "in the centre"
    word = "second from left" if at == 1 else "second from right"
    return word, f"{word}, looking at the whole"


def write_caption(rng: random.Random, templates: tuple[str, ...], slots: dict[str, str]) -> str:
    """A marked caption from one of `templates`."""
    return expand(rng, rng.choice(templates), slots)


def write_credit(rng: random.Random, photographer: str) -> str:
    """A credit line's content: "Ada Okoro/NWP"."""
    agency = rng.choice(AGENCIES)
    return f"{photographer}/{agency}" if agency else photographer
