"""Lamp, shoe, bag, guitar: one function each, in unit coordinates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nest_builder.newsworld.painter import (
    CREAM,
    DARK,
    MAIN,
    METAL,
    WOOD,
    Painter,
    Shape,
    blend,
    box,
    flipped,
    mix,
    oval,
    spline,
    stroke,
)

# A shape's points stand in rows: one a line, as the formatter would have it, hides the shape.
# fmt: off


def lamp(p: Painter) -> None:
    """Side view. shape: shade width, shade height, pole, base, lean, pattern; variant: form of the shade."""
    s, v = p.look.shape, p.look.variant
    w, h, pole, base = mix(0.26, 0.38, s[0]), mix(0.3, 0.42, s[1]), mix(0.05, 0.09, s[2]), mix(0.17, 0.28, s[3])
    foot = p.second
    if v in (3, 5):
        elbow = mix(0.2, 0.32, s[4])
        p.paint(foot, stroke(0.5, 0.9, elbow, 0.55, pole), stroke(elbow, 0.55, 0.5, 0.3, pole))
        p.paint(METAL, oval(elbow, 0.55, pole * 0.8), lift=30)
    elif v == 4:
        p.paint(foot, spline((0.5, 0.4), (0.6, 0.6), (0.64, 0.78), (0.5, 0.92), (0.36, 0.78), (0.4, 0.6)))
    else:
        p.paint(foot, box(0.5 - pole / 2, 0.35, 0.5 + pole / 2, 0.92))
    p.paint(MAIN, spline((0.5 - base, 0.94), (0.5 - base * 0.7, 0.86), (0.5 + base * 0.7, 0.86), (0.5 + base, 0.94),
                         (0.5, 0.97)))
    y = 0.06 + h
    p.paint((255, 240, 190), oval(0.5, y, w * 0.5, 0.045))
    shades = (
        [(0.5 - w * 0.5, 0.05), (0.5 + w * 0.5, 0.05), (0.5 + w, y), (0.5 - w, y)],
        spline((0.5, 0.04), (0.5 + w * 0.75, 0.1 + h * 0.3), (0.5 + w, y), (0.5, y + 0.02), (0.5 - w, y),
               (0.5 - w * 0.75, 0.1 + h * 0.3)),
        box(0.5 - w * 0.82, 0.05, 0.5 + w * 0.82, y, 0.03),
        [(0.44, 0.06), (0.6, 0.04), (0.55 + w, y + 0.02), (0.55 - w * 0.8, y - 0.06)],
        oval(0.5, 0.06 + h * 0.52, w * 0.85, h * 0.54),
        spline((0.46, 0.04), (0.6, 0.06), (0.6 + w, y), (0.5, y + 0.03), (0.5 - w * 0.7, y - 0.08)),
    )
    p.paint(MAIN, shades[v], lift=20)
    p.emblem(0.53, 0.06 + h * 0.6, 0.085)


def shoe(p: Painter) -> None:
    """Side view, toe to the right. shape: ankle, toe, sole, tongue, heel, pattern; variant: trainer to boot."""
    s, v = p.look.shape, p.look.variant
    top = (0.36, 0.2, 0.34, 0.08, 0.4, 0.24)[v] + mix(-0.03, 0.03, s[0])
    toe, sole = mix(0.52, 0.6, s[1]), mix(0.06, 0.12, s[2])
    base = 0.88 - sole
    p.paint(p.second, box(0.05, base - 0.03, 0.97, 0.9, 0.05), lift=30)
    if v in (2, 5):
        p.paint(p.deep, box(0.06, 0.86, mix(0.28, 0.4, s[4]), 0.96, 0.02))
    collar = 0.42 if v != 3 else 0.45
    p.paint(p.deep, oval(0.25, top + 0.02, 0.16, 0.04))
    p.paint(MAIN, spline((0.09, top), (0.16, top + 0.03), (collar, top), (collar + 0.08, mix(top, 0.52, 0.6)),
                         (0.72, toe),
                         (0.93, base - 0.1), (0.95, base), (0.6, base + 0.01), (0.3, base + 0.01), (0.08, base),
                         (0.07, 0.6)))
    if v in (0, 1, 5):
        p.paint(p.second, spline((0.8, toe + 0.07), (0.93, base - 0.08), (0.95, base), (0.76, base)), lift=14)
    if v != 4:
        rows, lace = 5 if v == 3 else 3, CREAM if p.look.colour != "white" else DARK
        for k in range(rows):
            x, y = mix(collar + 0.2, collar + 0.0, k / rows), mix(toe - 0.02, top + 0.1, k / rows)
            p.paint(lace, stroke(x - 0.07, y + 0.07, x + 0.04, y - 0.01, 0.034), lift=30)
    else:
        p.paint(p.second, box(0.46, 0.5, 0.62, 0.58, 0.02), lift=30)
    p.emblem(0.27, 0.62, 0.085)


def bag(p: Painter) -> None:
    """Front view. shape: width, height, handle, flap, corner, pattern; variant: tote, backpack, case, satchel, ..."""
    s, v = p.look.shape, p.look.variant
    w, top, grip, r = mix(0.3, 0.42, s[0]), mix(0.3, 0.38, s[1]), mix(0.13, 0.2, s[2]), mix(0.03, 0.1, s[4])
    if v in (1, 4):
        w, top = w * 0.85, top - 0.16
    strap = p.deep if v in (2, 3) else p.second
    lift_y = top - mix(0.2, 0.26, s[2]) if v not in (1, 4) else top - 0.1
    for x0, y0, x1, y1 in ((0.5 - grip, top + 0.04, 0.5 - grip * 0.75, lift_y + 0.04),
                           (0.5 - grip * 0.75, lift_y + 0.04, 0.5 + grip * 0.75, lift_y + 0.04),
                           (0.5 + grip * 0.75, lift_y + 0.04, 0.5 + grip, top + 0.04)):
        p.paint(strap, stroke(x0, y0, x1, y1, 0.06))
    if v == 0:
        body = [(0.5 - w * 0.85, top), (0.5 + w * 0.85, top), (0.5 + w, 0.94), (0.5 - w, 0.94)]
    elif v == 1:
        for side in (-1, 1):
            p.paint(p.second, box(0.5 + side * w - 0.06, 0.58, 0.5 + side * w + 0.06, 0.9, 0.05))
        body = spline((0.5 - w * 0.8, top + 0.05), (0.5, top - 0.04), (0.5 + w * 0.8, top + 0.05), (0.5 + w, 0.6),
                      (0.5 + w * 0.9, 0.95), (0.5 - w * 0.9, 0.95), (0.5 - w, 0.6))
    elif v == 5:
        body = spline((0.06, 0.6), (0.14, top + 0.06), (0.5, top), (0.86, top + 0.06), (0.94, 0.6), (0.88, 0.9),
                      (0.5, 0.93),
                      (0.12, 0.9))
    else:
        body = box(0.5 - w, top, 0.5 + w, 0.94, r)
    p.paint(MAIN, body)
    if v == 2:
        for x in (0.5 - w * 0.66, 0.5 + w * 0.66):
            p.paint(p.deep, box(x - 0.025, top, x + 0.025, 0.94), lift=30)
        p.paint(METAL, box(0.44, top - 0.02, 0.56, top + 0.06, 0.01), lift=40)
    elif v == 3:
        low = mix(0.5, 0.62, s[3])
        p.paint(blend(p.colour, p.deep, 0.5), spline((0.5 - w, top), (0.5 + w, top), (0.5 + w * 0.96, low),
                                                     (0.5, low + 0.06), (0.5 - w * 0.96, low)), lift=30)
        p.paint(p.second, box(0.45, low, 0.55, low + 0.1, 0.02), lift=50)
    elif v in (1, 4):
        y = mix(0.6, 0.68, s[3])
        p.paint(blend(p.colour, p.deep, 0.4), box(0.5 - w * 0.7, y, 0.5 + w * 0.7, 0.9, 0.05), lift=30)
        p.paint(METAL, stroke(0.5 - w * 0.55, y + 0.05, 0.5 + w * 0.55, y + 0.05, 0.025), lift=50)
    elif v == 5:
        p.paint(p.second, box(0.24, top + 0.01, 0.31, 0.92), box(0.69, top + 0.01, 0.76, 0.92), lift=20)
    y = {1: top + 0.2, 3: 0.78, 4: top + 0.2}.get(v, 0.66)
    p.emblem(0.5, y, 0.1 if v not in (3,) else 0.075)


def guitar(p: Painter) -> None:
    """Upright. shape: lower bout, upper bout, waist, body height, head, pattern; variant: acoustic to electric."""
    s, v = p.look.shape, p.look.variant
    low, up, top = mix(0.24, 0.31, s[0]), mix(0.17, 0.23, s[1]), mix(0.4, 0.46, s[3])
    waist = mix(0.12, 0.17, s[2])
    neck = mix(0.075, 0.09, s[4])
    p.paint(WOOD, box(0.5 - neck / 2, 0.1, 0.5 + neck / 2, 0.62))
    p.paint(p.second, [(0.5 - neck * 0.55, 0.16), (0.5 - neck * 1.1, 0.02), (0.5 + neck * 1.1, 0.02),
                       (0.5 + neck * 0.55, 0.16)], lift=20)
    half: tuple[Shape, ...] = (
        [(0.5, top), (0.5 + up, top + 0.06), (0.5 + waist, 0.6), (0.5 + low, 0.8), (0.5, 0.98)],
        [(0.5, 0.5), (0.5 + up * 0.7, top - 0.02), (0.5 + up, top + 0.04), (0.5 + waist, 0.62), (0.5 + low, 0.84),
         (0.5, 0.96)],
        [(0.5, top + 0.02), (0.5 + up * 0.8, top + 0.08), (0.5 + low, 0.76), (0.5 + low * 0.6, 0.94), (0.5, 0.97)],
        [(0.5, 0.5), (0.5 + low * 0.7, 0.62), (0.5 + low * 1.35, 0.97), (0.5 + low * 0.85, 0.98), (0.5, 0.8)],
        [(0.5, top + 0.02), (0.5 + up, top + 0.02), (0.5 + low * 0.8, 0.7), (0.5 + low * 0.8, 0.95), (0.5, 0.95)],
        [(0.5, 0.52), (0.5 + up * 1.2, top - 0.04), (0.5 + waist * 1.2, 0.62), (0.5 + low * 1.2, 0.93), (0.5, 0.88)],
    )
    right = half[v]
    knots = right + [point for point in flipped(right)[::-1] if point[0] != 0.5]
    p.paint(MAIN, knots if v in (3, 4) else spline(*knots))
    p.paint(WOOD, box(0.5 - neck / 2, 0.14, 0.5 + neck / 2, 0.6), lift=40)
    for k in range(6):
        p.paint(METAL, box(0.5 - neck / 2, 0.2 + 0.06 * k, 0.5 + neck / 2, 0.206 + 0.06 * k), lift=50)
    if v in (0, 2, 4):
        p.paint(p.second, oval(0.5, 0.63, 0.088), lift=10)
        p.paint((30, 22, 18), oval(0.5, 0.63, 0.07), lift=-60)
    else:
        p.paint(DARK, box(0.42, 0.62, 0.58, 0.66, 0.01), box(0.42, 0.7, 0.58, 0.74, 0.01), lift=30)
    p.paint(DARK, box(0.41, 0.84, 0.59, 0.87, 0.01), lift=40)
    p.paint(CREAM, box(0.493, 0.08, 0.507, 0.85), lift=50)
    p.emblem(0.5 - low * 0.55 - 0.02, 0.79, 0.06)


DRAWERS: Final[dict[str, Callable[[Painter], None]]] = {
    "lamp": lamp,
    "shoe": shoe,
    "bag": bag,
    "guitar": guitar,
}
