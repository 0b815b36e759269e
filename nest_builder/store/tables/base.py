"""What all tables share: UTC times, and rows that say which ledger item they came from and carry a digest of their content."""

import datetime as dt
from typing import Any

from sqlalchemy import JSON, DateTime, String, TypeDecorator, inspect
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from nest_builder.digest import digest


class UtcTime(TypeDecorator[dt.datetime]):
    """An aware UTC time. SQLite drops time zones, so it is put back on the way out; a naive time is refused on the way in."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """Refuse naive times and convert to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive time {value!r}: times in the store are aware")
        return value.astimezone(dt.UTC)

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """Give the time zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


class Base(DeclarativeBase):
    """Declarative base: JSON columns for nested records, UTC for every time."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        dict[str, Any]: JSON,
        list[str]: JSON,
        list[float]: JSON,
        list[dict[str, Any]]: JSON,
        dt.datetime: UtcTime,
    }


class Row(Base):
    """A row made by a stage.

    Attributes:
        origin: Key of the ledger item whose processing made the row; re-processing the item replaces its rows.
        digest: Hash of the row's content, without ``origin``. A later stage uses it as its input, so it re-runs when the content
            changed and only then.
    """

    __abstract__ = True

    origin: Mapped[str] = mapped_column(String(512), index=True)
    digest: Mapped[str] = mapped_column(String(64))

    def content(self) -> dict[str, Any]:
        """Return column values without ``origin`` and ``digest``."""
        names = (column.key for column in inspect(type(self)).column_attrs)
        return {name: getattr(self, name) for name in names if name not in ("origin", "digest")}

    def seal(self, origin: str) -> None:
        """Note where the row comes from and fingerprint its content (the runner calls this).

        U+0000, which PostgreSQL cannot store in a text, becomes the replacement character, on every database alike.
        """
        for name, value in self.content().items():
            if isinstance(value, str) and "\x00" in value:
                setattr(self, name, value.replace("\x00", "\ufffd"))
        self.origin = origin
        self.digest = digest(type(self).__tablename__, self.content())
