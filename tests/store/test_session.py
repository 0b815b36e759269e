"""Opening the store: migrations and SQLite's settings."""

import datetime as dt
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import StatementError

from nest_builder.store.session import open_store
from nest_builder.store.tables import Base, StageRun


def test_migrations_lead_to_the_tables_of_the_code(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'new' / 'nest.sqlite'}", str(tmp_path / "blobs"))
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    store.close()


@pytest.mark.parametrize("hours", [0, 2, -5])
def test_a_store_opens_again_with_what_it_holds_and_times_are_utc(tmp_path: Path, hours: int) -> None:
    noon = dt.datetime(2025, 10, 1, 12, tzinfo=dt.UTC)
    local = noon.astimezone(dt.timezone(dt.timedelta(hours=hours)))
    for _ in range(2):
        store = open_store(f"sqlite:///{tmp_path / 'nest.sqlite'}", str(tmp_path / "blobs"))
        with store.sessions() as session:
            session.add(StageRun(run="r", stage="s", started_at=local, seconds=0.0, counts={}))
            session.commit()
        store.close()
    store = open_store(f"sqlite:///{tmp_path / 'nest.sqlite'}", str(tmp_path / "blobs"))
    with store.sessions() as session:
        found = [run.started_at for run in session.query(StageRun)]
    store.close()
    assert found == [noon, noon]
    assert {moment.utcoffset() for moment in found} == {dt.timedelta(0)}


def test_a_naive_time_is_refused(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'nest.sqlite'}", str(tmp_path / "blobs"))
    with store.sessions() as session:
        session.add(StageRun(run="r", stage="s", started_at=dt.datetime(2025, 10, 1), seconds=0.0, counts={}))
        with pytest.raises(StatementError, match="naive time"):
            session.commit()
    store.close()
