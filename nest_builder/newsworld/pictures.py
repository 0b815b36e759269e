"""The bytes of photographs, and the masks that belong to them: rendered when asked for, then kept for a while."""

import io
import random
import struct
import zlib
from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image

from nest_builder.newsworld.darkroom import scene_spec
from nest_builder.newsworld.model import Photo, chance
from nest_builder.newsworld.scenes import Instance, Mask, Scene, render

CACHED: Final = 600
BOMB_SIDE: Final = 20_000
CONTENT_TYPES: Final = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


class Pictures:
    """Renders the photographs of one world.

    Args:
        photos: Every photograph by its address.
    """

    def __init__(self, photos: dict[str, Photo]) -> None:
        self._photos = photos
        self.data = lru_cache(maxsize=CACHED)(self._data)
        self._scene = lru_cache(maxsize=8)(render)

    def scene(self, url: str) -> tuple[Image.Image, tuple[Instance, ...]]:
        """The picture as it is sent, before compression, and its instances in the same frame."""
        photo = self._photos[url]
        scene = self._scene(scene_spec(self._photos[photo.base] if photo.base else photo))
        return _rework(scene, photo.transform, chance("rework", url))

    def _data(self, url: str) -> bytes:
        photo = self._photos[url]
        image, _ = self.scene(photo.base if photo.base and not photo.transform else url)
        if photo.base and not photo.transform:
            photo = self._photos[photo.base]
        buffer = io.BytesIO()
        if photo.format == "PNG":
            image.save(buffer, "PNG", compress_level=4)
            return buffer.getvalue()
        quality = photo.quality - 12 if photo.transform == "recode" else photo.quality
        exif = Image.Exif()
        if photo.exif:
            exif[0x0132] = photo.taken.strftime("%Y:%m:%d %H:%M:%S")  # DateTime
            exif[0x010F] = "Tern Optical"  # Make
        image.save(buffer, photo.format, quality=quality, exif=exif)
        return buffer.getvalue()


def _rework(scene: Scene, transform: str, rng: random.Random) -> tuple[Image.Image, tuple[Instance, ...]]:
    """What a second desk does to a picture: resize it, cut its edges, frame it; the masks follow."""
    image, instances = scene.image, scene.instances
    width, height = image.size
    if transform == "resize":
        share = rng.uniform(0.7, 0.9)
        size = round(width * share), round(height * share)
        small = image.resize(size, Image.Resampling.LANCZOS)
        return small, tuple(_moved(i, np.asarray(Image.fromarray(i.mask).resize(size))) for i in instances)
    if transform == "crop":
        left, top, right, bottom = (rng.uniform(0.005, 0.03) for _ in range(4))
        box = round(left * width), round(top * height), round(width * (1 - right)), round(height * (1 - bottom))
        return image.crop(box), tuple(_moved(i, i.mask[box[1] : box[3], box[0] : box[2]]) for i in instances)
    if transform == "border":
        edge = rng.randrange(3, 8)
        framed = Image.new("RGB", (width + 2 * edge, height + 2 * edge), rng.choice(("white", "black", "#ddd")))
        framed.paste(image, (edge, edge))
        return framed, tuple(_moved(i, np.pad(i.mask, edge)) for i in instances)
    return image, instances


def _moved(instance: Instance, mask: Mask) -> Instance:
    """The instance with another mask, its box measured anew."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (0.0, 0.0, 0.0, 0.0)
    if rows.size:
        box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return Instance(instance.look, instance.key, mask, box, instance.visible)


def bomb_png(side: int = BOMB_SIDE) -> bytes:
    """A valid one-bit PNG of `side` x `side` pixels in a few dozen kilobytes."""
    packer = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    packed = b"".join(packer.compress(row * 100) for _ in range(side // 100)) + packer.flush()

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def small_gif(width: int, height: int) -> bytes:
    """A one-colour GIF: a tracking pixel or a spacer."""
    buffer = io.BytesIO()
    Image.new("P", (width, height)).save(buffer, "GIF")
    return buffer.getvalue()


def panel_png(text: str, width: int, height: int) -> bytes:
    """A logo or an advertisement: coloured bars that depend on `text`."""
    rng = chance("panel", text)
    image = Image.new("RGB", (width, height), (rng.randrange(256), rng.randrange(256), rng.randrange(256)))
    for at in range(0, width, max(4, width // 12)):
        colour = (rng.randrange(256), rng.randrange(256), rng.randrange(256))
        image.paste(colour, (at, height // 3, min(width, at + width // 20 + 1), height * 2 // 3))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def damage(data: bytes, kind: str) -> bytes:
    """Break an image file: "truncated" cuts it short, "corrupt" leaves its head and fills the rest with noise."""
    if kind == "truncated":
        return data[: len(data) * 2 // 5]
    rng = chance("corrupt", zlib.crc32(data))
    return data[:12] + rng.randbytes(len(data) - 12)
