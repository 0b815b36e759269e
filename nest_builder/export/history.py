"""What is different between two states of an edition's window, and between any two editions."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nest_builder.export.manifest import Change, History, Tombstone, read_manifest
from nest_builder.export.publish import Draft
from nest_builder.export.published import content_of, read_rows
from nest_builder.export.records import content_digest
from nest_builder.reasons import Reason

CORRECTED = "corrected by people"
MADE_ANEW = "made anew"
NOT_IN_STORE = "no longer in the store"


def compare(
    superseded: str,
    before: Mapping[str, tuple[str, str]],
    draft: Draft,
    tombstones: Sequence[Mapping[str, str]],
    now: dt.datetime,
) -> History:
    """Return what a draft changes of the edition that it would supersede.

    Args:
        superseded: That edition's name.
        before: Digest and split of each of its samples.
        draft: What would be published.
        tombstones: Of that edition.
        now: The day of a withdrawal.
    """
    added: list[str] = []
    changed: list[Change] = []
    present = set()
    for record, split in zip(draft.records, draft.splits, strict=True):
        present.add(record.id)
        if record.id not in before:
            added.append(record.id)
        elif before[record.id] != (record.digest, split):
            people = record.sample["review"]["status"] == "corrected"
            changed.append(Change(record.id, CORRECTED if people else MADE_ANEW))
    removed = [
        Change(key, draft.reasons[key].value if key in draft.reasons else NOT_IN_STORE)
        for key in before
        if key not in present
    ]
    removed.sort(key=lambda change: change.id)
    return History(superseded, superseded, added, removed, changed, buried(tombstones, removed, present, now))


def buried(
    tombstones: Sequence[Mapping[str, str]], removed: Sequence[Change], present: set[str], now: dt.datetime
) -> list[Tombstone]:
    """Return the tombstones of a revision: those of the one before, and one for each sample that is withdrawn now.

    Args:
        tombstones: Of the revision before.
        removed: What left the window.
        present: What is in it; what was allowed back has no tombstone.
        now: The day of a withdrawal.
    """
    day = f"{now.astimezone(dt.UTC):%Y-%m-%d}"
    stones = {stone["id"]: Tombstone(**stone) for stone in tombstones if stone["id"] not in present}
    for one in removed:
        if one.reason == Reason.TAKEDOWN.value:
            stones.setdefault(one.id, Tombstone(one.id, one.reason, day))
    return [stones[key] for key in sorted(stones)]


@dataclass(frozen=True, slots=True)
class Difference:
    """How one edition differs from another.

    Attributes:
        old: Name of the one.
        new: Name of the other.
        added: Samples that only the other has.
        removed: Samples that only the one has.
        changed: Samples that both have, with the columns that differ.
        settings: Settings that differ: the old value and the new one.
        models: Models that differ.
    """

    old: str
    new: str
    added: list[str]
    removed: list[str]
    changed: dict[str, list[str]]
    settings: dict[str, list[Any]]
    models: dict[str, list[Any]]

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return asdict(self)


def diff_editions(old: Path, new: Path) -> Difference:
    """Compare two editions' folders, sample by sample.

    Raises:
        OSError: A folder cannot be read.
        ValueError: It holds no edition.
    """
    first, second = read_manifest(old), read_manifest(new)
    digests = {row["id"]: (content_digest(content_of(row)), row["split"]) for row in read_rows(old)}
    added: list[str] = []
    differ: set[str] = set()
    seen: set[str] = set()
    for row in read_rows(new):
        seen.add(row["id"])
        if row["id"] not in digests:
            added.append(row["id"])
        elif digests[row["id"]] != (content_digest(content_of(row)), row["split"]):
            differ.add(row["id"])
    were = {row["id"]: row for row in read_rows(old) if row["id"] in differ}
    are = {row["id"]: row for row in read_rows(new) if row["id"] in differ}
    return Difference(
        old=first["name"],
        new=second["name"],
        added=sorted(added),
        removed=sorted(digests.keys() - seen),
        changed={key: _columns(were[key], are[key]) for key in sorted(differ)},
        settings=_values(first["settings"], second["settings"]),
        models=_values(first["models"], second["models"]),
    )


def _columns(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [name for name, value in new.items() if name != "edition" and old.get(name) != value]


def _values(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> dict[str, list[Any]]:
    """Return what differs in nested settings, by path such as ``export.test_days``."""
    found: dict[str, list[Any]] = {}
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            found |= _values(before, after, f"{path}{key}.")
        elif before != after:
            found[f"{path}{key}"] = [before, after]
    return found
