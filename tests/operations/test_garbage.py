"""Garbage: what nothing refers to goes when it is old; what a run may be about to refer to stays."""

import datetime as dt
import json
import os
import re
import sqlite3
import threading
from pathlib import Path
from typing import Any

import fsspec
import pytest
from typer.testing import CliRunner

from nest_builder.cli import app
from nest_builder.operations import garbage
from nest_builder.operations.archive import Objects
from nest_builder.operations.garbage import ForeignBlobsError, Swept, collect_garbage, named_blobs, sweep
from nest_builder.operations.tables import SchemaError, one_state, open_database
from nest_builder.store.blobs import Blobs
from nest_builder.store.tables import LedgerEntry, Page
from tests.builders import NOW, fill_store, new_store

LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)  # by which all that the tests write is old


def make(folder: Path, samples: int = 4) -> Path:
    store = new_store(folder)
    fill_store(store, samples)
    store.close()
    return folder


def collect(folder: Path, written_before: dt.datetime = LATER, **options: Any) -> Swept:
    return collect_garbage(f"sqlite:///{folder / 'nest.sqlite'}", str(folder / "blobs"), written_before, **options)


def there(folder: Path) -> set[str]:
    return {path.name for path in (folder / "blobs").rglob("*") if path.is_file()}


def test_only_what_nothing_refers_to_goes(tmp_path: Path) -> None:
    folder = make(tmp_path)
    kept = there(folder)
    orphan = Blobs(str(folder / "blobs")).put(b"orphan")
    dry = collect(folder, dry_run=True)
    assert there(folder) == kept | {orphan}
    assert collect(folder) == dry == Swept(kept=len(kept), young=0, removed=1, removed_bytes=6)
    assert there(folder) == kept
    assert collect(folder) == Swept(kept=len(kept))


def test_what_is_young_stays(tmp_path: Path) -> None:
    folder = make(tmp_path)
    orphan = Blobs(str(folder / "blobs")).put(b"orphan")
    before = dt.datetime.now(dt.UTC) - dt.timedelta(hours=24)
    assert collect(folder, before).young == 1
    age(folder, orphan, hours=25)
    assert collect(folder, before).removed == 1


def age(folder: Path, name: str, hours: float) -> None:
    moment = dt.datetime.now(dt.UTC).timestamp() - hours * 3600
    os.utime(Blobs(str(folder / "blobs")).path(name), (moment, moment))


def test_an_old_blob_that_is_wanted_again_is_young_again(tmp_path: Path) -> None:
    """A run finds the blob there and does not write it; its row comes later than the sweep."""
    folder = make(tmp_path)
    blobs = Blobs(str(folder / "blobs"))
    orphan = blobs.put(b"orphan")
    age(folder, orphan, hours=100)
    assert blobs.put(b"orphan") == orphan
    assert collect(folder, dt.datetime.now(dt.UTC) - dt.timedelta(hours=24)).young == 1
    assert blobs.get(orphan) == b"orphan"


def test_a_blob_that_is_wanted_between_the_look_and_the_removal_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(tmp_path)
    kept = there(folder)
    blobs = Blobs(str(folder / "blobs"))
    orphan = blobs.put(b"orphan")
    age(folder, orphan, hours=100)
    remove = garbage._remove

    def wanted_just_now(*arguments: Any) -> bool:
        blobs.put(b"orphan")
        return remove(*arguments)

    monkeypatch.setattr(garbage, "_remove", wanted_just_now)
    assert collect(folder, dt.datetime.now(dt.UTC) - dt.timedelta(hours=24)) == Swept(len(kept), 1)
    assert blobs.get(orphan) == b"orphan"


def test_writers_and_sweeps_side_by_side_lose_nothing(tmp_path: Path) -> None:
    """Each round a writer wants an old orphan again while a sweep is on: whatever comes first, the blob is there afterwards."""
    objects, blobs = Objects(str(tmp_path)), Blobs(str(tmp_path))
    lost = []
    for number in range(150):
        data = f"blob {number}".encode()
        path = Path(blobs.path(blobs.put(data)))
        os.utime(path, (1e9, 1e9))
        start = threading.Barrier(2)

        def want(data: bytes = data, start: threading.Barrier = start) -> None:
            start.wait()
            blobs.put(data)

        writer = threading.Thread(target=want)
        writer.start()
        start.wait()
        sweep(objects, set(), dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))
        writer.join()
        if not path.exists():
            lost.append(number)
    assert lost == []


@pytest.mark.parametrize("suffix", [".partial", ".1a2b3c4d.partial", ".condemned"])
def test_what_killed_writers_and_sweeps_left_goes_when_it_is_old(tmp_path: Path, suffix: str) -> None:
    folder = make(tmp_path)
    kept = there(folder)
    orphan = Path(Blobs(str(folder / "blobs")).path("ab" * 32) + suffix)
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"half")
    assert collect(folder, dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).removed == 0
    assert collect(folder).removed == 1
    assert there(folder) == kept


def test_a_sweep_that_was_killed_halfway_loses_no_blob_that_is_wanted(tmp_path: Path) -> None:
    folder = make(tmp_path)
    kept = there(folder)
    path = Path(Blobs(str(folder / "blobs")).path(min(kept)))
    path.rename(f"{path}.condemned")
    collect(folder)
    assert there(folder) == kept


def test_files_that_are_not_ours_stay(tmp_path: Path) -> None:
    folder = make(tmp_path)
    for name in ("README", "ab/notes.txt", "0" * 63):
        (folder / "blobs" / name).parent.mkdir(exist_ok=True)
        (folder / "blobs" / name).write_text("mine")
    assert collect(folder).removed == 0
    assert (folder / "blobs" / "ab" / "notes.txt").exists()


