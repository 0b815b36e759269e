"""What stands behind the things of a scene: drawn small and enlarged, which blurs it as a lens would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Rgb = tuple[int, int, int]
_COARSE: Final = 3  # a backdrop is drawn at a third of the picture's size


class _Sketch:
    """A small canvas in unit coordinates with the seeded choices of one backdrop."""

    def __init__(self, width: int, height: int, rng: np.random.Generator) -> None:
        self.rng = rng
        self.size = (max(16, width // _COARSE), max(16, height // _COARSE))
        self.image = Image.new("RGB", self.size)
        self.draw = ImageDraw.Draw(self.image)

    def number(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def count(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def near(self, colour: Rgb, spread: int) -> Rgb:
        r, g, b = (
            max(0, min(255, c + int(d))) for c, d in zip(colour, self.rng.integers(-spread, spread + 1, 3), strict=True)
        )
        return r, g, b

    def wash(self, y0: float, y1: float, top: Rgb, bottom: Rgb) -> None:
        """A vertical gradient over the full width."""
        w, h = self.size
        a, b = round(y0 * h), round(y1 * h)
        for y in range(a, b):
            t = (y - a) / max(1, b - a - 1)
            r, g, c = (round(p + (q - p) * t) for p, q in zip(top, bottom, strict=True))
            self.draw.line((0, y, w, y), fill=(r, g, c))

    def rect(self, x0: float, y0: float, x1: float, y1: float, colour: Rgb) -> None:
        w, h = self.size
        self.draw.rectangle((x0 * w, y0 * h, max(x0, x1) * w, max(y0, y1) * h), fill=colour)

    def blob(self, x: float, y: float, rx: float, ry: float, colour: Rgb) -> None:
        w, h = self.size
        self.draw.ellipse(((x - rx) * w, (y - ry) * h, (x + rx) * w, (y + ry) * h), fill=colour)

    def poly(self, *points: tuple[float, float], colour: Rgb) -> None:
        w, h = self.size
        self.draw.polygon([(x * w, y * h) for x, y in points], fill=colour)


def _clouds(s: _Sketch, count: int, low: float, colour: Rgb) -> None:
    for _ in range(count):
        x, y, r = s.number(0, 1), s.number(0.03, low), s.number(0.04, 0.09)
        for _ in range(4):
            s.blob(
                x + s.number(-0.1, 0.1),
                y + s.number(-0.015, 0.015),
                r * s.number(0.7, 1.5),
                r * 0.45,
                s.near(colour, 6),
            )


def _sky(s: _Sketch) -> None:
    horizon = s.number(0.52, 0.72)
    top, low = ((92, 150, 222), (206, 226, 240)), ((232, 160, 110), (250, 220, 180))
    upper, lower = top if s.number(0, 1) < 0.7 else low
    s.wash(0, horizon, s.near(upper, 18), s.near(lower, 10))
    _clouds(s, s.count(1, 4), horizon * 0.8, (240, 242, 246))
    hill = s.near((118, 142, 130), 20)
    peaks = [(s.number(0.1, 0.4), horizon - s.number(0.06, 0.16)), (0.6, horizon - 0.02)]
    peaks += [(s.number(0.7, 0.9), horizon - s.number(0.04, 0.14)), (1.0, horizon - 0.03)]
    s.poly((0, horizon), (0, horizon - 0.05), *peaks, (1, horizon), colour=hill)
    ground = ((140, 160, 96), (198, 178, 132), (112, 148, 168), (168, 160, 150))[s.count(0, 3)]
    s.wash(horizon, 1, s.near(ground, 14), s.near(tinted(ground, 0.78), 10))
    for _ in range(s.count(4, 10)):
        y = s.number(horizon + 0.03, 1)
        s.blob(s.number(0, 1), y, s.number(0.03, 0.14), 0.012, s.near(tinted(ground, 0.9), 16))


def _street(s: _Sketch) -> None:
    road = s.number(0.62, 0.76)
    s.wash(0, road, s.near((176, 200, 224), 20), (226, 226, 220))
    x = -0.05
    while x < 1:
        w, top = s.number(0.14, 0.3), s.number(0.02, 0.34)
        wall = s.near(
            ((186, 148, 122), (166, 160, 156), (198, 184, 156), (138, 122, 118), (150, 164, 178))[s.count(0, 4)], 14
        )
        s.rect(x, top, x + w, road, wall)
        glass = s.near((96, 112, 130), 20)
        rows, columns = s.count(3, 5), s.count(2, 3)
        for row in range(rows):
            for column in range(columns):
                u, v = x + w * (column + 0.25) / columns, top + 0.05 + (road - top - 0.1) * row / rows
                s.rect(
                    u,
                    v,
                    u + w * 0.45 / columns,
                    v + 0.5 * (road - top) / rows,
                    glass if s.number(0, 1) < 0.8 else (236, 214, 150),
                )
        if s.number(0, 1) < 0.5:
            s.rect(x, road - 0.12, x + w, road - 0.08, s.near((150, 110, 90), 50))
        x += w
    s.rect(0, road, 1, road + 0.06, s.near((178, 174, 168), 10))
    s.wash(road + 0.06, 1, s.near((104, 104, 108), 12), s.near((126, 124, 124), 10))
    for k in range(4):
        x, y = 0.06 + 0.28 * k, road + 0.16
        s.poly((x, y), (x + 0.14, y), (x + 0.12, y + 0.03), (x - 0.03, y + 0.03), colour=(206, 204, 194))


def _studio(s: _Sketch) -> None:
    tone = s.near(
        ((206, 206, 210), (184, 198, 210), (216, 204, 190), (150, 156, 166), (198, 184, 202), (92, 96, 106))[
            s.count(0, 5)
        ],
        12,
    )
    floor = s.number(0.66, 0.8)
    s.wash(0, floor, tinted(tone, 0.84), tone)
    s.wash(floor, 1, tinted(tone, 1.05), tinted(tone, 0.82))
    x, y = s.number(0.3, 0.7), s.number(0.3, 0.5)
    for k in range(6, 0, -1):
        s.blob(x, y, 0.09 * k, 0.08 * k, tinted(tone, 1.12 - 0.035 * k))


def _room(s: _Sketch) -> None:
    table = s.number(0.6, 0.74)
    wall = s.near(
        ((216, 204, 184), (184, 198, 192), (204, 190, 194), (170, 180, 196), (226, 222, 212))[s.count(0, 4)], 12
    )
    s.wash(0, table, wall, tinted(wall, 0.88))
    if s.number(0, 1) < 0.6:
        x, w = s.number(0, 0.6), s.number(0.2, 0.34)
        s.rect(x - 0.015, 0.04, x + w + 0.015, 0.46, (236, 232, 224))
        s.rect(x, 0.06, x + w, 0.44, s.near((174, 204, 226), 20))
        s.rect(x + w / 2 - 0.008, 0.06, x + w / 2 + 0.008, 0.44, (236, 232, 224))
    shelf, x0 = s.number(0.2, 0.44), s.number(0.1, 0.7)
    s.rect(x0, shelf, x0 + 0.4, shelf + 0.025, (128, 94, 66))
    x = x0 + 0.01
    while x < x0 + 0.36:
        w = s.number(0.015, 0.035)
        s.rect(x, shelf - s.number(0.08, 0.14), x + w, shelf, s.near((140, 120, 112), 62))
        x += w
    for _ in range(s.count(0, 2)):
        x, y = s.number(0.05, 0.9), s.number(0.08, 0.3)
        s.rect(x, y, x + 0.13, y + 0.15, (98, 76, 60))
        s.rect(x + 0.015, y + 0.02, x + 0.115, y + 0.13, s.near((170, 160, 150), 46))
    wood = s.near(((150, 106, 70), (186, 148, 106), (110, 82, 62), (206, 200, 192))[s.count(0, 3)], 10)
    s.wash(table, 1, wood, tinted(wood, 0.8))
    for k in range(7):
        y = table + 0.03 + k * 0.05
        s.rect(0, y, 1, y + 0.006, tinted(wood, 0.9))


def _park(s: _Sketch) -> None:
    horizon = s.number(0.5, 0.64)
    s.wash(0, horizon, s.near((150, 190, 226), 16), (222, 232, 226))
    for _ in range(s.count(6, 11)):
        x, r = s.number(-0.05, 1.05), s.number(0.09, 0.2)
        y = horizon - r * s.number(0.7, 1.6)
        s.rect(x - 0.014, y, x + 0.014, horizon + 0.04, (96, 76, 60))
        leaf = s.near(((92, 122, 70), (120, 140, 78), (74, 104, 74), (156, 130, 72))[s.count(0, 3)], 14)
        for _ in range(5):
            s.blob(x + s.number(-0.6, 0.6) * r, y + s.number(-0.5, 0.5) * r, r * 0.6, r * 0.55, s.near(leaf, 12))
    grass = s.near((122, 146, 82), 14)
    s.wash(horizon, 1, grass, tinted(grass, 0.76))
    if s.number(0, 1) < 0.5:
        x = s.number(0.2, 0.8)
        s.poly((x, horizon), (x + 0.05, horizon), (x + 0.3, 1), (x - 0.25, 1), colour=s.near((196, 180, 150), 10))
    for _ in range(s.count(8, 18)):
        s.blob(s.number(0, 1), s.number(horizon, 1), 0.03, 0.008, s.near(tinted(grass, 0.9), 18))


def _night(s: _Sketch) -> None:
    floor = s.number(0.64, 0.8)
    s.wash(0, floor, s.near((26, 30, 56), 10), s.near((70, 66, 96), 14))
    for _ in range(s.count(4, 7)):
        x, w, top = s.number(-0.1, 0.95), s.number(0.12, 0.24), s.number(0.14, 0.44)
        s.rect(x, top, x + w, floor, s.near((44, 46, 66), 8))
    for _ in range(s.count(14, 30)):
        colour = s.near(((246, 206, 130), (240, 160, 100), (150, 190, 236), (236, 226, 206))[s.count(0, 3)], 14)
        r = s.number(0.008, 0.035)
        s.blob(s.number(0, 1), s.number(0.1, floor - 0.03), r, r * 1.3, tinted(colour, s.number(0.5, 0.95)))
    s.wash(floor, 1, s.near((74, 74, 88), 8), s.near((104, 100, 108), 8))
    for _ in range(s.count(3, 8)):
        s.blob(s.number(0, 1), s.number(floor + 0.03, 1), 0.09, 0.014, s.near((130, 116, 104), 14))


def _hall(s: _Sketch) -> None:
    """A press hall: curtain, banner, a row of blurred backs of chairs."""
    floor = s.number(0.68, 0.8)
    cloth = s.near(((96, 104, 130), (128, 92, 96), (104, 124, 116), (150, 146, 150))[s.count(0, 3)], 12)
    s.rect(0, 0, 1, floor, cloth)
    for k in range(18):
        s.rect(k / 18, 0, k / 18 + 0.022, floor, tinted(cloth, 0.86 if k % 2 else 1.1))
    x, y = s.number(0.05, 0.5), s.number(0.05, 0.2)
    s.rect(x, y, x + 0.42, y + 0.24, s.near((222, 220, 214), 12))
    for k in range(3):
        s.rect(
            x + 0.04, y + 0.05 + 0.055 * k, x + s.number(0.2, 0.38), y + 0.075 + 0.055 * k, s.near((120, 126, 140), 30)
        )
    wood = s.near((158, 128, 104), 12)
    s.wash(floor, 1, wood, tinted(wood, 0.76))


def tinted(colour: Rgb, factor: float) -> Rgb:
    """A colour made lighter or darker."""
    r, g, b = (max(0, min(255, round(c * factor))) for c in colour)
    return r, g, b


_DRAWERS: Final[dict[str, Callable[[_Sketch], None]]] = {
    "sky": _sky,
    "street": _street,
    "studio": _studio,
    "room": _room,
    "park": _park,
    "night": _night,
    "hall": _hall,
}
BACKDROPS: Final[tuple[str, ...]] = tuple(_DRAWERS)


def backdrop(kind: str, width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """An empty place, out of focus.

    Args:
        kind: one of `BACKDROPS`.
        width: pixels.
        height: pixels.
        rng: everything that the kind leaves open.

    Returns:
        RGB, width x height.
    """
    sketch = _Sketch(width, height, rng)
    _DRAWERS[kind](sketch)
    soft = sketch.image.filter(ImageFilter.GaussianBlur(sketch.number(0.8, 1.8) * max(sketch.size) / 80))
    return soft.resize((width, height), Image.Resampling.BICUBIC)
