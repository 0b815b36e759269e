"""The tables. Every row that a stage produces says which ledger item it came from and carries a digest of its content."""

import datetime as dt
from typing import Any

from sqlalchemy import JSON, DateTime, Index, String, TypeDecorator, inspect
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
        """Note where the row comes from and fingerprint its content (the runner calls this)."""
        self.origin = origin
        self.digest = digest(type(self).__tablename__, self.content())


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


class Entry(Row):
    """An article's address with what its feed or site said of it (``collect``, from a source)."""

    __tablename__ = "entry"

    url: Mapped[str] = mapped_column(String(512), primary_key=True)
    source: Mapped[str] = mapped_column(String(512))  # the feed's or site's URL that named it first
    title: Mapped[str] = mapped_column(default="")
    summary: Mapped[str] = mapped_column(default="")
    published_at: Mapped[dt.datetime | None]
    authors: Mapped[list[str]]
    media: Mapped[list[dict[str, Any]]]  # image_url, caption, credit


class SourceState(Row):
    """Validators of a feed or site page for the next conditional GET (``collect``)."""

    __tablename__ = "source_state"

    url: Mapped[str] = mapped_column(String(512), primary_key=True)
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    body_sha256: Mapped[str] = mapped_column(String(64))
    fetched_at: Mapped[dt.datetime]


class Page(Row):
    """A fetched article page with the exchange's record (``collect``, from an entry). The body is a blob."""

    __tablename__ = "page"

    url: Mapped[str] = mapped_column(String(512), primary_key=True)
    responded_url: Mapped[str] = mapped_column(String(2048))
    source: Mapped[str] = mapped_column(String(512))
    content_type: Mapped[str]
    body_sha256: Mapped[str] = mapped_column(String(64))
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    fetched_at: Mapped[dt.datetime]
    consent: Mapped[dict[str, Any]]  # robots, opt_out, reason, checked_at


class Article(Row):
    """The text and the facts about it (``extract``, from a page)."""

    __tablename__ = "article"

    url: Mapped[str] = mapped_column(String(512), primary_key=True)
    site: Mapped[str]
    title: Mapped[str]
    text: Mapped[str]  # paragraphs separated by a blank line
    authors: Mapped[list[str]]
    published_at: Mapped[dt.datetime | None]
    language: Mapped[str] = mapped_column(String(8))
    text_hash: Mapped[str] = mapped_column(String(64), index=True)
    signature: Mapped[str] = mapped_column(default="")  # near-duplicate signature, see news/duplicates.py


class Figure(Row):
    """A picture of an article with what the article says of it (``extract``, from a page)."""

    __tablename__ = "figure"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    article_url: Mapped[str] = mapped_column(String(512), index=True)
    image_url: Mapped[str] = mapped_column(String(2048), index=True)
    caption: Mapped[str]
    credit: Mapped[str]
    alt: Mapped[str]
    position: Mapped[int]


class Mention(Row):
    """A name in an article's title, text or caption, linked to an entity key (``recognize``, from an article)."""

    __tablename__ = "mention"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    article_url: Mapped[str] = mapped_column(String(512), index=True)
    figure_id: Mapped[str | None] = mapped_column(String(16))  # set where the mention stands in a caption
    field: Mapped[str] = mapped_column(String(16))  # title | text | caption
    start: Mapped[int]  # character offsets in that field
    end: Mapped[int]
    surface: Mapped[str]
    label: Mapped[str] = mapped_column(String(16))  # spaCy's entity label
    entity_key: Mapped[str] = mapped_column(String(128), index=True)
    sentence: Mapped[str]


class Claim(Row):
    """A dated statement about an entity found in an article (``recognize``): what it is, how it looks, which office it took ..."""

    __tablename__ = "claim"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    article_url: Mapped[str] = mapped_column(String(512), index=True)
    entity_key: Mapped[str] = mapped_column(String(128), index=True)
    relation: Mapped[str] = mapped_column(
        String(32)
    )  # is_a | looks | launched | holds_office | holds_title | made_by | ...
    value: Mapped[str]
    polarity: Mapped[str] = mapped_column(String(16))  # stated | rumoured | denied
    date: Mapped[dt.datetime | None]  # when the article said it
    sentence: Mapped[str]


class Entity(Row):
    """An entity with its status relative to the knowledge cutoff, and the evidence (``assess``, from its mentions and claims)."""

    __tablename__ = "entity"

    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    name: Mapped[str]
    aliases: Mapped[list[str]]
    type: Mapped[str] = mapped_column(String(16))  # PERSON | PRODUCT | FAC | ...
    hypernym: Mapped[str]  # a word that the detector can be asked for: "car", "person"
    colour: Mapped[str]  # of the look as described; "" where articles do not say
    description: Mapped[str]  # the look in the articles' words; "" where they do not say
    category: Mapped[str] = mapped_column(String(16), index=True)  # novel | emerging
    relation: Mapped[str]  # emerging: the changed relation ("holds_office"); novel: "launched" or ""
    role: Mapped[str]  # emerging: the role ("mayor of Harwick")
    first_seen: Mapped[dt.datetime]  # novel: first sighting; emerging: first statement of the change
    evidence: Mapped[list[dict[str, Any]]]  # {kind, source, url, date, text, verdict}
    article_urls: Mapped[list[str]]


