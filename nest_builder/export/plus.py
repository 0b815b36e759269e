"""NEST+: an edition's test samples among ordinary questions, to show that retrieval does no harm where none is needed.

The shares are the paper's (ROSE, arXiv 2604.14147): NEST 0.70, reasoning 0.11 (ReasonSeg), referring 0.19 (RefCOCO/+/g). The
edition itself is frozen, so its NEST+ is a folder of its own beside it, with the edition's hash in its manifest.
"""

import hashlib
import heapq
import io
import json
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from PIL import Image
from pyarrow import parquet

from nest_builder import __version__
from nest_builder.annotate.base import Mask
from nest_builder.annotate.masks import encode_mask
from nest_builder.export.checks import breaks
from nest_builder.export.edition import partial_folder
from nest_builder.export.features import arrow_schema
from nest_builder.export.manifest import MANIFEST, PLUS_FORMAT, PLUS_MANIFEST
from nest_builder.export.parquet import write_shards
from nest_builder.store.blobs import Blobs
from nest_builder.validate.referring import RefCoco, read_reasonseg, read_refcoco

log = logging.getLogger(__name__)

Kind = Literal["reasoning", "referring"]
SHARES: Final[Mapping[str, float]] = {"nest": 0.70, "reasoning": 0.11, "referring": 0.19}
_COLUMNS: Final = [
    "id", "image", "image_sha256", "width", "height", "question", "answer", "entity.aliases", "mask", "negative", "category",
    "published_at",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ordinary:
    """A question that needs no search.

    Attributes:
        id: Unlike that of any other of its kind.
        image: RGB picture.
        question: What is asked.
        mask: (height, width), what is meant.
        ignored: (height, width), pixels that count for nothing; None where all do.
    """

    id: str
    image: Image.Image
    question: str
    mask: Mask
    ignored: Mask | None = None


# Gives questions of a kind; it is told how many are wanted, and may give more (some are drawn) or fewer.
Source = Callable[[int], Iterable[Ordinary]]


def refcoco(folder: Path, images: Path, dataset: RefCoco = "refcoco", split: str = "val") -> Source:
    """Return the referring expressions of a published split; see `validate.referring.read_refcoco`."""
    return lambda _: (
        Ordinary(one.id, one.image, one.text, one.mask, one.ignored)
        for one in read_refcoco(folder, images, dataset, split)
    )


def reasonseg(folder: Path) -> Source:
    """Return the questions of a published split of ReasonSeg; see `validate.referring.read_reasonseg`."""
    return lambda _: (
        Ordinary(f"reasonseg {one.id}", one.image, one.text, one.mask, one.ignored) for one in read_reasonseg(folder)
    )


def write_plus(folder: Path, edition: Path, sources: Mapping[Kind, Source], seed: int = 0) -> dict[str, Any]:
    """Write the NEST+ of an edition and return its manifest. The same arguments give the same bytes.

    Args:
        folder: Where to, by the edition's name; replaced as a whole if it is there.
        edition: The edition's folder; its pictures must be in it.
        sources: Where the ordinary questions come from. Fewer than the share asks for are taken as they are, and counted.
        seed: Of the draw, and of the order of the rows.

    Raises:
        FileNotFoundError: The edition has no manifest.
        ValueError: It has no test samples, or links in place of pictures, or a source gives what is no question.
    """
    partial = partial_folder(folder)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        content = _write(partial, edition, sources, seed)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)  # it would hold pictures that may be withdrawn some day
    return content


