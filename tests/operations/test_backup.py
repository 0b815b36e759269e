"""Back-up and restore: everything comes back, nothing half, nothing over something else."""

import datetime as dt
import json
import multiprocessing
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from nest_builder.cli import app
from nest_builder.digest import digest
from nest_builder.operations import backup
from nest_builder.operations.archive import Archive, ArchiveError, Objects
from nest_builder.operations.backup import BackedUp, back_up, prune, verify
from nest_builder.operations.restore import Restored, RestoreError, restore
from nest_builder.operations.tables import SchemaError, known_revisions, open_database, tables_of, upgrade
from nest_builder.store.session import open_store
from nest_builder.store.tables import Base, Decision, StageRun
from tests.builders import NOW, fill_store, new_store
from tests.small_build import edition_bytes, finish, worked


class Ticking:
    """A clock that is a minute later at each look."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> dt.datetime:
        self.now += dt.timedelta(minutes=1)
        return self.now


def make(folder: Path, samples: int = 6) -> Path:
    """Make a store with samples, decisions and an edition, and return its folder."""
    store = new_store(folder)
    fill_store(store, samples)
    with store.sessions() as session:
        for number, mask in enumerate((None, {"size": [1, 2], "counts": "02"})):
            session.add(
                Decision(
                    id=f"label-studio:x:{number}", sample_id="s", annotation_id="a", reviewer="Zoë ✍\n", decided_at=NOW,
                    pulled_at=NOW + dt.timedelta(microseconds=1), status="accept", is_target=None, category=None,
                    question_good=True, mask=mask, box=None, seconds=1 / 3,
                )
            )  # fmt: skip
        session.commit()
    store.close()
    edition = folder / "editions" / "2025.09"
    (edition / "data").mkdir(parents=True)
    (edition / "manifest.json").write_text("{}")
    (edition / "data" / "test.parquet").write_bytes(bytes(range(256)) * 9)
    (folder / "editions" / "latest").symlink_to("2025.09")
    (folder / "editions" / ".2025.10.partial").mkdir()
    (folder / "editions" / ".2025.10.partial" / "half").write_text("half")
    return folder


def save(folder: Path, to: Path, **options: Any) -> BackedUp:
    clock = options.pop("clock", Ticking())
    return back_up(url(folder), str(folder / "blobs"), folder, str(to), clock, **options)


def bring_back(source: Path, folder: Path, snapshot: str | None = None) -> Restored:
    return restore(str(source), url(folder), str(folder / "blobs"), folder, snapshot)


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'nest.sqlite'}"


def rows(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row as SQLite holds it, types and all."""
    with sqlite3.connect(folder / "nest.sqlite") as connection:
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
        ]
        return {
            name: sorted(
                (tuple((type(v).__name__, v) for v in row) for row in connection.execute(f"SELECT * FROM {name}")),
                key=repr,
            )
            for name in names
        }


