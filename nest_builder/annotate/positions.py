"""Where in a picture a caption says that someone stands: "Okoro (left)", "second from right"."""

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np

from nest_builder.annotate.base import Boxes

Position = Literal["left", "right", "centre", "second from left", "second from right", "foreground", "background"]
_WORDS: tuple[tuple[Position, str], ...] = (
    ("second from left", r"second from (?:the )?left"),
    ("second from right", r"second from (?:the )?right"),
    ("left", r"(?:(?:at|on|to) (?:the )?)?(?:far )?left"),
    ("right", r"(?:(?:at|on|to) (?:the )?)?(?:far )?right"),
    ("centre", r"(?:in the )?(?:centre|center|middle)"),
    ("foreground", r"(?:in the )?(?:foreground|front)"),
    ("background", r"(?:in the )?(?:background|back)"),
)
# Directly after the name: in brackets, between commas, or after "is seen".
_AFTER = r"(?:\s*\(\s*{word}\s*\)|\s*,\s*{word}\b|\s+(?:is|was)(?:\s+(?:seen|shown|pictured))?\s+{word}\b)"


def caption_position(caption: str, names: Sequence[str]) -> Position | None:
    """Return the place that a caption gives to one of the names, or None where it gives none.

    Args:
        caption: The caption.
        names: Name and aliases; the longest one found counts.
    """
    for name in sorted((name for name in names if name.strip()), key=len, reverse=True):
        for position, word in _WORDS:
            pattern = rf"(?<!\w){re.escape(name)}{_AFTER.format(word=word)}"
            if re.search(pattern, caption, re.IGNORECASE):
                return position
    return None


def position_fit(position: Position, boxes: Boxes, width: int) -> list[float]:
    """Return how well each of several like things fits a place, from 0 to 1; the best fit is 1.

    Args:
        position: The caption's word.
        boxes: (n, 4), all things of the kind.
        width: Of the picture.
    """
    if not len(boxes):
        return []
    centres = (boxes[:, 0] + boxes[:, 2]) / 2 / width
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    match position:
        case "left" | "right":
            distance = centres if position == "left" else 1 - centres
            distance = distance - distance.min()
        case "foreground" | "background":
            distance = 1 - areas / areas.max() if position == "foreground" else areas / areas.min() - 1
        case _:
            wanted = {"centre": 0.5, "second from left": 0.37, "second from right": 0.63}[position]
            distance = np.abs(centres - wanted)
            distance = distance - distance.min()
    return [float(value) for value in np.exp(-8 * distance)]