def _write(partial: Path, edition: Path, sources: Mapping[Kind, Source], seed: int) -> dict[str, Any]:
    manifest = (edition / MANIFEST).read_bytes()
    name = json.loads(manifest)["name"]
    (partial / "data").mkdir(parents=True)
    pictures = Blobs(str(partial / "pictures"))
    rows = [_nest_row(row, name, pictures) for row in _test_rows(edition)]
    if not rows:
        raise ValueError(f"edition {name} has no test samples to mix with others")
    wanted = {kind: round(len(rows) * SHARES[kind] / SHARES["nest"]) for kind in sources}
    for kind, source in sources.items():
        drawn = _draw(source(wanted[kind]), wanted[kind], f"{seed}:{kind}")
        if len(drawn) < wanted[kind]:
            log.warning("NEST+ %s: %d %s questions, %d were wanted", name, len(drawn), kind, wanted[kind])
        rows += [_ordinary_row(one, kind, name, pictures) for one in drawn]
    _check(rows)
    rows.sort(key=lambda row: _chance(str(seed), row["id"]))
    shards = write_shards(partial / "data", "test", rows, pictures, 100, schema=arrow_schema("plus"))
    shutil.rmtree(partial / "pictures")
    by_source = Counter(row["source"] for row in rows)
    content: dict[str, Any] = {
        "name": name,
        "format": PLUS_FORMAT,
        "edition_manifest_sha256": hashlib.sha256(manifest).hexdigest(),
        "code": {"nest-builder": __version__},
        "seed": seed,
        "shares": {kind: SHARES[kind] for kind in ("nest", *sources)},
        "wanted": wanted,
        "counts": {
            "samples": len(rows),
            "by_source": {source: by_source[source] for source in SHARES if by_source[source]},
            "by_split": {"test": len(rows)},
        },
        "files": {
            shard.path.relative_to(partial).as_posix(): {"bytes": shard.bytes, "sha256": shard.sha256}
            for shard in shards
        },
    }
    (partial / PLUS_MANIFEST).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return content


def _check(rows: Iterable[Mapping[str, Any]]) -> None:
    """Refuse rows that break the schema, or have the id of another one: predictions are told apart by it."""
    seen = set()
    for row in rows:
        if problem := breaks("plus", row):
            raise ValueError(f"{row['source']} question {row['id']}: {problem}")
        if row["id"] in seen:
            raise ValueError(f"{row['source']} question {row['id']}: the id occurs twice")
        seen.add(row["id"])


def _test_rows(edition: Path) -> Iterator[dict[str, Any]]:
    for shard in sorted((edition / "data").glob("test-*-of-*.parquet")):
        with parquet.ParquetFile(shard) as file:
            for batch in file.iter_batches(batch_size=20, columns=_COLUMNS):
                yield from batch.to_pylist()


def _nest_row(row: dict[str, Any], edition: str, pictures: Blobs) -> dict[str, Any]:
    data = row["image"]["bytes"]
    if data is None:
        raise ValueError(f"edition {edition} has links in place of pictures: run `nest edition download` first")
    if pictures.put(data) != row["image_sha256"]:
        raise ValueError(f"edition {edition}, sample {row['id']}: the picture does not have its hash")
    asked_at, entity = row.pop("published_at"), row.pop("entity")
    return {
        **row,
        "image": row["image"]["path"],
        "aliases": entity["aliases"],
        "source": "nest",
        "ignored": None,
        "asked_at": asked_at,
        "edition": edition,
    }


def _ordinary_row(one: Ordinary, kind: Kind, edition: str, pictures: Blobs) -> dict[str, Any]:
    width, height = one.image.size
    if one.mask.shape != (height, width) or (one.ignored is not None and one.ignored.shape != one.mask.shape):
        raise ValueError(f"{kind} question {one.id}: a mask of {one.mask.shape} for a picture of {(height, width)}")
    file = io.BytesIO()
    one.image.save(file, "PNG")  # the pixels that the mask was drawn on, whatever they came from
    sha = pictures.put(file.getvalue())
    return {
        "id": f"{kind}/{one.id}",
        "source": kind,
        "image": f"{sha}.png",
        "image_sha256": sha,
        "width": width,
        "height": height,
        "question": one.question,
        "answer": "",
        "aliases": [],
        "mask": encode_mask(one.mask),
        "ignored": None if one.ignored is None else encode_mask(one.ignored)["counts"],
        "negative": not one.mask.any(),
        "category": "known",
        "asked_at": None,
        "edition": edition,
    }


def _draw(given: Iterable[Ordinary], count: int, seed: str) -> list[Ordinary]:
    """Return so many of them by chance that hangs on their ids alone; no more than those are in memory at a time."""
    numbered = ((_chance(seed, one.id), number, one) for number, one in enumerate(given))
    return [one for _, _, one in heapq.nsmallest(count, numbered)]


def _chance(seed: str, name: str) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()
