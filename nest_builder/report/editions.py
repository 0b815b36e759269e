"""The editions that there are, as the site lists them: which is the latest, which were withdrawn, what each says of its line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.export.naming import is_month, newest, order, window_of
from nest_builder.store.tables import Edition

Manifest = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """A published edition.

    Attributes:
        name: Its name.
        path: Its folder, relative to the work directory.
        manifest: What it says of itself.
        withdrawn_by: The revision that took its place because something was withdrawn; "" where it stands.
    """

    name: str
    path: str
    manifest: Manifest
    withdrawn_by: str = ""


def read_editions(session: Session) -> list[Listed]:
    """Return all editions, the newest first."""
    rows = sorted(session.scalars(select(Edition)), key=lambda row: order(row.name), reverse=True)
    by: dict[str, str] = {}
    for row in rows:  # newest first, so that the last revision stands in the place of all before it
        for gone in _withdrawn(row.manifest):
            by.setdefault(gone, by.get(row.name, row.name))
    return [Listed(row.name, row.path, row.manifest, by.get(row.name, "")) for row in rows]


def _withdrawn(manifest: Manifest) -> list[str]:
    """Return the editions that must not be shown any more as this one withdraws something of them."""
    before = manifest.get("supersedes")
    return [str(before)] if before and manifest.get("tombstones") else []


def latest(editions: Sequence[Listed]) -> str | None:
    """Return the name of the newest edition that stands."""
    return newest(one.name for one in editions if not one.withdrawn_by)


def find(editions: Sequence[Listed], name: str | None) -> Listed | None:
    """Return an edition by its name, by default the newest that stands; None where there is none.

    Raises:
        LookupError: There is no edition of that name, or it was withdrawn.
    """
    wanted = name if name is not None else latest(editions)
    found = next((one for one in editions if one.name == wanted), None)
    if name is not None and found is None:
        raise LookupError(f"no edition {name!r}: `nest status` lists what there is")
    if found is not None and found.withdrawn_by:
        raise LookupError(f"edition {name!r} was withdrawn: {found.withdrawn_by!r} stands in its place")
    return found


def facts_of(name: str, manifest: Manifest) -> list[str]:
    """Return what an edition says of its window and its line, a few words each."""
    facts = []
    if is_month(name) and manifest.get("window"):
        facts.append(f"articles before {window_of(name).until:%Y-%m-%d}")
    if before := manifest.get("supersedes"):
        facts.append(f"supersedes {before}")
    changes = manifest.get("changes")
    if isinstance(changes, Mapping):
        for part in ("added", "changed", "removed"):
            if count := _count(changes.get(part)):
                facts.append(f"{count:,} {part}")
    if count := _count(manifest.get("tombstones")):
        facts.append(f"{count:,} withdrawn")
    return facts


def _count(value: Any) -> int:
    return value if isinstance(value, int) else len(value) if isinstance(value, Mapping | Sequence) else 0
