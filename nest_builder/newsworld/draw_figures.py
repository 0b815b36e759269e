"""Bear, owl, tower, person: one function each, in unit coordinates, seen from the front."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nest_builder.newsworld.looks import is_half_length
from nest_builder.newsworld.painter import (
    CREAM,
    DARK,
    GLASS,
    MAIN,
    METAL,
    Painter,
    Rgb,
    blend,
    box,
    mix,
    oval,
    spline,
    stroke,
)

# A shape's points stand in rows: one a line, as the formatter would have it, hides the shape.
# fmt: off
_SKIN: Final[tuple[Rgb, ...]] = ((250, 220, 196), (238, 196, 160), (214, 162, 120), (172, 118, 80), (126, 82, 56),
                                 (88, 58, 42))
_HAIR: Final[tuple[Rgb, ...]] = ((30, 24, 22), (82, 52, 32), (150, 96, 44), (222, 184, 108), (168, 66, 30),
                                 (196, 196, 198))


def _accessory(p: Painter, head: float, half: float, neck: float) -> None:
    """What a mascot wears, by its variant: nothing, scarf, hat, bow tie, crown, headphones."""
    v = p.look.variant
    if v == 1:
        p.paint(p.second, box(0.5 - half * 0.95, neck - 0.04, 0.5 + half * 0.95, neck + 0.05, 0.045), lift=50)
        p.paint(p.second, box(0.5 + half * 0.2, neck, 0.5 + half * 0.55, neck + 0.2, 0.02), lift=60)
    elif v == 2:
        p.paint(p.second, box(0.5 - half * 0.9, head + 0.03, 0.5 + half * 0.9, head + 0.09, 0.03), lift=50)
        p.paint(p.second, box(0.5 - half * 0.55, head - 0.1, 0.5 + half * 0.55, head + 0.06, 0.03), lift=40)
    elif v == 3:
        p.paint(p.second, [(0.5, neck), (0.36, neck - 0.06), (0.36, neck + 0.07)],
                [(0.5, neck), (0.64, neck - 0.06), (0.64, neck + 0.07)], lift=60)
        p.paint(p.second, oval(0.5, neck, 0.035), lift=90)
    elif v == 4:
        w = half * 0.6
        p.paint((246, 204, 70), [(0.5 - w, head + 0.07), (0.5 - w, head - 0.08), (0.5 - w / 2, head),
                                 (0.5, head - 0.1), (0.5 + w / 2, head),
                                 (0.5 + w, head - 0.08), (0.5 + w, head + 0.07)], lift=50)
    elif v == 5:
        for side in (-1, 1):
            p.paint(p.second, oval(0.5 + side * half, head + half * 0.85, 0.06, 0.09), lift=70)
        p.paint(p.second, box(0.5 - half, head - 0.005, 0.5 + half, head + 0.05, 0.025), lift=60)


def _eyes(p: Painter, y: float, gap: float, r: float) -> None:
    for side in (-1, 1):
        p.paint((24, 20, 20), oval(0.5 + side * gap, y, r), lift=40)
        p.paint((250, 250, 250), oval(0.5 + side * gap - r * 0.3, y - r * 0.35, r * 0.32), lift=40)


def bear(p: Painter) -> None:
    """A sitting mascot. shape: head, ear, body, muzzle, arm, pattern; variant: what it wears."""
    s = p.look.shape
    half, ear, body = mix(0.23, 0.29, s[0]), mix(0.075, 0.12, s[1]), mix(0.24, 0.3, s[2])
    cy = 0.13 + half * 0.85
    soft = blend(p.colour, CREAM, 0.6)
    for side in (-1, 1):
        x = 0.5 + side * half * 0.78
        p.paint(MAIN, oval(x, cy - half * 0.66, ear))
        p.paint(soft, oval(x, cy - half * 0.66, ear * 0.55), lift=-30)
    p.paint(MAIN, oval(0.5, 0.74, body, 0.23))
    for side in (-1, 1):
        x = 0.5 + side * body
        p.paint(p.deep, oval(0.5 + side * body * 0.72, 0.92, 0.115, 0.07), lift=30)
        p.paint(soft, oval(0.5 + side * body * 0.72, 0.925, 0.06, 0.035), lift=40)
        p.paint(MAIN, stroke(x - side * 0.04, 0.62, x + side * 0.05, mix(0.5, 0.8, s[4]), 0.13), lift=30)
    p.paint(soft if p.look.pattern == "plain" else p.colour, oval(0.5, 0.76, body * 0.56, 0.15), lift=20)
    if p.look.emblem is not None:
        p.paint(p.colour, oval(0.5, 0.77, 0.115), lift=26)
    p.emblem(0.5, 0.77, 0.085)
    p.paint(MAIN, oval(0.5, cy, half, half * 0.86), lift=50)
    muzzle = mix(0.09, 0.13, s[3])
    p.paint(soft, oval(0.5, cy + half * 0.34, muzzle * 1.15, muzzle * 0.85), lift=70)
    p.paint((40, 28, 26), oval(0.5, cy + half * 0.18, 0.042, 0.03), lift=90)
    p.paint((40, 28, 26), stroke(0.46, cy + half * 0.56, 0.54, cy + half * 0.56, 0.02), lift=50)
    _eyes(p, cy - half * 0.08, half * 0.42, 0.034)
    _accessory(p, cy - half * 0.82, half, cy + half * 0.86)


def owl(p: Painter) -> None:
    """A perched mascot. shape: girth, tufts, eyes, wings, belly, pattern; variant: what it wears."""
    s = p.look.shape
    w, eye = mix(0.28, 0.36, s[0]), mix(0.095, 0.13, s[2])
    tuft = mix(0.02, 0.09, s[1])
    p.paint((232, 150, 40), *(oval(0.5 + k, 0.94, 0.06, 0.035) for k in (-0.12, 0.12)))
    p.paint(MAIN, spline((0.5, 0.17), (0.5 + w * 0.62, 0.15 - tuft), (0.5 + w * 0.9, 0.3), (0.5 + w, 0.58),
                         (0.5 + w * 0.75, 0.86), (0.5, 0.95),
                         (0.5 - w * 0.75, 0.86), (0.5 - w, 0.58), (0.5 - w * 0.9, 0.3), (0.5 - w * 0.62, 0.15 - tuft)))
    soft = blend(p.colour, CREAM, 0.6)
    if p.look.pattern == "plain":
        p.paint(soft, oval(0.5, 0.7, w * mix(0.5, 0.62, s[4]), 0.2), lift=10)
        for row in range(3):
            p.paint(p.deep, *(spline((0.5 + k * 0.09 - 0.03, 0.62 + row * 0.075),
                                     (0.5 + k * 0.09 + 0.03, 0.62 + row * 0.075),
                                     (0.5 + k * 0.09, 0.655 + row * 0.075)) for k in (-1, 0, 1)), lift=20)
    out = mix(0.02, 0.1, s[3])
    for side in (-1, 1):
        p.paint(p.deep, spline((0.5 + side * w * 0.85, 0.44), (0.5 + side * (w + out), 0.56),
                               (0.5 + side * (w + out * 0.7), 0.76),
                               (0.5 + side * w * 0.6, 0.86), (0.5 + side * w * 0.62, 0.6)), lift=40)
        p.paint(CREAM, oval(0.5 + side * eye * 0.98, 0.35, eye), lift=50)
        p.paint(p.second, oval(0.5 + side * eye * 0.92, 0.35, eye * 0.66), lift=30)
        p.paint((20, 18, 18), oval(0.5 + side * eye * 0.9, 0.35, eye * 0.42), lift=10)
        p.paint((250, 250, 250), oval(0.5 + side * eye * 0.9 - 0.02, 0.33, eye * 0.14), lift=10)
    p.paint((236, 160, 40), [(0.455, 0.4), (0.545, 0.4), (0.5, 0.51)], lift=80)
    if p.look.emblem is not None and p.look.pattern == "plain":
        p.paint(p.colour, oval(0.5, 0.72, 0.125), lift=30)
    p.emblem(0.5, 0.72, 0.085)
    _accessory(p, 0.15, w * 0.8, 0.53)


def tower(p: Painter) -> None:
    """A landmark. shape: foot, top, deck height, deck width, spire, pattern; variant: needle, clock, lighthouse, ..."""
    s, v = p.look.shape, p.look.variant
    foot, top = mix(0.15, 0.24, s[0]), mix(0.09, 0.14, s[1])
    deck, wide, spire = mix(0.28, 0.38, s[2]), mix(0.15, 0.21, s[3]), mix(0.03, 0.1, s[4])
    emblem = (0.5, 0.62, 0.075)
    p.paint(METAL, box(0.5 - foot - 0.06, 0.93, 0.5 + foot + 0.06, 0.98, 0.01))
    if v == 0:
        p.paint(p.deep, [(0.475, 0.3), (0.488, spire), (0.512, spire), (0.525, 0.3)])
        p.paint(MAIN, [(0.5 - top * 0.8, deck), (0.5 + top * 0.8, deck), (0.5 + foot, 0.95), (0.5 - foot, 0.95)])
        p.paint(MAIN, spline((0.5 - wide, deck), (0.5 - wide * 0.6, deck - 0.09), (0.5 + wide * 0.6, deck - 0.09),
                             (0.5 + wide, deck),
                             (0.5 + wide * 0.6, deck + 0.07), (0.5 - wide * 0.6, deck + 0.07)), lift=40)
        p.paint(GLASS, box(0.5 - wide * 0.8, deck - 0.025, 0.5 + wide * 0.8, deck + 0.02, 0.02), lift=20)
    elif v == 1:
        w = mix(0.15, 0.2, s[0])
        p.paint(p.second, [(0.5, spire), (0.5 + w * 1.1, 0.26), (0.5 - w * 1.1, 0.26)])
        p.paint(MAIN, box(0.5 - w, 0.25, 0.5 + w, 0.95))
        p.paint(p.deep, box(0.5 - w * 1.12, 0.24, 0.5 + w * 1.12, 0.275),
                box(0.5 - w * 1.12, 0.52, 0.5 + w * 1.12, 0.55), lift=40)
        p.paint(CREAM, oval(0.5, 0.39, w * 0.68), lift=30)
        p.paint(DARK, stroke(0.5, 0.39, 0.5, 0.39 - w * 0.5, 0.022), stroke(0.5, 0.39, 0.5 + w * 0.35, 0.42, 0.022),
                lift=40)
        emblem = (0.5, 0.68, 0.08)
    elif v == 2:
        p.paint(p.second, spline((0.5, spire), (0.58, 0.14), (0.58, 0.2), (0.42, 0.2), (0.42, 0.14)))
        p.paint((255, 240, 170), box(0.43, 0.17, 0.57, 0.29), lift=-10)
        p.paint(DARK, box(0.36, 0.28, 0.64, 0.32, 0.01), lift=40)
        p.paint(MAIN, [(0.5 - top * 0.95, 0.31), (0.5 + top * 0.95, 0.31), (0.5 + foot, 0.95), (0.5 - foot, 0.95)])
        p.paint(DARK, box(0.46, 0.84, 0.54, 0.95, 0.03), lift=-30)
    elif v == 3:
        for k in range(4):
            y, w = 0.2 + 0.19 * k, mix(0.13, foot + 0.05, k / 3)
            p.paint(MAIN, box(0.5 - w * 0.72, y, 0.5 + w * 0.72, y + 0.19))
            p.paint(p.second, [(0.5 - w * 0.6, y - 0.06), (0.5 + w * 0.6, y - 0.06), (0.5 + w * 1.2, y + 0.03),
                               (0.5 - w * 1.2, y + 0.03)], lift=40)
        p.paint(p.deep, [(0.48, 0.16), (0.5, spire), (0.52, 0.16)])
        emblem = (0.5, 0.87, 0.06)
    elif v == 4:
        p.paint(MAIN, box(0.28, mix(0.12, 0.2, s[1]), 0.47, 0.95, 0.02),
                box(0.53, mix(0.04, 0.1, s[4]), 0.72, 0.95, 0.02))
        p.paint(p.deep, box(0.44, deck + 0.14, 0.56, deck + 0.2), lift=-20)
        for k in range(7):
            y = 0.26 + 0.09 * k
            p.paint(GLASS, *(box(x, y, x + 0.04, y + 0.04) for x in (0.31, 0.39, 0.57, 0.65)), lift=-30)
        emblem = (0.5, 0.84, 0.085)
    else:
        p.paint(MAIN, spline((0.5, spire), (0.5 + top, 0.2), (0.5 + top * 1.6, 0.5), (0.5 + top * 1.5, 0.8),
                             (0.5 + foot, 0.95), (0.5 - foot, 0.95),
                             (0.5 - top * 1.5, 0.8), (0.5 - top * 1.6, 0.5), (0.5 - top, 0.2)))
        for k in range(4):
            y = 0.28 + 0.14 * k
            p.paint(GLASS, stroke(0.5 - top, y + 0.04, 0.5 + top, y - 0.03, 0.03), lift=-30)
    if v in (0, 1, 3):
        lit = [y for y in (0.46, 0.74, 0.82) if abs(y + 0.02 - emblem[1]) > 0.12]
        p.paint((250, 232, 150), *(box(0.48, y, 0.52, y + 0.05, 0.02) for y in lit), lift=-30)
    p.emblem(*emblem)


def _head(p: Painter, cy: float, r: float, skin: Rgb, hair: Rgb) -> None:
    """A person's head about (0.5, cy): ears, face, beard, features, hair or hat, glasses."""
    glasses, beard, style = p.look.variant & 1, p.look.variant >> 1 & 1, p.look.variant // 8
    for side in (-1, 1):
        p.paint(skin, oval(0.5 + side * r * 0.92, cy + r * 0.1, r * 0.18, r * 0.26), lift=20)
    p.paint(skin, spline((0.5, cy - r), (0.5 + r * 0.85, cy - r * 0.55), (0.5 + r * 0.85, cy + r * 0.25),
                         (0.5 + r * 0.45, cy + r), (0.5 - r * 0.45, cy + r),
                         (0.5 - r * 0.85, cy + r * 0.25), (0.5 - r * 0.85, cy - r * 0.55)), lift=40)
    if beard:
        p.paint(hair, spline((0.5 - r * 0.86, cy + r * 0.1), (0.5 - r * 0.4, cy + r * 0.42),
                             (0.5 + r * 0.4, cy + r * 0.42), (0.5 + r * 0.86, cy + r * 0.1),
                             (0.5 + r * 0.6, cy + r * 1.0), (0.5, cy + r * 1.22),
                             (0.5 - r * 0.6, cy + r * 1.0)), lift=44)
    p.paint((150, 60, 56), stroke(0.5 - r * 0.22, cy + r * 0.6, 0.5 + r * 0.22, cy + r * 0.6, r * 0.12), lift=40)
    p.paint(blend(skin, (120, 60, 40), 0.35), oval(0.5, cy + r * 0.22, r * 0.1, r * 0.16), lift=56)
    _eyes(p, cy - r * 0.1, r * 0.36, r * 0.12)
    top = cy - r * mix(1.1, 1.3, p.look.shape[3])
    if style in (0, 1, 2):
        p.paint(hair, spline((0.5 - r * 0.98, cy + r * 0.05), (0.5 - r * 0.9, cy - r * 0.75), (0.5, top),
                             (0.5 + r * 0.9, cy - r * 0.75), (0.5 + r * 0.98, cy + r * 0.05),
                             (0.5 + r * 0.78, cy - r * 0.4), (0.5 + r * 0.1, cy - r * 0.62),
                             (0.5 - r * 0.7, cy - r * 0.4)), lift=60)
    elif style == 4:
        p.paint(p.deep, box(0.5 - r * 1.35, cy - r * 0.68, 0.5 + r * 1.35, cy - r * 0.46, r * 0.1), lift=70)
        p.paint(p.deep, box(0.5 - r * 0.82, cy - r * 1.3, 0.5 + r * 0.82, cy - r * 0.55, r * 0.2), lift=60)
        p.paint(p.second, box(0.5 - r * 0.82, cy - r * 0.84, 0.5 + r * 0.82, cy - r * 0.66), lift=64)
    elif style == 5:
        p.paint(p.second, spline((0.5 - r * 0.95, cy - r * 0.42), (0.5 - r * 0.75, cy - r), (0.5, cy - r * 1.25),
                                 (0.5 + r * 0.75, cy - r), (0.5 + r * 0.95, cy - r * 0.42)), lift=60)
        p.paint(p.second, box(0.5 - r * 0.3, cy - r * 0.56, 0.5 + r * 1.4, cy - r * 0.38, r * 0.1), lift=80)
    if glasses:
        for side in (-1, 1):
            x = 0.5 + side * r * 0.38
            p.paint((28, 28, 32), oval(x, cy - r * 0.08, r * 0.31, r * 0.27), lift=70)
            p.paint(blend(GLASS, (235, 245, 250), 0.5), oval(x, cy - r * 0.08, r * 0.22, r * 0.19), lift=60)
            p.paint((24, 20, 20), oval(x, cy - r * 0.08, r * 0.1), lift=60)
        p.paint((28, 28, 32), stroke(0.5 - r * 0.1, cy - r * 0.1, 0.5 + r * 0.1, cy - r * 0.1, r * 0.1), lift=70)