def files(folder: Path) -> dict[str, bytes | str]:
    return {
        path.relative_to(folder).as_posix(): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def test_everything_comes_back_to_the_byte(tmp_path: Path) -> None:
    made = save(make(tmp_path / "a"), tmp_path / "saved")
    assert (made.missing, made.files) == ((), 3)
    with sqlite3.connect(tmp_path / "a" / "nest.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM decision WHERE mask IS NULL").fetchone() == (1,)
    back = bring_back(tmp_path / "saved", tmp_path / "b")
    assert (back.rows, back.blobs, back.files, back.schema) == (made.rows, made.blobs, 3, known_revisions()[-1])
    assert rows(tmp_path / "b") == rows(tmp_path / "a")
    assert files(tmp_path / "b" / "blobs") == files(tmp_path / "a" / "blobs")
    published = {k: v for k, v in files(tmp_path / "a" / "editions").items() if not k.startswith(".")}
    assert files(tmp_path / "b" / "editions") == published
    assert str(published["latest"]) == "2025.09"


def test_null_and_json_null_stay_two_things(tmp_path: Path) -> None:
    make(tmp_path / "a")
    with sqlite3.connect(tmp_path / "a" / "nest.sqlite") as connection:
        connection.execute("UPDATE decision SET box = 'null' WHERE mask IS NULL")
        connection.execute("UPDATE article SET authors = 'null', title = 'null'")
    save(tmp_path / "a", tmp_path / "saved")
    bring_back(tmp_path / "saved", tmp_path / "b")
    assert rows(tmp_path / "b") == rows(tmp_path / "a")


def test_a_second_back_up_copies_what_is_new(tmp_path: Path) -> None:
    clock = Ticking()
    folder = make(tmp_path / "a")
    first = save(folder, tmp_path / "saved", clock=clock)
    assert first.copied > first.blobs
    assert save(folder, tmp_path / "saved", clock=clock).copied == 0
    store = new_store(folder)
    with store.sessions() as session:
        session.add(StageRun(run="r", stage="s", started_at=NOW, seconds=1.0, counts={}))
        session.commit()
    store.close()
    assert save(folder, tmp_path / "saved", clock=clock).copied == 1  # that table


def test_a_back_up_is_of_one_moment_while_a_run_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path / "a")
    before = rows(folder)
    dump = backup.dump_table
    written = []

    def dump_and_write(connection: sa.Connection, table: sa.Table, target: Any) -> int:
        with sqlite3.connect(folder / "nest.sqlite", timeout=1) as writer:  # a run's commit, between the tables
            writer.execute("UPDATE ledger SET attempts = attempts + 1")
            writer.execute("DELETE FROM sample WHERE rowid = (SELECT max(rowid) FROM sample)")
        written.append(table.name)
        return dump(connection, table, target)

    monkeypatch.setattr(backup, "dump_table", dump_and_write)
    save(folder, tmp_path / "saved")
    assert len(written) > 10
    bring_back(tmp_path / "saved", tmp_path / "b")
    assert rows(tmp_path / "b") == before
    assert rows(folder) != before


@pytest.mark.parametrize("after", [0, 9])
def test_a_killed_back_up_leaves_the_one_before_whole(tmp_path: Path, after: int) -> None:
    clock = Ticking()
    folder = make(tmp_path / "a")
    first = save(folder, tmp_path / "saved", clock=clock)
    before = rows(folder)
    store = new_store(folder)
    fill_more(folder)
    store.close()

    def die() -> None:
        put, calls = Objects.put, []

        def deadly(self: Objects, source: Any, expected: str | None = None) -> Any:
            calls.append(expected)
            if len(calls) > after:
                self.fs.makedirs(self.root, exist_ok=True)
                Path(self.root, "0123.partial").write_bytes(b"half")
                os._exit(9)
            return put(self, source, expected)

        Objects.put = deadly  # type: ignore[method-assign]
        save(folder, tmp_path / "saved", clock=clock)

    process = multiprocessing.get_context("fork").Process(target=die)
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert Archive(str(tmp_path / "saved")).snapshots() == [first.snapshot]
    assert verify(str(tmp_path / "saved")) == []
    bring_back(tmp_path / "saved", tmp_path / "b")
    assert rows(tmp_path / "b") == before
    clock.now += dt.timedelta(hours=1)
    save(folder, tmp_path / "saved", clock=clock)
    bring_back(tmp_path / "saved", tmp_path / "c")
    assert rows(tmp_path / "c") == rows(folder)


def fill_more(folder: Path) -> None:
    """Add a page with a body of its own, and change every table's neighbour."""
    store = new_store(folder)
    body = store.blobs.put(b"<html>more</html>")
    store.close()
    with sqlite3.connect(folder / "nest.sqlite") as connection:
        connection.execute("UPDATE page SET body_sha256 = ? WHERE rowid = 1", (body,))
        connection.execute("UPDATE ledger SET attempts = 2")
        connection.execute("UPDATE sample SET question = question || '?'")


