"""What a run shows in Prefect's UI: the funnel, pictures of what is new, the editions with their benchmark."""

import base64
import datetime as dt
import io
from typing import Any

from PIL import Image as Pictures
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from sqlalchemy import func, select

from nest_builder.annotate.masks import decode_mask
from nest_builder.export.naming import order
from nest_builder.status import read_status
from nest_builder.store.session import Store
from nest_builder.store.tables import Annotation, Edition, Image, Sample, Verdict

SHOWN = 12  # pictures in a gallery: an artifact is a row of the server's database
_SIDE = 160  # pixels
_MAX_PIXELS = 100_000_000  # `gather` has checked each picture against its own limit


def show_funnel(store: Store) -> None:
    """Show what every stage kept and turned away."""
    create_markdown_artifact(funnel(store), key="funnel", description="What every stage kept and turned away")


def show_night(store: Store, since: dt.datetime) -> None:
    """Show all three.

    Args:
        store: What the night worked on.
        since: When it began: the gallery shows the pictures that came after.
    """
    show_funnel(store)
    create_markdown_artifact(gallery(store, since), key="gallery", description="Pictures that are new, with masks")
    create_table_artifact(editions(store), key="editions", description="Editions, and what was reached on them")


def funnel(store: Store) -> str:
    """Return the store's funnel as a Markdown table."""
    lines = ["| stage | done | rejected | reasons |", "|---|---:|---:|---|"]
    for stage in read_status(store).stages:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in stage.reasons.items())
        lines.append(f"| {stage.stage} | {stage.done} | {stage.rejected} | {reasons} |")
    return "\n".join(lines)


def gallery(store: Store, since: dt.datetime, limit: int = SHOWN) -> str:
    """Return the newest samples' pictures as Markdown: thumbnails with their masks, question, answer and article."""
    with store.sessions() as session:
        rows = session.execute(
            select(Sample, Annotation, Image)
            .join(Annotation, Annotation.id == Sample.annotation_id)
            .join(Image, Image.id == Sample.image_id)
            .where(Image.fetched_at >= since)
            .order_by(Image.published_at.desc(), Sample.id)
            .limit(limit)
        ).tuples()
        cells = [
            f"| ![]({_thumbnail(store.blobs.get(image.sha256), annotation)}) | {_plain(sample.question)} | "
            f"{_plain(sample.answer)} | [{_plain(image.caption) or 'article'}](<{_address(image.article_url)}>) |"
            for sample, annotation, image in rows
        ]
    if not cells:
        return "Nothing new."
    return "\n".join(["| | question | answer | where |", "|---|---|---|---|", *cells])


def editions(store: Store) -> list[dict[str, Any]]:
    """Return the editions, newest first, and below them what the systems reach on all samples with a verdict."""
    with store.sessions() as session:
        rows = [
            {
                "edition": edition.name,
                "samples": edition.manifest["counts"]["samples"],
                **dict(edition.manifest["counts"]["by_split"]),
            }
            for edition in sorted(session.scalars(select(Edition)), key=lambda row: order(row.name), reverse=True)
        ]
        means = session.execute(
            select(
                func.count(), func.avg(Verdict.static_iou), func.avg(Verdict.search_iou), func.avg(Verdict.rose_iou)
            ).where(Verdict.label.is_not(None))
        ).one()
    if means[0]:
        scores = {
            name: round(float(value), 4)
            for name, value in zip(("static IoU", "search IoU", "ROSE IoU"), means[1:], strict=True)
            if value is not None
        }
        rows.append({"edition": "all samples with a verdict", "samples": means[0], **scores})
    return rows


def _thumbnail(data: bytes, annotation: Annotation) -> str:
    with Pictures.open(io.BytesIO(data)) as opened:
        if opened.width * opened.height > _MAX_PIXELS:
            return ""
        opened.draft("RGB", (_SIDE, _SIDE))
        picture = opened.convert("RGB")
    picture.thumbnail((_SIDE, _SIDE))
    if annotation.mask:  # what is not meant is dimmed
        mask = Pictures.fromarray(decode_mask(annotation.mask)).resize(picture.size)
        picture = Pictures.composite(picture, picture.point(lambda level: level // 3), mask)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=50)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def _plain(text: str, limit: int = 160) -> str:
    """Take out of a text from outside what Markdown or HTML would make something of."""
    line = " ".join(text.split())[:limit]
    return "".join(f"&#{ord(letter)};" if letter in "|<>&[]()*_`\\!#~" else letter for letter in line)


def _address(url: str) -> str:
    return url.replace("<", "%3C").replace(">", "%3E").replace("|", "%7C").replace("\n", "")
