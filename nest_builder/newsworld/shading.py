"""Light: upon a thing, which it rounds as if it were solid; below it, as a shadow; and through the lens.

Only sums, products and square roots of 32-bit floats are used, and PIL's integer blurs: these give the same bytes on
every machine, which transcendental functions of numpy do not.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Floats = NDArray[np.float32]

_BALANCE: Final = (
    (1.03, 1.0, 0.95),
    (0.97, 1.0, 1.04),
    (1.0, 1.0, 1.0),
    (1.015, 1.0, 0.98),
)  # white balance: warm, cold, true, a little warm


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


def cast_shadow(image: Image.Image, thing: Image.Image, left: int, top: int, airborne: bool) -> None:
    """Darken the ground below a thing: its silhouette squashed, blurred, a little aside."""
    w, h = thing.size
    depth = max(4, h // (9 if airborne else 6))
    pad = max(4, w // 10)
    squashed = thing.getchannel("A").resize((w, depth))
    shadow = Image.new("L", (w + 2 * pad, depth + 2 * pad))
    shadow.paste(squashed, (pad, pad))
    shadow = shadow.filter(ImageFilter.GaussianBlur(pad * 0.4)).point(
        [v * (60 if airborne else 125) // 255 for v in range(256)]
    )
    drop = h // 5 if airborne else -depth * 6 // 10
    image.paste((14, 14, 22), (left - pad + w // 30, top + h + drop - pad), shadow)


def photograph(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """What a camera adds: softness, vignette, white balance, exposure, grain."""
    width, height = image.size
    soft = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 0.55)) * max(1.0, width / 320)))
    u = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    v = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    vignette = 1 - np.float32(rng.uniform(0.02, 0.12)) * (u * u + v * v)
    gains = np.asarray(_BALANCE[int(rng.integers(len(_BALANCE)))], np.float32) * np.float32(rng.uniform(0.94, 1.05))
    grain = rng.integers(0, 256, (2, height, width), dtype=np.uint8)
    noise = (grain[0].astype(np.float32) + grain[1] - 255) * np.float32(float(rng.uniform(1.5, 5.0)) / 104)
    out = np.asarray(soft) * (vignette[..., None] * gains)
    out += noise[..., None]
    out[..., 0] += (grain[0] & 3).astype(np.float32) - np.float32(1.5)
    out[..., 2] += (grain[1] & 3).astype(np.float32) - np.float32(1.5)
    return Image.fromarray(np.clip(out, 0, 255).astype(np.uint8))


def _floats(image: Image.Image) -> Floats:
    return np.asarray(image).astype(np.float32) * np.float32(1 / 255)


def _facing(height: Floats, lean: float) -> Floats:
    """How much each place of a height field faces a lamp above and to the left (`lean` < 0): its slope along it."""
    slope = np.zeros_like(height)
    slope[:, 1:-1] = (height[:, 2:] - height[:, :-2]) * np.float32(-lean * 0.5)
    slope[1:-1] += (height[2:] - height[:-2]) * np.float32(0.5)
    return slope
