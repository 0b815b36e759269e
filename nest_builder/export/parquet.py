"""Parquet shards with embedded pictures, the same bytes for the same rows.

pyarrow writes them directly: ``datasets`` would first copy everything into an Arrow cache. Rows stream: pictures are read
ahead by threads, and one row group is gathered and converted while the one before it is written, so memory holds a few
groups' pictures and no more.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from nest_builder.export.features import arrow_schema
from nest_builder.export.sink import HashedFile

SHARD_BYTES: Final = 256 * 2**20  # the Hub's viewer and partial downloads want shards of some hundred megabytes
GROUP_BYTES: Final = (
    64 * 2**20
)  # of pictures; a row group is closed at it however few its rows, and so a shard stays under 500 MB
_BUFFER: Final = 2**20
_READERS: Final = 2
_AT_ONCE: Final = 8  # pictures that a thread reads in one go
_AHEAD: Final = (
    16  # of those, before they are needed: a row group and more, so that reading goes on while one is written
)
_RECENT: Final = 24  # pictures that are not read again: questions about one stand near each other

Row = Mapping[str, Any]


class Pictures(Protocol):
    """Where pictures come from: `store.blobs.Blobs`, or an edition that was published before."""

    def get(self, sha256: str) -> bytes:
        """Return a picture's file.

        Raises:
            FileNotFoundError: It is not there.
            ValueError: It is damaged.
        """


@dataclass(frozen=True, slots=True)
class Shard:
    """A file that was written.

    Attributes:
        path: Where it is.
        rows: How many it holds.
        bytes: Its size.
        sha256: Of its content, in hex.
    """

    path: Path
    rows: int
    bytes: int
    sha256: str


def write_shards(
    folder: Path,
    split: str,
    samples: Iterable[Row],
    blobs: Pictures | None,
    rows_per_group: int,
    shard_bytes: int = SHARD_BYTES,
    group_bytes: int = GROUP_BYTES,
    schema: pa.Schema | None = None,
) -> list[Shard]:
    """Write ``SPLIT-00000-of-0000N.parquet`` files.

    Args:
        folder: Where to; it must exist.
        split: Name of the split.
        samples: Samples in their JSON form, in the order of the rows; read once.
        blobs: Holds the pictures by their hash; None for an edition of links, where a picture has a name and no bytes.
        rows_per_group: Rows of a row group.
        shard_bytes: A shard is closed once it has this size.
        group_bytes: A row group is closed once its pictures reach this size.
        schema: Of the rows; by default that of a sample. It has the columns ``image`` and ``image_sha256``.

    Returns:
        The files, in order; one without rows if there are no samples.

    Raises:
        FileNotFoundError: A picture is not in the store.
        ValueError: A picture in the store is damaged.
    """
    columns = arrow_schema() if schema is None else schema
    groups = _groups(_pictures(samples, blobs), rows_per_group, group_bytes)
    tables = _ahead(group.table(columns) for group in groups)
    shards: list[Shard] = []
    table = next(tables, None)
    while table is not None or not shards:
        path = folder / f"{split}-{len(shards):05d}.partial"
        rows = 0
        # Small columns are put together before they reach our file: each call of it waits for the interpreter's lock.
        with (
            HashedFile(path) as file,
            pa.BufferedOutputStream(pa.PythonFile(file, "w"), _BUFFER) as sink,
            _writer(sink, columns) as writer,
        ):
            while table is not None and (not rows or sink.tell() < shard_bytes):
                writer.write_table(table, row_group_size=table.num_rows)
                rows += table.num_rows
                table = next(tables, None)
        shards.append(Shard(path, rows, file.size, file.sha256))
    return [
        replace(shard, path=shard.path.rename(folder / f"{split}-{number:05d}-of-{len(shards):05d}.parquet"))
        for number, shard in enumerate(shards)
    ]


_Pictured = tuple[Row, bytes | None]
_Found = tuple[Future[list[bytes]], int]  # what a thread reads, and which of it


def _pictures(samples: Iterable[Row], pictures: Pictures | None) -> Iterator[_Pictured]:
    """Yield each sample with its picture, read and checked ahead by threads; hashing leaves the interpreter free."""
    if pictures is None:
        yield from ((sample, None) for sample in samples)
        return
    rest = iter(samples)
    with ThreadPoolExecutor(_READERS) as readers:
        waiting: deque[tuple[list[Row], dict[str, _Found]]] = deque()
        recent: dict[str, _Found] = {}
        try:
            while True:
                while len(waiting) < _AHEAD and (some := list(islice(rest, _AT_ONCE))):
                    names = [name for name in dict.fromkeys(row["image_sha256"] for row in some) if name not in recent]
                    job = readers.submit(_read, pictures, names)
                    found = {name: recent[name] for row in some if (name := row["image_sha256"]) in recent}
                    found |= {name: (job, number) for number, name in enumerate(names)}
                    waiting.append((some, found))
                    older = [(name, one) for name, one in recent.items() if name not in found]
                    recent = dict([*older, *found.items()][-_RECENT:])
                if not waiting:
                    return
                some, found = waiting.popleft()
                for row in some:
                    job, number = found[row["image_sha256"]]
                    yield row, job.result()[number]
        finally:
            readers.shutdown(cancel_futures=True)


def _read(blobs: Pictures, names: Sequence[str]) -> list[bytes]:
    return [blobs.get(name) for name in names]


class _Group:
    """Rows of a row group, with their pictures one after the other in a buffer that later groups use again.

    Memory that is new to a process has to be found and emptied by the system, page by page, which for 10 MB a group costs
    as much as hashing them does.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._buffer = bytearray(1 << 24)
        self._ends: list[int] = [0]

    @property
    def size(self) -> int:
        """Return the bytes of its pictures."""
        return self._ends[-1]

    def add(self, row: Row, picture: bytes | None) -> None:
        """Append a row."""
        data = picture or b""
        begin, end = self.size, self.size + len(data)
        if end > len(self._buffer):
            grown = bytearray(max(end, 2 * len(self._buffer)))
            grown[:begin] = memoryview(self._buffer)[:begin]
            self._buffer = grown
        self._buffer[begin:end] = data
        self.rows.append(row)
        self._ends.append(end)

    def clear(self) -> None:
        """Begin anew; no table of it may be in use any more."""
        self.rows, self._ends = [], [0]

    def table(self, schema: pa.Schema) -> pa.Table:
        """Return the rows, for as long as nothing is added or cleared."""
        columns = [
            self._pictures() if field.name == "image" else pa.array([row[field.name] for row in self.rows], field.type)
            for field in schema
        ]
        return pa.Table.from_arrays(columns, schema=schema)

    def _pictures(self) -> pa.Array:
        # Built from its buffers: pyarrow's builder would copy every picture twice more while it grows.
        if self.size:
            ends = pa.py_buffer(np.asarray(self._ends, np.int32))
            files = pa.Array.from_buffers(pa.binary(), len(self.rows), [None, ends, pa.py_buffer(self._buffer)])
        else:
            files = pa.nulls(len(self.rows), pa.binary())
        paths = pa.array([row["image"] for row in self.rows], pa.string())
        return pa.StructArray.from_arrays([files, paths], names=["bytes", "path"])


