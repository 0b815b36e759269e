"""Back-up: the tables, the blobs that they name, and the published editions. ``restore`` is the way back."""

import datetime as dt
import gzip
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Final

import sqlalchemy as sa

from nest_builder import __version__
from nest_builder.clock import Clock
from nest_builder.operations.archive import FORMAT, SHA256, Archive, ArchiveError, Objects
from nest_builder.operations.garbage import named_blobs, sweep
from nest_builder.operations.tables import dump_table, known_schema, one_state, open_database, tables_of

log = logging.getLogger(__name__)

EDITIONS: Final = "editions"
_SHOWN: Final = 1000  # names of missing blobs that a snapshot lists
_GRACE: Final = dt.timedelta(days=1)  # objects of a back-up that may be running beside this one


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a back-up did.

    Attributes:
        snapshot: Its name.
        rows: In all tables.
        blobs: That the tables name and that are in the archive now.
        copied: Objects that were not there before: blobs, tables, files.
        copied_bytes: Of them.
        files: Of editions.
        missing: Blobs that the tables name and that are gone or damaged in the store.
    """

    snapshot: str
    rows: int
    blobs: int
    copied: int
    copied_bytes: int
    files: int
    missing: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return asdict(self) | {"missing": list(self.missing)}


class _Copying:
    """Puts things into an archive and counts what is new."""

    def __init__(self, objects: Objects) -> None:
        self.objects, self.copied, self.copied_bytes = objects, 0, 0

    def put(self, source: IO[bytes], expected: str | None = None) -> str:
        stored = self.objects.put(source, expected)
        self.copied, self.copied_bytes = self.copied + stored.new, self.copied_bytes + stored.size * stored.new
        return stored.sha256


def back_up(
    database: str,
    blobs_url: str,
    workdir: Path,
    to: str,
    clock: Clock,
    keep: int | None = None,
    bodies_before: dt.datetime | None = None,
) -> BackedUp:
    """Write a snapshot of a store; a run may go on writing.

    The tables are those of one moment. Blobs and editions are read after it, and never change, so that what the tables name is there.

    Args:
        database: SQLAlchemy URL; the schema is left as it is.
        blobs_url: Where blobs live.
        workdir: Has the editions.
        to: Where back-ups go: a folder or an fsspec URL.
        clock: Names the snapshot.
        keep: So many snapshots stay, with their objects; None: all.
        bodies_before: Bodies of older pages that are extracted need not be there, see ``garbage.collect_garbage``.

    Raises:
        FileNotFoundError: There is no database.
        SchemaError: The database is empty, or of a version that is unknown here.
    """
    archive = Archive(to)
    copying, name = _Copying(archive.objects), f"{clock().astimezone(dt.UTC):%Y%m%dT%H%M%S.%f}Z"
    earlier = _newest(archive)
    engine = open_database(database)
    try:
        with one_state(engine) as connection:
            schema = known_schema(connection)
            tables = {table.name: _table(connection, table, copying) for table in tables_of(connection)}
            named = named_blobs(connection, bodies_before)
    finally:
        engine.dispose()
    kept, missing = _copy_blobs(sorted(named), Objects(blobs_url), copying)
    with tempfile.TemporaryFile() as listing:
        with gzip.GzipFile(fileobj=listing, mode="wb", mtime=0) as file:
            file.writelines(f"{sha256}\n".encode() for sha256 in kept)
        listing.seek(0)
        listed = copying.put(listing)
    files = {
        path: _file(workdir, path, copying, earlier.get("files", {}).get(path)) for path in published_files(workdir)
    }
    archive.write_snapshot(
        name,
        {
            "format": FORMAT, "code": __version__, "made_at": clock().isoformat(), "schema": schema, "tables": tables,
            "blobs": {"object": listed, "count": len(kept)}, "missing": missing[:_SHOWN], "files": files,
        },
    )  # fmt: skip
    if keep is not None:
        try:
            prune(archive, keep, clock())
        except ArchiveError as error:
            log.warning("nothing old is removed: %s", error)
    rows = sum(table["rows"] for table in tables.values())
    return BackedUp(name, rows, len(kept), copying.copied, copying.copied_bytes, len(files), tuple(missing))


def verify(source: str, snapshot: str | None = None) -> list[str]:
    """Read every object of a snapshot, the newest by default, and return what is wrong.

    Raises:
        ArchiveError: There is no such snapshot, or it is damaged itself.
    """
    archive = Archive(source)
    names = [snapshot] if snapshot else archive.snapshots()[-1:]
    if not names:
        raise ArchiveError(f"no snapshot in {source}")
    content = archive.read_snapshot(names[0])
    try:
        objects = objects_of(archive, content)
    except ArchiveError as error:
        return [str(error)]
    return [problem for sha256 in sorted(objects) if (problem := archive.objects.problem(sha256)) is not None]


def prune(archive: Archive, keep: int, now: dt.datetime) -> int:
    """Remove all but the newest snapshots, and objects that no snapshot names; return how many objects went.

    Raises:
        ArchiveError: A snapshot that stays is damaged: nothing is removed then, since it cannot say what it needs.
    """
    names = archive.snapshots()
    stay = names[-max(1, keep) :]
    needed = {sha256 for name in stay for sha256 in objects_of(archive, archive.read_snapshot(name))}
    for name in names[: -len(stay)]:
        archive.remove_snapshot(name)
    return sweep(archive.objects, needed, now - _GRACE).removed


def objects_of(archive: Archive, content: Mapping[str, Any]) -> set[str]:
    """Return the objects that a snapshot is made of."""
    listed = set(listed_blobs(archive, content["blobs"]["object"]))
    tables = {table["object"] for table in content["tables"].values()}
    files = {entry["sha256"] for entry in content["files"].values() if "sha256" in entry}
    return listed | tables | files | {content["blobs"]["object"]}


def _table(connection: sa.Connection, table: sa.Table, copying: _Copying) -> dict[str, Any]:
    with tempfile.TemporaryFile() as file:
        rows = dump_table(connection, table, file)
        file.seek(0)
        return {"rows": rows, "object": copying.put(file)}


def _newest(archive: Archive) -> dict[str, Any]:
    """Return the newest snapshot, which saves reading files again; a damaged one must not stand in the way of a new one."""
    names = archive.snapshots()
    try:
        return archive.read_snapshot(names[-1]) if names else {}
    except ArchiveError as error:
        log.warning("%s: remove it", error)
        return {}


def _copy_blobs(names: list[str], blobs: Objects, copying: _Copying) -> tuple[list[str], list[str]]:
    """Copy what is not there yet; return the names of those that are there now, and of those that cannot be had."""
    kept, missing = [], []
    for sha256 in names:
        try:
            if not copying.objects.renew(sha256):
                with blobs.open(sha256) as source:
                    copying.put(source, sha256)
        except ArchiveError as error:
            log.warning("blob not backed up: %s", error)
            missing.append(sha256)
        else:
            kept.append(sha256)
    return kept, missing


def published_files(workdir: Path) -> Iterator[str]:
    """Yield the files of editions relative to the work directory, in order; what is being written (a dot in front) is not yet one."""
    root = workdir / EDITIONS
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not name.startswith("."))
        links = [name for name in names if (Path(folder) / name).is_symlink()]
        for name in sorted([*files, *links]):
            path = Path(folder) / name
            if Path(folder) != root or not name.startswith("."):
                yield path.relative_to(workdir).as_posix()


def _file(workdir: Path, path: str, copying: _Copying, earlier: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a snapshot says of a file; one that has not changed since the last is not read again."""
    file = workdir / path
    if file.is_symlink():
        return {"link": str(file.readlink())}
    facts = file.stat()
    seen = {"bytes": facts.st_size, "modified_ns": facts.st_mtime_ns}
    if earlier is not None and seen.items() <= earlier.items() and copying.objects.renew(earlier["sha256"]):
        return dict(earlier)
    with file.open("rb") as source:
        return {"sha256": copying.put(source), **seen}


def listed_blobs(archive: Archive, sha256: str) -> Iterator[str]:
    """Yield the blobs of a list, which is one of the archive's objects.

    Raises:
        ArchiveError: The list is gone or damaged.
    """
    with tempfile.TemporaryFile() as whole:
        archive.objects.read_into(sha256, whole)
        whole.seek(0)
        with gzip.GzipFile(fileobj=whole, mode="rb") as lines:
            for line in lines:
                name = line.decode("ascii").strip()
                if not SHA256.fullmatch(name):
                    raise ArchiveError(f"the list of blobs names {name[:80]!r}")
                yield name
