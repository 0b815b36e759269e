"""A sample as a task of Label Studio: what is shown, the mask as a prediction, and a key that says which state of the sample it is."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from label_studio_sdk.label_interface.interface import LabelInterface
from sqlalchemy import Select, select

from nest_builder.annotate.masks import decode_mask
from nest_builder.digest import digest
from nest_builder.export.features import SCHEMAS
from nest_builder.images.decode import decode_rgb
from nest_builder.review.brush import encode_mask
from nest_builder.review.said import mask_digest
from nest_builder.store.blobs import Blobs
from nest_builder.store.tables import Annotation, Article, Entity, Image, Sample

MODEL_VERSION = "nest"  # of the predictions; the project shows those of this version
MAX_PIXELS = 40_000_000
MAX_FILE_BYTES = 20_000_000  # a larger picture is sent as PNG of the same pixels, if that is smaller, or else as it is
_AS_IT_IS = {"JPEG": ("jpg", "image/jpeg"), "PNG": ("png", "image/png"), "WEBP": ("webp", "image/webp")}
_ARTICLE_CHARACTERS, _EVIDENCE_CHARACTERS, _EVIDENCE_LINES = 8000, 400, 12
_KEY = re.compile(r"([0-9a-f]{16}):([0-9a-f]{16}):([0-9a-f]{16})")


@dataclass(frozen=True, slots=True)
class TaskKey:
    """Which sample a task shows, and in which state.

    Attributes:
        sample: The sample's id.
        mask: Digest of the mask that is shown; see `mask_digest`.
        content: Digest of all that a person's decision rests on.
    """

    sample: str
    mask: str
    content: str

    def __str__(self) -> str:
        return f"{self.sample}:{self.mask}:{self.content}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the key of a task of ours, or None."""
        match = _KEY.fullmatch(text)
        return cls(*match.groups()) if match else None


@dataclass(frozen=True, slots=True)
class Subject:
    """A sample with the rows that a reviewer is shown parts of."""

    sample: Sample
    annotation: Annotation
    image: Image
    entity: Entity
    article: Article | None

    @property
    def key(self) -> TaskKey:
        """Return the key of a task that shows the present state."""
        sample, mask = self.sample, mask_digest(self.annotation.mask)
        content = digest(mask, sample.question, sample.answer, sample.negative, sample.category, self.image.sha256)
        return TaskKey(sample.id, mask, content[:16])


def subjects() -> Select[tuple[Sample, Annotation, Image, Entity, Article]]:
    """Return the query of samples with all that `Subject` needs, in its order; an article may be None."""
    return (
        select(Sample, Annotation, Image, Entity, Article)
        .join(Annotation, Annotation.id == Sample.annotation_id)
        .join(Image, Image.id == Sample.image_id)
        .join(Entity, Entity.key == Sample.entity_key)
        .outerjoin(Article, Article.url == Image.article_url)
    )


@cache
def labelling_interface() -> str:
    """Return ``schemas/label_studio.xml``."""
    return (SCHEMAS / "label_studio.xml").read_text(encoding="utf-8")


@cache
def _checker() -> tuple[LabelInterface, frozenset[str]]:
    text = labelling_interface()
    return LabelInterface(text), frozenset(re.findall(r'value="\$(\w+)"', text))


def make_task(subject: Subject, picture: str, p_correct: float) -> dict[str, Any]:
    """Return the task of a sample, as Label Studio imports it.

    Args:
        subject: The sample.
        picture: Address of the picture on the server.
        p_correct: The prediction's score; the page can sort by it.

    Raises:
        ValueError: Task or prediction do not fit the labelling interface, or the mask is not the picture's size.
    """
    task: dict[str, Any] = {
        "data": {name: _clean(text) or "–" for name, text in _texts(subject).items()} | {"image": picture},
        "meta": {"nest": str(subject.key)},
    }
    if not subject.sample.negative and subject.annotation.mask:
        result = [mask_region(subject.annotation.mask, subject.image.height, subject.image.width)]
        task["predictions"] = [{"model_version": MODEL_VERSION, "score": round(p_correct, 6), "result": result}]
    _check(task)
    return task


