import hashlib
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from nest_builder.export.features import arrow_schema
from nest_builder.export.parquet import write_shards
from nest_builder.export.records import Record, read_records
from nest_builder.store.session import Store
from tests.builders import fill_store, new_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = new_store(tmp_path_factory.mktemp("store"))
    fill_store(store, 25)
    return store


def samples_of(store: Store) -> list[dict[str, Any]]:
    with store.sessions() as session:
        found = [record.sample for record in read_records(session) if isinstance(record, Record)]
    return [{**sample, "split": "test", "edition": "e"} for sample in found]


@pytest.mark.parametrize(
    ("rows", "rows_per_group", "shard_bytes", "shards", "groups"),
    [
        (25, 10, 10**9, 1, [3]),
        (20, 10, 10**9, 1, [2]),
        (0, 10, 10**9, 1, [0]),
        (20, 10, 1, 2, [1, 1]),
        (25, 10, 1, 3, [1, 1, 1]),
    ],
)
def test_shards_and_row_groups(
    store: Store, tmp_path: Path, rows: int, rows_per_group: int, shard_bytes: int, shards: int, groups: list[int]
) -> None:
    samples = samples_of(store)[:rows]
    written = write_shards(tmp_path, "test", samples, store.blobs, rows_per_group, shard_bytes)
    files = [shard.path for shard in written]
    assert [file.name for file in files] == [f"test-{number:05d}-of-{shards:05d}.parquet" for number in range(shards)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name for file in files]
    assert [parquet.ParquetFile(file).num_row_groups for file in files] == groups
    back = [row for file in files for row in parquet.read_table(file).to_pylist()]
    assert [{**row, "image": row["image"]["path"]} for row in back] == samples
    assert all(row["image"]["bytes"] == store.blobs.get(row["image_sha256"]) for row in back)
    assert parquet.read_schema(files[0]).metadata == arrow_schema().metadata
    assert sum(shard.rows for shard in written) == rows
    for shard in written:
        content = shard.path.read_bytes()
        assert (shard.bytes, shard.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_large_pictures_make_small_row_groups(store: Store, tmp_path: Path) -> None:
    samples = samples_of(store)
    limit = 3 * max(len(store.blobs.get(sample["image_sha256"])) for sample in samples)
    (shard,) = write_shards(tmp_path, "test", samples, store.blobs, 100, group_bytes=limit)
    with parquet.ParquetFile(shard.path) as file:
        sizes = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
    assert max(sizes) < 10
    assert sum(sizes) == len(samples)


def test_an_edition_of_links_has_names_and_no_bytes(store: Store, tmp_path: Path) -> None:
    samples = samples_of(store)
    shards = write_shards(tmp_path, "test", samples, None, 10, shard_bytes=4_000)
    assert len(shards) > 1  # bounded by what is in the file, where there are no pictures
    rows = [row for shard in shards for row in parquet.read_table(shard.path).to_pylist()]
    assert [row["image"] for row in rows] == [{"bytes": None, "path": sample["image"]} for sample in samples]


def test_a_missing_picture_is_an_error(store: Store, tmp_path: Path) -> None:
    samples = [{**samples_of(store)[0], "image_sha256": "0" * 64}]
    with pytest.raises(FileNotFoundError):
        write_shards(tmp_path, "test", samples, store.blobs, 100)


def test_a_damaged_picture_is_an_error(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    fill_store(store, 3)
    samples = samples_of(store)
    Path(store.blobs.path(samples[1]["image_sha256"])).write_bytes(b"something else")
    with pytest.raises(ValueError, match="damaged"):
        write_shards(tmp_path, "test", samples, store.blobs, 100)
