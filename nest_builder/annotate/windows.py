"""Windows around boxes: a small mask model sees a thing larger when it is given its surroundings only."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Window = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole pixels of the picture."""


def window_around(box: NDArray[np.float64], width: int, height: int, factor: float) -> Window:
    """The square of `factor` times the box's longer side around it, moved and cut so that it lies in the picture.

    Args:
        box: x0, y0, x1, y1 in pixels.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        factor: at least 1.

    Raises:
        ValueError: for a factor below 1, with which the window would not hold the box.
    """
    if factor < 1:
        raise ValueError(f"a window must hold its box: factor {factor}")
    side = max(_LEAST_SIDE, factor * float(max(box[2] - box[0], box[3] - box[1])))
    x0, x1 = _span((box[0] + box[2]) / 2, side, width)
    y0, y1 = _span((box[1] + box[3]) / 2, side, height)
    return x0, y0, x1, y1


def into_window(box: NDArray[np.float64], window: Window) -> NDArray[np.float64]:
    """The box in the window's own pixels."""
    moved: NDArray[np.float64] = box - np.array([window[0], window[1], window[0], window[1]], np.float64)
    return moved


def out_of_window(values: NDArray[Any], window: Window, width: int, height: int, outside: float | bool) -> NDArray[Any]:
    """A map over the window (mask or logits) as one over the picture, shape (height, width), `outside` all around."""
    whole = np.full((height, width), outside, values.dtype)
    whole[window[1] : window[3], window[0] : window[2]] = values
    return whole


_LEAST_SIDE = 24.0
"""A smaller window holds nothing but blur."""


def _span(centre: float, side: float, limit: int) -> tuple[int, int]:
    start = max(0.0, min(centre - side / 2, limit - side))
    return int(start), min(limit, int(np.ceil(start + side)))
