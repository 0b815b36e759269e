"""Procedural pictures for the mask model: cluttered, textured, shaded, with every object's visible mask.

Newsworld alone would teach the mask model Newsworld's drawing style. These pictures have no style: objects and
surroundings get colours and 1/f textures at random (natural images have power spectra near 1/f^2: Field 1987,
"Relations between the statistics of natural images and the response properties of cortical cells"), and are often
hard to tell apart by colour alone. What stays is what photographs share: closed outlines, coherent parts, occlusion,
light from one side, blur, noise.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

from nest_builder.tiny.mask_families import blob, polygon, random_shape
from nest_builder.tiny.mask_shapes import HOLE, Shape

Generator = np.random.Generator
Floats = NDArray[np.float32]

MIN_PIXELS = 12
"""A visible rest smaller than this is no training target."""
MIN_VISIBLE = 0.3
"""An object hidden further than this share keeps no label: its box would say too little."""
_FIELD = 256


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A picture with its instances.

    Attributes:
        image: RGB, uint8, shape (height, width, 3).
        labels: uint8, shape (height, width); 0 is background, k the visible pixels of the k-th instance.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]


@functools.cache
def noise_bank() -> Floats:
    """Periodic fields of 1/f^e noise, e from 0.7 to 2.1; (24, 512, 512), mean 0, deviation 1, the same in every run."""
    rng = np.random.default_rng(20_240_101)
    frequency = np.hypot(np.fft.fftfreq(_FIELD)[:, None], np.fft.rfftfreq(_FIELD)[None])
    frequency[0, 0] = 1
    fields = []
    for exponent in np.linspace(0.7, 2.1, 24):
        phase = np.exp(2j * np.pi * rng.random(frequency.shape))
        field = np.fft.irfft2(phase / frequency**exponent, s=(_FIELD, _FIELD))
        field = (field - field.mean()) / field.std()
        fields.append(np.tile(field, (2, 2)))
    return np.asarray(fields, np.float32)


def noise(rng: Generator, height: int, width: int, coarse: float = 0.0) -> Floats:
    """A window (height, width) of the bank, sides up to 256; `coarse` in [0, 1) leaves out the finest fields."""
    bank = noise_bank()
    field = bank[int(rng.integers(int(coarse * len(bank)), len(bank)))]
    y, x = rng.integers(0, _FIELD, 2)
    window: Floats = field[y : y + height, x : x + width]
    return window[:, ::-1] if rng.random() < 0.5 else window


def pattern(rng: Generator, height: int, width: int) -> Floats:
    """Stripes, checks, spots or rings as a field in [-1, 1], slightly bent."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x = x + 3 * noise(rng, height, width, 0.7)
    angle, period = rng.uniform(0, np.pi), rng.uniform(4, 30)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    a, b = np.sin(2 * np.pi * u / period), np.sin(2 * np.pi * v / period)
    field = (a, a * b, np.minimum(a, b), np.sin(np.hypot(x - width / 2, y - height / 2) * 2 * np.pi / period))[
        int(rng.integers(4))
    ]
    return np.asarray(np.tanh(field * rng.uniform(1, 8)), np.float32)


def texture(rng: Generator, height: int, width: int) -> Floats:
    """Offsets (height, width, 3) to a base colour in [0, 255]: noise, mostly in brightness, and at times a pattern."""
    out = (noise(rng, height, width) * rng.gamma(1.5, 9))[..., None] * np.ones(3, np.float32)
    if rng.random() < 0.5:
        out = out + noise(rng, height, width, 0.4)[..., None] * rng.normal(0, 5, 3)
    if rng.random() < 0.2:
        out = out + pattern(rng, height, width)[..., None] * rng.normal(0, 30, 3)
    return np.asarray(out, np.float32)


def random_colour(rng: Generator) -> Floats:
    """A colour as photographs have them: mostly dull, seldom pure; shape (3,), range [0, 255]."""
    value = rng.uniform(15, 245)
    spread = rng.gamma(1.2, 22)
    return np.clip(value + rng.normal(0, 1, 3) * spread, 0, 255).astype(np.float32)


