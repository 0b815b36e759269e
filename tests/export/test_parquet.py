from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from nest_builder.export.features import arrow_schema
from nest_builder.export.parquet import write_split
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
    files = write_split(tmp_path, "test", samples, store.blobs, rows_per_group, shard_bytes)
    assert [file.name for file in files] == [f"test-{number:05d}-of-{shards:05d}.parquet" for number in range(shards)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name for file in files]
    assert [parquet.ParquetFile(file).num_row_groups for file in files] == groups
    back = [row for file in files for row in parquet.read_table(file).to_pylist()]
    assert [{**row, "image": row["image"]["path"]} for row in back] == samples
    assert all(row["image"]["bytes"] == store.blobs.get(row["image_sha256"]) for row in back)
    assert parquet.read_schema(files[0]).metadata == arrow_schema().metadata


def test_a_missing_picture_is_an_error(store: Store, tmp_path: Path) -> None:
    samples = [{**samples_of(store)[0], "image_sha256": "0" * 64}]
    with pytest.raises(FileNotFoundError):
        write_split(tmp_path, "test", samples, store.blobs, 100)