def _groups(pictured: Iterable[_Pictured], rows: int, group_bytes: int) -> Iterator[_Group]:
    """Yield row groups; each object is filled anew for the group after the next one."""
    group, other = _Group(), _Group()
    for row, picture in pictured:
        group.add(row, picture)
        if len(group.rows) == rows or group.size >= group_bytes:
            yield group
            group, other = other, group
            group.clear()
    if group.rows:
        yield group


def _ahead(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield tables, the next of which a thread makes while the last one is used."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, tables, None)
        while (table := coming.result()) is not None:
            coming = maker.submit(next, tables, None)
            yield table


def _writer(file: pa.NativeFile, schema: pa.Schema) -> parquet.ParquetWriter:
    # Everything that shapes the bytes is said here, so that a new default of pyarrow changes nothing. Pictures are
    # compressed already.
    return parquet.ParquetWriter(
        file,
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
    """Return the codec of each column: none for the pictures, which are compressed already, a quick one for the few bytes beside them."""
    names = [name for field in schema for name in _leaves(field)]
    return {name: "NONE" if name == "image.bytes" else "SNAPPY" for name in names}


def _leaves(field: pa.Field, prefix: str = "") -> list[str]:
    """Return the paths of a field's values inside a Parquet file."""
    path = f"{prefix}{field.name}"
    if pa.types.is_struct(field.type):
        return [name for child in field.type.fields for name in _leaves(child, f"{path}.")]
    if pa.types.is_list(field.type):
        return _leaves(pa.field("element", field.type.value_type), f"{path}.list.")
    return [path]
