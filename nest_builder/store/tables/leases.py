"""Who works on what just now, where several processes share a store."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from nest_builder.store.tables.base import Base


class Lease(Base):
    """An item that a process has taken up; no other takes it before ``until``. Gone once the item's outcome is committed."""

    __tablename__ = "lease"

    stage: Mapped[str] = mapped_column(String(32), primary_key=True)
    item: Mapped[str] = mapped_column(String(512), primary_key=True)
    holder: Mapped[str] = mapped_column(String(256))
    until: Mapped[float]  # seconds since 1970 by the database's clock, since machines' own clocks differ
