"""Opening the store: migrations and SQLite's settings."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError

from nest_builder.store.session import open_store
from nest_builder.store.tables import Base, Edition, LedgerEntry, StageRun

NOON = dt.datetime(2025, 10, 1, 12, tzinfo=dt.UTC)


def test_migrations_lead_to_the_tables_of_the_code(database: str, tmp_path: Path) -> None:
    store = open_store(database, str(tmp_path / "blobs"))
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    store.close()


def test_a_store_of_a_newer_version_is_left_to_that_version(database: str, tmp_path: Path) -> None:
    store = open_store(database, str(tmp_path / "blobs"))
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(RuntimeError, match="newer version of nest-builder made it, use that one"):
        open_store(database, str(tmp_path / "blobs"))


def test_sqlite_lets_readers_in_while_somebody_writes(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'new' / 'nest.sqlite'}", str(tmp_path / "blobs"))
    with store.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    store.close()


@pytest.mark.parametrize("hours", [0, 2, -5])
def test_a_store_opens_again_with_what_it_holds_and_times_are_utc(database: str, tmp_path: Path, hours: int) -> None:
    local = NOON.astimezone(dt.timezone(dt.timedelta(hours=hours)))
    for _ in range(2):
        store = open_store(database, str(tmp_path / "blobs"))
        with store.sessions() as session:
            session.add(StageRun(run="r", stage="s", started_at=local, seconds=0.0, counts={}))
            session.commit()
        store.close()
    store = open_store(database, str(tmp_path / "blobs"))
    with store.sessions() as session:
        found = [run.started_at for run in session.query(StageRun)]
    store.close()
    assert found == [NOON, NOON]
    assert {moment.utcoffset() for moment in found} == {dt.timedelta(0)}


def test_a_naive_time_is_refused(database: str, tmp_path: Path) -> None:
    store = open_store(database, str(tmp_path / "blobs"))
    with store.sessions() as session:
        session.add(StageRun(run="r", stage="s", started_at=dt.datetime(2025, 10, 1), seconds=0.0, counts={}))
        with pytest.raises(StatementError, match="naive time"):
            session.commit()
    store.close()


AWKWARD = ("b", "B", "a", "Z", "é", "_", "-", "10", "9", "ß", "\u4e16", "\U0001f600", "")


def test_text_is_ordered_as_python_orders_it(database: str, tmp_path: Path) -> None:
    """Not as the database's language would have it: results must not depend on where the store is."""
    store = open_store(database, str(tmp_path / "blobs"))
    with store.sessions() as session:
        session.add_all(
            LedgerEntry(stage="s", item=item, fingerprint="", status="done", finished_at=NOON) for item in AWKWARD
        )
        session.commit()
        assert session.scalars(select(LedgerEntry.item).order_by(LedgerEntry.item)).all() == sorted(AWKWARD)
    store.close()


def test_nested_records_and_zeros_in_texts_come_back_alike(database: str, tmp_path: Path) -> None:
    manifest = {"b": [0.1, 1e-300, None, {"ü": "\u4e16"}], "a": {}, "zero": "\x00"}
    store = open_store(database, str(tmp_path / "blobs"))
    with store.sessions() as session:
        row = Edition(name="2025.10", path="a\x00b", manifest=manifest)
        row.seal("2025.10")
        session.add(row)
        session.commit()
    with store.sessions() as session:
        (found,) = session.scalars(select(Edition))
        assert (found.path, found.manifest, list(found.manifest)) == ("a\ufffdb", manifest, ["b", "a", "zero"])
        assert found.digest == row.digest
    store.close()


def test_several_may_open_a_new_store_at_once(database: str, tmp_path: Path) -> None:
    def go(_: int) -> int:
        store = open_store(database, str(tmp_path / "blobs"))
        with store.sessions() as session:
            count = len(session.scalars(select(LedgerEntry)).all())
        store.close()
        return count

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(go, range(4))) == [0] * 4
