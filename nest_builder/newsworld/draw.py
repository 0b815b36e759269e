"""Pictures of single things: a look in, a shaded cut-out with its true silhouette out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image

from nest_builder.newsworld import draw_figures, draw_gadgets, draw_goods, draw_vehicles
from nest_builder.newsworld.looks import Look
from nest_builder.newsworld.painter import Painter
from nest_builder.newsworld.shading import light

_DRAWERS: Final[dict[str, Callable[[Painter], None]]] = {
    **draw_gadgets.DRAWERS,
    **draw_goods.DRAWERS,
    **draw_vehicles.DRAWERS,
    **draw_figures.DRAWERS,
}


def draw_object(look: Look, size: int, rng: np.random.Generator) -> Image.Image:
    """Draw one thing.

    Args:
        look: what it looks like; the same look gives the same picture but for the light.
        size: width and height of the canvas in pixels, 16 to 1024; the thing's longer side nearly fills it.
        rng: small jitter of the light.

    Returns:
        RGBA, `size` x `size`; alpha is the silhouette.

    Raises:
        ValueError: `size` is out of range.
    """
    if not 16 <= size <= 1024:
        raise ValueError(f"size must be 16 to 1024 pixels, not {size}")
    painter = Painter(look, size)
    _DRAWERS[look.category](painter)
    return light(*painter.finish(), rng)
