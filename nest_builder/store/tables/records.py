"""What is kept about the work itself: the ledger, runs, editions, and what people decided."""

import datetime as dt
from typing import Any

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from nest_builder.store.tables.base import Base, Row


class LedgerEntry(Base):
    """What became of one item in one stage, and with which fingerprint (inputs, models, parameters)."""

    __tablename__ = "ledger"

    stage: Mapped[str] = mapped_column(String(32), primary_key=True)
    item: Mapped[str] = mapped_column(String(512), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))  # done | rejected | failed
    reason: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(default="")
    dropped: Mapped[dict[str, Any]] = mapped_column(
        default=dict
    )  # reason -> count of parts turned away inside the item
    attempts: Mapped[int] = mapped_column(default=1)
    finished_at: Mapped[dt.datetime]

    __table_args__ = (Index("ix_ledger_stage_status", "stage", "status"),)


class StageRun(Base):
    """One pass of one stage: what ``nest status`` and the report's funnel show of time."""

    __tablename__ = "stage_run"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    run: Mapped[str] = mapped_column(String(64), index=True)
    stage: Mapped[str] = mapped_column(String(32))
    started_at: Mapped[dt.datetime]
    seconds: Mapped[float]
    counts: Mapped[dict[str, Any]]


class Edition(Row):
    """A published edition and its manifest (``export``); it is never changed, see ``export.naming`` for what replaces it."""

    __tablename__ = "edition"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    path: Mapped[str]  # relative to the work directory
    manifest: Mapped[dict[str, Any]]
    inputs: Mapped[str] = mapped_column(String(64), default="")  # digest of what it was made from
    published_at: Mapped[dt.datetime | None]  # by the run's clock; not in the manifest, which is the same for everybody


class Published(Row):
    """A sample of a published edition (``export``): by these rows an event and a picture belong to one edition for ever.

    ``digest`` is that of the sample's published form without its split and edition, given when the row is made.
    """

    __tablename__ = "published"

    edition: Mapped[str] = mapped_column(String(64), primary_key=True)
    sample_id: Mapped[str] = mapped_column(String(16), primary_key=True, index=True)
    annotation_id: Mapped[str] = mapped_column(String(16), index=True)
    entity_key: Mapped[str] = mapped_column(String(128))  # the event
    image_sha256: Mapped[str] = mapped_column(String(64))
    phash: Mapped[str] = mapped_column(String(16))  # 64-bit perceptual hash, hex
    split: Mapped[str] = mapped_column(String(8))
    model_mask: Mapped[str] = mapped_column(String(16))  # of the mask that a person replaced; "": it stands as it was

    def seal(self, origin: str) -> None:
        """Note where the row comes from; its digest is there already."""
        self.origin = origin


class Decision(Base):
    """What a person said of a sample (``nest review pull``, or a simulated reviewer).

    Not a ``Row``: no stage makes it, so no stage recomputes it away. What it says of the mask holds for the annotation, and so for
    all samples on it. The newest current decision of a reviewer counts; two reviewers on one sample are two rows.
    """

    __tablename__ = "decision"

    id: Mapped[str] = mapped_column(String(128), primary_key=True)  # label-studio:<server>:<annotation's number there>
    sample_id: Mapped[str] = mapped_column(String(16), index=True)
    annotation_id: Mapped[str] = mapped_column(String(16), index=True)
    project: Mapped[str] = mapped_column(String(64), default="")  # the edition's name; "" where it was asked for none
    reviewer: Mapped[str] = mapped_column(String(256))
    decided_at: Mapped[dt.datetime]
    pulled_at: Mapped[dt.datetime]
    status: Mapped[str] = mapped_column(String(16), index=True)  # accept | reject | correct: the mask was replaced
    is_target: Mapped[bool | None]
    category: Mapped[str | None] = mapped_column(String(16))  # novel | emerging | neither
    question_good: Mapped[bool | None]
    reason: Mapped[str] = mapped_column(default="")  # why it was rejected
    mask: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # COCO compressed RLE, where corrected
    box: Mapped[list[float] | None] = mapped_column(
        JSON(none_as_null=True)
    )  # x0, y0, x1, y1 where a box was drawn only
    mask_model: Mapped[str] = mapped_column(default="")  # which model made ``mask`` of ``box``
    seconds: Mapped[float] = mapped_column(default=0.0)  # how long the person took
    model_mask_digest: Mapped[str] = mapped_column(String(64), default="")  # of the mask that was looked at
    state: Mapped[str] = mapped_column(String(16), default="current", index=True)  # current | superseded | deleted


class ReviewProject(Base):
    """A project on a Label Studio server, and how far it has been pulled."""

    __tablename__ = "review_project"

    id: Mapped[str] = mapped_column(String(128), primary_key=True)  # label-studio:<server>:<project's number there>
    url: Mapped[str] = mapped_column(String(512))
    name: Mapped[str] = mapped_column(String(64), index=True)  # the edition's name, or ""
    made_at: Mapped[dt.datetime]
    pushed_at: Mapped[dt.datetime | None]
    pulled_at: Mapped[dt.datetime | None]
    cursor: Mapped[dt.datetime | None]  # the server's clock: nothing that changed before it is asked for again