def test_bodies_of_extracted_pages_go_after_their_time(tmp_path: Path) -> None:
    folder = make(tmp_path, samples=3)
    store = new_store(folder)
    with store.sessions() as session:
        old, rejected, waiting = session.query(Page).order_by(Page.url)
        for page in (old, rejected, waiting):
            page.fetched_at, page.body_sha256 = NOW - dt.timedelta(days=40), store.blobs.put(page.url.encode())
        session.get_one(LedgerEntry, ("extract", rejected.url)).status = "rejected"
        session.get_one(LedgerEntry, ("extract", waiting.url)).status = "failed"
        bodies = [page.body_sha256 for page in (old, rejected, waiting)]
        session.commit()
    assert collect(folder, bodies_before=NOW - dt.timedelta(days=50)).removed == 1  # the body that all three had
    assert collect(folder, bodies_before=NOW - dt.timedelta(days=30)).removed == 2
    assert [body in store.blobs for body in bodies] == [False, False, True]
    store.close()


def test_object_stores_are_swept_too(tmp_path: Path) -> None:
    fs = fsspec.filesystem("memory")
    blobs, objects = Blobs("memory://swept"), Objects("memory://swept")
    try:
        kept, orphan = blobs.put(b"kept"), blobs.put(b"orphan")
        assert sweep(objects, {kept}, dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)) == Swept(kept=1, young=1)
        assert sweep(objects, {kept}, LATER, dry_run=True) == Swept(kept=1, set_aside=1)
        assert sweep(objects, {kept}, LATER) == Swept(kept=1, set_aside=1)
        assert (kept in blobs, orphan in blobs) == (True, False)
        assert sweep(objects, {kept}, dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)) == Swept(kept=1, set_aside=1)
        assert sweep(objects, {kept}, LATER) == Swept(kept=1, removed=1, removed_bytes=6)
        assert len(fs.find("/swept")) == 1
    finally:
        fs.rm("swept", recursive=True)


@pytest.mark.parametrize("named", [False, True])
def test_an_object_that_is_wanted_at_the_moment_of_its_removal_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    """An object store removes what a name holds by then, however young: the bytes live on under another one."""
    fs = fsspec.filesystem("memory")
    blobs, objects = Blobs("memory://raced"), Objects("memory://raced")
    remove = type(fs).rm_file

    def wanted_just_now(self: Any, path: str) -> None:
        self.pipe_file(path, b"orphan")
        remove(self, path)

    try:
        orphan = blobs.put(b"orphan")
        with monkeypatch.context() as patched:
            patched.setattr(type(fs), "rm_file", wanted_just_now)
            assert sweep(objects, set(), LATER) == Swept(set_aside=1)
        assert (blobs.get(orphan), blobs.size(orphan)) == (b"orphan", 6)
        assert objects.problem(orphan) is None
        if named:  # by the next sweep the row is there
            assert sweep(objects, {orphan}, LATER) == Swept(kept=1)
            assert fs.find("/raced") == [objects.path(orphan)]
        else:
            sweep(objects, set(), LATER)
            with pytest.raises(FileNotFoundError):
                blobs.get(orphan)
    finally:
        fs.rm("raced", recursive=True)


def test_no_table_names_a_blob_in_a_column_that_is_not_looked_at(undisturbed: Path) -> None:
    """Looks for every blob's name in every value of every table of a real build, nested ones too."""
    blobs = there(undisturbed / "work")
    database = undisturbed / "work" / "nest.sqlite"
    found: set[str] = set()
    with sqlite3.connect(database) as connection:
        for (table,) in list(connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")):
            for row in connection.execute(f"SELECT * FROM {table}"):
                found |= blobs & set(re.findall(r"[0-9a-f]{64}", json.dumps([str(value) for value in row])))
    engine = open_database(f"sqlite:///{database}")
    with one_state(engine) as state:
        named = named_blobs(state)
    engine.dispose()
    assert found <= named
    assert len(found) > 10
    assert named <= blobs, "what a table names is there"


@pytest.mark.parametrize("database", ["empty file", "empty store", "newer schema"])
def test_blobs_of_a_database_that_cannot_tell_what_it_names_stay(tmp_path: Path, database: str) -> None:
    folder = make(tmp_path / "work")
    before = there(folder)
    file = folder / "nest.sqlite"
    match database:
        case "empty file":  # as connecting to a name that was mistyped makes it
            file.write_bytes(b"")
        case "empty store":
            file.unlink()
            new_store(folder).close()
        case "newer schema":
            with sqlite3.connect(file) as connection:
                connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises((SchemaError, ForeignBlobsError)):
        collect(folder)
    assert there(folder) == before
    for name in before:
        age(folder, name, hours=30)
    result = CliRunner().invoke(app, ["gc", "--workdir", str(folder)])
    assert result.exit_code == 1
    assert "garbage stays" in result.stderr
    assert there(folder) == before


def test_an_empty_store_without_blobs_has_no_garbage(tmp_path: Path) -> None:
    new_store(tmp_path).close()
    assert collect(tmp_path) == Swept()


def test_the_command(tmp_path: Path) -> None:
    folder = make(tmp_path / "work")
    orphan = Blobs(str(folder / "blobs")).put(b"orphan")
    age(folder, orphan, hours=30)
    command = ["gc", "--workdir", str(folder), "--json"]
    dry = json.loads(CliRunner().invoke(app, [*command, "--dry-run"]).stdout)
    assert (dry["removed"], dry["dry_run"], orphan in there(folder)) == (1, True, True)
    assert json.loads(CliRunner().invoke(app, command).stdout)["removed"] == 1
    assert orphan not in there(folder)
