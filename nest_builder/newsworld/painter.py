"""Shapes as polygons in the unit square, and the canvas that paints them with patterns and emblems.

Everything is a polygon, so one operation paints colour, relief (for the light) and the region that carries the
pattern. Painting happens at two or three times the wanted size; reducing it is what smooths the edges.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from nest_builder.newsworld.looks import COLOURS, Look

Point = tuple[float, float]
Shape = list[Point]
Rgb = tuple[int, int, int]

MAIN: Final = "main"  # the look's main colour with its pattern
METAL: Final[Rgb] = (176, 180, 188)
DARK: Final[Rgb] = (38, 40, 46)
GLASS: Final[Rgb] = (128, 168, 196)
CREAM: Final[Rgb] = (246, 240, 222)
WOOD: Final[Rgb] = (142, 96, 56)

_CIRCLE: Final = tuple((math.cos(2 * math.pi * k / 36), math.sin(2 * math.pi * k / 36)) for k in range(36))
_CURVE: Final = tuple(  # Catmull-Rom weights at 6 steps between two knots
    (
        (-t + 2 * t**2 - t**3) / 2,
        (2 - 5 * t**2 + 3 * t**3) / 2,
        (t + 4 * t**2 - 3 * t**3) / 2,
        (t**3 - t**2) / 2,
    )
    for t in (k / 6 for k in range(6))
)


def mix(low: float, high: float, share: float) -> float:
    """The number a `share` of the way from `low` to `high`."""
    return low + (high - low) * share


def blend(one: Rgb, other: Rgb, share: float) -> Rgb:
    """The colour a `share` of the way from `one` to `other`."""
    a, b, c = (round(mix(p, q, share)) for p, q in zip(one, other, strict=True))
    return a, b, c


def oval(cx: float, cy: float, rx: float, ry: float | None = None) -> Shape:
    """An ellipse about (cx, cy); a circle where `ry` is left out."""
    ry = rx if ry is None else ry
    return [(cx + rx * c, cy + ry * s) for c, s in _CIRCLE]


def box(x0: float, y0: float, x1: float, y1: float, radius: float = 0.0) -> Shape:
    """An upright rectangle with rounded corners."""
    r = min(radius, abs(x1 - x0) / 2, abs(y1 - y0) / 2)
    if r <= 0:
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    corners = ((x1 - r, y1 - r, 0), (x0 + r, y1 - r, 9), (x0 + r, y0 + r, 18), (x1 - r, y0 + r, 27))
    return [
        (cx + r * _CIRCLE[(k + j) % 36][0], cy + r * _CIRCLE[(k + j) % 36][1])
        for cx, cy, k in corners
        for j in range(10)
    ]


def spline(*knots: Point) -> Shape:
    """A closed smooth curve through the knots (uniform Catmull-Rom)."""
    count = len(knots)
    out: Shape = []
    for k in range(count):
        p, q, r, s = knots[k - 1], knots[k], knots[(k + 1) % count], knots[(k + 2) % count]
        for a, b, c, d in _CURVE:
            out.append((a * p[0] + b * q[0] + c * r[0] + d * s[0], a * p[1] + b * q[1] + c * r[1] + d * s[1]))
    return out


def stroke(x0: float, y0: float, x1: float, y1: float, width: float) -> Shape:
    """A straight bar with round ends."""
    length = math.hypot(x1 - x0, y1 - y0) or 1.0
    ux, uy, r = (x1 - x0) / length, (y1 - y0) / length, width / 2
    ends = ((x1, y1, 1.0), (x0, y0, -1.0))
    return [
        (x + sign * r * (c * ux - s * uy), y + sign * r * (c * uy + s * ux))
        for x, y, sign in ends
        for c, s in (*_CIRCLE[27:], *_CIRCLE[:10])
    ]


def flipped(shape: Shape, about: float = 0.5) -> Shape:
    """The mirror image of a shape about a vertical line."""
    return [(2 * about - x, y) for x, y in shape]


def emblem_shapes(name: str, cx: float, cy: float, r: float) -> list[tuple[Shape, bool]]:
    """An emblem as polygons, each with True for ink and False for ground, in painting order."""
    units: dict[str, list[tuple[Shape, bool]]] = {
        "ring": [(oval(0, 0, 1), True), (oval(0, 0, 0.52), False)],
        "moon": [(oval(0, 0, 1), True), (oval(0.48, -0.2, 0.8), False)],
        "star": [(_burst(5, 1.08, 0.46), True)],
        "sun": [(_burst(9, 1.08, 0.66), True), (oval(0, 0, 0.3), False)],
        "bolt": [([(0.25, -1.1), (-0.65, 0.2), (-0.05, 0.2), (-0.3, 1.1), (0.65, -0.25), (0.05, -0.25)], True)],
        "leaf": [(spline((-0.9, 0.9), (-0.75, -0.35), (0.9, -0.95), (0.5, 0.6)), True),
                 (stroke(-0.8, 0.8, 0.4, -0.45, 0.16), False)],
        "heart": [(spline((0, 1), (-0.95, 0.05), (-0.85, -0.75), (-0.3, -0.85), (0, -0.42), (0.3, -0.85),
                          (0.85, -0.75), (0.95, 0.05)), True)],
        "cross": [(box(-0.34, -1, 0.34, 1, 0.1), True), (box(-1, -0.34, 1, 0.34, 0.1), True)],
        "diamond": [([(0, -1.15), (0.85, 0), (0, 1.15), (-0.85, 0)], True)],
        "crown": [([(-1, 0.75), (-1, -0.7), (-0.45, 0), (0, -0.95), (0.45, 0), (1, -0.7), (1, 0.75)], True)],
        "arrow": [([(0, -1.1), (1, 0.05), (0.4, 0.05), (0.4, 1), (-0.4, 1), (-0.4, 0.05), (-1, 0.05)], True)],
        "triangle": [([(0, -1.05), (1.05, 0.8), (-1.05, 0.8)], True), ([(0, -0.2), (0.4, 0.45), (-0.4, 0.45)], False)],
        "drop": [(spline((0, -1.2), (0.5, -0.25), (0.72, 0.4), (0, 1), (-0.72, 0.4), (-0.5, -0.25)), True)],
        "wave": [(_zigzag(-0.55), True), (_zigzag(0.45), True)],
    }  # fmt: skip
    return [([(cx + r * x, cy + r * y) for x, y in shape], ink) for shape, ink in units[name]]


def _burst(points: int, outer: float, inner: float) -> Shape:
    """A star polygon with its first point up."""
    turns = ((k * math.pi / points, outer if k % 2 == 0 else inner) for k in range(2 * points))
    return [(radius * math.sin(turn), -radius * math.cos(turn)) for turn, radius in turns]


def _zigzag(y: float) -> Shape:
    top = [(-1.05 + 0.35 * k, y + (-0.35 if k % 2 else 0.1)) for k in range(7)]
    return top + [(x, y + 0.42 + (v - y)) for x, v in reversed(top)]


class Painter:
    """A square canvas in unit coordinates for one look.

    Attributes:
        look: what is painted.
        colour: the main colour; `second`: the other; `deep` and `pale`: shades of the main colour.
    """

    def __init__(self, look: Look, size: int) -> None:
        """Open a canvas whose finished image is `size` pixels wide and high."""
        self.look = look
        self.colour: Rgb = COLOURS[look.colour]
        self.second: Rgb = COLOURS[look.second]
        self.deep = blend(self.colour, (12, 12, 18), 0.42)
        self.pale = blend(self.colour, (255, 255, 255), 0.5)
        self._factor = 3 if size <= 120 else 2
        self._side = size * self._factor
        self._image = Image.new("RGBA", (self._side, self._side))
        self._relief = Image.new("L", (self._side, self._side))
        self._body = Image.new("L", (self._side, self._side))
        self._draw = ImageDraw.Draw(self._image)
        self._draw_relief = ImageDraw.Draw(self._relief)
        self._draw_body = ImageDraw.Draw(self._body)

    def paint(self, colour: Rgb | str, *shapes: Shape, lift: int = 0) -> None:
        """Paint shapes over what is there.

        Args:
            colour: a colour, or `MAIN` for the main colour with the look's pattern.
            shapes: polygons in unit coordinates.
            lift: how far the part stands out from (or, negative, is sunk into) the base, -100 to 100.
        """
        fill = self.colour if isinstance(colour, str) else colour
        for shape in shapes:
            flat = [value * self._side for point in shape for value in point]
            self._draw.polygon(flat, fill=(*fill, 255))
            self._draw_relief.polygon(flat, fill=150 + lift)
            self._draw_body.polygon(flat, fill=255 if colour == MAIN else 0)

    def emblem(self, cx: float, cy: float, radius: float) -> None:
        """Paint the look's emblem, if it has one; upon a patterned body it sits on a plain disc."""
        if self.look.emblem is None:
            return
        if self.look.pattern != "plain":
            self.paint(self.colour, oval(cx, cy, radius * 1.5), lift=10)
        for shape, ink in emblem_shapes(self.look.emblem, cx, cy, radius):
            self.paint(self.second if ink else self.colour, shape, lift=16 if ink else 6)

    def finish(self) -> tuple[Image.Image, Image.Image]:
        """The flat picture (RGBA) and its relief (L), reduced to the wanted size."""
        if self.look.pattern != "plain":
            self._image.paste((*self.second, 255), (0, 0), _pattern(self.look, self._body))
        return self._image.reduce(self._factor), self._relief.reduce(self._factor)


