"""Phone, watch, camera, drone, robot: one function each, in unit coordinates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nest_builder.newsworld.painter import (
    CREAM,
    DARK,
    MAIN,
    METAL,
    Painter,
    Shape,
    box,
    mix,
    oval,
    spline,
    stroke,
)

# A shape's points stand in rows: one a line, as the formatter would have it, hides the shape.
# fmt: off


def _lens(p: Painter, cx: float, cy: float, r: float) -> None:
    """A camera lens: barrel, glass, glint."""
    p.paint(METAL, oval(cx, cy, r), lift=40)
    p.paint(DARK, oval(cx, cy, r * 0.84), lift=20)
    p.paint((46, 58, 92), oval(cx, cy, r * 0.56), lift=-20)
    p.paint((190, 205, 230), oval(cx - r * 0.2, cy - r * 0.22, r * 0.16), lift=0)


def phone(p: Painter) -> None:
    """Back view. shape: width, corner, lens size, position of the emblem, -, pattern; variant: camera layout."""
    s, v = p.look.shape, p.look.variant
    w, r = mix(0.21, 0.29, s[0]), mix(0.03, 0.12, s[1])
    p.paint(p.deep, box(0.5 - w + 0.03, 0.05, 0.5 + w + 0.03, 0.96, r))
    p.paint(MAIN, box(0.5 - w, 0.04, 0.5 + w, 0.95, r))
    k = mix(0.042, 0.06, s[2])
    left, top = 0.5 - w + 0.045, 0.09
    bed = p.second if p.look.pattern == "plain" else p.deep
    if v == 0:
        p.paint(bed, box(left, top, left + 4.6 * k, top + 4.6 * k, 0.04), lift=30)
        spots = [(left + 1.4 * k, top + 1.4 * k), (left + 3.2 * k, top + 3.2 * k)]
    elif v == 1:
        p.paint(bed, box(0.5 - w, 0.15, 0.5 + w, 0.15 + 3 * k), lift=30)
        spots = [(0.5 - 2.4 * k, 0.15 + 1.5 * k), (0.5, 0.15 + 1.5 * k), (0.5 + 2.4 * k, 0.15 + 1.5 * k)]
    elif v == 2:
        p.paint(bed, box(left, top, left + 2.8 * k, top + 7.4 * k, 1.4 * k), lift=30)
        spots = [(left + 1.4 * k, top + (1.4 + 2.3 * j) * k) for j in range(3)]
    elif v == 3:
        p.paint(bed, oval(0.5, 0.27, 3.3 * k), lift=30)
        spots = [(0.5 + 1.4 * k * x, 0.27 + 1.4 * k * y) for x, y in ((-1, -1), (1, -1), (-1, 1), (1, 1))]
    elif v == 4:
        p.paint(p.deep, box(0.5 - w, 0.485, 0.5 + w, 0.51), lift=-40)
        p.paint(bed, box(0.5 + w - 0.05 - 3 * k, top, 0.5 + w - 0.05, top + 3 * k, 0.02), lift=30)
        spots = [(0.5 + w - 0.05 - 1.5 * k, top + 1.5 * k)]
    else:
        spots = [(left + 1.2 * k, top + (1.2 + 2.5 * j) * k) for j in range(3)]
    for x, y in spots:
        _lens(p, x, y, k)
    p.emblem(0.5, mix(0.62, 0.74, s[3]), 0.1)


def watch(p: Painter) -> None:
    """Front view. shape: strap width, case size, hands, strap taper, -, pattern; variant: case form."""
    s, v = p.look.shape, p.look.variant
    w, r, t = mix(0.16, 0.22, s[0]), mix(0.26, 0.33, s[1]), mix(0.75, 0.98, s[3])
    p.paint(MAIN, [(0.5 - w * t, 0.03), (0.5 + w * t, 0.03), (0.5 + w, 0.5), (0.5 + w * t, 0.97), (0.5 - w * t, 0.97),
                   (0.5 - w, 0.5)])

    def case(k: float) -> Shape:
        q = r * k
        forms: tuple[Shape, ...] = (
            oval(0.5, 0.5, q),
            box(0.5 - q * 0.9, 0.5 - q * 0.9, 0.5 + q * 0.9, 0.5 + q * 0.9, q * 0.3),
            spline((0.5, 0.5 - q), (0.5 + q * 0.85, 0.5 - q * 0.7), (0.5 + q, 0.5), (0.5 + q * 0.85, 0.5 + q * 0.7),
                   (0.5, 0.5 + q), (0.5 - q * 0.85, 0.5 + q * 0.7), (0.5 - q, 0.5), (0.5 - q * 0.85, 0.5 - q * 0.7)),
            [(0.5 + q * x, 0.5 + q * y) for x, y in ((-0.42, -1), (0.42, -1), (1, -0.42), (1, 0.42), (0.42, 1),
                                                     (-0.42, 1), (-1, 0.42), (-1, -0.42))],
            box(0.5 - q * 0.72, 0.5 - q * 1.05, 0.5 + q * 0.72, 0.5 + q * 1.05, q * 0.2),
            oval(0.5, 0.5, q * 1.1, q * 0.82),
        )
        return forms[v]

    p.paint(METAL, box(0.5 + r * 0.7, 0.46, 0.5 + r * 1.14, 0.54, 0.02), lift=-10)
    p.paint(p.second, case(1.0), lift=40)
    p.paint(p.deep, case(0.82), lift=-20)
    p.paint(p.colour, case(0.76), lift=0)
    p.emblem(0.5, 0.5 + r * 0.22, r * 0.34)
    ink = DARK if sum(p.colour) > 330 else CREAM
    for x, y in ((0, -0.62), (0.55, 0), (0, 0.64), (-0.55, 0)):
        p.paint(ink, oval(0.5 + r * x, 0.5 + r * y, 0.018))
    p.paint(ink, stroke(0.5, 0.5, 0.5 + mix(-0.14, 0.14, s[2]), 0.36, 0.026))
    p.paint(ink, stroke(0.5, 0.5, 0.5 - mix(0.05, 0.14, s[2]), 0.46, 0.03))


def camera(p: Painter) -> None:
    """Front view. shape: height, lens size, lens position, corner, grip, pattern; variant: hump, box, lens side."""
    s, v = p.look.shape, p.look.variant
    h, r = mix(0.25, 0.31, s[0]), mix(0.15, 0.2, s[1])
    if v in (2, 5):
        h += 0.09
    x, y0, y1 = mix(0.46, 0.56, s[2]), 0.54 - h, 0.54 + h
    if v in (0, 3):
        p.paint(p.second, [(x - 0.17, y0 + 0.06), (x - 0.11, y0 - 0.11), (x + 0.11, y0 - 0.11), (x + 0.17, y0 + 0.06)])
    if v in (1, 4, 5):
        p.paint(METAL, box(0.13, y0 - 0.05, 0.3, y0 + 0.06, 0.02), box(0.7, y0 - 0.07, 0.8, y0 + 0.06, 0.02))
    p.paint(MAIN, box(0.04, y0, 0.96, y1, mix(0.03, 0.12, s[3])))
    if v != 2:
        p.paint(p.second, box(0.07, y0 + 0.14, mix(0.13, 0.2, s[4]), y1 - 0.04, 0.03), lift=40)
    if v in (2, 5):
        p.paint(DARK, box(0.2, y1 - 0.14, 0.8, y1 - 0.09, 0.02), lift=-50)
    if v in (1, 2, 4):
        p.paint(CREAM, box(0.72, y0 + 0.05, 0.89, y0 + 0.14, 0.02), lift=20)
    if v == 4:
        x = 0.36
    _lens(p, x, 0.55, r)
    p.emblem(min(x + r + 0.12, 0.86), 0.66, 0.065)


def drone(p: Painter) -> None:
    """Seen from the front, above. shape: body, height, rotor size, arm spread, legs, pattern; variant: layout."""
    s, v = p.look.shape, p.look.variant
    w, h, r = mix(0.2, 0.27, s[0]), mix(0.13, 0.18, s[1]), mix(0.13, 0.19, s[2])
    far, near = mix(0.26, 0.32, s[3]), mix(0.6, 0.66, s[3])
    layouts = (
        ((0.2, far), (0.8, far), (0.17, near), (0.83, near)),
        ((0.17, 0.42), (0.83, 0.42), (0.28, 0.26), (0.72, 0.26), (0.27, 0.64), (0.73, 0.64)),
        ((0.18, 0.36), (0.82, 0.36)),
        ((0.2, far), (0.8, far), (0.17, near), (0.83, near)),
        ((0.5, 0.2), (0.18, 0.6), (0.82, 0.6)),
        ((0.2, far), (0.8, far), (0.17, near), (0.83, near)),
    )
    spots = layouts[v]
    for x, y in spots:
        p.paint(MAIN, stroke(0.5, 0.47, x, y, 0.085))
    for side in (-1, 1):
        p.paint(p.deep, stroke(0.5 + side * w * 0.6, 0.52, 0.5 + side * w * 0.95, 0.74, 0.05))
        p.paint(p.deep, stroke(0.5 + side * w * 0.5, 0.74, 0.5 + side * w * 1.3, 0.74, 0.045))
    for x, y in spots:
        p.paint(p.deep, box(x - 0.04, y - 0.06, x + 0.04, y + 0.05, 0.02), lift=20)
        if v in (3, 4):
            p.paint(MAIN, oval(x, y - 0.04, r * 1.1, r * 0.5))
            p.paint(p.deep, oval(x, y - 0.04, r * 0.85, r * 0.34), lift=-50)
        p.paint(p.second, oval(x, y - 0.05, r, r * 0.24), lift=50)
        p.paint(METAL, oval(x, y - 0.06, 0.025), lift=70)
    if v in (0, 4):
        body = oval(0.5, 0.48, w, h)
    elif v in (1, 5):
        body = box(0.5 - w, 0.48 - h, 0.5 + w, 0.48 + h, 0.06)
    else:
        body = spline((0.5, 0.48 - h), (0.5 + w, 0.44), (0.5 + w * 0.7, 0.48 + h), (0.5 - w * 0.7, 0.48 + h),
                      (0.5 - w, 0.44))
    p.paint(MAIN, body, lift=50)
    _lens(p, 0.5, 0.47 + h, 0.07)
    p.emblem(0.5, 0.45, 0.075)


def robot(p: Painter) -> None:
    """Front view. shape: head, torso width, arm, legs, antenna, pattern; variant: head form, wheels or legs."""
    s, v = p.look.shape, p.look.variant
    head, w = mix(0.15, 0.21, s[0]), mix(0.19, 0.25, s[1])
    arm = mix(0.6, 0.74, s[2])
    p.paint(METAL, box(0.45, 0.34, 0.55, 0.44))
    if v in (1, 4):
        p.paint(p.deep, box(0.5 - w, 0.78, 0.5 + w, 0.96, 0.09))
        for k in (-0.6, 0, 0.6):
            p.paint(METAL, oval(0.5 + k * w, 0.87, 0.05), lift=30)
    else:
        for side in (-1, 1):
            x = 0.5 + side * w * 0.55
            p.paint(p.second, box(x - 0.06, 0.74, x + 0.06, 0.93, 0.02))
            p.paint(p.deep, box(x - 0.1, 0.89, x + 0.1, 0.97, 0.04), lift=30)
    for side in (-1, 1):
        x = 0.5 + side * (w + 0.075)
        p.paint(p.second, box(x - 0.055, 0.42, x + 0.055, arm, 0.05), lift=-20)
        p.paint(p.deep, oval(x, arm, 0.075), lift=20)
        p.paint(METAL, oval(x, 0.46, 0.06), lift=20)
    p.paint(MAIN, box(0.5 - w, 0.4, 0.5 + w, 0.8, (0.04, 0.12, 0.02, 0.2, 0.06, 0.1)[v]))
    top = 0.37 - 2 * head
    heads = (
        box(0.5 - head * 1.15, top, 0.5 + head * 1.15, 0.37, 0.05),
        oval(0.5, 0.37 - head, head * 1.12, head),
        [(0.5 - head * 0.8, top), (0.5 + head * 0.8, top), (0.5 + head * 1.3, 0.37), (0.5 - head * 1.3, 0.37)],
        spline((0.5, top), (0.5 + head, top + head), (0.5 + head * 0.9, 0.36), (0.5 - head * 0.9, 0.36),
               (0.5 - head, top + head)),
        box(0.5 - head * 1.5, top + 0.05, 0.5 + head * 1.5, 0.37, 0.03),
        [(0.5 - head * 1.2, top), (0.5 + head * 1.2, top), (0.5 + head * 0.7, 0.37), (0.5 - head * 0.7, 0.37)],
    )
    if s[4] > 0.4:
        p.paint(METAL, stroke(0.5, top, 0.5, max(0.04, top - 0.07), 0.04))
        p.paint(p.second, oval(0.5, max(0.04, top - 0.06), 0.04), lift=30)
    p.paint(MAIN, heads[v], lift=20)
    eye = 0.37 - head * 1.1
    if v in (2, 3):
        p.paint(DARK, box(0.5 - head * 0.75, eye - 0.05, 0.5 + head * 0.75, eye + 0.05, 0.05), lift=-20)
        p.paint((250, 236, 130), oval(0.5 - head * 0.35, eye, 0.03), oval(0.5 + head * 0.35, eye, 0.03))
    else:
        for side in (-1, 1):
            p.paint(DARK, oval(0.5 + side * head * 0.48, eye, 0.055), lift=-20)
            p.paint((250, 236, 130), oval(0.5 + side * head * 0.48, eye, 0.036), lift=10)
    p.paint(DARK, box(0.5 - head * 0.4, 0.325, 0.5 + head * 0.4, 0.345), lift=-30)
    p.emblem(0.5, 0.57, 0.09)


DRAWERS: Final[dict[str, Callable[[Painter], None]]] = {
    "phone": phone,
    "watch": watch,
    "camera": camera,
    "drone": drone,
    "robot": robot,
}
