"""Pictures for tests: synthetic photographs with structure at every scale, and the damage that the web does to them."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image


def photograph(seed: int, width: int = 320, height: int = 240) -> Image.Image:
    """Coloured noise with a 1/f spectrum: like a photograph, no two look alike and neighbours resemble each other."""
    rng = np.random.default_rng(seed)
    layers = np.zeros((height, width, 3))
    for cells in (3, 6, 12, 24, 48):
        grid = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        layers += np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC), float) * 3 / cells
    return Image.fromarray((layers * 255 / layers.max()).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **({"quality": 90} | options if kind == "JPEG" else options))
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds almost nothing: what a decompression bomb looks like."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )
