"""Photographs of Newsworld: things placed before a backdrop, with the masks of what is visible.

`compose` decides what goes where, `render` makes the picture: a pure function of the specification, the same bytes on
every machine.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nest_builder.newsworld.backdrops import BACKDROPS, backdrop
from nest_builder.newsworld.draw import draw_object
from nest_builder.newsworld.looks import CATEGORIES, Look, anonymous_look, is_half_length
from nest_builder.newsworld.shading import cast_shadow, photograph

Mask = NDArray[np.bool_]

MIN_SIDE: Final = 64
MAX_SIDE: Final = 1024
_AIRBORNE: Final = frozenset({"drone", "plane", "rocket"})
_UPRIGHT: Final = frozenset({"tower", "person", "car", "tram", "lamp"})
_SCALES: Final = ((0.15, 0.58), (0.11, 0.34), (0.09, 0.24), (0.07, 0.18), (0.055, 0.13), (0.05, 0.11))  # by how many
_PREVIEW: Final = 64  # the side of the coarse grid on which compose judges occlusion


@dataclass(frozen=True, slots=True)
class Placement:
    """One thing in a scene.

    Attributes:
        look: what it looks like.
        key: the entity's key, None for a nameless thing.
        scale: the share of the picture's area that its box covers, 0.01 to 0.7.
        flip: mirrored.
        angle: degrees, counter-clockwise.
        x: centre of its box, as a share of the width.
        y: centre of its box, as a share of the height.
    """

    look: Look
    key: str | None
    scale: float
    flip: bool
    angle: float
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class SceneSpec:
    """A picture before it is taken.

    Attributes:
        width: pixels.
        height: pixels.
        placements: from back to front.
        backdrop: one of `BACKDROPS`.
        seed: of all that the rest leaves open.
    """

    width: int
    height: int
    placements: tuple[Placement, ...]
    backdrop: str
    seed: int


@dataclass(frozen=True, slots=True)
class Instance:
    """The truth about one placement.

    Attributes:
        look: what it looks like.
        key: the entity's key, or None.
        mask: (H, W) bool, the pixels where it is seen.
        box: (x0, y0, x1, y1), pixel edges of the mask; all zero where nothing is seen.
        visible: the seen share of its whole silhouette, what lies outside the picture counted as unseen.
    """

    look: Look
    key: str | None
    mask: Mask
    box: tuple[float, float, float, float]
    visible: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A photograph (RGB) and its truth, one instance for each placement, in the placements' order."""

    image: Image.Image
    instances: tuple[Instance, ...]


def compose(
    rng: np.random.Generator,
    looks: Sequence[tuple[Look, str | None]],
    width: int,
    height: int,
    *,
    backdrop_kind: str | None = None,
    min_visible: float = 0.6,
) -> SceneSpec:
    """Place things so that each stays recognisable.

    Args:
        rng: source of every choice.
        looks: what is to be seen, with entity keys; 1 to 6 of them, their order does not matter.
        width: pixels, 64 to 1024.
        height: pixels, 64 to 1024.
        backdrop_kind: one of `BACKDROPS`; drawn where None.
        min_visible: the share of each silhouette that must stay visible; kept in all but hopeless crowds, where the
            best of the tried arrangements is taken.

    Returns:
        The specification for `render`.

    Raises:
        ValueError: no looks, more than 6, or an impossible size.
    """
    if not 1 <= len(looks) <= 6:
        raise ValueError(f"a scene has 1 to 6 things, not {len(looks)}")
    _check_size(width, height)
    kind = backdrop_kind or BACKDROPS[int(rng.integers(len(BACKDROPS)))]
    best: tuple[float, tuple[Placement, ...]] = (-1.0, ())
    cutouts = [_cutout(look, 48, np.random.default_rng(0)).getchannel("A") for look, _ in looks]
    for attempt in range(24):
        room = tuple(share * (1.0 - 0.02 * attempt) for share in _SCALES[len(looks) - 1])
        placements = tuple(
            _placed(rng, look, key, cutout, (width, height), (room[0], room[1]))
            for (look, key), cutout in zip(looks, cutouts, strict=True)
        )
        order = sorted(
            range(len(looks)), key=lambda k: placements[k].y + 0.3 * placements[k].scale + 0.1 * float(rng.random())
        )
        worst = _worst_visible([(placements[k], cutouts[k]) for k in order], width / height)
        if worst > best[0]:
            best = worst, tuple(placements[k] for k in order)
        if worst >= min_visible + 0.04:
            break
    return SceneSpec(width, height, best[1], kind, int(rng.integers(1 << 31)))


def render(spec: SceneSpec) -> Scene:
    """Take the photograph.

    Args:
        spec: what is to be seen; its sides 64 to 1024 pixels.

    Returns:
        The picture and the visible mask of every placement.

    Raises:
        ValueError: an impossible size, scale or backdrop.
    """
    _check_size(spec.width, spec.height)
    if spec.backdrop not in BACKDROPS:
        raise ValueError(f"no such backdrop: {spec.backdrop}")
    rng = np.random.default_rng(spec.seed)
    image = backdrop(spec.backdrop, spec.width, spec.height, rng)
    masks: list[Mask] = []
    wholes: list[int] = []
    for placement in spec.placements:
        thing = _fitted(placement, spec.width, spec.height, rng)
        left = round(placement.x * spec.width - thing.width / 2)
        top = round(placement.y * spec.height - thing.height / 2)
        cast_shadow(image, thing, left, top, placement.look.category in _AIRBORNE)
        alpha = thing.getchannel("A")
        image.paste(thing, (left, top), alpha)
        layer = Image.new("L", image.size)
        layer.paste(alpha, (left, top))
        mask = np.asarray(layer) > 127
        for earlier in masks:
            earlier &= ~mask
        masks.append(mask)
        wholes.append(int((np.asarray(alpha) > 127).sum()))
    instances = tuple(
        Instance(p.look, p.key, mask, _box(mask), float(mask.sum() / max(1, whole)))
        for p, mask, whole in zip(spec.placements, masks, wholes, strict=True)
    )
    return Scene(photograph(image, rng), instances)