def objects(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "objects").rglob("*") if path.is_file())


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


HARMS: tuple[Callable[[Path], object], ...] = (flip, Path.unlink, lambda path: path.write_bytes(b""))


def test_harm_to_any_object_is_found(tmp_path: Path) -> None:
    save(make(tmp_path / "a", samples=1), tmp_path / "saved")
    assert verify(str(tmp_path / "saved")) == []
    for number, path in enumerate(objects(tmp_path / "saved")):
        whole = path.read_bytes()
        HARMS[number % 3](path)
        assert len(verify(str(tmp_path / "saved"))) == 1, path
        path.write_bytes(whole)


@pytest.mark.parametrize("kind", ["list of blobs", "blob", "table", "file"])
def test_of_a_harmed_back_up_nothing_is_restored(tmp_path: Path, kind: str) -> None:
    folder = make(tmp_path / "a", samples=1)
    made = save(folder, tmp_path / "saved")
    archive = Archive(str(tmp_path / "saved"))
    content = archive.read_snapshot(made.snapshot)
    name = {
        "list of blobs": content["blobs"]["object"],
        "blob": min(path.name for path in (folder / "blobs").rglob("*") if path.is_file()),
        "table": content["tables"]["sample"]["object"],
        "file": content["files"]["editions/2025.09/manifest.json"]["sha256"],
    }[kind]
    path = Path(archive.objects.path(name))
    whole = path.read_bytes()
    for harm in HARMS:
        harm(path)
        with pytest.raises(ArchiveError):
            bring_back(tmp_path / "saved", tmp_path / "b")
        assert not (tmp_path / "b" / "nest.sqlite").exists() or not any(
            rows(tmp_path / "b").get(table.name) for table in Base.metadata.sorted_tables
        )
        path.write_bytes(whole)
    bring_back(tmp_path / "saved", tmp_path / "b")  # a restore that failed can be made again where it failed
    assert rows(tmp_path / "b") == rows(folder)


