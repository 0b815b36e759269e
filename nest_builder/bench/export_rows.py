"""Rows for ``nest bench export``: made-up samples with real pictures of about 100 KB, as many as asked for.

Two samples share a picture (editions of the simulated web have 1.75 a picture, the paper's set 4.3). A hundred thousand
samples thus have fifty thousand pictures, each under a hash of its own; behind the hashes stands a pool of a few thousand
files, each of which is read and checked as a blob whenever a picture is asked for.
"""

import datetime as dt
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, overload

import numpy as np
from PIL import Image

from nest_builder.annotate.masks import encode_mask, mask_box
from nest_builder.digest import short_id
from nest_builder.export.records import Record, utc_text
from nest_builder.store.blobs import Blobs

WIDTH, HEIGHT = 480, 320
_DRAWN: Final = 32  # pictures that are really encoded; the others differ from them in a comment inside the file
_HOSTS: Final = 200
_PER_PICTURE: Final = 2  # samples, all about one event
_START: Final = dt.datetime(2025, 7, 1, tzinfo=dt.UTC)
_DAYS: Final = 92
_HYPERNYMS: Final = ("car", "phone", "person", "robot", "boat", "tower", "shoe", "watch")


@dataclass(frozen=True, slots=True)
class Pool:
    """Pictures in a blob store.

    Attributes:
        names: Their SHA-256.
        bytes: Their mean size.
        masks: COCO run lengths and boxes, to choose from.
    """

    names: tuple[str, ...]
    bytes: float
    masks: tuple[tuple[dict[str, Any], list[float]], ...]


def fill_pool(blobs: Blobs, pictures: int, seed: int) -> Pool:
    """Store distinct JPEG files of about 100 KB."""
    rng = np.random.default_rng(seed)
    drawn = [_picture(rng) for _ in range(min(_DRAWN, pictures))]
    files = (_with_comment(drawn[number % len(drawn)], number) for number in range(pictures))
    names, size = [], 0
    for file in files:
        names.append(blobs.put(file))
        size += len(file)
    return Pool(tuple(names), size / pictures, tuple(_mask(rng) for _ in range(64)))


class Shown:
    """Pictures by the hashes that the rows give them: each stands for a file of the pool.

    Args:
        blobs: Holds the pool.
        pool: Names of its files.
    """

    def __init__(self, blobs: Blobs, pool: Pool) -> None:
        self._blobs, self._names = blobs, pool.names

    def get(self, sha256: str) -> bytes:
        """Return the file, read from its blob and held against its hash."""
        return self._blobs.get(self._names[int(sha256[:12], 16) % len(self._names)])


class Records(Sequence[Record]):
    """Records of an edition, each made when it is asked for.

    Args:
        pool: Masks to choose from.
        count: How many.
    """

    def __init__(self, pool: Pool, count: int) -> None:
        self._pool, self._count = pool, count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> Record: ...
    @overload
    def __getitem__(self, at: slice) -> list[Record]: ...
    def __getitem__(self, at: int | slice) -> Record | list[Record]:
        """Make one, or some."""
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(self._count))]
        if not -self._count <= at < self._count:
            raise IndexError(at)
        return _record(self._pool, at % self._count, self._count)

    def __iter__(self) -> Iterator[Record]:
        return (_record(self._pool, number, self._count) for number in range(self._count))


def _record(pool: Pool, number: int, count: int) -> Record:
    entity = number // _PER_PICTURE
    host = f"outlet-{entity % _HOSTS}.example"
    at = _START + dt.timedelta(days=_DAYS * entity * _PER_PICTURE / count)  # of the article that shows the picture
    negative = number % 12 == 11
    mask, box = (_EMPTY, []) if negative else pool.masks[number % len(pool.masks)]
    name, emerging = f"Veltra {entity}", entity % 7 >= 3
    sha = hashlib.sha256(b"picture %d" % entity).hexdigest()
    return Record(
        sample={
            "id": short_id("sample", number),
            "image": f"{sha}.jpg",
            "image_sha256": sha,
            "width": WIDTH,
            "height": HEIGHT,
            "question": f"Which {_HYPERNYMS[entity % 8]} was presented as {name} on {at:%d %B %Y}? Segment it.",
            "answer": name,
            "mask": mask,
            "box": box,
            "negative": negative,
            "category": "emerging" if emerging else "novel",
            "entity": {
                "name": name,
                "aliases": [f"the {name}", f"V{entity}"],
                "type": "PRODUCT",
                "hypernym": _HYPERNYMS[entity % 8],
                "first_seen": utc_text(at),
                "evidence": [
                    {
                        "kind": kind,
                        "source": host,
                        "url": f"https://{host}/{at:%Y/%m/%d}/{entity}",
                        "date": f"{at:%Y-%m-%d}",
                        "text": f"{name} was presented in Harwick by the company's head, who called number {entity} its best.",
                        "verdict": "after the cutoff",
                    }
                    for kind in ("article", "encyclopedia")
                ],
            },
            "published_at": utc_text(at),
            "article_url": f"https://{host}/{at:%Y/%m/%d}/story-{entity}.html",
            "image_url": f"https://{host}/images/{entity}.jpg",
            "caption": f"{name} at the harbour of Harwick, where it was shown to the press on {at:%A}.",
            "credit": f"P. Tographer {entity % 500}",
            "consent": {"robots": "allowed", "opt_out": False, "checked_at": utc_text(at)},
            "annotation": {
                "detector": "bench/detector",
                "detector_score": 0.71,
                "mask_model": "bench/mask-model",
                "predicted_iou": 0.91,
                "stability": 0.95,
                "box_agreement": 0.88,
                "phrase_margin": 0.4,
                "p_correct": round(0.5 + number % 50 / 100, 2),
            },
            "verdict": {"static_iou": None, "search_iou": None, "rose_iou": None, "label": None},
            "review": {"status": "unreviewed", "by": None, "at": None},
        },
        entity_key=f"veltra-{entity}",
        published_at=at,
        phash=int(short_id("phash", entity), 16),
    )


def _picture(rng: np.random.Generator) -> bytes:
    """Return a JPEG file of about 100 KB: a smooth scene with a camera's noise."""
    coarse = Image.fromarray(rng.integers(60, 200, (8, 12, 3), dtype=np.uint8)).resize((WIDTH, HEIGHT))
    noisy = np.clip(np.asarray(coarse) + rng.normal(0, 20, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "JPEG", quality=93)
    return file.getvalue()


def _with_comment(jpeg: bytes, number: int) -> bytes:
    """Return the file with a comment segment (ITU T.81, B.2.4.5) after its first marker: another file, the same picture."""
    text = f"nest bench picture {number}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]


def _mask(rng: np.random.Generator) -> tuple[dict[str, Any], list[float]]:
    ys, xs = np.mgrid[:HEIGHT, :WIDTH]
    cx, cy = rng.uniform(120, WIDTH - 120), rng.uniform(90, HEIGHT - 90)
    rx, ry = rng.uniform(20, 110), rng.uniform(20, 80)
    wobble = 1 + 0.15 * np.sin(5 * np.arctan2(ys - cy, xs - cx) + rng.uniform(0, 6))
    mask = ((xs - cx) / rx) ** 2 + ((ys - cy) / ry) ** 2 < wobble
    return encode_mask(mask), [round(side, 2) for side in mask_box(mask)]


_EMPTY: Final = encode_mask(np.zeros((HEIGHT, WIDTH), bool))