def to_jpeg(image: Image.Image, quality: int = 90) -> bytes:
    """The picture as JPEG bytes (4:2:0, no metadata)."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def random_training_scene(rng: np.random.Generator, width: int, height: int) -> Scene:
    """One to four nameless things; now and then two of one category, in one colour or in two."""
    count = int(rng.choice((1, 2, 3, 4), p=(0.2, 0.35, 0.3, 0.15)))
    looks = [anonymous_look(rng, CATEGORIES[int(rng.integers(len(CATEGORIES)))]) for _ in range(count)]
    if count > 1 and rng.random() < 0.35:
        twin = anonymous_look(rng, looks[0].category)
        while rng.random() < 0.5 and twin.colour != looks[0].colour:
            twin = anonymous_look(rng, looks[0].category)
        looks[1] = twin
    return render(compose(rng, [(look, None) for look in looks], width, height))


def _check_size(width: int, height: int) -> None:
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise ValueError(f"a side has {MIN_SIDE} to {MAX_SIDE} pixels, not {width} x {height}")


def _placed(
    rng: np.random.Generator,
    look: Look,
    key: str | None,
    cutout: Image.Image,
    frame: tuple[int, int],
    room: tuple[float, float],
) -> Placement:
    """A random placement: standing on the ground, flying above it, or (people at half length) rising from below."""
    upright = look.category in _UPRIGHT
    sway = 5.0 if upright else 16.0
    scale = float(rng.uniform(*room))
    width, height = _box_size(cutout.size, scale, *frame)
    half_w, half_h = width / frame[0] / 2, height / frame[1] / 2
    x = float(rng.uniform(min(0.5, half_w * 0.92), max(0.5, 1 - half_w * 0.92)))
    if look.category in _AIRBORNE:
        y = float(rng.uniform(min(0.45, half_h), max(0.5, 0.8 - half_h)))
    elif is_half_length(look):
        y, sway = 1.01 - half_h, 1.5
    else:
        y = max(float(rng.uniform(0.72, 0.99)) - half_h, min(0.5, half_h * 0.95))
    angle = float(rng.uniform(-sway, sway))
    return Placement(look, key, round(scale, 4), bool(rng.random() < 0.5), round(angle, 2), round(x, 4), round(y, 4))


def _worst_visible(things: Sequence[tuple[Placement, Image.Image]], aspect: float) -> float:
    """The least visible share among things, judged on a coarse grid."""
    grid = (_PREVIEW, max(16, round(_PREVIEW / aspect)))
    seen: list[Mask] = []
    wholes: list[int] = []
    for placement, cutout in things:
        alpha = _turned(cutout, placement)
        size = _box_size(alpha.size, placement.scale, *grid)
        small = alpha.resize(size)
        layer = Image.new("L", grid)
        layer.paste(small, (round(placement.x * grid[0] - size[0] / 2), round(placement.y * grid[1] - size[1] / 2)))
        mask = np.asarray(layer) > 127
        for earlier in seen:
            earlier &= ~mask
        seen.append(mask)
        wholes.append(int((np.asarray(small) > 127).sum()))
    return min(float(mask.sum() / max(1, whole)) for mask, whole in zip(seen, wholes, strict=True))


def _cutout(look: Look, size: int, rng: np.random.Generator) -> Image.Image:
    """A thing cropped to its silhouette, with the empty border that turning needs for smooth edges."""
    drawn = draw_object(look, size, rng)
    left, top, right, bottom = drawn.getbbox() or (0, 0, size, size)
    return drawn.crop((left - 2, top - 2, right + 2, bottom + 2))


def _turned(image: Image.Image, placement: Placement) -> Image.Image:
    if placement.flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turned = image.rotate(placement.angle, Image.Resampling.BICUBIC, expand=True)
    return turned.crop(turned.getbbox())


def _box_size(size: tuple[int, int], scale: float, width: int, height: int) -> tuple[int, int]:
    """Pixels of a box of the proportions of `size` that covers `scale` of the picture, held within it."""
    ratio = (scale * width * height / (size[0] * size[1])) ** 0.5
    ratio = min(ratio, 1.02 * width / size[0], 1.02 * height / size[1])
    return max(4, round(size[0] * ratio)), max(4, round(size[1] * ratio))


def _fitted(placement: Placement, width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """The thing at its size and angle, drawn a little larger than needed and then reduced."""
    if not 0.01 <= placement.scale <= 0.7:
        raise ValueError(f"scale must be 0.01 to 0.7, not {placement.scale}")
    size = round((placement.scale * width * height) ** 0.5 * 1.15)
    turned = _turned(_cutout(placement.look, max(40, min(1024, size)), rng), placement)
    return turned.resize(_box_size(turned.size, placement.scale, width, height), Image.Resampling.BICUBIC)


def _box(mask: Mask) -> tuple[float, float, float, float]:
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        return 0.0, 0.0, 0.0, 0.0
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
