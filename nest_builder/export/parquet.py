"""Parquet shards with embedded pictures, the same bytes for the same rows.

pyarrow writes them directly: ``datasets`` would first copy everything into an Arrow cache. Rows are read, converted and
written one row group at a time, so memory holds a group's pictures and no more.
"""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from nest_builder.export.features import arrow_schema
from nest_builder.store.blobs import Blobs

SHARD_BYTES = 256 * 2**20  # of pictures; the Hub's viewer and partial downloads want shards of some hundred megabytes


def write_split(
    folder: Path,
    split: str,
    samples: Sequence[dict[str, Any]],
    blobs: Blobs,
    rows_per_group: int,
    shard_bytes: int = SHARD_BYTES,
) -> list[Path]:
    """Write ``SPLIT-00000-of-0000N.parquet`` files.

    Args:
        folder: Where to; it must exist.
        split: Name of the split.
        samples: Samples in their JSON form, in the order of the rows.
        blobs: Holds the pictures by their hash.
        rows_per_group: Rows of a row group.
        shard_bytes: A shard is closed once its pictures reach this size.

    Returns:
        The files, in order; one without rows if there are no samples.

    Raises:
        FileNotFoundError: A picture is not in the store.
        ValueError: A picture in the store is damaged.
    """
    schema = arrow_schema()
    rest = iter(samples)
    shards: list[Path] = []
    exhausted = False
    while not exhausted:
        shards.append(folder / f"{split}-{len(shards):05d}.partial")
        written = 0
        with _writer(shards[-1], schema) as writer:
            while written < shard_bytes and not exhausted:
                group = list(islice(rest, rows_per_group))
                exhausted = len(group) < rows_per_group
                if group:
                    table, size = _table(group, schema, blobs)
                    writer.write_table(table, row_group_size=rows_per_group)
                    written += size
        if not written and len(shards) > 1:
            shards.pop().unlink()  # the rows ended exactly with the shard before
    return [
        shard.rename(folder / f"{split}-{number:05d}-of-{len(shards):05d}.parquet")
        for number, shard in enumerate(shards)
    ]


def _writer(path: Path, schema: pa.Schema) -> parquet.ParquetWriter:
    # Everything that shapes the bytes is said here, so that a new default of pyarrow changes nothing. Pictures are
    # compressed already.
    return parquet.ParquetWriter(
        path,
        schema,
        version="2.6",
        data_page_version="1.0",
        compression=_compression(schema),
        use_dictionary=False,
        write_statistics=["id"],
        store_schema=True,
        write_page_index=False,
        data_page_size=2**20,
    )


def _compression(schema: pa.Schema) -> dict[str, str]:
    """Return the codec of each column: none for the pictures, which are compressed already."""
    names = [name for field in schema for name in _leaves(field)]
    return {name: "NONE" if name == "image.bytes" else "ZSTD" for name in names}


def _leaves(field: pa.Field, prefix: str = "") -> list[str]:
    """Return the paths of a field's values inside a Parquet file."""
    path = f"{prefix}{field.name}"
    if pa.types.is_struct(field.type):
        return [name for child in field.type.fields for name in _leaves(child, f"{path}.")]
    if pa.types.is_list(field.type):
        return _leaves(pa.field("element", field.type.value_type), f"{path}.list.")
    return [path]


def _table(samples: Sequence[dict[str, Any]], schema: pa.Schema, blobs: Blobs) -> tuple[pa.Table, int]:
    pictures = [blobs.get(sample["image_sha256"]) for sample in samples]
    columns = [
        _image_column(pictures, samples)
        if field.name == "image"
        else pa.array([sample[field.name] for sample in samples], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema), sum(map(len, pictures))


def _image_column(pictures: Sequence[bytes], samples: Sequence[dict[str, Any]]) -> pa.Array:
    # Built from its children: pyarrow's inference from a list of dicts would copy every picture once more.
    paths = pa.array([sample["image"] for sample in samples], pa.string())
    return pa.StructArray.from_arrays([pa.array(pictures, pa.binary()), paths], names=["bytes", "path"])
