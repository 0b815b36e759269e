"""Back-up, restore and garbage collection on PostgreSQL and S3, from and to SQLite and folders."""

import datetime as dt
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from nest_builder.operations import backup
from nest_builder.operations.backup import back_up, verify
from nest_builder.operations.garbage import Swept, collect_garbage
from nest_builder.operations.restore import RestoreError, restore
from nest_builder.store.session import open_store
from nest_builder.store.tables import LedgerEntry, StageRun
from tests.builders import NOW, fill_store
from tests.operations.test_backup import Ticking, files, make, rows, url

if TYPE_CHECKING:
    from tests.servers import Postgres

pytestmark = pytest.mark.scale


def test_there_and_back_again(tmp_path: Path, postgres: "Postgres", s3: str) -> None:
    """SQLite and a folder -> PostgreSQL and S3 -> SQLite and a folder, the second archive on S3: the same to the byte."""
    folder, database = make(tmp_path / "a"), postgres.new_database()
    with sqlite3.connect(folder / "nest.sqlite") as connection:
        connection.execute("UPDATE decision SET box = 'null' WHERE mask IS NULL")
    first = back_up(url(folder), str(folder / "blobs"), folder, str(tmp_path / "saved"), Ticking())
    there = restore(str(tmp_path / "saved"), database, s3, tmp_path / "b")
    assert (there.rows, there.blobs) == (first.rows, first.blobs)
    with pytest.raises(RestoreError, match="rows already"):
        restore(str(tmp_path / "saved"), database, s3, tmp_path / "b2")
    archive = s3.rpartition("/")[0] + "/archive"
    second = back_up(database, s3, tmp_path / "b", archive, Ticking())
    assert (second.rows, second.blobs, second.missing) == (first.rows, first.blobs, ())
    assert back_up(database, s3, tmp_path / "b", archive, _later()).copied == 0
    assert verify(archive) == []
    restore(archive, url(tmp_path / "c"), str(tmp_path / "c" / "blobs"), tmp_path / "c")
    assert rows(tmp_path / "c") == rows(folder)
    assert files(tmp_path / "c" / "blobs") == files(folder / "blobs")


def _later() -> Ticking:
    clock = Ticking()
    clock.now += dt.timedelta(days=1)
    return clock


def test_new_rows_get_numbers_of_their_own_after_a_restore(tmp_path: Path, postgres: "Postgres") -> None:
    folder, database = make(tmp_path / "a"), postgres.new_database()
    back_up(url(folder), str(folder / "blobs"), folder, str(tmp_path / "saved"), Ticking())
    restore(str(tmp_path / "saved"), database, str(tmp_path / "blobs"), tmp_path / "b")
    store = open_store(database, str(tmp_path / "blobs"))
    with store.sessions() as session:
        before = session.scalar(sa.select(sa.func.max(StageRun.id))) or 0
        session.add(StageRun(run="next", stage="s", started_at=NOW, seconds=0.0, counts={}))
        session.commit()
        assert session.scalar(sa.select(sa.func.max(StageRun.id))) == before + 1
    store.close()


def test_a_back_up_of_postgresql_is_of_one_moment(
    tmp_path: Path, postgres: "Postgres", monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, database = make(tmp_path / "a"), postgres.new_database()
    back_up(url(folder), str(folder / "blobs"), folder, str(tmp_path / "saved"), Ticking())
    restore(str(tmp_path / "saved"), database, str(tmp_path / "blobs"), tmp_path / "b")
    store, dump = open_store(database, str(tmp_path / "blobs")), backup.dump_table

    def dump_and_write(connection: sa.Connection, table: sa.Table, target: Any) -> int:
        with store.sessions() as session:
            session.execute(sa.update(LedgerEntry).values(attempts=LedgerEntry.attempts + 1))
            session.commit()
        return dump(connection, table, target)

    monkeypatch.setattr(backup, "dump_table", dump_and_write)
    back_up(database, str(tmp_path / "blobs"), tmp_path / "b", str(tmp_path / "again"), Ticking())
    restore(str(tmp_path / "again"), url(tmp_path / "c"), str(tmp_path / "c" / "blobs"), tmp_path / "c")
    store.close()
    assert {row["attempts"] for row in _ledger(tmp_path / "c")} == {1}  # none of the commits beside it is in it


def _ledger(folder: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(folder / "nest.sqlite") as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM ledger")]


def test_garbage_on_s3(tmp_path: Path, postgres: "Postgres", s3: str) -> None:
    store = open_store(postgres.new_database(), s3)
    database = store.engine.url.render_as_string(hide_password=False)
    fill_store(store, 1)
    orphan = store.blobs.put(b"orphan")
    now = dt.datetime.now(dt.UTC)
    kept = collect_garbage(database, s3, now - dt.timedelta(hours=1)).kept
    assert kept > 0
    assert collect_garbage(database, s3, now - dt.timedelta(hours=1)) == Swept(kept, young=1)
    assert orphan in store.blobs
    assert collect_garbage(database, s3, now + dt.timedelta(hours=1)) == Swept(kept, set_aside=1)
    assert orphan not in store.blobs
    assert store.blobs.get(orphan) == b"orphan"
    assert collect_garbage(database, s3, now + dt.timedelta(hours=1)) == Swept(kept, removed=1, removed_bytes=6)
    with pytest.raises(FileNotFoundError):
        store.blobs.get(orphan)
    store.close()
