"""Joining a sample's parts, as the stages left them in the store, into the record that an edition publishes."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.annotate.masks import decode_mask, encode_mask, mask_box
from nest_builder.export.reviewed import Reviewed, Reviews, verdict_on
from nest_builder.store.tables import Annotation, Article, Entity, Image, Route, Sample, Verdict

_EXTENSIONS = {"JPEG": "jpg", "TIFF": "tif"}
_EVIDENCE_TEXT = 2000  # characters of one piece of evidence


@dataclass(frozen=True, slots=True)
class Record:
    """A sample as it will be published, but for its split and edition, with what selection and splitting need.

    Attributes:
        sample: The JSON form of ``schemas/sample.schema.json``; its ``image`` is the file's name.
        entity_key: Key of the target.
        published_at: When the article appeared.
        phash: The picture's 64-bit perceptual hash.
    """

    sample: dict[str, Any]
    entity_key: str
    published_at: dt.datetime | None
    phash: int

    @property
    def order(self) -> tuple[str, str]:
        """Return the key by which rows are sorted: by date, then by id."""
        return (self.sample["published_at"] or "", self.sample["id"])


def read_records(session: Session, sure: float = 0.0) -> Iterator[Record | str]:
    """Yield each sample's record in the order of their ids, or why it has none.

    Args:
        session: Reads the store.
        sure: The probability from which an annotation that nobody has looked at is sure enough for a verdict.
    """
    query = (
        select(Sample, Annotation, Entity, Image, Article, Verdict, Route.p_correct)
        .outerjoin(Annotation, Annotation.id == Sample.annotation_id)
        .outerjoin(Entity, Entity.key == Sample.entity_key)
        .outerjoin(Image, Image.id == Sample.image_id)
        .outerjoin(Article, Article.url == Image.article_url)
        .outerjoin(Verdict, Verdict.sample_id == Sample.id)
        .outerjoin(Route, Route.sample_id == Sample.id)
        .order_by(Sample.id)
    )
    reviews = Reviews(session)
    for sample, annotation, entity, image, article, verdict, p_correct in session.execute(query):
        if annotation is None or entity is None or image is None:
            yield f"sample {sample.id}: its annotation, entity or image is not in the store"
            continue
        try:
            reviewed = reviews.of(sample, annotation)
            yield _record(sample, annotation, entity, image, article, verdict, reviewed, p_correct, sure)
        except (ValueError, TypeError, KeyError) as error:
            yield f"sample {sample.id}: {type(error).__name__}: {error}"


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


def _record(
    sample: Sample,
    annotation: Annotation,
    entity: Entity,
    image: Image,
    article: Article | None,
    verdict: Verdict | None,
    reviewed: Reviewed | None,
    p_correct: float | None,
    sure: float,
) -> Record:
    believed = reviewed is not None or (annotation.p_correct if p_correct is None else p_correct) >= sure
    corrected = reviewed.mask if reviewed is not None else None
    negative = sample.negative and corrected is None
    mask = _empty_mask(image.height, image.width) if negative else _mask(corrected or annotation.mask)
    published = (article.published_at if article is not None else None) or image.published_at
    extension = _EXTENSIONS.get(image.format.upper(), image.format.lower())
    return Record(
        sample={
            "id": sample.id,
            "image": f"{image.sha256}.{extension}",
            "image_sha256": image.sha256,
            "width": image.width,
            "height": image.height,
            "question": sample.question,
            "answer": sample.answer,
            "mask": mask,
            "box": _box(annotation, corrected, negative),
            "negative": negative,
            "category": (reviewed.category if reviewed is not None else None) or sample.category,
            "entity": _entity(entity),
            "published_at": utc_text(published),
            "article_url": image.article_url,
            "image_url": image.image_url,
            "caption": image.caption,
            "credit": image.credit,
            "consent": _consent(image.consent),
            "annotation": _annotation(annotation, p_correct),
            "verdict": _verdict(verdict, corrected, believed),
            "review": _review(reviewed),
        },
        entity_key=sample.entity_key,
        published_at=published,
        phash=int(image.phash or "0", 16),
    )


def _mask(mask: dict[str, Any]) -> dict[str, Any]:
    return {"size": [int(side) for side in mask["size"]], "counts": mask["counts"]}


def _box(annotation: Annotation, corrected: dict[str, Any] | None, negative: bool) -> list[float]:
    if negative:
        return []
    box = annotation.box if corrected is None else mask_box(decode_mask(corrected))
    return [round(float(value), 2) for value in box]


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


def _review(reviewed: Reviewed | None) -> dict[str, Any]:
    if reviewed is None:
        return {"status": "unreviewed", "by": None, "at": None}
    return {"status": reviewed.status, "by": reviewed.by, "at": utc_text(reviewed.at)}


def _verdict(verdict: Verdict | None, corrected: dict[str, Any] | None, believed: bool) -> dict[str, Any]:
    """Return which systems solve the sample; null where they were not run, or where that would prove nothing.

    That a system misses an annotation which may be wrong itself proves nothing: then there are IoUs and no label.
    """
    if corrected is not None and verdict is not None and verdict.attempts:
        return verdict_on(corrected, verdict)
    names = ("static_iou", "search_iou", "rose_iou", "label")
    found = {name: None if verdict is None else getattr(verdict, name) for name in names}
    return found if believed else {**found, "label": None}


def _annotation(annotation: Annotation, p_correct: float | None) -> dict[str, Any]:
    """Return models and scores; the probability is the calibrated one where samples were routed, else the models' own."""
    record = annotation.uncertainty
    scores = ("detector_score", "predicted_iou", "stability", "box_agreement", "phrase_margin")
    numbers = {name: None if record.get(name) is None else round(float(record[name]), 6) for name in scores}
    return {
        "detector": annotation.detector,
        "detector_score": numbers["detector_score"],
        "mask_model": annotation.mask_model,
        "predicted_iou": numbers["predicted_iou"],
        "stability": numbers["stability"],
        "box_agreement": numbers["box_agreement"],
        "phrase_margin": numbers["phrase_margin"],
        "p_correct": round(float(annotation.p_correct if p_correct is None else p_correct), 6),
    }
