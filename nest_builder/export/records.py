"""Joining a sample's parts, as the stages left them in the store, into the record that an edition publishes."""

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.annotate.masks import decode_mask, encode_mask, mask_box
from nest_builder.export.reviewed import Reviewed, Reviews, verdict_on
from nest_builder.review.said import mask_digest
from nest_builder.store.tables import Annotation, Article, Entity, Image, Route, Sample, Verdict

_EXTENSIONS = {"JPEG": "jpg", "TIFF": "tif"}
_VERDICT = ("static_iou", "search_iou", "rose_iou", "label")
_ROWS = 1000  # read at a time
_EVIDENCE_TEXT = 2000  # characters of one piece of evidence


@dataclass(frozen=True, slots=True)
class Record:
    """A sample as it will be published, but for its split and edition, with what selection and splitting need.

    Attributes:
        sample: The JSON form of ``schemas/sample.schema.json``; its ``image`` is the file's name.
        entity_key: Key of the target.
        published_at: When the article appeared.
        phash: The picture's 64-bit perceptual hash.
        annotation_id: The annotation that its mask comes from.
        model_mask: Digest of the models' mask where a person replaced it; "" where the sample's is the models'.
    """

    sample: dict[str, Any]
    entity_key: str
    published_at: dt.datetime | None
    phash: int
    annotation_id: str = ""
    model_mask: str = ""

    @property
    def id(self) -> str:
        """Return the sample's identifier."""
        return str(self.sample["id"])

    @property
    def order(self) -> tuple[str, str]:
        """Return the key by which rows are sorted: by date, then by id."""
        return (self.sample["published_at"] or "", self.sample["id"])

    @property
    def digest(self) -> str:
        """Return a hash of what is published of the sample, whatever its split and edition."""
        return content_digest(self.sample)


def content_digest(sample: Mapping[str, Any]) -> str:
    """Return a hash of a sample's JSON form."""
    return hashlib.sha256(orjson.dumps(sample, option=orjson.OPT_SORT_KEYS)).hexdigest()


def read_records(session: Session, sure: float = 0.0) -> Iterator[Record | str]:
    """Yield each sample's record in the order of their ids, or why it has none.

    Rows stream, and only the columns that are published are read: a store may be larger than memory.

    Args:
        session: Reads the store; nothing is written to it meanwhile.
        sure: The probability from which an annotation that nobody has looked at is sure enough for a verdict.
    """
    entities = {entity.key: entity for entity in session.scalars(select(Entity))}
    described: dict[str, dict[str, Any]] = {}
    query = (
        select(
            Sample.id, Sample.annotation_id, Sample.entity_key, Sample.question, Sample.answer, Sample.category,
            Sample.negative, Annotation.mask, Annotation.box, Annotation.uncertainty, Annotation.p_correct,
            Annotation.detector, Annotation.mask_model, Image.sha256, Image.width, Image.height, Image.format,
            Image.phash, Image.caption, Image.credit, Image.consent, Image.image_url, Image.article_url,
            Image.published_at.label("image_at"), Article.published_at.label("article_at"),
            Verdict.static_iou, Verdict.search_iou, Verdict.rose_iou, Verdict.label, Verdict.thresholds,
            Route.p_correct.label("calibrated"),
        )
        .outerjoin(Annotation, Annotation.id == Sample.annotation_id)
        .outerjoin(Image, Image.id == Sample.image_id)
        .outerjoin(Article, Article.url == Image.article_url)
        .outerjoin(Verdict, Verdict.sample_id == Sample.id)
        .outerjoin(Route, Route.sample_id == Sample.id)
        .order_by(Sample.id)
        .execution_options(yield_per=_ROWS)
    )  # fmt: skip
    reviews = Reviews(session)
    for row in session.execute(query):
        if row.detector is None or row.sha256 is None or row.entity_key not in entities:
            yield f"sample {row.id}: its annotation, entity or image is not in the store"
            continue
        try:
            if row.entity_key not in described:
                described[row.entity_key] = _entity(entities[row.entity_key])
            reviewed = reviews.of(row.id, row.annotation_id, partial(mask_digest, row.mask))
            yield _record(session, row, described[row.entity_key], reviewed, sure)
        except (ValueError, TypeError, KeyError) as error:
            yield f"sample {row.id}: {type(error).__name__}: {error}"


def utc_text(value: dt.datetime | str | None) -> str | None:
    """Return a time as editions write it, such as ``2025-10-01T06:00:00Z``.

    Raises:
        ValueError: The text is no ISO 8601 time, or the time is naive.
    """
    if value is None or value == "":
        return None
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    if moment.tzinfo is None:
        raise ValueError(f"naive time {value!r}")
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def corrected_parts(session: Session, sample_id: str, mask: dict[str, Any]) -> dict[str, Any]:
    """Return what a person's mask changes of a sample: mask, box, negative and verdict.

    Args:
        session: Reads the verdict's attempts, if the store has them still.
        sample_id: The sample.
        mask: COCO run lengths.

    Raises:
        ValueError: The mask is damaged, or of another size than the attempts.
    """
    verdict = session.get(Verdict, sample_id)
    return {
        "mask": _mask(mask),
        "box": [round(float(value), 2) for value in mask_box(decode_mask(mask))],
        "negative": False,
        "verdict": verdict_on(mask, verdict) if verdict is not None and verdict.attempts else dict.fromkeys(_VERDICT),
    }


