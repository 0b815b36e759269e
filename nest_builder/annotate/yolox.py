"""YOLOX as an ONNX file: a detector of the 80 COCO classes, quick on a CPU and good on photographs."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nest_builder.annotate.base import Boxes, Detections
from nest_builder.annotate.boxes import box_iou, clip_boxes, suppress
from nest_builder.annotate.detect import FLOOR
from nest_builder.annotate.models import model_identity
from nest_builder.config import AnnotateSettings

STRIDES = (8, 16, 32)
PADDING = 114  # grey level of the letter box (YOLOX, Ge et al. 2021, published preprocessing)
CLASS_NMS_IOU = 0.45
# COCO's 80 classes in the model's order; the first word of an entry is COCO's own, the others are what news calls it.
_TABLE = """
    person|man|woman|people; bicycle|bike; car; motorcycle|motorbike; airplane|plane|aircraft; bus;
    train|tram|locomotive; truck|lorry; boat|ship; traffic light; fire hydrant; stop sign; parking meter; bench;
    bird|owl; cat; dog; horse; sheep; cow; elephant; bear; zebra; giraffe; backpack|rucksack; umbrella;
    handbag|bag; tie; suitcase; frisbee; skis; snowboard; sports ball|ball; kite; baseball bat; baseball glove;
    skateboard; surfboard; tennis racket; bottle; wine glass; cup|mug; fork; knife; spoon; bowl; banana; apple;
    sandwich; orange; broccoli; carrot; hot dog; pizza; donut; cake; chair; couch|sofa; potted plant|plant; bed;
    dining table|table; toilet; tv|television|screen; laptop; mouse; remote; keyboard;
    cell phone|phone|smartphone; microwave; oven; toaster; sink; refrigerator; book; clock; vase; scissors;
    teddy bear; hair drier; toothbrush
"""
CLASSES = tuple(tuple(name.strip() for name in entry.split("|")) for entry in _TABLE.split(";"))


@lru_cache(maxsize=4096)
def class_of(phrase: str) -> int | None:
    """Return the class that a phrase asks for ("red car", "person in green"), or None where COCO has none for it.

    The colour is not the detector's to judge: it scores every car alike.
    """
    head = phrase.lower().partition(" in ")[0].split()
    for start in range(len(head)):  # the longest ending first: "teddy bear" before "bear"
        words = " ".join(head[start:])
        for index, names in enumerate(CLASSES):
            if words in names:
                return index
    return None


class YoloxOnnx:
    """A closed-vocabulary detector behind the same Protocol; a phrase without a class finds nothing.

    Args:
        settings: ``detector_model`` is the ONNX file.
    """

    def __init__(self, settings: AnnotateSettings) -> None:
        self._settings = settings
        self._session: Any = None

    def identity(self) -> str:
        """Return the file's name and hash."""
        return model_identity(self._settings.detector_model)

    def detect(self, images: Sequence[Image.Image], phrases: Sequence[Sequence[str]]) -> list[Detections]:
        """Find what phrases name, as far as COCO has a class for it; see `Detector.detect`."""
        return [self._detect(image, asked) for image, asked in zip(images, phrases, strict=True)]

    def _detect(self, image: Image.Image, phrases: Sequence[str]) -> Detections:
        classes = [class_of(phrase) for phrase in phrases]
        if not any(index is not None for index in classes):
            return Detections(np.empty((0, 4)), np.empty((0, len(phrases))))
        session = self._load()
        side = int(session.get_inputs()[0].shape[2])
        pixels, ratio = letter_box(image, side)
        (output,) = session.run(None, {session.get_inputs()[0].name: pixels})
        boxes, probabilities = decode(output[0], side)
        boxes = clip_boxes(boxes / ratio, *image.size)
        scores = np.zeros((len(boxes), len(phrases)))
        for column, index in enumerate(classes):
            if index is not None:
                kept = keep_best(boxes, probabilities[:, index], CLASS_NMS_IOU, FLOOR)
                scores[kept, column] = probabilities[kept, index]
        found = scores.max(1) > 0
        return suppress(boxes[found].round(2), scores[found].round(4), self._settings.nms_iou, FLOOR)

    def _load(self) -> Any:
        """Open the file when it is first needed.

        Raises:
            RuntimeError: onnxruntime is not installed, or the file is not there.
        """
        if self._session is None:
            try:
                import onnxruntime
            except ImportError as error:
                raise RuntimeError("YoloxOnnx needs onnxruntime: pip install 'nest-builder[onnx]'") from error
            if not Path(self._settings.detector_model).is_file():
                raise RuntimeError(f"annotate.detector_model names no ONNX file: {self._settings.detector_model}")
            self._session = onnxruntime.InferenceSession(
                self._settings.detector_model, providers=onnxruntime.get_available_providers()
            )
        return self._session


def letter_box(image: Image.Image, side: int) -> tuple[NDArray[np.float32], float]:
    """Scale a picture into the top left of a square.

    Returns:
        (1, 3, side, side) in BGR, levels 0 to 255, and the scale.
    """
    ratio = min(side / image.width, side / image.height)
    size = max(1, int(image.width * ratio)), max(1, int(image.height * ratio))
    square = np.full((side, side, 3), PADDING, np.float32)
    square[: size[1], : size[0]] = np.asarray(image.resize(size, Image.Resampling.BILINEAR))[:, :, ::-1]
    return np.ascontiguousarray(square.transpose(2, 0, 1)[None]), ratio


def decode(output: NDArray[np.float32], side: int) -> tuple[Boxes, NDArray[np.float64]]:
    """Turn raw outputs into boxes and probabilities.

    Args:
        output: (cells, 5 + classes): offset from the cell, logarithm of size, objectness, class probabilities.
        side: Of the network's input.

    Returns:
        (cells, 4) corners in pixels of the input, and (cells, classes).
    """
    places, strides = [], []
    for stride in STRIDES:
        count = side // stride
        places.append(np.stack(np.meshgrid(np.arange(count), np.arange(count)), -1).reshape(-1, 2))
        strides.append(np.full((count * count, 1), stride))
    place, stride_of = np.concatenate(places), np.concatenate(strides)
    values = output.astype(np.float64)
    centre = (values[:, :2] + place) * stride_of
    half = np.exp(values[:, 2:4].clip(max=20)) * stride_of / 2
    return np.concatenate([centre - half, centre + half], 1), values[:, 4:5] * values[:, 5:]


def keep_best(boxes: Boxes, scores: NDArray[np.float64], iou: float, floor: float) -> list[int]:
    """Return the indices that non-maximum suppression keeps, the best one first."""
    order = [int(index) for index in np.argsort(-scores, kind="stable") if scores[index] >= floor]
    kept: list[int] = []
    for index in order:
        if not kept or box_iou(boxes[[index]], boxes[kept]).max() < iou:
            kept.append(index)
    return kept