def test_harm_to_a_snapshot_is_found(tmp_path: Path) -> None:
    made = save(make(tmp_path / "a", samples=1), tmp_path / "saved")
    path = tmp_path / "saved" / "snapshots" / f"{made.snapshot}.json"
    text = path.read_text()
    for changed in (text.replace('"rows": 1,', '"rows": 2,', 1), text[: len(text) // 2], "[]", "{}"):
        assert changed != text
        path.write_text(changed)
        with pytest.raises(ArchiveError, match="damaged"):
            bring_back(tmp_path / "saved", tmp_path / "b")


def test_a_damaged_snapshot_does_not_stand_in_the_way_of_a_new_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Ticking()
    folder = make(tmp_path / "a", samples=1)
    first = save(folder, tmp_path / "saved", clock=clock)
    (tmp_path / "saved" / "snapshots" / f"{first.snapshot}.json").write_text("{")
    save(folder, tmp_path / "saved", clock=clock, keep=2)
    assert "nothing old is removed" in caplog.text  # what the damaged one needs is not known
    bring_back(tmp_path / "saved", tmp_path / "b")
    assert rows(tmp_path / "b") == rows(folder)


def test_tables_of_others_stay(tmp_path: Path) -> None:
    save(make(tmp_path / "a", samples=1), tmp_path / "saved")
    open_store(url(tmp_path / "b"), str(tmp_path / "b" / "blobs")).close()
    with sqlite3.connect(tmp_path / "b" / "nest.sqlite") as connection:
        connection.execute("CREATE TABLE theirs (x)")
    bring_back(tmp_path / "saved", tmp_path / "b")
    assert rows(tmp_path / "b")["theirs"] == []
    assert rows(tmp_path / "b")["sample"] == rows(tmp_path / "a")["sample"]


def rewrite(saved: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a snapshot as somebody would who knows how."""
    (path,) = (saved / "snapshots").glob("*.json")
    content = json.loads(path.read_text())
    content.pop("digest")
    change(content)
    path.write_text(json.dumps({**content, "digest": digest(content)}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["files"].update({"../../evil": {"link": "x"}}), "outside of the editions"),
        (lambda c: c["files"].update({"/etc/passwd": {"link": "x"}}), "outside of the editions"),
        (lambda c: c["files"].update({"editions/../../evil": {"link": "x"}}), "outside of the editions"),
        (lambda c: c["files"].update({"editions/evil": {"link": "../../etc"}}), "leads out"),
        (lambda c: c["files"].update({"editions/evil": {"link": "/etc/passwd"}}), "leads out"),
        (lambda c: c.update(format=99), "format 99"),
        (lambda c: c.update(schema="9999"), "newer version"),
        (lambda c: c["tables"].update({"evil": c["tables"]["ledger"]}), "table 'evil'"),
    ],
)
def test_hostile_and_newer_snapshots_are_refused(tmp_path: Path, change: Any, said: str) -> None:
    save(make(tmp_path / "a", samples=1), tmp_path / "saved")
    rewrite(tmp_path / "saved", change)
    with pytest.raises((ArchiveError, RestoreError), match=said):
        bring_back(tmp_path / "saved", tmp_path / "b")
    assert not (tmp_path / "evil").exists()


def test_nothing_is_restored_over_something_else(tmp_path: Path) -> None:
    save(make(tmp_path / "a"), tmp_path / "saved")
    make(tmp_path / "b", samples=1)
    before = rows(tmp_path / "b"), files(tmp_path / "b")
    with pytest.raises(RestoreError, match="rows already"):
        bring_back(tmp_path / "saved", tmp_path / "b")
    assert (rows(tmp_path / "b"), files(tmp_path / "b")) == before
    other = tmp_path / "c" / "editions" / "2024.01"
    other.mkdir(parents=True)
    (other / "manifest.json").write_text("{}")
    with pytest.raises(RestoreError, match=r"2024\.01.*there already"):
        bring_back(tmp_path / "saved", tmp_path / "c")
    assert not (tmp_path / "c" / "nest.sqlite").exists()
    (other / "manifest.json").unlink()
    published = tmp_path / "c" / "editions" / "2025.09" / "manifest.json"
    published.parent.mkdir()
    published.write_text("another one of this name")
    with pytest.raises(RestoreError, match=r"manifest\.json is there already"):
        bring_back(tmp_path / "saved", tmp_path / "c")
    open_store(url(tmp_path / "d"), str(tmp_path / "d" / "blobs")).close()  # an empty store is no hindrance
    assert bring_back(tmp_path / "saved", tmp_path / "d").rows


def test_a_damaged_or_lost_blob_is_told_and_the_rest_is_saved(tmp_path: Path) -> None:
    folder = make(tmp_path / "a")
    first, second, *_ = sorted(path for path in (folder / "blobs").rglob("*") if path.is_file())
    flip(first)
    second.unlink()
    made = save(folder, tmp_path / "saved")
    assert made.missing == (first.name, second.name)
    assert bring_back(tmp_path / "saved", tmp_path / "b").blobs == made.blobs
    assert rows(tmp_path / "b") == rows(folder)


@pytest.mark.parametrize("revision", ["0001", "0004"])
def test_a_back_up_before_a_migration_is_restored_and_brought_forward(tmp_path: Path, revision: str) -> None:
    old = tmp_path / "a"
    old.mkdir()
    engine = sa.create_engine(url(old))
    upgrade(engine, revision)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO stage_run (id, run, stage, started_at, seconds, counts) "
            "VALUES (7, 'r', 's', '2025-10-01 06:00:00.000000', 0.1, '{\"done\": 1}')"
        )
    engine.dispose()
    save(old, tmp_path / "saved")
    engine = open_database(url(old))
    with engine.connect() as connection:
        assert len(tables_of(connection)) <= len(Base.metadata.sorted_tables)
    engine.dispose()
    assert bring_back(tmp_path / "saved", tmp_path / "b").schema == revision
    store = new_store(tmp_path / "b")
    with store.sessions() as session:
        (run,) = session.query(StageRun)
        assert (run.id, run.counts, run.started_at) == (7, {"done": 1}, NOW)
        session.add(StageRun(run="next", stage="s", started_at=NOW, seconds=0.0, counts={}))
        session.commit()
    store.close()


def test_an_empty_or_unknown_database_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        save(tmp_path / "a", tmp_path / "saved")
    assert not (tmp_path / "a").exists()
    (tmp_path / "b").mkdir()
    sqlite3.connect(tmp_path / "b" / "nest.sqlite").execute("CREATE TABLE x (y)").connection.close()
    with pytest.raises(SchemaError, match="unknown here"):
        save(tmp_path / "b", tmp_path / "saved")
    with pytest.raises(ArchiveError, match="no snapshot"):
        bring_back(tmp_path / "saved", tmp_path / "c")


def test_old_snapshots_go_with_what_only_they_needed(tmp_path: Path) -> None:
    clock = Ticking()
    folder = make(tmp_path / "a", samples=2)
    first = save(folder, tmp_path / "saved", clock=clock)
    fill_more(folder)
    second = save(folder, tmp_path / "saved", clock=clock)
    archive = Archive(str(tmp_path / "saved"))
    now = dt.datetime.now(dt.UTC)
    assert prune(archive, 2, now + dt.timedelta(days=2)) == 0
    assert prune(archive, 1, now) == 0  # young objects may be those of a back-up that runs beside this one
    assert archive.snapshots() == [second.snapshot]
    assert prune(archive, 1, now + dt.timedelta(days=2)) > 0
    assert verify(str(tmp_path / "saved")) == []
    with pytest.raises(ArchiveError, match="no snapshot"):
        bring_back(tmp_path / "saved", tmp_path / "b", first.snapshot)
    bring_back(tmp_path / "saved", tmp_path / "b", second.snapshot)
    assert rows(tmp_path / "b") == rows(folder)


def test_the_commands(tmp_path: Path) -> None:
    folder, saved = make(tmp_path / "a"), str(tmp_path / "saved")

    def run(*command: str) -> tuple[int, dict[str, Any]]:
        result = CliRunner().invoke(app, [*command, "--json"])
        return result.exit_code, json.loads(result.stdout) if result.stdout else {}

    code, made = run("backup", saved, "--workdir", str(folder), "--verify", "--keep", "3")
    assert (code, made["wrong"], made["missing"], made["files"]) == (0, [], [], 3)
    code, back = run("restore", saved, "--workdir", str(tmp_path / "b"))
    assert (code, back["rows"]) == (0, made["rows"])
    assert run("restore", saved, "--workdir", str(tmp_path / "b"))[0] == 1
    assert run("restore", str(tmp_path / "none"), "--workdir", str(tmp_path / "c"))[0] == 1
    assert run("backup", saved, "--workdir", str(tmp_path / "none"))[0] == 1
    next(path for path in (folder / "blobs").rglob("*") if path.is_file()).unlink()
    code, made = run("backup", str(tmp_path / "other"), "--workdir", str(folder))
    assert (code, len(made["missing"])) == (1, 1)


def test_after_a_restore_the_next_build_has_nothing_to_do(undisturbed: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    made = save(undisturbed / "work", saved)
    assert made.missing == ()
    bring_back(saved, tmp_path / "again" / "work")
    shutil.rmtree(saved)
    assert worked(finish(tmp_path / "again")) == []
    assert edition_bytes(tmp_path / "again") == edition_bytes(undisturbed)
