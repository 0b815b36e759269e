"""The editions that there are, as the site lists them: which is the latest, which were withdrawn, what each says of its line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.export.naming import base_of, newest, order, split_name
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
    return [Listed(row.name, row.path, row.manifest, _withdrawn_by(row, rows)) for row in rows]


def _withdrawn_by(edition: Edition, editions: Sequence[Edition]) -> str:
    """Return the last revision of an edition's window, if a later one than the edition withdraws something of it; else ""."""
    later = [
        one for one in editions if base_of(one.name) == base_of(edition.name) and order(one.name) > order(edition.name)
    ]
    if any(_buried(one.manifest) - _buried(edition.manifest) for one in later):
        return max((one.name for one in later), key=order)
    return ""


def _buried(manifest: Manifest) -> set[str]:
    return {str(stone["id"]) for stone in manifest.get("tombstones", ())}


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


def facts_of(manifest: Manifest) -> list[str]:
    """Return what an edition says of its window and its line, a few words each; editions of old say nothing."""
    facts = []
    base, number = split_name(manifest["name"])
    if window := manifest.get("window"):
        facts.append(f"articles before {window['until'][:10]}")
    if number:
        facts.append(f"revision {number} of {base}")
    if before := manifest.get("supersedes"):
        facts.append(f"supersedes {before}")
    changes = manifest.get("changes") or {}
    parts = [f"{len(changes[part]):,} {part}" for part in ("added", "changed", "removed") if changes.get(part)]
    if parts and changes.get("against"):
        facts.append(f"{', '.join(parts)} since {changes['against']}")
    if count := len(_buried(manifest)):
        facts.append(f"{count:,} withdrawn")
    return facts
