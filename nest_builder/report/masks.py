"""Masks of the site: COCO run lengths at the size at which they are drawn, and which answer of a system is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image
from pycocotools import mask as coco

from nest_builder.annotate.masks import encode_mask
from nest_builder.rose.rose import SYSTEMS

MAX_PIXELS: Final = 1_500_000  # of a mask that the browser unpacks; a larger one is scaled down


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system said to a sample.

    Attributes:
        system: static | search | rose.
        segmenter: Identity of its base.
        prompt: The paraphrase that was asked.
        text: Its answer in words; None where it gave none.
        iou: Of its mask with the sample's.
        mask: COCO's compressed run lengths.
    """

    system: str
    segmenter: str
    prompt: str
    text: str | None
    iou: float
    mask: dict[str, Any]


def scaled(mask: Mapping[str, Any], width: int, height: int) -> dict[str, Any]:
    """Return a mask (COCO run lengths) at another size: a pixel is set where half of what it stands for is.

    Raises:
        ValueError: The run lengths are broken.
    """
    if list(mask["size"]) == [height, width]:
        return {"size": [height, width], "counts": mask["counts"]}
    full: np.ndarray = coco.decode(dict(mask))
    small = Image.fromarray(full * np.uint8(255)).resize((width, height), Image.Resampling.BOX)
    return encode_mask(np.asarray(small) >= 128)


def drawable(mask: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mask at its own size, or at one that a browser can unpack at once.

    Raises:
        ValueError: The run lengths are broken.
    """
    height, width = mask["size"]
    if height * width <= MAX_PIXELS:
        return {"size": [height, width], "counts": mask["counts"]}
    scale = (MAX_PIXELS / (height * width)) ** 0.5
    return scaled(mask, max(1, int(width * scale)), max(1, int(height * scale)))


def answers_of(sample: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]]) -> list[Answer]:
    """Return one answer of each system: the one whose IoU comes closest to the system's published figure.

    That is the lower median over the paraphrases on the base that decides, so what is shown is what was counted. A system that was
    not tried, or whose figure is not published, has none.

    Args:
        sample: A published row. Its mask may be a person's; then attempts are held against that one.
        attempts: Of the sample's verdict in the store.
    """
    usable = [one for one in attempts if list(one["mask"]["size"]) == [sample["height"], sample["width"]]]
    corrected = sample["review"]["status"] == "corrected"
    ious = _ious(sample["mask"], [one["mask"] for one in usable]) if corrected else [one["iou"] for one in usable]
    chosen = []
    for system in SYSTEMS:
        published = sample["verdict"][f"{system}_iou"]
        tried = (
            [(abs(iou - published), at) for at, iou in enumerate(ious) if usable[at]["system"] == system]
            if published is not None
            else []
        )
        if tried:
            _, at = min(tried)
            one = usable[at]
            chosen.append(
                Answer(system, one["segmenter"], one["prompt"], one.get("answer"), round(ious[at], 4), one["mask"])
            )
    return chosen


def _ious(true: Mapping[str, Any], masks: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return the IoU of each mask with one that is not empty."""
    if not masks:
        return []
    found: np.ndarray = coco.iou([dict(mask) for mask in masks], [dict(true)], [0])
    return [float(value) for value in found[:, 0]]