def _pattern(look: Look, body: Image.Image) -> Image.Image:
    """Where the second colour goes: the pattern within the body; it takes less than half of it."""
    side = body.width
    left, top, right, bottom = body.getbbox() or (0, 0, side, side)
    ink = np.zeros((side, side), np.uint8)
    xs = np.arange(side, dtype=np.int32)[None, :] * 1000 // side
    ys = np.arange(side, dtype=np.int32)[:, None] * 1000 // side
    step = round(mix(100, 150, look.shape[-1]))
    thin = step * 38 // 100
    across, down = xs % step, ys % step
    if look.pattern == "striped":
        ink[:] = (across < thin) if look.variant % 2 else (down < thin)
    elif look.pattern == "dotted":
        odd = (ys // step) % 2
        off = (xs + odd * (step // 2)) % step - step // 2
        ink[:] = off * off + (down - step // 2) ** 2 < (step * 30 // 100) ** 2
    elif look.pattern == "checked":
        ink[:] = ((across < step * 6 // 10) & (down < step * 6 // 10)) | ((across > thin * 2) & (down > thin * 2))
    elif look.pattern == "two-tone":
        ink[top + (bottom - top) * 64 // 100 :] = 1
    elif look.pattern == "diagonal":
        ink[:] = (xs + ys) % (step * 14 // 10) < step * 52 // 100
    elif look.pattern == "banded":
        ink[top + (bottom - top) * 40 // 100 : top + (bottom - top) * 62 // 100] = 1
    elif look.pattern == "zigzag":
        ink[:] = (ys + np.abs(across - step // 2)) % step < thin
    elif look.pattern == "grid":
        ink[:] = (across < step * 22 // 100) | (down < step * 22 // 100)
    elif look.pattern == "split":
        ink[:, left + (right - left) * 62 // 100 :] = 1
    elif look.pattern == "speckled":
        cell = max(2, step // 4)
        column, row = xs // cell, ys // cell
        ink[:] = ((column * 73 + row * 151 + column * row * 37) % 11 < 3) & (across % cell > 5) & (down % cell > 5)
    mask = Image.fromarray(ink * np.asarray(body))
    return mask
