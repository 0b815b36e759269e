"""Reference pictures: decoded within bounds, without copies of the query's picture and of each other."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import imagehash
from PIL import Image

from nest_builder.images.decode import THUMB, BadImageError, decode_rgb
from nest_builder.images.near_duplicates import Frame
from nest_builder.questions.checks import mentions
from nest_builder.rose.base import PictureHit, Reference
from nest_builder.rose.pages import Page

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


def find_leads(
    name: str, hits: Iterable[PictureHit], pages: Iterable[Page], admits: Callable[[str, str], bool]
) -> list[Lead]:
    """Return pictures that may show an answer, the surest first; those that only a title speaks for where there are no others.

    Args:
        name: The answer.
        hits: What the picture search found; a hit's title is its caption.
        pages: Retrieved pages, whose captions may name it.
        admits: Tells whether a picture and its page may be used.
    """
    shown = [(hit.image_url, hit.page_url, hit.title, "") for hit in hits]
    shown += [(figure.image_url, page.url, figure.caption, page.title) for page in pages for figure in page.figures]
    best: dict[str, Lead] = {}
    for image_url, page_url, caption, title in shown:
        rank = caption_rank(caption, title, name)
        if rank is None or not admits(image_url, page_url):
            continue
        if image_url not in best or rank < best[image_url].rank:
            best[image_url] = Lead(image_url, page_url, rank)
    ordered = sorted(best.values(), key=lambda lead: lead.rank)
    return [lead for lead in ordered if lead.rank < 2] or ordered


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture, with what tells it from others."""

    image: Image.Image
    fingerprint: Fingerprint


def read_picture(data: bytes) -> Picture | None:
    """Decode a picture's file within bounds; None for one that is broken, too large, or too small to show anything."""
    try:
        image = decode_rgb(data, max_pixels=MAX_PIXELS, max_side=MAX_SIDE)
    except BadImageError:
        return None
    return Picture(image, Fingerprint(image)) if min(image.size) >= MIN_SIDE else None


def accepted(files: Iterable[tuple[Lead, Picture | None]], query: Fingerprint, count: int) -> Iterator[Reference]:
    """Yield at most `count` pictures that repeat neither the query's picture nor each other."""
    kept: list[Fingerprint] = []
    for lead, picture in files:
        if len(kept) >= count:
            return
        if picture is None or query.copies(picture.fingerprint, crops=True):
            continue
        if not any(picture.fingerprint.copies(other) for other in kept):
            kept.append(picture.fingerprint)
            yield Reference(picture.image, lead.image_url, lead.page_url)
