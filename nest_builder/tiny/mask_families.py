"""Families of silhouettes, for what photographs are full of: people, animals, vehicles, vessels, furniture, plants."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nest_builder.tiny.mask_shapes import HOLE, Generator, Part, Shape, at, curve, densify, ellipse, joint, stroke


def blob(rng: Generator) -> Shape:
    """One to three overlapping closed curves of a few low frequencies."""
    parts = []
    for group in range(int(rng.integers(1, 4))):
        t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        radius = np.ones_like(t)
        for k in range(2, 7):
            radius += rng.normal(0, 0.28 / k) * np.sin(k * t + rng.uniform(0, 2 * np.pi))
        radius = np.clip(radius, 0.3, 2.0) * rng.uniform(0.25, 0.5)
        centre = rng.uniform(-0.3, 0.3, 2) * (group > 0)
        parts.append(Part(np.stack([centre[0] + radius * np.cos(t), centre[1] + radius * np.sin(t)], 1), group % 2))
    return parts


def person(rng: Generator) -> Shape:
    """Standing, walking, sitting or reaching: head, trunk and four limbs, at times with a load."""
    girth, head = rng.uniform(0.8, 1.6), rng.uniform(0.06, 0.085)
    lean = rng.normal(0, 0.06)
    neck, hip = np.array([lean, head * 2]), np.array([0.0, rng.uniform(0.46, 0.56)])
    shoulder, waist = 0.1 * girth, rng.uniform(0.07, 0.1) * girth
    legs, sitting = rng.uniform(0.4, 0.5), rng.random() < 0.25
    parts: Shape = []
    for side in (-1, 1):
        angle = rng.uniform(0.9, 1.5) * rng.choice([-1, 1]) if sitting else side * abs(rng.normal(0.08, 0.2))
        limb = joint(rng, at(hip, side * waist * 0.6, 0), angle, legs, 0.3)
        parts.append(Part(stroke(limb, 0.055 * girth, 0.03 * girth), 2))
        parts.append(Part(ellipse(limb[-1, 0] + 0.015, limb[-1, 1] + 0.01, 0.04, 0.022), 3))
    trunk = np.array([at(neck, -shoulder, 0.02), at(neck, shoulder, 0.02), at(hip, waist, 0.03), at(hip, -waist, 0.03)])
    parts.append(Part(trunk, 1))
    if rng.random() < 0.25:
        flare = rng.uniform(1.2, 2.2)
        parts.append(
            Part(np.array([trunk[3], trunk[2], at(hip, waist * flare, 0.25), at(hip, -waist * flare, 0.25)]), 1)
        )
    sleeve = int(rng.choice([0, 1]))
    for side in (-1, 1):
        limb = joint(rng, at(neck, side * shoulder * 0.9, 0.04), side * abs(rng.normal(0.3, 0.7)), 0.38, 1.2)
        parts.append(Part(stroke(limb, 0.035 * girth, 0.022 * girth), sleeve))
    parts.append(Part(ellipse(lean, head * 1.05, head * 0.8, head * 1.1), 0))
    if rng.random() < 0.6:
        parts.append(Part(ellipse(lean, head * 0.6, head * 0.9, head * 0.65), 3))
    return parts


def animal(rng: Generator) -> Shape:
    """A quadruped or a bird seen from the side."""
    length, depth = rng.uniform(0.28, 0.42), rng.uniform(0.1, 0.2)
    parts: Shape = []
    coat = int(rng.random() < 0.25)
    legs, bird = rng.uniform(0.15, 0.4), rng.random() < 0.25
    for x in [0.0, 0.06] if bird else [-0.85, -0.6, 0.6, 0.85]:
        limb = joint(rng, np.array([x * length, depth * 0.4]), rng.normal(0, 0.25), legs + depth * 0.5, 0.4)
        width = 0.015 if bird else rng.uniform(0.03, 0.06)
        parts.append(Part(stroke(limb, width * 1.5, width), coat))
    rise = rng.uniform(-0.35, 0.1)
    throat, face = np.array([length * 0.8, -depth * 0.3]), np.array([length + rng.uniform(0, 0.2), rise])
    parts.append(Part(stroke(np.linspace(throat, face, 6), depth * 0.6, 0.06), 0))
    parts.append(Part(ellipse(0, 0, length, depth, rng.normal(0, 0.12)), 0))
    size = rng.uniform(0.06, 0.12)
    parts.append(Part(ellipse(face[0] + size * 0.5, face[1], size * 1.3, size, rng.uniform(-0.2, 0.6)), 0))
    for ear in (-0.2, 0.5):
        point = at(face, size * ear, -size * 1.9)
        parts.append(Part(np.array([at(face, size * (ear - 0.4), 0), point, at(face, size * (ear + 0.4), 0)]), coat))
    if rng.random() < 0.8:
        knots = np.array(
            [
                [-length * 0.9, -depth * 0.2],
                [-length - 0.1, rng.uniform(-0.3, 0.2)],
                [-length - 0.2, rng.uniform(-0.4, 0.4)],
            ]
        )
        parts.append(Part(stroke(curve(knots), 0.035, rng.uniform(0.01, 0.05)), coat))
    if rng.random() < 0.3:
        parts.append(Part(ellipse(-0.05, 0, length * 0.5, depth * 0.6, rng.uniform(-0.3, 0.3)), 2))
    return parts


def vehicle(rng: Generator) -> Shape:
    """A body, a cabin with windows, and wheels."""
    long, high = rng.uniform(0.45, 0.7), rng.uniform(0.1, 0.25)
    front, back = rng.uniform(0.3, 1.0, 2) * long
    roof = rng.uniform(0.05, 0.35)
    parts = [
        Part(np.array([[-long, -high], [long, -high * rng.uniform(0.4, 1)], [long, high], [-long, high]]), 0),
        Part(
            np.array(
                [
                    [-back, -high],
                    [-back * rng.uniform(0.5, 1), -high - roof],
                    [front * rng.uniform(0.4, 1), -high - roof],
                    [front, -high],
                ]
            ),
            0,
        ),
        Part(
            np.array(
                [
                    [-back * 0.8, -high],
                    [-back * 0.5, -high - roof * 0.8],
                    [front * 0.4, -high - roof * 0.8],
                    [front * 0.8, -high],
                ]
            ),
            2,
        ),
    ]
    wheel = rng.uniform(0.08, 0.16)
    for x in np.linspace(-0.65, 0.65, int(rng.choice([2, 2, 3]))) * long:
        parts += [Part(ellipse(x, high, wheel, wheel), 1), Part(ellipse(x, high, wheel * 0.5, wheel * 0.5), 3)]
    return parts


def cycle(rng: Generator) -> Shape:
    """Two open wheels and a frame, at times with a rider."""
    gap, wheel, thick = rng.uniform(0.25, 0.35), rng.uniform(0.17, 0.24), rng.uniform(0.015, 0.04)
    parts: Shape = []
    for x in (-gap, gap):
        parts.append(Part(ellipse(x, 0.3, wheel, wheel), 1))
        parts.append(Part(ellipse(x, 0.3, wheel - thick * 1.5, wheel - thick * 1.5), HOLE))
    saddle, bar = np.array([-gap * 0.4, 0.0]), np.array([gap * 0.7, -0.05])
    for a, b in (
        (saddle, bar),
        ((-gap, 0.3), saddle),
        ((0.0, 0.3), bar),
        (bar, (gap, 0.3)),
        ((0.0, 0.3), saddle),
        ((-gap, 0.3), (0.0, 0.3)),
    ):
        parts.append(Part(stroke(np.linspace(a, b, 4), thick, thick), 0))
    if rng.random() < 0.5:
        parts += [Part(at(p.points * 0.9, -0.05, -0.55), p.group) for p in person(rng)]
    return parts


def vessel(rng: Generator) -> Shape:
    """Anything turned on a wheel: bottle, vase, cup, lamp; at times with a handle or a rim."""
    y = np.linspace(0, 1, 24)
    width = (
        np.interp(y, np.linspace(0, 1, 5), rng.uniform(0.08, 0.4, 5))
        if rng.random() < 0.7
        else np.full(24, rng.uniform(0.15, 0.4))
    )
    parts: Shape = []
    if rng.random() < 0.3:
        grip = width.max() + 0.05
        parts += [Part(ellipse(grip, 0.45, 0.17, 0.25), 1), Part(ellipse(grip, 0.45, 0.11, 0.18), HOLE)]
    parts.append(Part(np.concatenate([np.stack([width, y], 1), np.stack([-width, y], 1)[::-1]]), 0))
    if rng.random() < 0.6:
        band = slice(int(rng.integers(0, 10)), int(rng.integers(12, 24)))
        parts.append(
            Part(np.concatenate([np.stack([width[band], y[band]], 1), np.stack([-width[band], y[band]], 1)[::-1]]), 2)
        )
    if rng.random() < 0.4:
        parts.append(Part(ellipse(0, 0, width[0], width[0] * rng.uniform(0.1, 0.4)), 1))
    return parts


def furniture(rng: Generator) -> Shape:
    """A slab or a box in mild perspective: screen, book, suitcase, table, chair."""
    w, h = rng.uniform(0.2, 0.5, 2)
    quad = np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) + rng.normal(0, 0.05, (4, 2))
    parts: Shape = []
    if rng.random() < 0.5:
        low = rng.uniform(0.2, 0.6)
        for x, shift in ((-0.9, -0.03), (0.9, 0.03), (-0.5, 0.0), (0.5, 0.0)):
            line = np.linspace([x * w, h * 0.8], [x * w + shift, h + low * (1 - abs(shift) * 2)], 4)
            parts.append(Part(stroke(line, 0.025, 0.02), 1))
    parts.append(Part(quad, 0))
    if rng.random() < 0.4:
        parts.append(Part(np.array([quad[0], quad[1], at(quad[1], -0.1, -0.15), at(quad[0], -0.05, -0.15)]), 2))
    if rng.random() < 0.6:
        parts.append(Part(quad * rng.uniform(0.6, 0.92) + rng.normal(0, 0.01, 2), 2))
    return parts


def long_thing(rng: Generator) -> Shape:
    """A bent stroke of changing width, with a head at times: snake, bat, spoon, racket, tie."""
    knots = np.cumsum(np.concatenate([np.zeros((1, 2)), rng.normal([0.25, 0], [0.08, rng.uniform(0, 0.2)], (4, 2))]), 0)
    widths = rng.uniform(0.015, 0.1, 2)
    parts = [Part(stroke(curve(knots, 24), widths[0], widths[1]), 0)]
    if rng.random() < 0.4:
        r = rng.uniform(0.06, 0.2)
        parts.append(Part(ellipse(knots[-1, 0] + r * 0.7, knots[-1, 1], r, r * rng.uniform(0.5, 1)), 1))
    return parts


def plant(rng: Generator) -> Shape:
    """Leaves or fronds around a stem, often in a pot; an umbrella of leaves makes a tree."""
    parts: Shape = []
    spread = rng.uniform(0.5, 1.4)
    for _ in range(int(rng.integers(4, 12))):
        angle, reach = rng.normal(0, spread), rng.uniform(0.2, 0.5)
        tip = reach * np.array([np.sin(angle), -np.cos(angle)])
        parts.append(
            Part(
                ellipse(tip[0] * 0.6, tip[1] * 0.6, rng.uniform(0.04, 0.16), reach * 0.55, angle),
                int(rng.choice([0, 0, 1])),
            )
        )
    parts.append(Part(stroke(np.linspace([0, -0.1], [0, 0.3], 4), 0.02, rng.uniform(0.02, 0.05)), 1))
    if rng.random() < 0.6:
        top, low = rng.uniform(0.08, 0.2, 2)
        parts.append(Part(np.array([[-top, 0.1], [top, 0.1], [low, 0.4], [-low, 0.4]]), 2))
    return parts


def polygon(rng: Generator) -> Shape:
    """A convex or star-like polygon, at times with a hole."""
    corners = int(rng.integers(3, 9))
    t = (
        np.sort(rng.uniform(0, 2 * np.pi, corners))
        if rng.random() < 0.5
        else np.linspace(0, 2 * np.pi, corners, endpoint=False)
    )
    radius = 0.5 * np.where(np.arange(corners) % 2 == 0, 1, rng.uniform(0.45, 1))
    outline = np.stack([radius * np.cos(t), radius * np.sin(t)], 1)
    parts = [Part(outline, 0)]
    if rng.random() < 0.4:
        parts.append(Part(outline * rng.uniform(0.3, 0.7), HOLE if rng.random() < 0.4 else 1))
    return parts


def heap(rng: Generator) -> Shape:
    """Several small things that count as one: fruit in a bowl, food on a plate, a bunch."""
    parts = [Part(ellipse(0, 0.1, 0.5, rng.uniform(0.15, 0.35)), 0)] if rng.random() < 0.6 else []
    for _ in range(int(rng.integers(3, 9))):
        r = rng.uniform(0.08, 0.2, 2)
        x, y = rng.uniform([-0.3, -0.25], [0.3, 0.15])
        parts.append(Part(ellipse(x, y, r[0], r[1], rng.uniform(0, 3)), int(rng.integers(1, 4))))
    return parts


FAMILIES: dict[Callable[[Generator], Shape], float] = {
    person: 6,
    animal: 4,
    vehicle: 3,
    vessel: 3,
    furniture: 3,
    blob: 4,
    polygon: 1.5,
    long_thing: 2,
    plant: 1.5,
    cycle: 1,
    heap: 1.5,
}
"""Silhouette families with their weights; people are the commonest thing in photographs."""


def random_shape(rng: Generator) -> Shape:
    """A warped silhouette, scaled so that its tight box is [0, 1] along the longer side and starts at (0, 0).

    The warp is an affine map (mirror, small or now and then any rotation, stretch) and a sum of sines, which makes
    the plain primitives organic. No edge stays longer than a twentieth, so that the sines can bend it.
    """
    families = list(FAMILIES)
    weights = np.array([FAMILIES[f] for f in families])
    parts = families[int(rng.choice(len(families), p=weights / weights.sum()))](rng)
    turn = rng.uniform(-np.pi, np.pi) if rng.random() < 0.15 else rng.normal(0, 0.15)
    stretch = np.exp(rng.normal(0, 0.18, 2)) * [rng.choice([-1, 1]), 1]
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * stretch
    waves = [(rng.normal(0, 1.2, 2), rng.uniform(0, 2 * np.pi), rng.normal(0, 0.025, 2)) for _ in range(3)]
    outlines = []
    for part in parts:
        points = densify(part.points, 0.05)
        bent = points + sum(np.sin(2 * np.pi * (points @ f) + phase)[:, None] * size for f, phase, size in waves)
        outlines.append(bent @ matrix.T)
    solid = np.concatenate([o for o, p in zip(outlines, parts, strict=True) if p.group != HOLE])
    low, high = solid.min(0), solid.max(0)
    scale = float((high - low).max())
    return [Part((o - low) / scale, p.group) for o, p in zip(outlines, parts, strict=True)]
