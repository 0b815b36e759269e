"""Garbage collection of blobs: what nothing refers to goes, once it is old enough that no run can be about to refer to it.

A run writes a blob first and the row that names it afterwards, so an unnamed blob may be one second from being named. Hence the grace
time; and since ``Blobs.put`` renews the age of a blob that it finds there, an old blob that is wanted again is young again.
"""

import datetime as dt
import posixpath
import re
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import sqlalchemy as sa
from fsspec.implementations.local import LocalFileSystem

from nest_builder.operations.archive import SHA256, Objects
from nest_builder.operations.tables import known_schema, one_state, open_database, tables_of
from nest_builder.store.blobs import CONDEMNED

Fate = Literal["kept", "young", "set_aside", "removed"]
_LEFTOVER: Final = re.compile(rf"(?:\.partial|{re.escape(CONDEMNED)})$")
_SETTLED: Final = ("done", "rejected")
_NO_BLOBS: Final = ("source_state",)  # a feed's hash tells whether it changed; its body is not kept


class ForeignBlobsError(RuntimeError):
    """The blobs are those of another database, as far as can be seen."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found.

    Attributes:
        kept: Blobs that something refers to.
        young: Blobs that nothing refers to, within the grace time.
        set_aside: Blobs that nothing refers to and that a later sweep removes; on object stores only.
        removed: Blobs and leftovers of killed writers that went, or would go.
        removed_bytes: Of them.
    """

    kept: int = 0
    young: int = 0
    set_aside: int = 0
    removed: int = 0
    removed_bytes: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return asdict(self)


def named_blobs(connection: sa.Connection, bodies_before: dt.datetime | None = None) -> set[str]:
    """Return the SHA-256 of every blob that a table names, in any column whose name ends in ``sha256``.

    Args:
        connection: Sees one state of the database.
        bodies_before: Bodies of pages that were fetched before, and are extracted, do not count; None: all count.
    """
    tables = {table.name: table for table in tables_of(connection)}
    named: set[str] = set()
    for table in tables.values():
        for column in table.columns:
            if table.name in _NO_BLOBS or not column.name.endswith("sha256"):
                continue
            query = sa.select(column).distinct()
            if bodies_before is not None and table.name == "page":
                query = query.where(~_extracted(table, tables["ledger"], bodies_before))
            named.update(
                value for (value,) in connection.execute(query, execution_options={"yield_per": 10_000}) if value
            )
    return named


def collect_garbage(
    database: str,
    blobs_url: str,
    written_before: dt.datetime,
    bodies_before: dt.datetime | None = None,
    dry_run: bool = False,
) -> Swept:
    """Remove blobs that no table names; a run may go on beside it.

    Args:
        database: SQLAlchemy URL.
        blobs_url: Where blobs live.
        written_before: What was written at or after it stays, by the clock of the blobs' file system, not of the run.
        bodies_before: Bodies of pages that were fetched before, by the run's clock, and are extracted go too; None: they stay.
        dry_run: Nothing is removed.

    Raises:
        FileNotFoundError: There is no database.
        SchemaError: The database is empty, or of a version that is unknown here: what it names cannot be told.
        ForeignBlobsError: No table names any blob, and yet there are old ones.
    """
    engine = open_database(database)
    try:
        with one_state(engine) as connection:
            known_schema(connection)
            named = named_blobs(connection, bodies_before)
    finally:
        engine.dispose()
    objects = Objects(blobs_url)
    if not named:
        would_go = sweep(objects, named, written_before, dry_run=True)
        if would_go.removed or would_go.set_aside:
            raise ForeignBlobsError(
                f"no table names a blob, and {blobs_url} has old ones: is this the database of these blobs?"
            )
    return sweep(objects, named, written_before, dry_run)


