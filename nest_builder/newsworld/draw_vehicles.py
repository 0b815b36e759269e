"""Car, boat, rocket, plane, tram: one function each, in unit coordinates, nose to the right or up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nest_builder.newsworld.painter import (
    CREAM,
    DARK,
    GLASS,
    MAIN,
    METAL,
    WOOD,
    Painter,
    Shape,
    box,
    flipped,
    mix,
    oval,
    spline,
    stroke,
)

# A shape's points stand in rows: one a line, as the formatter would have it, hides the shape.
# fmt: off


def _wheel(p: Painter, x: float, y: float, r: float) -> None:
    p.paint((28, 28, 30), oval(x, y, r), lift=10)
    p.paint(METAL, oval(x, y, r * 0.55), lift=40)
    p.paint(DARK, oval(x, y, r * 0.2), lift=-20)


def car(p: Painter) -> None:
    """Side view. shape: roof, bonnet, wheel, cabin place, belt, pattern; variant: saloon, hatch, off-road, van, ..."""
    s, v = p.look.shape, p.look.variant
    roof = mix(0.27, 0.34, s[0]) - (0.05 if v in (2, 3) else 0) + (0.08 if v == 5 else 0)
    bonnet, r, shift = mix(0.47, 0.53, s[1]), mix(0.09, 0.115, s[2]), mix(-0.04, 0.04, s[3])
    cabins: tuple[tuple[float, float, float, float], ...] = (
        (0.16, 0.3, 0.6, 0.76),
        (0.07, 0.14, 0.55, 0.74),
        (0.06, 0.1, 0.62, 0.74),
        (0.04, 0.07, 0.76, 0.88),
        (0.4, 0.44, 0.66, 0.76),
        (0.2, 0.36, 0.54, 0.74),
    )
    a, b, c, d = (x + shift * (v not in (3,)) for x in cabins[v])
    back = 0.5 if v != 4 else 0.46
    p.paint(MAIN, spline((0.04, 0.62), (0.045, back), (0.12, back - 0.02), (0.5, 0.47), (d, bonnet - 0.03),
                         (0.92, bonnet + 0.02),
                         (0.965, 0.6), (0.96, 0.7), (0.7, 0.715), (0.3, 0.715), (0.05, 0.7)))
    p.paint(MAIN, [(a, 0.54), (a, 0.5), (b, roof + 0.02), (b + 0.02, roof), (c - 0.02, roof), (c, roof + 0.015),
                   (d, 0.5), (d, 0.54)])
    if v == 2:
        p.paint(p.second, box(b, roof - 0.03, c - 0.04, roof + 0.005, 0.01), lift=30)
    if v == 5:
        p.paint(p.second, stroke(0.07, 0.44, 0.16, 0.43, 0.045), box(0.09, 0.43, 0.12, 0.52))
    belt = 0.485
    mid = mix(b, c, mix(0.45, 0.55, s[4]))
    glass_top = roof + 0.035
    p.paint(GLASS, [(mix(a, b, 0.3) + 0.03, belt), (b + 0.025, glass_top), (mid - 0.015, glass_top),
                    (mid - 0.015, belt)], lift=-30)
    p.paint(GLASS, [(mid + 0.015, belt), (mid + 0.015, glass_top), (c - 0.015, glass_top), (mix(c, d, 0.75), belt)],
            lift=-30)
    p.paint(p.deep, box(mid - 0.006, belt, mid + 0.004, 0.69), lift=-40)
    p.paint(METAL, box(mid - 0.08, 0.53, mid - 0.03, 0.545, 0.01), lift=40)
    p.paint(p.deep, box(0.06, 0.68, 0.95, 0.725, 0.02), lift=-10)
    p.paint((255, 246, 200), oval(0.925, 0.575, 0.032, 0.028), lift=30)
    p.paint((190, 30, 30), box(0.042, 0.54, 0.075, 0.6, 0.01), lift=30)
    for x in (0.23, 0.77):
        p.paint(p.deep, oval(x, 0.71, r * 1.18), lift=-50)
        _wheel(p, x, 0.72, r)
    p.emblem(mix(b, mid, 0.5) + 0.08, 0.6, 0.06)


def boat(p: Painter) -> None:
    """Side view, bow to the right. shape: hull height, sheer, sail or cabin, mast, stripe, pattern; variant: kind."""
    s, v = p.look.shape, p.look.variant
    deck, bow = mix(0.6, 0.66, s[0]) - (0.08 if v in (2, 4) else 0), mix(0.04, 0.1, s[1])
    hull = spline((0.05, deck), (0.3, deck + 0.015), (0.6, deck), (0.97, deck - bow), (0.9, 0.8), (0.76, 0.91),
                  (0.26, 0.91), (0.1, 0.82))
    if v in (0, 3, 5):
        mast, head = mix(0.4, 0.5, s[3]), mix(0.03, 0.1, s[2])
        p.paint(WOOD, box(mast - 0.02, head, mast + 0.02, deck + 0.04))
        if v == 5:
            p.paint(MAIN, [(mast - 0.24, head + 0.06), (mast + 0.26, head + 0.06), (mast + 0.32, deck - 0.08),
                           (mast - 0.3, deck - 0.08)])
            p.paint(WOOD, stroke(mast - 0.26, head + 0.06, mast + 0.28, head + 0.06, 0.035), lift=40)
        else:
            sail: Shape = spline((mast + 0.03, head + 0.01), (mast + 0.22, 0.3), (0.88, deck - 0.1),
                                 (mast + 0.25, deck - 0.06),
                                 (mast + 0.03, deck - 0.06), (mast + 0.03, 0.3))
            p.paint(MAIN, sail)
            p.paint(CREAM if v == 0 else p.second, [(mast - 0.03, head + 0.08), (mast - 0.03, deck - 0.05),
                                                    (0.09, deck - 0.05)])
        emblem = (mast + 0.16, 0.42, 0.075)
        if v == 5:
            emblem = (mast + 0.01, mix(head, deck, 0.5), 0.09)
    elif v == 1:
        top = mix(0.36, 0.42, s[2])
        p.paint(CREAM, [(0.2, deck + 0.04), (0.24, top), (0.56, top), (0.68, deck + 0.04)])
        p.paint(GLASS, [(0.28, deck - 0.04), (0.3, top + 0.05), (0.53, top + 0.05), (0.6, deck - 0.04)], lift=-30)
        emblem = (0.72, deck + 0.11, 0.07)
    elif v == 2:
        top = mix(0.3, 0.36, s[2])
        p.paint(p.second, box(0.24, top - 0.2, 0.38, deck, 0.02))
        p.paint(DARK, box(0.24, top - 0.22, 0.38, top - 0.15, 0.01), lift=20)
        p.paint(CREAM, box(0.42, top, 0.74, deck + 0.05, 0.02), lift=10)
        p.paint(GLASS, *(box(x, top + 0.05, x + 0.06, top + 0.12, 0.01) for x in (0.45, 0.55, 0.65)), lift=-30)
        emblem = (0.5, 0.74, 0.08)
    else:
        for k, y in enumerate((deck - 0.1, deck - 0.2, deck - 0.3)[: 2 + (s[2] > 0.5)]):
            p.paint(CREAM, box(0.14 + 0.05 * k, y, 0.82 - 0.09 * k, y + 0.13, 0.02))
            p.paint(GLASS, *(box(0.2 + 0.05 * k + 0.1 * j, y + 0.03, 0.26 + 0.05 * k + 0.1 * j,
                                 y + 0.07) for j in range(5 - k)), lift=-30)
        p.paint(p.second, [(0.32, deck - 0.17), (0.36, deck - 0.44), (0.52, deck - 0.44), (0.49, deck - 0.17)])
        emblem = (0.5, 0.74, 0.08)
    p.paint(MAIN, hull, lift=30)
    p.paint(p.second, spline((0.09, 0.8), (0.3, 0.83), (0.7, 0.83), (0.91, 0.79), (0.84, 0.86), (0.76, 0.91),
                             (0.26, 0.91), (0.14, 0.86)), lift=30)
    if v in (2, 4):
        p.paint(DARK, *(oval(0.2 + 0.12 * k, 0.66, 0.022) for k in (0, 1, 5)), lift=10)
    p.emblem(*emblem)


def rocket(p: Painter) -> None:
    """Nose up. shape: girth, nose, fin spread, window, flame, pattern; variant: fins, boosters, straight."""
    s, v = p.look.shape, p.look.variant
    w, nose, fin = mix(0.13, 0.19, s[0]), mix(0.2, 0.32, s[1]), mix(0.12, 0.2, s[2])
    if v in (0, 2, 5):
        f = mix(0.92, 0.98, s[4])
        p.paint((246, 140, 30), spline((0.5 - w * 0.7, 0.8), (0.5, 0.76), (0.5 + w * 0.7, 0.8),
                                       (0.5 + w * 0.3, 0.93), (0.5, f), (0.5 - w * 0.3, 0.93)))
        p.paint((255, 226, 110), spline((0.5 - w * 0.4, 0.8), (0.5, 0.76), (0.5 + w * 0.4, 0.8), (0.5, f - 0.04)))
    shape: Shape
    if v in (1, 4):
        for side in (-1, 1):
            x = 0.5 + side * (w + fin * 0.45)
            p.paint(MAIN, spline((x, 0.36), (x + fin * 0.5, 0.5), (x + fin * 0.45, 0.88), (x - fin * 0.45, 0.88),
                                 (x - fin * 0.5, 0.5)))
            p.paint(p.second, spline((x, 0.36), (x + fin * 0.34, 0.45), (x, 0.47), (x - fin * 0.34, 0.45)), lift=20)
            p.paint(DARK, box(x - fin * 0.35, 0.87, x + fin * 0.35, 0.93, 0.01))
    else:
        low = {0: 0.92, 2: 0.84, 3: 0.97, 5: 0.9}[v]
        left: Shape = [(0.5 - w * 0.8, 0.52 if v != 3 else 0.64), (0.5 - w - fin, 0.74), (0.5 - w - fin * 1.1, low),
                       (0.5 - w * 0.6, 0.82)]
        p.paint(p.second, left, flipped(left))
    p.paint(METAL, [(0.5 - w * 0.55, 0.8), (0.5 + w * 0.55, 0.8), (0.5 + w * 0.7, 0.88), (0.5 - w * 0.7, 0.88)])
    if v in (2, 4):
        shape = [(0.5 - w, 0.84), (0.5 - w, nose), *spline((0.5 - w, nose), (0.5 - w * 0.55, nose - 0.13),
                                                           (0.5, 0.03), (0.5 + w * 0.55, nose - 0.13),
                 (0.5 + w, nose))[:24], (0.5 + w, nose), (0.5 + w, 0.84)]
    else:
        shape = spline((0.5, 0.02), (0.5 + w * 0.75, nose), (0.5 + w, 0.5), (0.5 + w * 0.85, 0.78),
                       (0.5 + w * 0.6, 0.84), (0.5 - w * 0.6, 0.84),
                       (0.5 - w * 0.85, 0.78), (0.5 - w, 0.5), (0.5 - w * 0.75, nose))
    p.paint(MAIN, shape, lift=20)
    tip = [point for point in shape if point[1] < nose * 0.62]
    if len(tip) > 2:
        p.paint(p.second, tip, lift=24)
    y = mix(0.34, 0.4, s[3])
    p.paint(METAL, oval(0.5, y, w * 0.5), lift=50)
    p.paint(GLASS, oval(0.5, y, w * 0.36), lift=-20)
    if v in (0, 3):
        p.paint(p.second, box(0.475, 0.66, 0.525, 0.93, 0.02), lift=50)
    p.emblem(0.5, 0.58, min(0.085, w * 0.5))


def plane(p: Painter) -> None:
    """Side view, nose to the right; variant 3 and 5 from above. shape: girth, tail, wing, nose, engine, pattern."""
    s, v = p.look.shape, p.look.variant
    g, tail, wing = mix(0.085, 0.125, s[0]), mix(0.2, 0.28, s[1]), mix(0.5, 1.0, s[2])
    if v in (3, 5):
        left: Shape = (
            [(0.46, 0.36), (0.04, mix(0.5, 0.62, s[2])), (0.04, mix(0.62, 0.72, s[2])), (0.46, 0.62)]
            if v == 3
            else [(0.47, 0.2), (0.06, 0.72), (0.1, 0.8), (0.46, 0.8)]
        )
        p.paint(MAIN, left, flipped(left))
        back: Shape = [(0.47, 0.78), (0.28, 0.88), (0.28, 0.95), (0.47, 0.93)]
        p.paint(p.second, back, flipped(back))
        engines = (0.27, 0.73) if v == 3 else (0.4, 0.6)
        for x in engines:
            p.paint(p.second, box(x - 0.045, 0.42, x + 0.045, 0.62, 0.04), lift=40)
        p.paint(MAIN, spline((0.5, 0.02), (0.5 + g * 0.9, 0.18), (0.5 + g, 0.5), (0.5 + g * 0.6, 0.85), (0.5, 0.97),
                             (0.5 - g * 0.6, 0.85),
                             (0.5 - g, 0.5), (0.5 - g * 0.9, 0.18)), lift=30)
        p.paint(GLASS, spline((0.5, 0.1), (0.5 + g * 0.55, 0.17), (0.5, 0.2), (0.5 - g * 0.55, 0.17)), lift=10)
        p.paint(p.second, box(0.485, 0.74, 0.515, 0.96), lift=60)
        p.emblem(0.5, 0.48, g * 0.7)
        return
    y = 0.5
    p.paint(p.second, [(0.06, y - tail), (0.17, y - tail), (0.32, y - g * 0.6), (0.1, y)])
    p.paint(MAIN, spline((0.04, y - g * 0.35), (0.3, y - g), (0.7, y - g), (0.9, y - g * 0.55), (0.975, y + g * 0.3),
                         (0.88, y + g * 0.85),
                         (0.6, y + g), (0.3, y + g), (0.12, y + g * 0.3)))
    p.paint(GLASS, [(0.83, y - g * 0.62), (0.89, y - g * 0.5), (0.93, y - g * 0.1), (0.84, y - g * 0.1)], lift=-20)
    p.paint(GLASS, *(oval(0.34 + 0.07 * k, y - g * 0.3, 0.02, 0.026) for k in range(7)), lift=-30)
    span = mix(0.14, 0.26, wing)
    if v in (1, 4):
        p.paint(DARK, stroke(0.62, y + g, 0.62, y + g + 0.12, 0.035), stroke(0.44, y + g, 0.4, y + g + 0.12, 0.035))
        p.paint((28, 28, 30), oval(0.63, y + g + 0.12, 0.045), oval(0.4, y + g + 0.12, 0.045))
        p.paint(METAL, oval(0.97, y + 0.02, 0.03))
        p.paint(DARK, spline((0.975, y - 0.2), (0.992, y), (0.975, y + 0.22), (0.958, y)), lift=30)
    if v == 4:
        p.paint(p.second, box(0.4, y - g - 0.18, 0.74, y - g - 0.11, 0.03))
        p.paint(WOOD, stroke(0.46, y - g - 0.12, 0.48, y, 0.028), stroke(0.68, y - g - 0.12, 0.66, y, 0.028))
    p.paint(MAIN if v == 0 else p.second, [(0.42, y + g * 0.35), (0.62, y + g * 0.35), (0.42, y + g * 0.35 + span),
                                           (0.3, y + g * 0.35 + span)], lift=50)
    p.paint(p.second, [(0.08, y - 0.02), (0.2, y - 0.02), (0.12, y + 0.08), (0.04, y + 0.08)], lift=50)
    if v in (0, 2):
        x = mix(0.5, 0.56, s[4])
        p.paint(METAL, box(x, y + g + 0.0, x + 0.16, y + g + 0.09, 0.04), lift=20)
        p.paint(DARK, oval(x + 0.15, y + g + 0.045, 0.018, 0.042), lift=-20)
    p.emblem(0.73, y + g * 0.35, g * 0.42)


def tram(p: Painter) -> None:
    """Side view; variant 4 two-decked, 5 from the front. shape: height, nose, windows, skirt, roof, pattern."""
    s, v = p.look.shape, p.look.variant
    if v == 5:
        w = mix(0.28, 0.34, s[0])
        p.paint(DARK, box(0.5 - w * 0.8, 0.88, 0.5 + w * 0.8, 0.97, 0.02))
        p.paint(p.deep, box(0.5 - w * 0.5, 0.03, 0.5 + w * 0.5, 0.14, 0.03))
        p.paint(MAIN, box(0.5 - w, 0.09, 0.5 + w, 0.92, mix(0.05, 0.16, s[1])))
        p.paint(CREAM, box(0.5 - w * 0.5, 0.13, 0.5 + w * 0.5, 0.2, 0.02), lift=20)
        p.paint(GLASS, box(0.5 - w * 0.85, 0.24, 0.5 + w * 0.85, 0.52, 0.05), lift=-30)
        p.paint((255, 246, 200), oval(0.5 - w * 0.66, 0.74, 0.05), oval(0.5 + w * 0.66, 0.74, 0.05), lift=40)
        p.paint(p.second, box(0.5 - w, 0.83, 0.5 + w, 0.88), lift=30)
        p.emblem(0.5, 0.66, 0.085)
        return
    top, low = mix(0.3, 0.36, s[0]) - (0.12 if v == 4 else 0), 0.76
    r = mix(0.03, 0.14, s[1])
    for x in (0.22, 0.34, 0.66, 0.78):
        _wheel(p, x, low + 0.035, 0.05)
    p.paint(DARK, box(0.12, low - 0.02, 0.88, low + 0.035, 0.01))
    p.paint(p.deep, box(mix(0.2, 0.36, s[4]), top - 0.06, mix(0.64, 0.8, s[4]), top + 0.04, 0.03))
    if v == 1:
        p.paint(MAIN, [(0.03, low), (0.03, top + 0.06), (0.07, top), (0.84, top), (0.97, 0.58), (0.97, low)])
    elif v == 2:
        p.paint(MAIN, spline((0.03, low - 0.05), (0.05, top + 0.08), (0.2, top), (0.8, top), (0.95, top + 0.08),
                             (0.97, low - 0.05), (0.9, low), (0.1, low)))
    else:
        p.paint(MAIN, box(0.03, top, 0.97, low, r))
    count = round(mix(4, 6, s[2]))
    rows = (top + 0.06,) if v != 4 else (top + 0.05, top + 0.26)
    pitch = 0.76 / count
    for y in rows:
        p.paint(GLASS, *(box(0.1 + pitch * k, y, 0.1 + pitch * (k + 0.8), y + 0.13, 0.015) for k in range(count)),
                lift=-30)
    door = mix(0.4, 0.5, s[3])
    p.paint(p.second, box(door, top + 0.05 if v != 4 else top + 0.25, door + 0.1, low - 0.02, 0.01), lift=20)
    p.paint(GLASS, box(door + 0.015, rows[-1] + 0.01, door + 0.085, rows[-1] + 0.14, 0.01), lift=-20)
    p.paint(p.second, box(0.05, low - 0.06, 0.95, low - 0.03), lift=30)
    if v == 3:
        p.paint(DARK, box(0.645, top, 0.675, low), lift=-50)
    p.paint((255, 246, 200), oval(0.935, low - 0.1, 0.026), lift=30)
    p.emblem(0.77, low - 0.14, 0.06)


DRAWERS: Final[dict[str, Callable[[Painter], None]]] = {
    "car": car,
    "boat": boat,
    "rocket": rocket,
    "plane": plane,
    "tram": tram,
}
