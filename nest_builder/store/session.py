"""Opening the store: engine, SQLite's settings, migrations and sessions."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event
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
    engine = create_engine(database)
    if engine.dialect.name == "sqlite":
        if engine.url.database:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _prepare_sqlite)
    migrate(engine)
    return Store(engine, sessionmaker(engine, expire_on_commit=False), Blobs(blobs))


def migrate(engine: Engine) -> None:
    """Run every migration that the database has not seen."""
    config = Config()
    config.set_main_option("script_location", str(files("nest_builder.store") / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")  # readers (nest status, the report) never block the writer
    cursor.execute(
        "PRAGMA synchronous=NORMAL"
    )  # safe against a killed process; only a power cut may lose the last batch
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()