def part_map(shape: Shape, width: int, height: int, scale: float) -> tuple[NDArray[np.uint8], Floats]:
    """Draws a shape of unit size at `scale` pixels.

    Returns:
        Colour group plus one of every pixel (0 outside), and coverage in [0, 1], both of shape (height, width).
    """
    fine = Image.new("L", (width * 2, height * 2), 0)
    pen = ImageDraw.Draw(fine)
    for part in shape:
        pen.polygon(
            [(float(x), float(y)) for x, y in part.points * scale * 2], fill=0 if part.group == HOLE else part.group + 1
        )
    groups = np.asarray(fine)
    cover = (groups > 0).reshape(height, 2, width, 2).mean((1, 3), dtype=np.float32)
    return np.maximum(groups[::2, ::2], groups[1::2, 1::2]), cover


def shade(rng: Generator, cover: Floats) -> Floats:
    """Brightness factor of a rounded body lit from one side, from the distance to the outline; shape as `cover`."""
    depth = ndimage.distance_transform_edt(cover > 0.5)
    reach = max(2.0, float(depth.max()) * rng.uniform(0.3, 1.2))
    height = np.sqrt(1 - (1 - np.clip(depth / reach, 0, 1)) ** 2) * reach
    slope = np.stack(np.gradient(ndimage.gaussian_filter(height, 1.0)))
    angle = rng.uniform(0, 2 * np.pi)
    light = slope[0] * np.sin(angle) + slope[1] * np.cos(angle)
    return np.asarray(1 + np.clip(light, -1, 1) * rng.uniform(0, 0.4), np.float32)


