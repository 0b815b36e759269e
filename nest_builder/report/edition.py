"""Reading an edition's folder: its rows, and its pictures one row group at a time."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from pyarrow import parquet

from nest_builder.export.features import arrow_schema


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """Return all rows of an edition without their pictures, the newest first, equals by id."""
    columns = [name for name in arrow_schema().names if name != "image"]
    rows: list[dict[str, Any]] = []
    for shard in shards(folder):
        # `read_table` would import pandas first, which takes longer than all else.
        with parquet.ParquetFile(shard) as file:
            rows.extend(file.read(columns=columns).to_pylist())
    rows.sort(key=lambda row: row["id"])
    rows.sort(key=lambda row: row["published_at"] or "", reverse=True)
    return rows


def read_pictures(folder: Path, wanted: Collection[str]) -> Iterator[list[tuple[str, bytes]]]:
    """Yield (SHA-256, file) of each wanted picture once, a row group at a time.

    An edition that holds links instead of files yields nothing.
    """
    left = set(wanted)
    for shard in shards(folder):
        with parquet.ParquetFile(shard) as file:
            for number in range(file.num_row_groups):
                if not left:
                    return
                hashes = file.read_row_group(number, columns=["image_sha256"])["image_sha256"].to_pylist()
                rows = {sha256: row for row, sha256 in reversed(list(enumerate(hashes))) if sha256 in left}
                if not rows:
                    continue
                left -= rows.keys()
                column = file.read_row_group(number, columns=["image"])["image"]
                found = ((sha256, column[row].as_py()) for sha256, row in rows.items())
                yield [(sha256, picture["bytes"]) for sha256, picture in found if picture and picture.get("bytes")]


def shards(folder: Path) -> list[Path]:
    """Return an edition's Parquet files in order."""
    return sorted((folder / "data").glob("*.parquet"))
