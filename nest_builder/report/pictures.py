"""Pictures of the report: small data URIs, each with its mask's overlay, all of them within a budget."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco
from scipy import ndimage

# Longest side in pixels and WebP quality, from the best to what hundreds of large pictures are shown at.
_PROFILES = ((480, 74), (400, 66), (320, 60), (240, 50), (160, 40))
# Palette of an overlay, as (red, green, blue, alpha): the thing itself in its own colours, what is around it dimmed,
# its contour, and a dark rim that sets the contour off from bright backgrounds.
_PALETTE = ((0, 0, 0, 0), (12, 9, 12, 120), (255, 45, 135, 255), (12, 9, 12, 205))


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to be shown.

    Attributes:
        uri: The picture as a data URI; empty if it cannot be read.
        overlay: The mask over it as a data URI; empty for a negative.
        width: Width in pixels.
        height: Height in pixels.
    """

    uri: str
    overlay: str
    width: int
    height: int


def make_pictures(samples: Sequence[Mapping[str, Any]], files: Mapping[str, bytes], budget: int) -> list[Picture]:
    """Scale pictures down and draw their masks' overlays.

    Args:
        samples: Samples in their JSON form.
        files: The picture file of each sample's id.
        budget: What all data URIs together may be long, in characters.

    Returns:
        A picture for each sample. The first size at which all fit is taken, or else the smallest.
    """
    for side, quality in _PROFILES:
        pictures: list[Picture] = []
        left = budget
        for sample in samples:
            pictures.append(_picture(sample, files[sample["id"]], side, quality))
            left -= len(pictures[-1].uri) + len(pictures[-1].overlay)
            if left < 0 and side != _PROFILES[-1][0]:
                break
        else:
            return pictures
    return pictures


def _picture(sample: Mapping[str, Any], data: bytes, side: int, quality: int) -> Picture:
    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.draft(
                "RGB", (side, side)
            )  # a JPEG is decoded at a fraction of its size, which saves most of the time
            picture = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return Picture("", "", sample["width"], sample["height"])
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=quality, method=2)
    overlay = (
        "" if sample["negative"] else _data_uri("image/png", draw_overlay(coco.decode(sample["mask"]), picture.size))
    )
    return Picture(_data_uri("image/webp", file.getvalue()), overlay, *picture.size)


def draw_overlay(mask: NDArray[np.uint8], size: tuple[int, int]) -> bytes:
    """Draw a mask as a PNG of four colours: clear inside, dimmed around it, a contour and a dark rim.

    Args:
        mask: Zeros and ones, (height, width).
        size: Width and height of the overlay in pixels.
    """
    small = Image.fromarray(mask * np.uint8(255)).resize(size, Image.Resampling.BOX)
    inside = np.asarray(small) >= 128
    indices = (~inside).astype(np.uint8)
    indices[inside & ~ndimage.binary_erosion(inside, iterations=2)] = 2
    indices[ndimage.binary_dilation(inside) & ~inside] = 3
    overlay = Image.fromarray(indices, mode="P")
    overlay.putpalette([value for colour in _PALETTE for value in colour[:3]])
    file = io.BytesIO()
    overlay.save(file, "PNG", transparency=bytes(colour[3] for colour in _PALETTE), bits=2, optimize=True)
    return file.getvalue()


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
