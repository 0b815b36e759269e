"""The pictures inside an edition's files, for a revision of it."""

import hashlib
import threading
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Final, NamedTuple

from pyarrow import parquet

_GROUPS_KEPT: Final = 3  # row groups in memory; rows are asked for in about the order of the files


class _Group(NamedTuple):
    shard: int
    number: int


class EditionPictures:
    """The pictures inside the Parquet files of an edition: they are there when the store has forgotten them.

    Args:
        folder: The edition's folder.

    Raises:
        OSError: A file cannot be read (pyarrow's own errors are of this kind, or ValueErrors).
    """

    def __init__(self, folder: Path) -> None:
        self._shards = sorted((folder / "data").glob("*.parquet"))
        self._where: defaultdict[str, list[_Group]] = defaultdict(list)
        self._loaded: OrderedDict[_Group, dict[str, bytes]] = OrderedDict()
        self._lock = threading.Lock()
        for shard, path in enumerate(self._shards):
            with parquet.ParquetFile(path) as file:
                for number in range(file.num_row_groups):
                    names = file.read_row_group(number, ["image_sha256"]).column(0).to_pylist()
                    for name in dict.fromkeys(names):
                        self._where[name].append(_Group(shard, number))

    def get(self, sha256: str) -> bytes:
        """Return a picture's file; see `parquet.Pictures`. Several threads may ask at a time."""
        with self._lock:
            groups = self._where.get(sha256)
            if not groups:
                raise FileNotFoundError(f"picture {sha256} is not in {self._shards[:1]}")
            last = next(reversed(self._loaded), groups[0])
            data = self._load(min(groups, key=lambda group: (group not in self._loaded, group < last, group)))[sha256]
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ValueError(f"picture {sha256} in the edition is damaged: restore its folder from a back-up")
        return data

    def _load(self, group: _Group) -> dict[str, bytes]:
        if group not in self._loaded:
            with parquet.ParquetFile(self._shards[group.shard]) as file:
                table = file.read_row_group(group.number, ["image_sha256", "image.bytes"])
            pictures = table.column("image").combine_chunks().field("bytes")
            names = table.column("image_sha256").to_pylist()
            self._loaded[group] = {
                name: bytes(picture.as_buffer())
                for name, picture in zip(names, pictures, strict=True)
                if picture.is_valid
            }
            while len(self._loaded) > _GROUPS_KEPT:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(group)
        return self._loaded[group]
