"""Reference pictures: decoded within bounds, without copies of the query's picture and of each other."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import imagehash
from PIL import Image

from nest_builder.images.decode import THUMB, BadImageError, decode_rgb
from nest_builder.images.near_duplicates import Frame
from nest_builder.questions.checks import mentions
from nest_builder.rose.base import Reference

MAX_PIXELS: Final = 40_000_000
MAX_SIDE: Final = 640  # pixels; more helps no feature
MIN_SIDE: Final = 48
NEAR_BITS: Final = 6  # Hamming distance of 64-bit perceptual hashes of copies


@dataclass(frozen=True, slots=True)
class Lead:
    """A picture that may show the answer.

    Attributes:
        image_url: The picture.
        page_url: Where it is shown.
        rank: 0: its caption names the answer and nobody else we know of; 1: among others; 2: only the page's title names it.
    """

    image_url: str
    page_url: str
    rank: int


class Fingerprint:
    """What tells whether two pictures are copies: perceptual hash and thumbnail."""

    def __init__(self, image: Image.Image) -> None:
        thumb = image.convert("L")
        thumb.thumbnail((THUMB, THUMB), Image.Resampling.LANCZOS, reducing_gap=3.0)
        self._hash = int(str(imagehash.phash(thumb)), 16)
        self._frame = Frame(thumb)

    def copies(self, other: "Fingerprint", *, crops: bool = False) -> bool:
        """Tell whether the other is the same picture, also where one is a part of the other if `crops`."""
        near = (self._hash ^ other._hash).bit_count() <= NEAR_BITS and self._frame.is_same_frame(other._frame)
        return near or (crops and self._frame.is_recrop(other._frame))


def caption_rank(caption: str, title: str, name: str) -> int | None:
    """Return the rank of a picture (see `Lead`); None where nothing says that it shows the answer."""
    if not mentions(caption, [name]):
        return 2 if mentions(title, [name]) else None
    # "Ada Okoro (left) and Ben Adler (right)": two are shown, and it takes eyes to tell which is which.
    return 1 if re.search(r"\b(?:left|right|centre|center|middle|next to|and|with)\b", caption, re.I) else 0


def accepted(files: Iterable[tuple[Lead, bytes]], query: Fingerprint, count: int) -> Iterator[Reference]:
    """Yield at most `count` pictures that can be decoded and repeat neither the query's picture nor each other."""
    kept: list[Fingerprint] = []
    for lead, data in files:
        if len(kept) >= count:
            return
        try:
            image = decode_rgb(data, max_pixels=MAX_PIXELS, max_side=MAX_SIDE)
        except BadImageError:
            continue
        if min(image.size) < MIN_SIDE:
            continue
        own = Fingerprint(image)
        if query.copies(own, crops=True) or any(own.copies(other) for other in kept):
            continue
        kept.append(own)
        yield Reference(image, lead.image_url, lead.page_url)
