"""Which entities a figure may show, judged by where the article names them."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Support = Literal["caption", "article"]
MOST_NAMED = 3  # entities that share the first place in an article without a name in its title


@dataclass(frozen=True, slots=True)
class NamedEntity:
    """An entity with the places of one article that name it.

    Attributes:
        key: Its key.
        names: Name and aliases.
        fields: ``title``, ``text`` or ``caption`` for each mention.
        figures: Figures whose captions name it.
    """

    key: str
    names: tuple[str, ...]
    fields: tuple[str, ...]
    figures: frozenset[str]


@dataclass(frozen=True, slots=True, order=True)
class Shown:
    """An entity that a picture may show, and whether its caption or only the article says so."""

    key: str
    support: Support


def shown_entities(figure_id: str, alt: str, entities: Sequence[NamedEntity]) -> tuple[Shown, ...]:
    """Return what a figure may show, in the order of keys.

    A caption or alternative text that names an entity settles it. A figure that names nobody is taken to show what its
    article is about: whoever stands in the title, or else is named most often.

    Args:
        figure_id: The figure.
        alt: Its alternative text.
        entities: The article's novel and emerging entities.
    """
    named = [entity.key for entity in entities if figure_id in entity.figures or names_any(alt, entity.names)]
    if named:
        return tuple(Shown(key, "caption") for key in sorted(named))
    titled = [entity.key for entity in entities if "title" in entity.fields]
    if not titled:
        counts = Counter({entity.key: entity.fields.count("text") for entity in entities})
        most = max(counts.values(), default=0)
        titled = sorted(key for key, count in counts.items() if count == most and count)[:MOST_NAMED]
    return tuple(Shown(key, "article") for key in sorted(titled))


def names_any(text: str, names: Sequence[str]) -> bool:
    """Tell whether a text holds one of the names as whole words, in any case."""
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) for name in names if name.strip())


def by_article(
    mentions: Sequence[tuple[str, str, str | None, str]], names: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[NamedEntity, ...]]:
    """Group mentions by article.

    Args:
        mentions: (article URL, field, figure id or None, entity key), in any order.
        names: Entity key -> name and aliases; entities that are missing here are left out.
    """
    places: dict[str, dict[str, list[tuple[str, str | None]]]] = {}
    for url, field, figure_id, key in mentions:
        if key in names:
            places.setdefault(url, {}).setdefault(key, []).append((field, figure_id))
    return {
        url: tuple(
            NamedEntity(
                key,
                names[key],
                tuple(sorted(field for field, _ in found)),
                frozenset(figure_id for _, figure_id in found if figure_id is not None),
            )
            for key, found in sorted(entities.items())
        )
        for url, entities in places.items()
    }
