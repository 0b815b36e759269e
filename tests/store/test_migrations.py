"""Migrations: from every schema that was ever released to the newest, with nothing lost."""

import datetime as dt
import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from nest_builder.operations.tables import known_revisions, upgrade
from nest_builder.status import read_status
from nest_builder.store.session import migrate, migrations, open_store
from nest_builder.store.tables import Base

# What each released revision makes of an empty SQLite file. A change here means that somebody's store is no longer what it was: write a
# new migration instead.
RELEASED = {
    "0001": "37cc35b5c3555cda",
    "0002": "aac3fb56e524d1a5",
    "0003": "da9c7ce303ebab54",
    "0004": "eb7c2f2cad1272d7",
    "0005": "6227f7daf9535171",
    "0006": "6af321737bf79975",
}
HOSTILE = 'Zoë\'s "new" ✍ %s :x ?\n\t\\ \x1b[0m 日本語'
MOMENT = dt.datetime(2025, 9, 30, 23, 59, 59, 123456)
NESTED: tuple[Any, ...] = ({"a": [1, None, {"b": HOSTILE}], "c": 0.1}, [])


def made_at(folder: Path, revision: str) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{folder / 'nest.sqlite'}")
    upgrade(engine, revision)
    return engine


def rows_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return each table's rows as SQLite holds them."""
    with sqlite3.connect(folder / "nest.sqlite") as connection:
        connection.row_factory = sqlite3.Row
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
        return {
            name: [dict(row) for row in connection.execute(f"SELECT * FROM {name} ORDER BY rowid")]
            for name in names
            if name != "alembic_version"
        }


def representative(column: sa.Column[Any], number: int) -> Any:
    """Return a value for a column: full and awkward in the first row, as empty as it may be in the second."""
    if number and column.nullable:
        return None
    match column.type:
        case sa.JSON():
            return json.dumps(NESTED[number])
        case sa.DateTime():
            return (MOMENT + dt.timedelta(days=number)).isoformat(" ")
        case sa.Boolean():
            return 1 - number
        case sa.Integer():
            return 7 + number
        case sa.Float():
            return 1 / (3 + number)
        case sa.String(length=length):
            text = f"{number}{column.name}{HOSTILE}"
            return text[:length]
    raise AssertionError(f"no value for {column.type!r}")


def fill(engine: sa.Engine) -> None:
    """Put two rows into every table, by SQL, as the code of that time would have."""
    metadata = sa.MetaData()
    metadata.reflect(engine)
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            if table.name == "alembic_version":
                continue
            names = [column.name for column in table.columns]
            statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
            for number in range(2):
                values = tuple(representative(column, number) for column in table.columns)
                connection.exec_driver_sql(statement, values)


@pytest.mark.parametrize("revision", known_revisions())
def test_every_row_of_every_schema_comes_through(tmp_path: Path, revision: str) -> None:
    engine = made_at(tmp_path, revision)
    fill(engine)
    engine.dispose()
    before = rows_of(tmp_path)
    assert all(len(rows) == 2 for rows in before.values())
    store = open_store(f"sqlite:///{tmp_path / 'nest.sqlite'}", str(tmp_path / "blobs"))
    after = rows_of(tmp_path)
    for name, rows in before.items():
        assert [{column: row[column] for column in old} for old, row in zip(rows, after[name], strict=True)] == rows
    with store.sessions() as session:
        for mapper in Base.registry.mappers:
            count = 2 if mapper.local_table.name in before else 0  # type: ignore[attr-defined]
            assert len(list(session.scalars(sa.select(mapper.class_)))) == count, (
                "the code of today reads what is there"
            )
    store.close()


def test_an_edition_of_an_older_schema_is_still_an_edition(tmp_path: Path) -> None:
    engine = made_at(tmp_path, "0004")
    manifest = json.dumps({"counts": {"samples": 3, "by_split": {"test": 3}}})
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO edition (name, path, manifest, origin, digest) VALUES (?, ?, ?, ?, ?)",
            ("2025.09", "editions/2025.09", manifest, "2025.09", "0" * 64),
        )
    engine.dispose()
    store = open_store(f"sqlite:///{tmp_path / 'nest.sqlite'}", str(tmp_path / "blobs"))
    (edition,) = read_status(store).editions
    store.close()
    assert (edition.name, edition.counts["samples"]) == ("2025.09", 3)


@pytest.mark.parametrize("revision", RELEASED)
def test_a_released_schema_stays_as_it_was_released(tmp_path: Path, revision: str) -> None:
    made_at(tmp_path, revision).dispose()
    with sqlite3.connect(tmp_path / "nest.sqlite") as connection:
        made = [
            " ".join(sql.split())
            for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name")
        ]
    assert hashlib.sha256("\n".join(made).encode()).hexdigest()[:16] == RELEASED[revision]


def test_the_revisions_form_one_line() -> None:
    scripts = ScriptDirectory.from_config(migrations())
    assert len(scripts.get_heads()) == 1
    revisions = known_revisions()
    assert revisions == sorted(revisions)
    assert list(RELEASED) == revisions  # a new one is written down here when it is made


@pytest.mark.parametrize("killed_at", [1, 4, 9])
def test_a_migration_that_is_cut_short_leaves_the_old_schema(tmp_path: Path, killed_at: int) -> None:
    fill(engine := made_at(tmp_path, "0002"))
    before = rows_of(tmp_path)
    changes = 0

    def cut(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        nonlocal changes
        changes += statement.lstrip().upper().startswith(("CREATE", "ALTER", "DROP", "INSERT", "UPDATE"))
        if changes == killed_at:
            raise KeyboardInterrupt

    sa.event.listen(engine, "before_cursor_execute", cut)
    with pytest.raises(KeyboardInterrupt):
        migrate(engine)
    engine.dispose()
    assert rows_of(tmp_path) == before
    open_store(f"sqlite:///{tmp_path / 'nest.sqlite'}", str(tmp_path / "blobs")).close()
    assert set(before) < set(rows_of(tmp_path))