def sweep(objects: Objects, named: Container[str], before: dt.datetime, dry_run: bool = False) -> Swept:
    """Remove objects that are not named and were last written before a time, and what killed writers left.

    Args:
        objects: Where.
        named: SHA-256 of what stays.
        before: What was written at or after it stays too.
        dry_run: Nothing is removed.
    """
    counts: Counter[str] = Counter()
    for path, info in _files(objects):
        name = posixpath.basename(path)
        leftover = _LEFTOVER.search(name) is not None
        if not leftover and not SHA256.fullmatch(name):
            continue  # not ours
        fate: Fate
        if not leftover and name in named:
            fate = "kept"
        elif (written := _written(info)) is None or written >= before:
            if name.endswith(".partial"):
                continue  # somebody writes it just now
            fate = "set_aside" if leftover else "young"
        elif dry_run:
            fate = "removed" if leftover or _is_local(objects) else "set_aside"
        else:
            fate = _remove(objects, path, named, before)
        counts[fate] += 1
        if fate == "removed":
            counts["removed_bytes"] += int(info["size"] or 0)
    return Swept(**counts)


def _extracted(page: sa.Table, ledger: sa.Table, before: dt.datetime) -> sa.ColumnElement[bool]:
    settled = sa.select(ledger.c.item).where(ledger.c.stage == "extract", ledger.c.status.in_(_SETTLED))
    return (page.c.fetched_at < before) & page.c.url.in_(settled)


def _files(objects: Objects) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each file's path and facts, a folder at a time: all of ten million at once would not fit."""
    if not objects.fs.exists(objects.root):
        return
    for entry in objects.fs.ls(objects.root, detail=True):
        if entry["type"] == "directory":
            yield from (
                (file["name"], file) for file in objects.fs.ls(entry["name"], detail=True) if file["type"] == "file"
            )
        elif entry["type"] == "file":
            yield entry["name"], entry


def _written(info: dict[str, Any]) -> dt.datetime | None:
    """Return when a file was last written, as its file system says; None where it does not, and then it is never garbage."""
    for key in ("mtime", "LastModified", "last_modified", "created"):
        value = info.get(key)
        if isinstance(value, int | float):
            return dt.datetime.fromtimestamp(value, dt.UTC)
        if isinstance(value, dt.datetime):
            return value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    return None


def _is_local(objects: Objects) -> bool:
    return isinstance(objects.fs, LocalFileSystem)


def _remove(objects: Objects, path: str, named: Container[str], before: dt.datetime) -> Fate:
    """Remove a file unless it was written again meanwhile; return what became of it.

    On a local file system there is no gap: the file is renamed first, and looked at under a name that no writer finds. A writer that
    came before the rename has renewed its age, which is seen; one that comes after finds nothing and writes it again.

    An object store can neither rename nor remove on a condition. There a copy stays beside the blob's place until it is as old as
    garbage must be. A blob that was wanted again between the look at its age and its removal is read from that copy (`Blobs.get`),
    and by the time at which the copy would go its row is there, so that it is put back instead.
    """
    if path.endswith(CONDEMNED):
        return _bury(objects, path, named)
    if _is_local(objects):
        return _remove_file(Path(path), before)
    fs = objects.fs
    fs.invalidate_cache()
    try:
        written = _written(fs.info(path))
        if written is None or written >= before:
            return "young"
        if path.endswith(".partial"):
            fs.rm_file(path)
            return "removed"
        fs.cp_file(path, path + CONDEMNED)
        fs.rm_file(path)
    except FileNotFoundError:  # another sweep was here
        return "young"
    return "set_aside"


def _remove_file(there: Path, before: dt.datetime) -> Fate:
    condemned = Path(f"{there}{CONDEMNED}")
    try:
        there.rename(condemned)
    except FileNotFoundError:  # another sweep was here
        return "young"
    if condemned.stat().st_mtime >= before.timestamp():
        condemned.rename(there)
        return "young"
    condemned.unlink()
    return "removed"


def _bury(objects: Objects, path: str, named: Container[str]) -> Fate:
    """Remove what was set aside, or put it back: it was wanted again in that moment, or a sweep was killed halfway."""
    whole = path.removesuffix(CONDEMNED)
    objects.fs.invalidate_cache()
    if posixpath.basename(whole) in named and not objects.fs.exists(whole):
        objects.fs.mv(path, whole)
        return "kept"
    objects.fs.rm_file(path)
    return "removed"