def review_part(reviewed: Reviewed | None) -> dict[str, Any]:
    """Return what is published of a review."""
    if reviewed is None:
        return {"status": "unreviewed", "by": None, "at": None}
    return {"status": reviewed.status, "by": reviewed.by, "at": utc_text(reviewed.at)}


def _record(session: Session, row: Any, entity: dict[str, Any], reviewed: Reviewed | None, sure: float) -> Record:
    p_correct = row.p_correct if row.calibrated is None else row.calibrated
    published = row.article_at or row.image_at
    extension = _EXTENSIONS.get(row.format.upper(), row.format.lower())
    mask = _empty_mask(row.height, row.width) if row.negative else _mask(row.mask)
    sample = {
        "id": row.id,
        "image": f"{row.sha256}.{extension}",
        "image_sha256": row.sha256,
        "width": row.width,
        "height": row.height,
        "question": row.question,
        "answer": row.answer,
        "mask": mask,
        "box": [] if row.negative else [round(float(value), 2) for value in row.box],
        "negative": row.negative,
        "category": row.category,
        "entity": entity,
        "published_at": utc_text(published),
        "article_url": row.article_url,
        "image_url": row.image_url,
        "caption": row.caption,
        "credit": row.credit,
        "consent": _consent(row.consent),
        "annotation": _annotation(row, p_correct),
        "verdict": _verdict(row, mask, believed=reviewed is not None or p_correct >= sure),
        "review": review_part(reviewed),
    }
    model_mask = ""
    if reviewed is not None:
        sample["category"] = reviewed.category or row.category
        if reviewed.mask is not None:
            sample |= corrected_parts(session, row.id, reviewed.mask)
            model_mask = mask_digest(row.mask)
    return Record(sample, row.entity_key, published, int(row.phash or "0", 16), row.annotation_id, model_mask)


def _mask(mask: dict[str, Any]) -> dict[str, Any]:
    return {"size": [int(side) for side in mask["size"]], "counts": mask["counts"]}


@cache
def _empty_mask(height: int, width: int) -> dict[str, Any]:
    return encode_mask(np.zeros((height, width), bool))


def _entity(entity: Entity) -> dict[str, Any]:
    return {
        "name": entity.name,
        "aliases": sorted(set(entity.aliases) - {entity.name}),
        "type": entity.type,
        "hypernym": entity.hypernym,
        "first_seen": utc_text(entity.first_seen),
        "evidence": [
            {
                "kind": str(item.get("kind") or ""),
                "source": str(item.get("source") or ""),
                "url": _text(item.get("url")),
                "date": _text(item.get("date")),
                "text": str(item.get("text") or "")[:_EVIDENCE_TEXT],
                "verdict": str(item.get("verdict") or ""),
            }
            for item in entity.evidence
        ],
    }


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _consent(consent: dict[str, Any]) -> dict[str, Any]:
    robots = consent.get("robots", "unknown")
    if isinstance(robots, bool):
        robots = "allowed" if robots else "disallowed"
    return {
        "robots": str(robots),
        "opt_out": bool(consent.get("opt_out")),
        "checked_at": utc_text(consent.get("checked_at")),
    }


def _verdict(row: Any, mask: dict[str, Any], believed: bool) -> dict[str, Any]:
    """Return which systems solve the sample; null where they were not run on this mask, or where that would prove nothing.

    A verdict stays in the store until there is another, which a service that is down may put off; its IoUs may then be with a mask
    that is not the sample's any more. That a system misses an annotation which may be wrong itself proves nothing: then there are
    IoUs and no label.
    """
    of = (row.thresholds or {}).get("mask")
    if of is not None and of != mask_digest(mask):
        return dict.fromkeys(_VERDICT)
    found = {name: getattr(row, name) for name in _VERDICT}
    return found if believed else {**found, "label": None}


def _annotation(row: Any, p_correct: float) -> dict[str, Any]:
    """Return models and scores; the probability is the calibrated one where samples were routed, else the models' own."""
    record = row.uncertainty
    scores = ("detector_score", "predicted_iou", "stability", "box_agreement", "phrase_margin")
    numbers = {name: None if record.get(name) is None else round(float(record[name]), 6) for name in scores}
    return {
        "detector": row.detector,
        "detector_score": numbers["detector_score"],
        "mask_model": row.mask_model,
        "predicted_iou": numbers["predicted_iou"],
        "stability": numbers["stability"],
        "box_agreement": numbers["box_agreement"],
        "phrase_margin": numbers["phrase_margin"],
        "p_correct": round(float(p_correct), 6),
    }
