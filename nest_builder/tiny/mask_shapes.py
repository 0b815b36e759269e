"""Random silhouettes in parts, the outlines of the procedural pictures that the mask model trains on.

A silhouette is a tuple of parts; a part is a closed outline with the group that it shares its colour with (a person's
legs, a vehicle's wheels). Everything is a polygon in unit coordinates, so that one warp of the vertices bends a
whole object, and so that a picture can be drawn at any size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Generator = np.random.Generator

HOLE = -1
"""Group of a part that is cut out of what was drawn before it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One closed outline.

    Attributes:
        points: vertices, shape (n, 2), columns x and y, y pointing down.
        group: index of the colour group, or `HOLE`.
    """

    points: Points
    group: int


Shape = list[Part]


def at(origin: Points, x: float, y: float) -> Points:
    """`origin` (one or many points) moved by (x, y)."""
    moved: Points = origin + np.array([x, y])
    return moved


def ellipse(cx: float, cy: float, rx: float, ry: float, angle: float = 0.0, corners: int = 28) -> Points:
    """An ellipse around (cx, cy) with radii rx, ry, turned by `angle` radians."""
    t = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    x, y = rx * np.cos(t), ry * np.sin(t)
    return np.stack([cx + x * np.cos(angle) - y * np.sin(angle), cy + x * np.sin(angle) + y * np.cos(angle)], 1)


def stroke(line: Points, start: float, end: float) -> Points:
    """Outline of a thick line through `line`, whose half width runs from `start` to `end`, with round ends."""
    step = np.gradient(line, axis=0)
    step /= np.linalg.norm(step, axis=1, keepdims=True) + 1e-9
    normal = np.stack([-step[:, 1], step[:, 0]], 1) * np.linspace(start, end, len(line))[:, None]
    tip = line[-1] + step[-1] * end * 0.8
    back = line[0] - step[0] * start * 0.8
    return np.concatenate([back[None], line + normal, tip[None], (line - normal)[::-1]])


def curve(knots: Points, count: int = 16) -> Points:
    """A smooth line through `knots` (quadratic or cubic fit of each coordinate), `count` points."""
    t = np.linspace(0, 1, len(knots))
    degree = min(3, len(knots) - 1)
    fine = np.linspace(0, 1, count)
    return np.stack([np.polyval(np.polyfit(t, knots[:, k], degree), fine) for k in (0, 1)], 1)


def joint(rng: Generator, start: Points, angle: float, length: float, bend: float) -> Points:
    """A limb of two equal bones: one from `start` at `angle` (radians, 0 is down), one bent from it by up to `bend`."""
    second = angle + rng.uniform(-bend, bend)
    knee = start + length / 2 * np.array([np.sin(angle), np.cos(angle)])
    foot = knee + length / 2 * np.array([np.sin(second), np.cos(second)])
    return np.concatenate([np.linspace(start, knee, 5), np.linspace(knee, foot, 5)[1:]])


def densify(points: Points, longest: float) -> Points:
    """The same closed outline with every edge cut into pieces no longer than `longest`."""
    pieces = []
    for a, b in zip(points, np.roll(points, -1, 0), strict=True):
        count = max(1, int(np.ceil(np.linalg.norm(b - a) / longest)))
        pieces.append(a + (b - a) * np.arange(count)[:, None] / count)
    return np.concatenate(pieces)
