"""The colour of what a mask holds, as one of twelve plain words: a cheap second opinion on "the red car"."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nest_builder.annotate.base import Mask
from nest_builder.entities.looks import COLOURS

# Examples of each colour in sRGB, in light and in shade; a pixel has the name of the nearest one in CIELAB.
_EXAMPLES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "red": ((208, 34, 38), (150, 22, 28), (230, 70, 66), (100, 14, 20)),
    "blue": ((36, 82, 208), (24, 56, 140), (90, 130, 230), (16, 36, 96)),
    "green": ((44, 152, 60), (28, 104, 44), (100, 190, 110), (18, 66, 28)),
    "yellow": ((244, 208, 40), (200, 168, 32), (250, 226, 110)),
    "orange": ((240, 126, 22), (196, 98, 18), (246, 160, 80)),
    "purple": ((118, 52, 166), (82, 36, 118), (156, 100, 196), (54, 24, 76)),
    "pink": ((244, 140, 182), (206, 112, 150), (250, 180, 210)),
    "teal": ((24, 162, 164), (18, 112, 116), (90, 190, 190), (12, 72, 76)),
    "white": ((242, 242, 238), (214, 214, 212)),
    "black": ((34, 34, 40), (14, 14, 18), (54, 54, 60)),
    "gray": ((134, 136, 142), (100, 102, 106), (168, 170, 174)),
    "brown": ((118, 74, 40), (84, 52, 28), (150, 100, 60)),
}
NAMES = tuple(_EXAMPLES)
_PLAIN = {word: colour for colour, others in COLOURS.items() for word in (colour, *others)}
_SAMPLES = 3000  # pixels that are looked at
SECOND_SHARE = 0.1  # of a mask's pixels: from there on a second colour is plainly there
TORSO = (0.3, 0.75)  # of a person's height: where the coat is, in half-length and in full-length pictures


def to_lab(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Convert sRGB levels (n, 3) to CIELAB under D65 (CIE 15, IEC 61966-2-1)."""
    levels = pixels.astype(np.float64) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    ratio = linear @ matrix.T / np.array([0.9505, 1.0, 1.089])
    root = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.stack([116 * root[:, 1] - 16, 500 * (root[:, 0] - root[:, 1]), 200 * (root[:, 1] - root[:, 2])], 1)


_LAB = to_lab(np.array([example for examples in _EXAMPLES.values() for example in examples], np.uint8))
_OWNER = np.array([index for index, examples in enumerate(_EXAMPLES.values()) for _ in examples])


def colour_shares(image: Image.Image, mask: Mask, *, person: bool) -> dict[str, float]:
    """Return the share of a mask's pixels that each colour word names; empty for an empty mask.

    Args:
        image: RGB.
        mask: (height, width) of the picture.
        person: Look at the clothes only.
    """
    rows, columns = np.nonzero(mask)
    if person and rows.size:
        top, height = rows.min(), rows.max() - rows.min() + 1
        torso = (rows >= top + TORSO[0] * height) & (rows <= top + TORSO[1] * height)
        rows, columns = rows[torso], columns[torso]
    if not rows.size:
        return {}
    step = max(1, rows.size // _SAMPLES)
    pixels = to_lab(np.asarray(image)[rows[::step], columns[::step]])
    nearest = _OWNER[((pixels[:, None] - _LAB[None]) ** 2).sum(-1).argmin(1)]
    counts = np.bincount(nearest, minlength=len(NAMES)) / len(nearest)
    return dict(zip(NAMES, counts.tolist(), strict=True))


def named_colours(text: str) -> tuple[str, ...]:
    """Return the colour words of a description, as plain words, in the order in which they are named."""
    return tuple(dict.fromkeys(_PLAIN[word] for word in re.findall(r"[a-z]+", text.lower()) if word in _PLAIN))


def second_agreement(shares: dict[str, float], colours: Sequence[str]) -> float | None:
    """Return how well further colours (stripes, trousers) fit: their share, 1 from a tenth on; None without any."""
    known = [colour for colour in colours if colour in NAMES]
    if not known or not shares:
        return None
    return min(1.0, sum(shares[colour] for colour in known) / len(known) / SECOND_SHARE)


def agreement(shares: dict[str, float], colour: str) -> float | None:
    """Return how well a colour's name fits: its share over the largest share of any colour; None for other words."""
    if colour not in shares or not any(shares.values()):
        return None
    return shares[colour] / max(shares.values())