def paint(rng: Generator, groups: NDArray[np.uint8], cover: Floats, near: Floats) -> Floats:
    """Colours of an object, shape (height, width, 3), range about [0, 255].

    Args:
        rng: the source of chance.
        groups: colour group plus one of every pixel.
        cover: coverage of every pixel.
        near: mean colour of the surroundings; three objects in ten take after it: colour alone must not give them away.
    """
    height, width = cover.shape
    base = random_colour(rng)
    if rng.random() < 0.3:
        base = np.clip(near + rng.normal(0, 18, 3), 0, 255).astype(np.float32)
    one_coat = rng.random() < 0.35
    palette = np.stack([base] + [base + rng.normal(0, 12, 3) if one_coat else random_colour(rng) for _ in range(4)])
    colours: NDArray[Any] = palette[np.maximum(groups.astype(np.int64) - 1, 0)]
    fields = [texture(rng, height, width) for _ in range(1 if one_coat or rng.random() < 0.5 else 2)]
    colours = colours + np.where((groups > 1)[..., None], fields[-1], fields[0])
    for _ in range(int(rng.poisson(0.8))):  # a marking: a second coat, an emblem, a window
        spot = part_map(random_shape(rng), width, height, rng.uniform(0.2, 0.8) * max(width, height))[1]
        shift = (int(rng.integers(-height // 2, height // 2 + 1)), int(rng.integers(-width // 2, width // 2 + 1)))
        spot = np.roll(spot, shift, (0, 1))[..., None]
        colours = colours * (1 - spot) + (random_colour(rng) + texture(rng, height, width) * 0.5) * spot
    if rng.random() < 0.8:
        colours = colours * shade(rng, cover)[..., None]
    if rng.random() < 0.5:
        ramp = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
        colours = colours * (1 + ramp * rng.uniform(-0.35, 0.35))
    return np.asarray(colours, np.float32)


def backdrop(rng: Generator, height: int, width: int) -> Floats:
    """Surroundings (height, width, 3): ground and sky or a wall, covered with unlabelled scraps of every size."""
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    canvas = random_colour(rng) * (1 - y) + random_colour(rng) * y + texture(rng, height, width)
    if rng.random() < 0.5:
        line = height * (rng.uniform(0.2, 0.8) + 0.05 * noise(rng, height, width, 0.8)[0])
        below = (np.arange(height)[:, None] > line[None])[..., None]
        canvas = np.where(below, random_colour(rng) + texture(rng, height, width), canvas)
    count = int(rng.choice(np.array([0, rng.integers(1, 8), rng.integers(8, 40)])))
    scraps = Image.new("L", (width, height), 0)
    pen = ImageDraw.Draw(scraps)
    for k in range(count):
        size = max(width, height) * float(np.exp(rng.uniform(np.log(0.04), np.log(0.5))))
        form = (blob if rng.random() < 0.4 else polygon)(rng)[0].points
        place = form * size * np.exp(rng.normal(0, 0.5, 2)) + rng.uniform(0, 1, 2) * [width, height]
        pen.polygon([(float(px), float(py)) for px, py in place], fill=k + 1)
    index = np.asarray(scraps)
    colours = np.stack([np.zeros(3, np.float32)] + [random_colour(rng) for _ in range(count)])
    canvas = np.where((index > 0)[..., None], colours[index] + texture(rng, height, width), canvas)
    if rng.random() < 0.4:
        canvas = ndimage.gaussian_filter(canvas, (*[rng.uniform(0.5, 3)] * 2, 0))
    return np.asarray(canvas, np.float32)


def random_picture(rng: Generator, height: int, width: int) -> LabelledPicture:
    """A cluttered picture with one to eight objects, back to front.

    Args:
        rng: the source of chance; nothing else decides the picture.
        height: pixels, at most 256.
        width: pixels, at most 256.

    Returns:
        The picture; labels only for objects that stay visible enough (`MIN_PIXELS`, `MIN_VISIBLE`).

    Raises:
        ValueError: if a side is larger than the noise fields.
    """
    if max(height, width) > _FIELD:
        raise ValueError(f"sides must be at most {_FIELD}, got {height} x {width}")
    canvas = backdrop(rng, height, width)
    labels = np.zeros((height, width), np.int64)
    areas = [0]
    longest = max(height, width)
    for _ in range(int(rng.integers(1, 9))):
        size = longest * float(np.exp(rng.uniform(np.log(0.07), np.log(1.1))))
        shape = random_shape(rng)
        extent = np.max([part.points.max(0) for part in shape], 0) * size
        w, h = (int(np.clip(np.ceil(v) + 1, 3, _FIELD)) for v in extent)
        groups, cover = part_map(shape, w, h, size)
        x, y = (int(rng.uniform(-0.3 * o, limit - 0.7 * o)) for o, limit in ((w, width), (h, height)))
        rows, columns = slice(max(y, 0), min(y + h, height)), slice(max(x, 0), min(x + w, width))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        near = canvas[rows, columns].mean((0, 1))
        inside = (slice(rows.start - y, rows.stop - y), slice(columns.start - x, columns.stop - x))
        if rng.random() < 0.3:  # a cast shadow belongs to the ground, not to the object
            dark = ndimage.gaussian_filter(
                np.roll(cover, (int(0.06 * h), int(rng.normal(0, 0.06) * w)), (0, 1)), 1 + 0.02 * size
            )
            canvas[rows, columns] *= 1 - rng.uniform(0.2, 0.6) * dark[inside][..., None]
        soft = ndimage.gaussian_filter(cover, rng.uniform(0.4, 1.2)) if rng.random() < 0.4 else cover
        alpha = soft[inside][..., None]
        canvas[rows, columns] = canvas[rows, columns] * (1 - alpha) + paint(rng, groups, cover, near)[inside] * alpha
        areas.append(int((cover > 0.5).sum()))
        labels[rows, columns][cover[inside] > 0.5] = len(areas) - 1
    seen = np.bincount(labels.ravel(), minlength=len(areas))
    keep = [k for k in range(1, len(areas)) if seen[k] >= MIN_PIXELS and seen[k] >= MIN_VISIBLE * areas[k]]
    table = np.zeros(len(areas), np.uint8)
    table[keep] = np.arange(1, len(keep) + 1)
    return LabelledPicture(_photograph(rng, canvas), table[labels])


def _photograph(rng: Generator, canvas: Floats) -> NDArray[np.uint8]:
    """What a camera adds: uneven light, exposure, blur, sensor noise, JPEG."""
    height, width = canvas.shape[:2]
    canvas = canvas * (1 + 0.12 * rng.random() * noise(rng, height, width, 0.9))[..., None]
    canvas = 255 * (np.clip(canvas, 0, 255) / 255) ** np.exp(rng.normal(0, 0.2)) * rng.normal(1, 0.05, 3)
    image = Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))
    if rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.0)))
    pixels = np.asarray(image, np.float32) + rng.normal(0, 1, (height, width, 3)) * rng.gamma(1.0, 3.0)
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if rng.random() < 0.5:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(rng.integers(40, 96)))
        image = Image.open(file).convert("RGB")
    return np.asarray(image)
