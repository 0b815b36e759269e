"""What becomes of a picture: its file, masks, questions, verdicts and routing (``gather`` to ``review``)."""

import datetime as dt
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from nest_builder.store.tables.base import Row


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
    thresholds: Mapped[dict[str, Any]]  # of the rule; and ``mask``, the digest of the mask that IoUs are with


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
