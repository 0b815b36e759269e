"""What goes over the wire between a remote segmenter and its server, and the checks of what the other side says."""

import base64
import binascii
import io
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from PIL import Image

from nest_builder.annotate.base import Mask
from nest_builder.images.decode import decode_rgb
from nest_builder.segmenters.base import Segmentation

MAX_PICTURES: Final = 16  # in one request
MAX_PIXELS: Final = (
    40_000_000  # of all pictures of one request; as PNG in base64 they are no more than MAX_REQUEST bytes
)
MAX_TEXT: Final = 8_000  # characters
MAX_REQUEST: Final = 256 << 20  # bytes
MAX_ANSWER: Final = 32 << 20  # bytes; run lengths are short
_MAX_SAID: Final = 20_000  # characters of a model's words


def in_requests(images: Sequence[Image.Image], texts: Sequence[str]) -> Iterator[slice]:
    """Divide n pictures with texts, in their order, into parts that a request may ask about.

    Raises:
        ValueError: A picture is too large for any request, or a text too long.
    """
    start = pixels = 0
    for at, (image, text) in enumerate(zip(images, texts, strict=True)):
        size = image.width * image.height
        if size > MAX_PIXELS or len(text) > MAX_TEXT:
            raise ValueError(
                f"a picture of {size} pixels with a text of {len(text)} characters: {MAX_PIXELS} and {MAX_TEXT} can be sent"
            )
        if at - start == MAX_PICTURES or pixels + size > MAX_PIXELS:
            yield slice(start, at)
            start, pixels = at, 0
        pixels += size
    if start < len(images):
        yield slice(start, len(images))


def pack_request(images: Sequence[Image.Image], texts: Sequence[str]) -> bytes:
    """Return the body that asks about n pictures; PNG, so that the server sees the same pixels."""
    return json.dumps({"images": [_png(image) for image in images], "texts": list(texts)}).encode()


def unpack_request(body: bytes) -> tuple[list[Image.Image], list[str]]:
    """Read and check a request.

    Raises:
        ValueError: It is not of the form, or too large.
        BadImageError: A picture is none.
    """
    content = _object(body)
    images, texts = content.get("images"), content.get("texts")
    if not isinstance(images, list) or not isinstance(texts, list) or not 1 <= len(images) <= MAX_PICTURES:
        raise ValueError(f'expected "images" and "texts", lists of 1 to {MAX_PICTURES}')
    if len(images) != len(texts):
        raise ValueError(f"{len(images)} images with {len(texts)} texts")
    if not all(isinstance(text, str) and len(text) <= MAX_TEXT for text in texts):
        raise ValueError(f"a text is a string of at most {MAX_TEXT} characters")
    try:
        files = [base64.b64decode(image, validate=True) for image in images]
    except (TypeError, ValueError, binascii.Error) as error:
        raise ValueError(f"an image is no base64: {error}") from error
    pictures: list[Image.Image] = []
    left = MAX_PIXELS
    for file in files:
        pictures.append(decode_rgb(file, max_pixels=left))
        left -= pictures[-1].width * pictures[-1].height
    return pictures, texts


def pack_answer(segmentations: Sequence[Segmentation]) -> bytes:
    """Return the body that answers a request."""
    said = [
        {"mask": pack_mask(one.mask), "text": one.text[:_MAX_SAID], "score": float(one.score)} for one in segmentations
    ]
    return json.dumps({"segmentations": said}).encode()


def unpack_answer(body: bytes, images: Sequence[Image.Image]) -> list[Segmentation]:
    """Read and check an answer about n pictures.

    Raises:
        ValueError: It is not of the form, or does not fit the pictures.
    """
    said = _object(body).get("segmentations")
    if not isinstance(said, list) or len(said) != len(images):
        raise ValueError(f'expected "segmentations", a list of {len(images)}')
    return [_segmentation(one, image) for one, image in zip(said, images, strict=True)]


def pack_mask(mask: Mask) -> dict[str, Any]:
    """Return COCO's uncompressed run lengths of a (height, width) mask: column by column, the first run outside."""
    flat = np.asarray(mask, bool).ravel("F")
    ends = np.flatnonzero(np.diff(flat, prepend=False))
    counts = np.diff(np.concatenate([[0], ends, [flat.size]]))
    return {"size": [int(side) for side in mask.shape], "counts": counts.tolist()}


def unpack_mask(rle: Any, width: int, height: int) -> Mask:
    """Return the mask (height, width) of uncompressed run lengths.

    Raises:
        ValueError: They are not of the form or of another size.
    """
    if not isinstance(rle, dict) or rle.get("size") != [height, width]:
        raise ValueError(f"expected a mask of size [{height}, {width}]")
    counts = rle.get("counts")
    if not isinstance(counts, list) or not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError('expected "counts", a list of run lengths')
    if sum(counts) != width * height:
        raise ValueError(f"run lengths of {sum(counts)} pixels for a picture of {width * height}")
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape((height, width), order="F")


def _segmentation(said: Any, image: Image.Image) -> Segmentation:
    if not isinstance(said, dict):
        raise ValueError("a segmentation is an object")
    text, score = said.get("text", ""), said.get("score")
    if not isinstance(text, str) or len(text) > _MAX_SAID:
        raise ValueError(f'"text" is a string of at most {_MAX_SAID} characters')
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score) or not 0 <= score <= 1:
        raise ValueError(f'"score" is a number in [0, 1], not {str(score)[:40]}')
    return Segmentation(unpack_mask(said.get("mask"), *image.size), text, float(score))


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON: {error}"[:200]) from error
    if not isinstance(content, dict):
        raise ValueError("expected a JSON object")
    return content


def _png(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "PNG", compress_level=1)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
