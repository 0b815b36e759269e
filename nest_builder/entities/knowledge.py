"""What was known at the cutoff: a snapshot in a JSON file."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nest_builder.entities.base import Fact, KnownEntity
from nest_builder.entities.names import fold


class SnapshotKnowledge:
    """A knowledge base from a list of records, as ``data/knowledge/snapshot.json`` holds it.

    An alias that two records share names neither: a wrong link would do more harm than none.

    Args:
        records: name, aliases, type, hypernym, since (ISO date) and facts (relation, value, from, to).
        identity: Hash of where the records came from.

    Raises:
        ValueError: A record lacks a field or a date is none.
    """

    def __init__(self, records: Iterable[Mapping[str, Any]], identity: str = "") -> None:
        self._identity = identity
        self._entities = tuple(_entity(record) for record in records)
        names = {fold(entity.name): entity for entity in reversed(self._entities)}
        aliases: dict[str, KnownEntity | None] = {}
        for entity in self._entities:
            for alias in map(fold, entity.aliases):
                aliases[alias] = entity if aliases.get(alias, entity) is entity else None
        self._index = {alias: entity for alias, entity in aliases.items() if entity is not None} | names

    @classmethod
    def from_file(cls, path: Path) -> "SnapshotKnowledge":
        """Read a snapshot.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is no snapshot.
        """
        data = path.read_bytes()
        try:
            records = json.loads(data)
        except ValueError as error:
            raise ValueError(f"{path} is no JSON: {error}") from error
        if not isinstance(records, list):
            raise ValueError(f"{path}: expected a list of records, found {type(records).__name__}")
        return cls(records, hashlib.sha256(data).hexdigest())

    def identity(self) -> str:
        """Return the file's hash."""
        return self._identity

    def find(self, name: str) -> KnownEntity | None:
        """Return the entity of that name or alias."""
        return self._index.get(fold(name))

    def entities(self) -> tuple[KnownEntity, ...]:
        """Return all entities, in the snapshot's order."""
        return self._entities


def _entity(record: Mapping[str, Any]) -> KnownEntity:
    try:
        return KnownEntity(
            name=str(record["name"]),
            aliases=tuple(map(str, record.get("aliases", ()))),
            type=str(record["type"]),
            hypernym=str(record.get("hypernym", "")),
            since=dt.date.fromisoformat(record["since"]),
            facts=tuple(
                Fact(
                    str(fact["relation"]), str(fact["value"]), dt.date.fromisoformat(fact["from"]),
                    dt.date.fromisoformat(fact["to"]) if fact.get("to") else None,
                )
                for fact in record.get("facts", ())
            ),
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no record of a snapshot: {record!r}: {error!r}") from error


def snapshot_identity(path: str) -> str:
    """Return the hash of a snapshot file without parsing it; "" where none is named."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else ""


def load_knowledge(path: str) -> SnapshotKnowledge:
    """Read the snapshot at ``path``; an empty path gives a knowledge base that knows nothing."""
    return SnapshotKnowledge.from_file(Path(path)) if path else SnapshotKnowledge([])
