"""What an edition says is right: its samples without their pictures."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from nest_builder.annotate.base import Mask
from nest_builder.annotate.masks import decode_mask

_COLUMNS: Final = ["id", "width", "height", "answer", "mask", "negative", "category", "entity"]
_SPLIT: Final = re.compile(r"[a-z]{1,32}")
_MAX_MANIFEST: Final = 50_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Sample:
    """What a prediction is held against.

    Attributes:
        id: Of the sample.
        width: In pixels.
        height: In pixels.
        answer: The right answer.
        aliases: Other right ones.
        rle: The mask, as COCO's compressed run lengths.
        negative: The picture does not show the target.
        category: novel | emerging.
    """

    id: str
    width: int
    height: int
    answer: str
    aliases: tuple[str, ...]
    rle: dict[str, Any]
    negative: bool
    category: str

    @property
    def mask(self) -> Mask:
        """Return the mask (height, width)."""
        return decode_mask(self.rle)


@dataclass(frozen=True, slots=True)
class Truth:
    """Samples of one split of an edition.

    Attributes:
        edition: Its name.
        manifest_sha256: Of its manifest, which holds the hashes of everything else.
        split: Name of the split.
        samples: In the order of the rows.
    """

    edition: str
    manifest_sha256: str
    split: str
    samples: tuple[Sample, ...]


def read_truth(edition: Path, split: str = "test") -> Truth:
    """Read a split of an edition.

    Args:
        edition: The edition's folder.
        split: Name of the split.

    Raises:
        FileNotFoundError: There is no such edition or split.
        ValueError: A file is none of an edition.
    """
    if not _SPLIT.fullmatch(split):
        raise ValueError(f"{split[:40]!r} is no split's name")
    path = edition / "manifest.json"
    if path.stat().st_size > _MAX_MANIFEST:
        raise ValueError(f"{path} is larger than {_MAX_MANIFEST} bytes")
    content = path.read_bytes()
    manifest = json.loads(content)
    if not isinstance(manifest, dict) or not isinstance(manifest.get("name"), str):
        raise ValueError(f"{path} is no edition's manifest")
    shards = sorted((edition / "data").glob(f"{split}-*-of-*.parquet"))
    if not shards:
        found = sorted({shard.name.split("-")[0] for shard in (edition / "data").glob("*.parquet")})
        raise FileNotFoundError(f"{edition} has no split {split!r}; it has {', '.join(found) or 'none'}")
    try:
        rows = [row for shard in shards for row in parquet.read_table(shard, columns=_COLUMNS).to_pylist()]
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{edition}: {error}") from error
    return Truth(manifest["name"], hashlib.sha256(content).hexdigest(), split, tuple(map(_sample, rows)))


def _sample(row: dict[str, Any]) -> Sample:
    return Sample(
        id=row["id"],
        width=row["width"],
        height=row["height"],
        answer=row["answer"],
        aliases=tuple(row["entity"]["aliases"]),
        rle=row["mask"],
        negative=row["negative"],
        category=row["category"],
    )
