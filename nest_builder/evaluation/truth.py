"""What an edition, or its NEST+, says is right: its samples without their pictures."""

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
from nest_builder.export.manifest import MANIFEST, MAX_BYTES, PLUS_FORMAT, PLUS_MANIFEST
from nest_builder.export.rle import mask_area

_COLUMNS: Final = ["id", "width", "height", "answer", "mask", "negative"]
_PARTS: Final = ("novel", "emerging")
_PLUS_PARTS: Final = ("nest", "reasoning", "referring")
_SPLIT: Final = re.compile(r"[a-z]{1,32}")


@dataclass(frozen=True, slots=True)
class Sample:
    """What a prediction is held against.

    Attributes:
        id: Of the sample.
        width: In pixels.
        height: In pixels.
        answer: The right answer; "" where the question asks for none.
        aliases: Other right ones.
        rle: The mask, as COCO's compressed run lengths.
        negative: The picture does not show the target.
        part: novel | emerging; of NEST+: nest | reasoning | referring.
        ignored_rle: Pixels that count for nothing, as run lengths; None where all count.
    """

    id: str
    width: int
    height: int
    answer: str
    aliases: tuple[str, ...]
    rle: dict[str, Any]
    negative: bool
    part: str
    ignored_rle: dict[str, Any] | None = None

    @property
    def mask(self) -> Mask:
        """Return the mask (height, width)."""
        return decode_mask(self.rle)

    @property
    def ignored(self) -> Mask | None:
        """Return the pixels that count for nothing (height, width); None where all count."""
        return None if self.ignored_rle is None else decode_mask(self.ignored_rle)


@dataclass(frozen=True, slots=True)
class Truth:
    """Samples of one split of an edition.

    Attributes:
        edition: Its name.
        manifest_sha256: Of its manifest, which holds the hashes of everything else.
        split: Name of the split.
        samples: In the order of the rows.
        plus: Whether these are the samples of its NEST+.
    """

    edition: str
    manifest_sha256: str
    split: str
    samples: tuple[Sample, ...]
    plus: bool = False

    @property
    def name(self) -> str:
        """Return what a table calls it, such as ``NEST 2025.10`` or ``NEST+ 2025.10``."""
        return f"NEST{'+' * self.plus} {self.edition}"

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the parts that samples belong to."""
        return _PLUS_PARTS if self.plus else _PARTS


def read_truth(edition: Path, split: str = "test") -> Truth:
    """Read a split of an edition, or of its NEST+.

    Args:
        edition: The edition's folder, or the one of its NEST+.
        split: Name of the split; NEST+ has ``test`` alone.

    Raises:
        FileNotFoundError: There is no such edition or split.
        ValueError: A file is none of an edition.
    """
    if not _SPLIT.fullmatch(split):
        raise ValueError(f"{split[:40]!r} is no split's name")
    plus = (edition / PLUS_MANIFEST).is_file()
    path = edition / (PLUS_MANIFEST if plus else MANIFEST)
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} is larger than {MAX_BYTES} bytes")
    content = path.read_bytes()
    manifest = json.loads(content)
    if not isinstance(manifest, dict) or not isinstance(manifest.get("name"), str):
        raise ValueError(f"{path} is no edition's manifest")
    if plus and manifest.get("format") != PLUS_FORMAT:
        raise ValueError(f"{path} is of another version: run `nest edition plus {manifest['name']}` again")
    shards = sorted((edition / "data").glob(f"{split}-*-of-*.parquet"))
    if not shards:
        found = sorted({shard.name.split("-")[0] for shard in (edition / "data").glob("*.parquet")})
        raise FileNotFoundError(f"{edition} has no split {split!r}; it has {', '.join(found) or 'none'}")
    columns = [*_COLUMNS, *(("source", "aliases", "ignored") if plus else ("category", "entity"))]
    try:
        rows = [row for shard in shards for row in parquet.read_table(shard, columns=columns).to_pylist()]
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{edition}: {error}") from error
    samples = tuple(_sample(row, plus) for row in rows)
    return Truth(manifest["name"], hashlib.sha256(content).hexdigest(), split, samples, plus)


def _sample(row: dict[str, Any], plus: bool) -> Sample:
    size = [row["height"], row["width"]]
    if row["mask"]["size"] != size:
        raise ValueError(f"sample {row['id']}: a mask of {row['mask']['size']} for a picture of {size} (height, width)")
    ignored = None if not plus or row["ignored"] is None else {"size": size, "counts": row["ignored"]}
    try:
        for rle in (row["mask"], ignored):
            if rle is not None:
                mask_area(rle["counts"], row["height"] * row["width"])  # pycocotools believes whatever a text says
    except ValueError as error:
        raise ValueError(f"sample {row['id']}: {error}") from error
    return Sample(
        id=row["id"],
        width=row["width"],
        height=row["height"],
        answer=row["answer"],
        aliases=tuple(row["aliases"] if plus else row["entity"]["aliases"]),
        rle=row["mask"],
        negative=row["negative"],
        part=row["source"] if plus else row["category"],
        ignored_rle=ignored,
    )
