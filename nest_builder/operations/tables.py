"""Tables as JSON lines and back, alike for SQLite and PostgreSQL, at whatever schema version the database has.

A line is a row: column -> value. A column that is NULL is left out, which tells it from a JSON null. Times are ISO 8601 in UTC, nested
records are JSON. Everything is read in one transaction that sees one state of the database, however long it takes and whoever writes.
"""

import datetime as dt
import gzip
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from nest_builder.store.session import migrations

_ROWS: Final = 1000  # read and written at a time
# The schema's version is told apart; who works on what is over by then.
_TRANSIENT: Final = ("alembic_version", "lease")


class SchemaError(ValueError):
    """The database's schema is none that is known here, or not the one it should be."""


def open_database(url: str) -> sa.Engine:
    """Open a database as it is: nothing is migrated.

    Raises:
        FileNotFoundError: SQLite's file does not exist; connecting would make it.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed)
    if not Path(parsed.database or "").exists():
        raise FileNotFoundError(f"no database {parsed.database}")
    return sa.create_engine(parsed, connect_args={"timeout": 30})


@contextmanager
def one_state(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a connection that sees the database as it is now, to its end; writers go on beside it."""
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as plain:
        connection = plain.execution_options(isolation_level="AUTOCOMMIT" if sqlite else "REPEATABLE READ")
        if not sqlite:
            yield connection
            return
        connection.exec_driver_sql("BEGIN")  # the driver's own transactions begin at the first write
        connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")  # and the state is that of the first read
        try:
            yield connection
        finally:
            connection.exec_driver_sql("ROLLBACK")


def revision_of(connection: sa.Connection) -> str | None:
    """Return the schema's version; None for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def known_schema(connection: sa.Connection) -> str:
    """Return the schema's version.

    Raises:
        SchemaError: The database is empty, or of a version that is unknown here.
    """
    revision = revision_of(connection)
    if revision not in known_revisions():
        raise SchemaError(f"schema {revision} is unknown here: nothing was built yet, or a newer version made it")
    return revision


def tables_of(connection: sa.Connection) -> list[sa.Table]:
    """Return the tables that the database has, whichever version they are of."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name not in _TRANSIENT]


def dump_table(connection: sa.Connection, table: sa.Table, target: IO[bytes]) -> int:
    """Write a table in the order of its primary key, compressed, and return how many rows it has."""
    # As text, so that SQL's NULL and JSON's null stay two things.
    columns = [sa.cast(c, sa.Text).label(c.name) if isinstance(c.type, sa.JSON) else c for c in table.columns]
    nested = [isinstance(column.type, sa.JSON) for column in table.columns]
    names = [column.name for column in table.columns]
    query = sa.select(*columns).order_by(*table.primary_key.columns)
    count = 0
    with gzip.GzipFile(fileobj=target, mode="wb", mtime=0, compresslevel=6) as file:
        for row in connection.execute(query, execution_options={"yield_per": _ROWS}):
            values = {
                name: json.loads(value) if is_nested else _plain(value)
                for name, value, is_nested in zip(names, row, nested, strict=True)
                if value is not None
            }
            file.write(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
            count += 1
    return count


def load_table(connection: sa.Connection, table: sa.Table, source: IO[bytes]) -> int:
    """Insert a table's lines and return how many there were."""
    count = 0
    with gzip.GzipFile(fileobj=source, mode="rb") as file:
        lines = iter(file)
        while part := [_row(table, json.loads(line)) for line in itertools.islice(lines, _ROWS)]:
            connection.execute(sa.insert(table), part)
            count += len(part)
    if connection.dialect.name == "postgresql":
        _advance_sequences(connection, table)
    return count


def is_empty(connection: sa.Connection) -> bool:
    """Return whether no table has a row."""
    return all(
        connection.execute(sa.select(sa.literal(1)).select_from(t).limit(1)).first() is None
        for t in tables_of(connection)
    )


def known_revisions() -> list[str]:
    """Return the schema versions that this code can bring forward, the oldest first."""
    scripts = ScriptDirectory.from_config(migrations())
    return [script.revision for script in reversed(list(scripts.walk_revisions()))]


def upgrade(engine: sa.Engine, revision: str) -> None:
    """Bring a database's schema to a version."""
    config = migrations()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _plain(value: Any) -> Any:
    """Return a column's value as a JSON type.

    Raises:
        TypeError: It has none; a table has got a column of a new kind.
    """
    if isinstance(value, dt.datetime):
        aware = value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
        return aware.isoformat()
    if not isinstance(value, str | int | float | bool):
        raise TypeError(f"no JSON form for {type(value).__name__}")
    return value


def _row(table: sa.Table, values: dict[str, Any]) -> dict[str, Any]:
    """Return a line's values as the database's driver wants them.

    Raises:
        SchemaError: The line has columns that the table has not.
    """
    if unknown := values.keys() - table.columns.keys():
        raise SchemaError(f"table {table.name} has no columns {sorted(unknown)}")
    row: dict[str, Any] = {}
    for column in table.columns:
        value = values.get(column.name)
        if isinstance(column.type, sa.JSON):
            row[column.name] = value if column.name in values else sa.null()
        elif isinstance(column.type, sa.DateTime) and value is not None:
            row[column.name] = dt.datetime.fromisoformat(value)
        else:
            row[column.name] = value
    return row


def _advance_sequences(connection: sa.Connection, table: sa.Table) -> None:
    """Have PostgreSQL number new rows after the ones that were put in with their numbers."""
    for column in table.primary_key.columns:
        sequence = connection.scalar(sa.select(sa.func.pg_get_serial_sequence(table.name, column.name)))
        if sequence is not None:
            newest = connection.scalar(sa.select(sa.func.max(column)))
            connection.execute(sa.select(sa.func.setval(sequence, newest or 1, newest is not None)))
