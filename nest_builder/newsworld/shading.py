"""Light upon a flat picture: rounds a silhouette as if it were a solid thing under a lamp.

Only sums, products and square roots of 32-bit floats are used, and PIL's integer blurs: these give the same bytes on
every machine, which transcendental functions of numpy do not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Floats = NDArray[np.float32]


def light(flat: Image.Image, relief: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Shade a flat picture.

    Args:
        flat: RGBA, antialiased.
        relief: L of the same size; how far each part stands out, 0 where nothing is.
        rng: jitters the lamp's direction and strength a little.

    Returns:
        RGBA with the alpha of `flat`.
    """
    side = flat.width
    lean, strength = float(rng.uniform(-0.75, -0.35)), float(rng.uniform(0.97, 1.04))
    alpha = flat.getchannel("A")
    dome = _floats(alpha.filter(ImageFilter.GaussianBlur(side * 0.055)))
    parts = _floats(relief.filter(ImageFilter.GaussianBlur(max(0.5, side * 0.006))))
    facing = _facing(dome, lean) * np.float32(side * 0.075) + _facing(parts, lean) * np.float32(side * 0.014)
    np.clip(facing, -0.8, 0.8, out=facing)
    rim = np.clip((dome - np.float32(0.45)) * np.float32(2.6), 0, 1)
    fall = np.linspace(1.05, 0.93, side, dtype=np.float32)[:, None]
    shade = (1 + np.float32(0.5) * facing) * (np.float32(0.86) + np.float32(0.14) * rim) * fall * np.float32(strength)
    gloss = np.clip(facing - np.float32(0.22), 0, 1) * np.float32(110)
    colour = np.asarray(flat)[..., :3] * shade[..., None] + gloss[..., None]
    out = np.empty((side, side, 4), np.uint8)
    out[..., :3] = np.clip(colour, 0, 255)
    out[..., 3] = np.asarray(alpha)
    return Image.fromarray(out)


def _floats(image: Image.Image) -> Floats:
    return np.asarray(image).astype(np.float32) * np.float32(1 / 255)


def _facing(height: Floats, lean: float) -> Floats:
    """How much each place of a height field faces a lamp above and to the left (`lean` < 0): its slope along it."""
    slope = np.zeros_like(height)
    slope[:, 1:-1] = (height[:, 2:] - height[:, :-2]) * np.float32(-lean * 0.5)
    slope[1:-1] += (height[2:] - height[:-2]) * np.float32(0.5)
    return slope
