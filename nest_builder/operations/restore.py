"""Restore: a store of a snapshot, where there is none, each byte checked by its hash."""

import hashlib
import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import sqlalchemy as sa

from nest_builder.operations.archive import Archive, ArchiveError, Objects
from nest_builder.operations.backup import EDITIONS, listed_blobs, published_files
from nest_builder.operations.tables import is_empty, known_revisions, load_table, revision_of, tables_of, upgrade
from nest_builder.store.session import open_store
from nest_builder.store.tables import Base

log = logging.getLogger(__name__)

_RESTORING: Final = ".restoring"  # a file that is half restored
_OURS: Final = frozenset({*Base.metadata.tables, "alembic_version"})


class RestoreError(RuntimeError):
    """The restore cannot be made here; nothing that was there has been changed."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: rows, blobs and files, each checked by its hash; ``schema`` is the version that it had."""

    snapshot: str
    rows: int
    blobs: int
    files: int
    schema: str

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return asdict(self)


def restore(source: str, database: str, blobs_url: str, workdir: Path, snapshot: str | None = None) -> Restored:
    """Make a store of a snapshot, where there is none, and bring its schema to the newest version.

    Every byte is checked by its hash. The rows come last and in one transaction: a restore that was killed can be started again.

    Args:
        source: Where the back-ups are.
        database: SQLAlchemy URL of the new database.
        blobs_url: Where its blobs go.
        workdir: Where its editions go.
        snapshot: Which; by default the newest.

    Raises:
        RestoreError: The database has rows, the editions' folder has other files, or the schema is unknown here.
        ArchiveError: There is no snapshot, or something in it is gone or damaged.
    """
    archive = Archive(source)
    names = archive.snapshots()
    if snapshot is None and not names:
        raise ArchiveError(f"no snapshot in {source}")
    name = snapshot or names[-1]
    content = archive.read_snapshot(name)
    if content["schema"] not in known_revisions():
        raise RestoreError(
            f"schema {content['schema']} is unknown here: a newer version made the back-up, use that one"
        )
    files = {_safe(path): entry for path, entry in content["files"].items()}
    for there in published_files(workdir):
        if not there.endswith(_RESTORING) and not (there in files and _is_as_said(workdir / there, files[there])):
            raise RestoreError(f"{workdir / there} is there already: restore into another --workdir")
    engine = _target(database)
    try:
        restored = _restore_blobs(archive, content["blobs"], Objects(blobs_url))
        for path, entry in files.items():
            _restore_file(archive, workdir / path, entry)
        upgrade(engine, content["schema"])
        rows = _restore_rows(archive, engine, content["tables"])
    finally:
        engine.dispose()
    open_store(database, blobs_url).close()  # brings the schema forward
    return Restored(name, rows, restored, len(files), content["schema"])


def _safe(path: str) -> str:
    """Return a path that stays inside the editions' folder.

    Raises:
        ArchiveError: It does not.
    """
    parts = PurePosixPath(path).parts
    if len(parts) < 2 or parts[0] != EDITIONS or ".." in parts or "\0" in path:
        raise ArchiveError(f"the snapshot names a file outside of the editions: {path!r}")
    return path


def _target(database: str) -> sa.Engine:
    """Open the database that is to be filled.

    Raises:
        RestoreError: It has rows already.
    """
    url = sa.make_url(database)
    if url.get_backend_name() == "sqlite":
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        if not is_empty(connection):
            engine.dispose()
            raise RestoreError("the database has rows already: restore into an empty one, or another --workdir")
        current = revision_of(connection)
        tables = tables_of(connection)
    if tables:  # an empty schema, of this version or another: made again as the snapshot had it
        with engine.begin() as connection:
            metadata = sa.MetaData()
            metadata.reflect(connection)
            ours = [table for table in metadata.sorted_tables if table.name in _OURS]
            metadata.drop_all(connection, tables=ours)
        log.info("the empty schema %s is made again", current)
    return engine


def _is_as_said(file: Path, entry: Mapping[str, Any]) -> bool:
    """Return whether a file is the one of the snapshot, left by a restore that was killed."""
    if "link" in entry:
        return file.is_symlink() and str(file.readlink()) == entry["link"]
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest() == str(entry["sha256"])


def _restore_blobs(archive: Archive, said: Mapping[str, Any], blobs: Objects) -> int:
    count = 0
    for sha256 in listed_blobs(archive, said["object"]):
        if blobs.problem(sha256) is not None:  # not there, or damaged
            with archive.objects.open(sha256) as source:
                blobs.put(source, sha256)
        count += 1
    if count != said["count"]:
        raise ArchiveError(f"the list of blobs is damaged: {count} of {said['count']}")
    return count


def _restore_file(archive: Archive, path: Path, entry: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}{_RESTORING}")
    partial.unlink(missing_ok=True)
    if "link" in entry:
        target = PurePosixPath(entry["link"])
        if target.is_absolute() or ".." in target.parts:
            raise ArchiveError(f"{path.name} leads out of the editions: {entry['link']!r}")
        partial.symlink_to(entry["link"])
    else:
        with partial.open("wb") as file:
            archive.objects.read_into(entry["sha256"], file)
        os.utime(partial, ns=(entry["modified_ns"], entry["modified_ns"]))
    partial.replace(path)


def _restore_rows(archive: Archive, engine: sa.Engine, tables: Mapping[str, Any]) -> int:
    total = 0
    with engine.begin() as connection:
        found = {table.name: table for table in tables_of(connection)}
        for name, said in tables.items():
            if name not in found:
                raise ArchiveError(f"the snapshot has a table {name!r} that its schema has not")
            with tempfile.TemporaryFile() as file:
                archive.objects.read_into(said["object"], file)
                file.seek(0)
                rows = load_table(connection, found[name], file)
            if rows != said["rows"]:
                raise ArchiveError(f"table {name} has {rows} rows of {said['rows']}")
            total += rows
    return total
