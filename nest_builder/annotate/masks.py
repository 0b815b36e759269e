"""Masks: COCO run lengths (lossless), boxes, agreement, and whether a mask can be one at all."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco

from nest_builder.annotate.base import Mask

SMALLEST_AREA = 16  # pixels
LARGEST_SHARE = 0.98  # of the picture: such a mask is the picture itself


def encode_mask(mask: Mask) -> dict[str, Any]:
    """Return COCO's compressed run lengths of a (height, width) mask as JSON types."""
    encoded = coco.encode(np.asfortranarray(mask, np.uint8))
    return {"size": [int(side) for side in encoded["size"]], "counts": encoded["counts"].decode("ascii")}


def decode_mask(rle: dict[str, Any]) -> Mask:
    """Return the mask (height, width) of COCO's compressed run lengths."""
    mask: Mask = coco.decode({"size": rle["size"], "counts": rle["counts"].encode("ascii")}).astype(bool)
    return mask


def mask_box(mask: Mask) -> tuple[float, float, float, float]:
    """Return the outer pixel edges (x0, y0, x1, y1) of a mask; all zero where it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return 0.0, 0.0, 0.0, 0.0
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def mask_iou(first: Mask, second: Mask) -> float:
    """Return intersection over union; 1 where both are empty."""
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 1.0


def stability(logits: NDArray[np.float32], offset: float = 1.0, threshold: float = 0.0) -> float:
    """Return how little a mask depends on its threshold (SAM, Kirillov et al. 2023, section 5).

    Args:
        logits: (height, width).
        offset: By how much the threshold is raised and lowered.
        threshold: The mask's threshold.

    Returns:
        Area above the raised threshold over area above the lowered one; 0 where both are empty.
    """
    wide = int((logits > threshold - offset).sum())
    return int((logits > threshold + offset).sum()) / wide if wide else 0.0


def implausible(mask: Mask) -> str | None:
    """Return why a mask cannot be of one thing in a picture, or None."""
    area = int(mask.sum())
    if area < SMALLEST_AREA:
        return f"{area} pixels"
    if area > LARGEST_SHARE * mask.size:
        return f"{area / mask.size:.0%} of the picture"
    return None


def distinct(masks: Sequence[Mask], share: float = 0.75) -> list[int]:
    """Return the indices of masks that are things of their own: not mostly one with an earlier mask.

    Args:
        masks: All of one shape, the best one first.
        share: Of the smaller mask's area, from which on two masks are of one thing or one is a part of the other.
    """
    kept: list[int] = []
    for index, mask in enumerate(masks):
        area = int(mask.sum())
        shared = [int((mask & masks[other]).sum()) / max(1, min(area, int(masks[other].sum()))) for other in kept]
        if max(shared, default=0.0) < share:
            kept.append(index)
    return kept


def resize_mask(mask: Mask, width: int, height: int) -> Mask:
    """Return a mask at another size (nearest pixel)."""
    if mask.shape == (height, width):
        return mask
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))
