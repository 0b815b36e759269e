"""RefCOCO, RefCOCO+, RefCOCOg and ReasonSeg as they are published, checked as they are read.

RefCOCO's references are a Python pickle; it is read by an unpickler that knows containers, texts and numbers and nothing
that could run. Which pixels count follows LISA's evaluation: each sentence of a reference is a sample; of ReasonSeg the
first text is; its "ignore" regions count for nothing, and a smaller polygon lies on top of a larger one.
"""

import io
import json
import math
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NoReturn, cast

import numpy as np
from PIL import Image, ImageDraw
from pycocotools import mask as coco

from nest_builder.annotate.base import Mask
from nest_builder.images.decode import BadImageError, decode_rgb
from nest_builder.segmenters.wire import unpack_mask

MAX_REFERENCES_FILE: Final = 256 << 20  # bytes; the published ones have 10 to 50 million
MAX_INSTANCES_FILE: Final = 2 << 30
MAX_SHAPES_FILE: Final = 16 << 20
MAX_IMAGE_FILE: Final = 64 << 20
MAX_PIXELS: Final = 64_000_000
MAX_POLYGONS: Final = 2_000  # of one mask
MAX_POINTS: Final = 100_000  # of one polygon

RefCoco = Literal["refcoco", "refcoco+", "refcocog"]
_SPLIT_BY: Final[dict[RefCoco, str]] = {"refcoco": "unc", "refcoco+": "unc", "refcocog": "umd"}


class DatasetError(ValueError):
    """A file is not of the published form; the text says which and where."""


@dataclass(frozen=True, slots=True)
class Referred:
    """An expression, its picture and what it means.

    Attributes:
        id: Reference and sentence, or the file's name.
        image: RGB picture.
        text: The expression.
        mask: (height, width), what is meant.
        ignored: (height, width), pixels that count for nothing; None where there are none.
    """

    id: str
    image: Image.Image
    text: str
    mask: Mask
    ignored: Mask | None = None


def read_refcoco(
    folder: Path, images: Path, dataset: RefCoco, split: str, split_by: str | None = None
) -> Iterator[Referred]:
    """Read the sentences of one split.

    Args:
        folder: Holds ``refcoco/refs(unc).p``, ``refcoco/instances.json`` and so on.
        images: Holds COCO's ``train2014`` pictures.
        dataset: refcoco, refcoco+ or refcocog.
        split: val, testA, testB or test.
        split_by: Who split it: unc, umd or google; by default the usual one.

    Raises:
        DatasetError: A file is missing, too large or not of the published form.
    """
    home = folder / dataset
    references = _unpickle(home / f"refs({split_by or _SPLIT_BY[dataset]}).p")
    instances = _json(home / "instances.json", MAX_INSTANCES_FILE)
    annotations = {_whole(one, "id"): one for one in _rows(instances, "annotations")}
    pictures = {_whole(one, "id"): one for one in _rows(instances, "images")}
    if not isinstance(references, list):
        raise DatasetError(f"{home}: references are a list, not {type(references).__name__}")
    for reference in references:
        if not isinstance(reference, dict) or reference.get("split") != split:
            continue
        name = f"{dataset} reference {_whole(reference, 'ref_id')}"
        try:
            annotation = annotations[_whole(reference, "ann_id")]
            picture = pictures[_whole(reference, "image_id")]
        except KeyError as error:
            raise DatasetError(f"{name}: no annotation or image {error} in instances.json") from error
        image = _picture(images, _text(picture, "file_name"))
        size = (_whole(picture, "width"), _whole(picture, "height"))
        if image.size != size:
            raise DatasetError(f"{name}: a picture of {image.size}, expected {size}")
        mask = segmentation_mask(annotation.get("segmentation"), *size, name)
        for sentence in _rows(reference, "sentences"):
            yield Referred(f"{name}/{_whole(sentence, 'sent_id')}", image, _text(sentence, "sent"), mask)


def read_reasonseg(folder: Path) -> Iterator[Referred]:
    """Read a split's folder of pictures (``NAME.jpg``) and texts with polygons (``NAME.json``), by name.

    Raises:
        DatasetError: A file is missing, too large or not of the published form.
    """
    for file in sorted(folder.glob("*.json")):
        content = _json(file, MAX_SHAPES_FILE)
        texts = content.get("text")
        if not isinstance(texts, list) or not texts or not isinstance(texts[0], str):
            raise DatasetError(f'{file}: "text" is a list of texts')
        image = _picture(folder, f"{file.stem}.jpg")
        mask, ignored = shapes_mask(_rows(content, "shapes"), *image.size, str(file))
        yield Referred(file.stem, image, texts[0], mask, ignored if ignored.any() else None)


