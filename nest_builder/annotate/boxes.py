"""Boxes: overlap, suppression of duplicates, clipping."""

import numpy as np
from numpy.typing import NDArray

from nest_builder.annotate.base import Boxes, Detections


def box_iou(first: Boxes, second: Boxes) -> NDArray[np.float64]:
    """Return the IoU of all pairs: (n, 4) and (m, 4) give (n, m)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (high - low).clip(min=0).prod(-1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(-1) for boxes in (first, second)]
    iou: NDArray[np.float64] = shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-9)
    return iou


def clip_boxes(boxes: Boxes, width: int, height: int) -> Boxes:
    """Keep boxes inside a picture."""
    return boxes.clip(min=0, max=np.array([width, height, width, height], np.float64))


def suppress(boxes: Boxes, scores: NDArray[np.float64], iou: float, floor: float) -> Detections:
    """Drop weak boxes, and of boxes that overlap keep the best, which takes over each phrase's best score.

    One thing is often found twice, as "car" and as "red car": that is one candidate with two scores, not two.

    Args:
        boxes: (n, 4).
        scores: (n, p).
        iou: From this overlap on two boxes are of one thing.
        floor: A box is kept if it reaches this score for some phrase.
    """
    if not scores.size:
        return Detections(np.empty((0, 4)), np.empty((0, scores.shape[1])))
    best = scores.max(1)
    order = [int(index) for index in np.argsort(-best, kind="stable") if best[index] >= floor]
    overlaps = box_iou(boxes, boxes)
    kept: list[int] = []
    merged = scores.copy()
    for index in order:
        owner = next((other for other in kept if overlaps[index, other] >= iou), None)
        if owner is None:
            kept.append(index)
        else:
            merged[owner] = np.maximum(merged[owner], scores[index])
    return Detections(boxes[kept].reshape(-1, 4), merged[kept].reshape(-1, scores.shape[1]))
