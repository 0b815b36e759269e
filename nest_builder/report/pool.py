"""The site's pictures: each written once under its hash, in two sizes, for all editions."""

import io
import logging
import os
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

from nest_builder.images.decode import BadImageError, decode_rgb

log = logging.getLogger(__name__)

THUMB_SIDE: Final = 400  # longest side in pixels of what the gallery shows
LARGE_SIDE: Final = 1280  # likewise of what a sample's own view shows
_NAME: Final = 20  # hexadecimal digits of the SHA-256: 80 bits
_KEPT_BYTES: Final = 400_000  # a picture no larger than LARGE_SIDE and this is shown as the edition holds it
_SHOWN: Final = {b"\xff\xd8\xff": "jpg", b"\x89PNG\r\n\x1a\n": "png"}  # what every browser shows, by its first bytes
_MAX_PIXELS: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of the pool.

    Attributes:
        name: Its files' name without extension.
        extension: Of the large file; "" where the picture cannot be read or is not at hand.
    """

    name: str
    extension: str = ""


class Pool:
    """Folders ``large`` and ``small`` of pictures.

    Args:
        folder: Holds them; made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._large, self._small = folder / "large", folder / "small"
        self._large.mkdir(parents=True, exist_ok=True)
        self._small.mkdir(exist_ok=True)
        # The small file is written last: where it is, the large one is whole as well.
        small = {file.stem for file in self._small.iterdir() if file.suffix == ".jpg"}
        self._held = {
            file.stem: file.suffix[1:]
            for file in self._large.iterdir()
            if file.stem in small and file.suffix[1:] in _SHOWN.values()
        }

    def missing(self, hashes: Iterable[str]) -> set[str]:
        """Return the SHA-256 of pictures that are not here yet."""
        return {sha256 for sha256 in hashes if sha256[:_NAME] not in self._held}

    def holds(self, names: Iterable[str]) -> bool:
        """Return whether all of these names are here."""
        return all(name in self._held for name in names)

    def add(self, batches: Iterable[Iterable[tuple[str, bytes]]]) -> None:
        """Write pictures (SHA-256, file), each decoded once; one that cannot be read is logged and left out."""
        with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as threads:
            for batch in batches:
                for name, extension in threads.map(self._write, batch):
                    if extension:
                        self._held[name] = extension

    def shown(self, sha256: str) -> Shown:
        """Return a picture by its SHA-256."""
        name = sha256[:_NAME]
        return Shown(name, self._held.get(name, ""))

    def keep(self, names: Collection[str]) -> int:
        """Remove every picture but these names, and return how many files went: what was taken down must not stay."""
        gone = [file for folder in (self._small, self._large) for file in folder.iterdir() if file.stem not in names]
        for file in gone:
            file.unlink()
        self._held = {name: extension for name, extension in self._held.items() if name in names}
        return len(gone)

    def _write(self, picture: tuple[str, bytes]) -> tuple[str, str]:
        sha256, data = picture
        name = sha256[:_NAME]
        try:
            rgb = decode_rgb(data, max_pixels=_MAX_PIXELS, max_side=LARGE_SIDE)
            extension, large = _large(data, rgb)
        except (BadImageError, OSError, ValueError) as error:
            log.warning("picture %s cannot be shown: %s", sha256, error)
            return name, ""
        rgb.thumbnail((THUMB_SIDE, THUMB_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
        for file, content in (
            (self._large / f"{name}.{extension}", large),
            (self._small / f"{name}.jpg", _jpeg(rgb, 78)),
        ):
            partial = file.with_suffix(".partial")
            partial.write_bytes(content)
            partial.replace(file)
        return name, extension


def _large(data: bytes, rgb: Image.Image) -> tuple[str, bytes]:
    """Return the large file and its extension: the file itself where a browser shows it and it is small."""
    for magic, extension in _SHOWN.items():
        if data.startswith(magic) and len(data) <= _KEPT_BYTES and max(rgb.size) < LARGE_SIDE:
            return extension, data
    return "jpg", _jpeg(rgb, 84)


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def small_size(width: int, height: int) -> tuple[int, int]:
    """Return the size (width, height) at which a picture stands in the gallery, as Pillow's ``thumbnail`` has it."""
    scale = min(1.0, THUMB_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