class Image(Row):
    """A picture kept on disk (``gather``, from a figure). The file is a blob."""

    __tablename__ = "image"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    figure_id: Mapped[str] = mapped_column(String(16), index=True)
    image_url: Mapped[str] = mapped_column(String(2048))
    article_url: Mapped[str] = mapped_column(String(512))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    width: Mapped[int]
    height: Mapped[int]
    format: Mapped[str] = mapped_column(String(8))
    phash: Mapped[str] = mapped_column(String(16))  # 64-bit perceptual hash, hex
    caption: Mapped[str]
    credit: Mapped[str]
    published_at: Mapped[dt.datetime | None]
    fetched_at: Mapped[dt.datetime]
    consent: Mapped[dict[str, Any]]


class Depiction(Row):
    """An entity that an image may show, and why one may think so (``gather``, from a figure)."""

    __tablename__ = "depiction"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    image_id: Mapped[str] = mapped_column(String(16), index=True)
    entity_key: Mapped[str] = mapped_column(String(128), index=True)
    support: Mapped[str] = mapped_column(String(16))  # caption | article: where the entity is named


class Annotation(Row):
    """Where an entity is in an image, as the models see it, with the joined uncertainty record (``annotate``, from an image)."""

    __tablename__ = "annotation"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    image_id: Mapped[str] = mapped_column(String(16), index=True)
    entity_key: Mapped[str] = mapped_column(String(128), index=True)
    phrase: Mapped[str]  # what the detector was asked for
    negative: Mapped[bool]  # the entity is not in the picture, as far as the models see
    box: Mapped[list[float]]  # x0, y0, x1, y1 in pixels; empty for a negative
    boxes: Mapped[list[dict[str, Any]]]  # every candidate: box, score, phrase
    mask: Mapped[dict[str, Any]]  # COCO compressed RLE {size: [height, width], counts: str}
    uncertainty: Mapped[dict[str, Any]]  # see annotate/uncertainty.py
    p_correct: Mapped[float]
    detector: Mapped[str]
    mask_model: Mapped[str]


class Sample(Row):
    """A question about an image with its answer and its mask (``ask``, from an annotation); the rest is joined at export."""

    __tablename__ = "sample"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    annotation_id: Mapped[str] = mapped_column(String(16), index=True)
    image_id: Mapped[str] = mapped_column(String(16), index=True)
    entity_key: Mapped[str] = mapped_column(String(128), index=True)
    question: Mapped[str]
    answer: Mapped[str]
    category: Mapped[str] = mapped_column(String(16), index=True)  # novel | emerging
    negative: Mapped[bool]
    support_text: Mapped[str]  # the sentence of the article that holds the answer


class Verdict(Row):
    """Which systems solve a sample, with all that it rests on (``validate``, from a sample)."""

    __tablename__ = "verdict"

    sample_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    label: Mapped[str | None] = mapped_column(String(32), index=True)  # see validate/verdicts.py; None: no verdict
    reason: Mapped[str]  # why there is none
    static_iou: Mapped[float | None]
    search_iou: Mapped[float | None]
    rose_iou: Mapped[float | None]
    attempts: Mapped[list[dict[str, Any]]]  # system, segmenter, prompt, iou, mask (COCO compressed RLE), answer
    controls: Mapped[list[dict[str, Any]]]  # of each static model: segmenter, giou [value, low, high], floor, questions
    thresholds: Mapped[dict[str, Any]]


class Route(Row):
    """What becomes of a sample: taken as it is, looked at by people, or left out (``review``, from all samples together)."""

    __tablename__ = "route"

    sample_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    p_correct: Mapped[float]  # calibrated on what people decided; an annotation's own is the models' first guess
    action: Mapped[str] = mapped_column(String(16), index=True)  # accept | review | reject
    priority: Mapped[float]  # what a look at it is expected to gain; the highest is shown first
    audit: Mapped[bool] = mapped_column(index=True)  # drawn by chance among the accepted, to estimate their error
    reviewers: Mapped[int]  # how many people should decide it, 0 where none
    evidence: Mapped[dict[str, Any]]  # what ``p_correct`` rests on besides the annotation's record
    version: Mapped[str] = mapped_column(String(64))  # of the calibrator


class Edition(Row):
    """An exported edition and its manifest (``export``)."""

    __tablename__ = "edition"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    path: Mapped[str]  # relative to the work directory
    manifest: Mapped[dict[str, Any]]


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


class StageRun(Base):
    """One pass of one stage: what ``nest status`` and the report's funnel show of time."""

    __tablename__ = "stage_run"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    run: Mapped[str] = mapped_column(String(64), index=True)
    stage: Mapped[str] = mapped_column(String(32))
    started_at: Mapped[dt.datetime]
    seconds: Mapped[float]
    counts: Mapped[dict[str, Any]]
