"""A segmentation as a picture: the mask tinted, its contour and its box, legible on any ground."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import binary_dilation

from nest_builder.annotate.base import Mask
from nest_builder.annotate.masks import mask_box

TINT = (0, 200, 255)
TINT_SHARE = 0.4  # of the tint inside the mask
DIMMED = 0.55  # of its brightness is what the outside keeps, so that the mask shows on a ground of its own colour too
LIGHT, DARK = (255, 255, 255), (0, 0, 0)


def draw_overlay(image: Image.Image, mask: Mask, label: str = "") -> Image.Image:
    """Draw a mask on its picture.

    Contour and box are a light line beside a dark one, so that one of the two stands out whatever is under them.

    Args:
        image: RGB picture.
        mask: (height, width) of the picture. An empty one leaves the picture as it is, but for the label.
        label: Written into the upper left corner of the box, or of the picture where the mask is empty.

    Returns:
        An RGB picture of the same size.

    Raises:
        ValueError: The mask is not of the picture's size.
    """
    if mask.shape != (image.height, image.width):
        raise ValueError(f"a mask of {mask.shape[::-1]} pixels does not fit a picture of {image.size}")
    result = image.convert("RGB")
    line = max(1, round(min(image.size) / 240))
    corner = (0.0, 0.0)
    if mask.any():
        result = Image.fromarray(_tinted(np.asarray(result, np.float32), mask, line))
        corner = _draw_box(ImageDraw.Draw(result), mask, line)
    if label := " ".join(label.split()):  # an answer may be broken over two lines of its page
        _write(result, label, corner, line)
    return result


def _tinted(pixels: NDArray[np.float32], mask: Mask, line: int) -> NDArray[np.uint8]:
    """Tint the inside, dim the outside, and draw the contour: light at the mask's edge, dark around it."""
    inside = pixels * (1 - TINT_SHARE) + np.array(TINT, np.float32) * TINT_SHARE
    drawn = np.where(mask[..., None], inside, pixels * DIMMED)
    light = binary_dilation(mask, iterations=line)
    drawn[binary_dilation(light, iterations=line) & ~light] = DARK
    drawn[light & ~mask] = LIGHT
    return drawn.round().astype(np.uint8)


def _draw_box(draw: ImageDraw.ImageDraw, mask: Mask, line: int) -> tuple[float, float]:
    """Draw the mask's box, outside of the contour, and return its upper left corner."""
    height, width = mask.shape
    gap = 4 * line
    x0, y0, x1, y1 = mask_box(mask)
    box = (max(0.0, x0 - gap), max(0.0, y0 - gap), min(width, x1 + gap) - 1.0, min(height, y1 + gap) - 1.0)
    draw.rectangle(box, outline=DARK, width=2 * line)
    draw.rectangle(box, outline=LIGHT, width=line)
    return box[0], box[1]


def _write(image: Image.Image, label: str, corner: tuple[float, float], line: int) -> None:
    """Write light on a dark plate, moved so that it lies in the picture."""
    font = ImageFont.load_default(size=max(10, 5 * line + 6))
    draw = ImageDraw.Draw(image)
    while len(label) > 1 and draw.textlength(label, font) > image.width - 4:
        label = label[:-2].rstrip() + "…"
    left, top, right, bottom = draw.textbbox((0, 0), label, font)
    width, height = right - left + 6, bottom - top + 6
    x = min(corner[0], max(0.0, image.width - width))
    y = corner[1] - height if corner[1] >= height else corner[1]
    draw.rectangle((x, y, x + width - 1, y + height - 1), fill=DARK)
    draw.text((x + 3 - left, y + 3 - top), label, fill=LIGHT, font=font)
