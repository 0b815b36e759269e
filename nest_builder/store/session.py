"""Opening the store: engine, each database's settings, migrations and sessions."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.orm import Session, sessionmaker

from nest_builder.store.blobs import Blobs


@dataclass(frozen=True, slots=True)
class Store:
    """An open store.

    Attributes:
        engine: The database.
        sessions: Makes a session, to be used as a context manager.
        blobs: Pages and pictures by their hash.
    """

    engine: Engine
    sessions: sessionmaker[Session]
    blobs: Blobs

    def close(self) -> None:
        """Give the database connections back."""
        self.engine.dispose()


def open_store(database: str, blobs: str) -> Store:
    """Open a store, bringing its schema to the newest version.

    Args:
        database: SQLAlchemy URL, such as ``sqlite:////data/nest.sqlite`` or ``postgresql+psycopg://...``.
        blobs: Folder or fsspec URL of the blobs.
    """
    engine = create_engine(
        database, pool_pre_ping=True
    )  # a connection that the server has closed is replaced, not used
    if engine.dialect.name == "sqlite":
        if engine.url.database:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _prepare_sqlite)
    migrate(engine)
    return Store(engine, sessionmaker(engine, expire_on_commit=False), Blobs(blobs))


def migrate(engine: Engine) -> None:
    """Run every migration that the database has not seen; of several processes that open it at once, one does.

    Raises:
        RuntimeError: A newer version of this package made the schema.
    """
    config = migrations()
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('nest migrations'))"))
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise RuntimeError(
                f"the store's schema is unknown here ({error}): a newer version of nest-builder made it, use that one"
            ) from error
        if engine.dialect.name == "postgresql":
            _order_by_code_point(connection)


def migrations() -> Config:
    """Return Alembic's configuration: where the migrations are."""
    config = Config()
    config.set_main_option("script_location", str(files("nest_builder.store") / "migrations"))
    return config


def _order_by_code_point(connection: Connection) -> None:
    """Give every text column the collation "C", so that ORDER BY orders as Python and SQLite do, whatever the database's language.

    Editions are the same to the byte on both for it. A column that has it already, as all have but after a migration, costs nothing.
    """
    others = connection.execute(
        text(
            "SELECT table_name, column_name, character_maximum_length FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND data_type IN ('character varying', 'text')"
            " AND collation_name IS DISTINCT FROM 'C' ORDER BY table_name, ordinal_position"
        )
    ).tuples()
    for table, column, length in others:
        kind = f"varchar({length})" if length else "varchar"
        connection.exec_driver_sql(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" TYPE {kind} COLLATE "C"')


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=30000")  # first, since others may be at the file already
    cursor.execute("PRAGMA journal_mode=WAL")  # readers (nest status, the report) never block the writer
    cursor.execute(
        "PRAGMA synchronous=NORMAL"
    )  # safe against a killed process; only a power cut may lose the last batch
    cursor.close()