def mask_region(mask: Mapping[str, Any], height: int, width: int) -> dict[str, Any]:
    """Return a mask (COCO run lengths) as a region of the labelling interface.

    Raises:
        ValueError: It is of another size than the picture.
    """
    if list(mask["size"]) != [height, width]:
        raise ValueError(f"a mask of {mask['size']} for a picture of {[height, width]} (height, width)")
    code = encode_mask(decode_mask(dict(mask)))
    return {
        "id": "model",
        "type": "brushlabels",
        "from_name": "mask",
        "to_name": "image",
        "origin": "prediction",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {"format": "rle", "rle": code, "brushlabels": ["target"]},
    }


def picture_file(image: Image, blobs: Blobs) -> tuple[str, bytes, str]:
    """Return name, bytes and media type of a picture to send: the file itself where browsers show it, or else as PNG.

    Raises:
        FileNotFoundError: The picture is not in the store.
        BadImageError: It cannot be decoded.
    """
    data = blobs.get(image.sha256)
    extension, kind = _AS_IT_IS.get(image.format.upper(), ("", ""))
    if extension and len(data) <= MAX_FILE_BYTES:
        return f"{image.sha256}.{extension}", data, kind
    file = io.BytesIO()
    decode_rgb(data, max_pixels=MAX_PIXELS).save(file, "PNG")
    if extension and file.tell() >= len(data):
        return f"{image.sha256}.{extension}", data, kind
    return f"{image.sha256}.png", file.getvalue(), "image/png"


def _texts(subject: Subject) -> dict[str, str]:
    sample, entity, article = subject.sample, subject.entity, subject.article
    since = f"{entity.first_seen:%d %B %Y}"
    status = f"said to be new, first seen on {since}"
    if sample.category == "emerging":
        status = f"{entity.role or 'changed facts'}, since {since}"
    if sample.negative:
        claim = f"{entity.name} should not be in this picture: there is no mask."
        asked = "Is it right that the target is not there?"
    else:
        asked = "Is it the target, all of it?"
        look = f": {entity.description}" if entity.description else ""
        claim = f"Answer: {sample.answer}. The mask should cover {entity.name}, a {entity.hypernym}{look}."
    return {
        "question": sample.question,
        "claim": claim,
        "target_question": asked,
        "status": f"{sample.category}: {status}",
        "evidence": "\n".join(_evidence(item) for item in entity.evidence[:_EVIDENCE_LINES]),
        "caption": " · ".join(filter(None, (subject.image.caption, subject.image.credit))),
        "title": article.title if article is not None else "",
        "article": (article.text if article is not None else "")[:_ARTICLE_CHARACTERS],
    }


def _evidence(item: Mapping[str, Any]) -> str:
    known = [str(item.get(name) or "") for name in ("kind", "source", "date")]
    known[2] = known[2][:10]  # the day
    head = " · ".join(dict.fromkeys(filter(None, known)))
    text = str(item.get("text") or "")[:_EVIDENCE_CHARACTERS]
    return f"{head}: {text} [{item.get('verdict') or 'no verdict'}]"


def _clean(text: str) -> str:
    """Leave out control characters: PostgreSQL, where a server uses it, refuses a zero in JSON."""
    return "".join(letter for letter in text if letter >= " " or letter in "\n\t").strip()


def _check(task: Mapping[str, Any]) -> None:
    interface, names = _checker()
    if missing := names - task["data"].keys():
        raise ValueError(f"the labelling interface shows {', '.join(sorted(missing))}, which the task does not have")
    for prediction in task.get("predictions", ()):
        errors = interface.validate_prediction(prediction, return_errors=True)
        if errors:
            raise ValueError(f"prediction: {'; '.join(map(str, errors))[:300]}")