def person(p: Painter) -> None:
    """A standing person, or head and chest.

    shape: skin, hair colour, build, height of the hair, tie or zip, pattern. variant: bits 1 glasses, 2 beard,
    4 half length (the picture most people are known by), then 0 to 5: hair short, long, bun, bald, hat, cap.
    """
    s, v = p.look.shape, p.look.variant
    skin, hair = _SKIN[min(5, int(s[0] * 6))], _HAIR[min(5, int(s[1] * 6))]
    half, style = is_half_length(p.look), v // 8
    k, neck = (2.1, 0.46) if half else (1.0, 0.19)
    r = 0.082 * k
    build = mix(0.13, 0.175, s[2]) * k
    cy = neck - r * 0.95

    def at(y: float) -> float:
        """From full-length heights, measured from the neck, to this framing's."""
        return neck + (y - 0.19) * k

    if style == 1:
        p.paint(hair, spline((0.5, cy - r * 1.2), (0.5 + r * 1.15, cy - r * 0.3), (0.5 + r * 1.2, cy + r * 1.5),
                             (0.5 - r * 1.2, cy + r * 1.5), (0.5 - r * 1.15, cy - r * 0.3)))
    if style == 2:
        p.paint(hair, oval(0.5, cy - r * 1.15, r * 0.5))
    if not half:
        for side in (-1, 1):
            x = 0.5 + side * build * 0.48
            p.paint(p.second, [(0.5, 0.52), (0.5 + side * build * 0.95, 0.52), (x + side * 0.052, 0.93),
                               (x - side * 0.035, 0.93)])
            p.paint((44, 34, 30), box(x - 0.055 + side * 0.012, 0.92, x + 0.055 + side * 0.012, 0.975, 0.025), lift=30)
    for side in (-1, 1):
        x = 0.5 + side * (build + 0.012 * k)
        if not half:
            p.paint(skin, oval(x + side * 0.012, 0.56, 0.032, 0.036))
        p.paint(MAIN, stroke(x - side * 0.02 * k, at(0.265), x + side * 0.012, at(0.52) if not half else 0.99,
                             0.075 * k), lift=-40)
    p.paint(skin, box(0.5 - r * 0.42, cy, 0.5 + r * 0.42, at(0.24), 0.02 * k))
    low = at(0.56) if not half else 0.98
    p.paint(MAIN, spline((0.5 - r * 0.4, at(0.2)), (0.5 + r * 0.4, at(0.2)), (0.5 + build * 0.9, at(0.235)),
                         (0.5 + build, at(0.3)), (0.5 + build * 0.9, low), (0.5, low), (0.5 - build * 0.9, low),
                         (0.5 - build, at(0.3)), (0.5 - build * 0.9, at(0.235))))
    p.paint(CREAM, [(0.5 - r * 0.42, at(0.2)), (0.5 + r * 0.42, at(0.2)), (0.5, at(0.32))], lift=-10)
    if s[4] > 0.6:
        p.paint(p.second, [(0.5 - 0.014 * k, at(0.215)), (0.5 + 0.014 * k, at(0.215)), (0.5 + 0.02 * k, at(0.3)),
                           (0.5, at(0.325)), (0.5 - 0.02 * k, at(0.3))], lift=20)
    p.paint(p.deep, box(0.5 - 0.005 * k, at(0.32), 0.5 + 0.005 * k, low - 0.01), lift=-30)
    p.emblem(0.5 - build * 0.46, at(0.34), 0.034 * k)
    _head(p, cy, r, skin, hair)


DRAWERS: Final[dict[str, Callable[[Painter], None]]] = {
    "bear": bear,
    "owl": owl,
    "tower": tower,
    "person": person,
}