def segmentation_mask(segmentation: Any, width: int, height: int, name: str) -> Mask:
    """Return the mask (height, width) of a COCO annotation: polygons [[x, y, x, y ...] ...], or uncompressed run lengths.

    Raises:
        DatasetError: It is neither.
    """
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise DatasetError(f"{name}: a mask of {width} x {height} pixels")
    if isinstance(segmentation, dict):
        try:
            return unpack_mask(segmentation, width, height)
        except ValueError as error:
            raise DatasetError(f"{name}: {error}") from error
    if not isinstance(segmentation, list) or not 1 <= len(segmentation) <= MAX_POLYGONS:
        raise DatasetError(f"{name}: a segmentation is 1 to {MAX_POLYGONS} polygons, or run lengths")
    polygons = [_coordinates(polygon, width, height, name) for polygon in segmentation]
    merged = coco.merge(coco.frPyObjects(polygons, height, width))
    return cast(Mask, coco.decode(merged).astype(bool))


def shapes_mask(shapes: Sequence[dict[str, Any]], width: int, height: int, name: str) -> tuple[Mask, Mask]:
    """Return what ReasonSeg's shapes mean and what they leave out, both (height, width).

    Raises:
        DatasetError: A shape has no label, or its points are no polygon.
    """
    if len(shapes) > MAX_POLYGONS:
        raise DatasetError(f"{name}: {len(shapes)} shapes, at most {MAX_POLYGONS}")
    drawn: list[tuple[Mask, bool]] = []
    for shape in shapes:
        label, points = _text(shape, "label").lower(), shape.get("points")
        if label == "flag":  # a remark of the annotators, no region
            continue
        if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
            raise DatasetError(f"{name}: points are pairs of numbers")
        flat = _coordinates([side for point in points for side in point], width, height, name)
        canvas = Image.new("1", (width, height))
        ImageDraw.Draw(canvas).polygon([int(side) for side in flat], fill=1, outline=1)
        drawn.append((np.asarray(canvas).copy(), "ignore" in label))
    drawn.sort(key=lambda one: -int(one[0].sum()))
    mask, ignored = np.zeros((height, width), bool), np.zeros((height, width), bool)
    for region, left_out in drawn:
        mask[region], ignored[region] = not left_out, left_out
    return mask, ignored


def _coordinates(polygon: Any, width: int, height: int, name: str) -> list[float]:
    """Check a polygon [x, y, x, y ...]: what lies far outside a picture would cost time and memory, and is no outline."""
    if not isinstance(polygon, list) or not 6 <= len(polygon) <= 2 * MAX_POINTS or len(polygon) % 2:
        raise DatasetError(f"{name}: a polygon has 3 to {MAX_POINTS} points")
    for at, side in enumerate(polygon):
        limit = (width, height)[at % 2]
        if isinstance(side, bool) or not isinstance(side, int | float) or not math.isfinite(side):
            raise DatasetError(f"{name}: a coordinate is a number, not {str(side)[:40]!r}")
        if not -limit <= side <= 2 * limit:
            raise DatasetError(f"{name}: a coordinate of {side:g} in a picture of {width} x {height}")
    return [float(side) for side in polygon]


class _Plain(pickle.Unpickler):
    """Reads containers, texts and numbers; anything that would name a class or function is refused."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of references")


def _unpickle(file: Path) -> Any:
    data = _read(file, MAX_REFERENCES_FILE)
    try:
        return _Plain(io.BytesIO(data), encoding="utf-8", errors="replace").load()  # written by Python 2
    except (
        pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, MemoryError, OverflowError,
        RecursionError,
    ) as error:  # fmt: skip
        raise DatasetError(f"{file}: {type(error).__name__}: {error}"[:500]) from error


def _json(file: Path, limit: int) -> dict[str, Any]:
    data = _read(file, limit)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")  # some of ReasonSeg's files are
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{file}: no JSON: {error}"[:500]) from error
    if not isinstance(content, dict):
        raise DatasetError(f"{file}: expected a JSON object")
    return content


def _read(file: Path, limit: int) -> bytes:
    try:
        size = file.stat().st_size
        if size > limit:
            raise DatasetError(f"{file}: {size} bytes, at most {limit} are read")
        return file.read_bytes()
    except OSError as error:
        raise DatasetError(f"{file} cannot be read: {error}") from error


def _picture(folder: Path, name: str) -> Image.Image:
    if Path(name).name != name or "\\" in name:
        raise DatasetError(f"{name[:100]!r} is no file name")
    try:
        return decode_rgb(_read(folder / name, MAX_IMAGE_FILE), max_pixels=MAX_PIXELS)
    except BadImageError as error:
        raise DatasetError(f"{folder / name}: {error}") from error


def _rows(record: dict[str, Any], key: str) -> list[dict[str, Any]]:
    rows = record.get(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DatasetError(f'"{key}" is a list of records')
    return rows


def _whole(record: dict[str, Any], key: str) -> int:
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise DatasetError(f'"{key}" is a whole number, not {str(value)[:40]!r}')
    return value


def _text(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str):
        raise DatasetError(f'"{key}" is a text, not {str(value)[:40]!r}')
    return value
