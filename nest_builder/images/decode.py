"""Decoding pictures that strangers send: the header is checked before a pixel is decoded, each failure has a reason."""

import io
import logging
import struct
import zlib
from dataclasses import dataclass

import imagehash
import numpy as np
from PIL import Image, UnidentifiedImageError

from nest_builder.reasons import Reason

log = logging.getLogger(__name__)

# What newspapers publish. Pillow knows many more formats, each of them a parser that a stranger could reach.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP")
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"RIFF", b"BM", b"\x00\x00\x00")
THUMB = 96  # longest side of the grey thumbnail that hashes and comparisons work on
SPACER_SIDE = 4  # a picture this thin is there to be counted or to push text aside, not to be seen
FLAT_LEVELS = 4  # a picture whose grey levels span fewer is a coloured spacer
_ORIENTATION = 0x0112  # EXIF tag
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LYING = (5, 6, 7, 8)  # orientations that swap width and height
# Everything that Pillow's parsers are known to let through on malformed input.
_DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError, ZeroDivisionError,
    struct.error, zlib.error, MemoryError,
)  # fmt: skip


class BadImageError(Exception):
    """The bytes are no picture that can be used.

    Attributes:
        reason: What is counted.
        detail: For whoever looks.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class Picture:
    """What one decoding tells.

    Attributes:
        width: Pixels, after the EXIF orientation was applied.
        height: Likewise.
        format: As Pillow names it.
        phash: 64-bit perceptual hash (DCT of 32 x 32 grey levels against their median).
        thumb: Grey, longest side `THUMB` at most.
    """

    width: int
    height: int
    format: str
    phash: int
    thumb: Image.Image


def read_picture(data: bytes, *, min_side: int, max_pixels: int) -> Picture:
    """Check and hash a picture with a single decoding, at reduced size where the format allows (JPEG).

    Args:
        data: The file.
        min_side: Pixels; pictures with a shorter side are turned away.
        max_pixels: Width times height that may be decoded.

    Raises:
        BadImageError: The bytes are no picture, a broken one, a bomb, a tracking pixel or too small.
    """
    image = _open(data, max_pixels)
    orientation = _orientation(image)
    width, height = image.size[::-1] if orientation in _LYING else image.size
    if min(width, height) <= SPACER_SIDE:
        raise BadImageError(Reason.TRACKING_PIXEL, f"{width} x {height} pixels")
    if min(width, height) < min_side:
        raise BadImageError(Reason.TINY, f"{width} x {height} pixels")
    name = "JPEG" if image.format == "MPO" else str(image.format)
    image.draft("L", (THUMB, THUMB))  # JPEG only: decodes at 1/2, 1/4 or 1/8, but not under THUMB
    grey = _load(image, "L")
    grey.thumbnail((THUMB, THUMB), Image.Resampling.LANCZOS, reducing_gap=3.0)
    grey = _upright(grey, orientation)
    if np.ptp(np.asarray(grey)) < FLAT_LEVELS:
        raise BadImageError(Reason.TRACKING_PIXEL, f"{width} x {height} pixels of one colour")
    return Picture(width, height, name, int(str(imagehash.phash(grey)), 16), grey)


def decode_rgb(data: bytes, *, max_pixels: int, max_side: int | None = None) -> Image.Image:
    """Decode a picture as it is meant to be seen: first frame, upright, RGB, transparency over white.

    Args:
        data: The file.
        max_pixels: Width times height that may be decoded.
        max_side: Scale down to this longest side, keeping the aspect; None keeps every pixel.

    Raises:
        BadImageError: The bytes are no picture, a broken one or a bomb.
    """
    image = _open(data, max_pixels)
    orientation = _orientation(image)
    rgb = _load(image, "RGB")
    if max_side is not None and max(rgb.size) > max_side:
        rgb.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return _upright(rgb, orientation)


def _open(data: bytes, max_pixels: int) -> Image.Image:
    """Read the header only, and check what it promises."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise BadImageError(Reason.BOMB, str(error)) from error
    except UnidentifiedImageError as error:
        if data.startswith(_MAGIC) or not data or b"\x00" in data[:512]:
            raise BadImageError(Reason.BROKEN_IMAGE, f"{len(data)} bytes without a readable header") from error
        raise BadImageError(Reason.CONTENT_TYPE, f"no picture: starts with {data[:24]!r}") from error
    except _DECODER_ERRORS as error:
        raise BadImageError(Reason.BROKEN_IMAGE, _text(error)) from error
    width, height = image.size
    if width < 1 or height < 1:
        raise BadImageError(Reason.BROKEN_IMAGE, f"{width} x {height} pixels")
    if width * height > max_pixels:
        raise BadImageError(Reason.BOMB, f"{width} x {height} pixels, at most {max_pixels} are decoded")
    return image


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION)
    except _DECODER_ERRORS as error:  # a broken EXIF block says nothing about the pixels
        log.debug("unreadable EXIF: %s", _text(error))
        return 1
    return value if isinstance(value, int) else 1


def _load(image: Image.Image, mode: str) -> Image.Image:
    """Decode the first frame into ``L`` or ``RGB``."""
    try:
        image.load()
        if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion clips instead of scaling
            image = Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8))
        if "A" in image.getbands() or "transparency" in image.info:
            layer = image.convert("RGBA")
            image = Image.new("RGBA", layer.size, "white")
            image.alpha_composite(layer)
        return image.convert(mode)
    except Image.DecompressionBombError as error:
        raise BadImageError(Reason.BOMB, str(error)) from error
    except _DECODER_ERRORS as error:
        raise BadImageError(Reason.BROKEN_IMAGE, _text(error)) from error


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]
