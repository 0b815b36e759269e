import datetime as dt

import numpy as np
import pytest

from nest_builder.export.records import Record
from nest_builder.export.splits import Pinned, assign_splits, cluster_images, near_pairs


def at(day: int) -> dt.datetime:
    return dt.datetime(2025, 7, 1, 12, tzinfo=dt.UTC) + dt.timedelta(days=day)


def record(entity: str, day: int | None, phash: int, sha: str | None = None) -> Record:
    """Return a record of an entity, published on a day counted from the 1st of July, with a picture."""
    return Record({"image_sha256": sha or f"{phash:x}"}, entity, None if day is None else at(day), phash)


FAR = 0xFFFF_FFFF_0000_0000  # 32 bits away from 0


@pytest.mark.parametrize(
    ("records", "test_days", "expected"),
    [
        pytest.param([], 30, (), id="nothing"),
        pytest.param([record("a", 0, 0), record("b", 90, FAR)], 30, ("train", "test"), id="by date"),
        pytest.param([record("a", 0, 0), record("b", 90, FAR)], 0, ("train", "train"), id="no test period"),
        pytest.param(
            [record("a", 60, 0), record("b", 90, FAR)], 30, ("train", "test"), id="the boundary itself is train"
        ),
        pytest.param(
            [record("a", 0, 0), record("b", 90, 1)], 30, ("train", None), id="near duplicates are never divided"
        ),
        pytest.param(
            [record("a", 0, 0), record("a", 90, FAR)], 30, ("train", "train"), id="an old entity stays in train"
        ),
        pytest.param(
            [record("a", 85, 0, "x"), record("b", 90, FAR), record("b", 88, 0, "x")],
            30,
            ("test",) * 3,
            id="all of it new",
        ),
        pytest.param([record("a", None, 0), record("b", 90, FAR)], 30, ("train", "test"), id="no date is not new"),
        pytest.param([record("a", None, 0)], 30, ("train",), id="no dates at all"),
    ],
)
def test_assign_splits(records: list[Record], test_days: int, expected: tuple[str, ...]) -> None:
    assert assign_splits(records, test_days, near_duplicate_bits=6).names == expected


def test_boundary_is_counted_from_the_newest_record() -> None:
    splits = assign_splits([record("a", 0, 0), record("b", 90, FAR)], 30, 6)
    assert splits.test_from == dt.datetime(2025, 8, 30, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("records", "pinned", "expected"),
    [
        pytest.param(
            [record("a", 0, 0, "x"), record("b", 90, 0, "x"), record("b", 90, FAR)], Pinned(), ("train", None, "test"),
            id="two entities in one picture, one of them new",
        ),
        pytest.param([record("a", 0, 0)], Pinned({"a": "test"}), ("test",), id="an event stays where it was"),
        pytest.param(
            [record("a", 90, 0), record("b", 90, 1)], Pinned({"a": "train"}, {"0": "train"}), ("train", None),
            id="a new event's picture joins a cluster of train",
        ),
        pytest.param(
            [record("a", 0, 0), record("b", 0, 1), record("c", 90, FAR)], Pinned({"a": "test"}, {"0": "test"}), ("test", None, "test"),
            id="an old event's picture joins a cluster of test",
        ),
        pytest.param(
            [record("a", 0, 0), record("b", 90, 0b1111), record("a", 0, 0b11), record("b", 90, 0b111)],
            Pinned({"a": "train", "b": "test"}, {"0": "train", "f": "test"}), ("train", "test", None, None),
            id="new pictures join two clusters",
        ),
        pytest.param(
            [record("a", 10, 0), record("b", 90, FAR)], Pinned(test_from=at(5)), ("test", "test"),
            id="the test period begins where it began",
        ),
    ],
)  # fmt: skip
def test_what_belongs_nowhere_and_what_stays(
    records: list[Record], pinned: Pinned, expected: tuple[str | None, ...]
) -> None:
    assert assign_splits(records, 30, 3, pinned).names == expected


@pytest.mark.parametrize(
    ("hashes", "expected"),
    [
        ([], []),
        ([0, 0b111, FAR], [0, 0, 1]),
        ([0, 0b111, 0b111111], [0, 0, 0]),  # the third is near to the second only
        ([0, FAR, 0b1111], [0, 1, 2]),
        ([FAR, 0, FAR, FAR], [0, 1, 0, 0]),
    ],
)
def test_clusters_are_connected_components(hashes: list[int], expected: list[int]) -> None:
    assert cluster_images([str(n) for n in range(len(hashes))], hashes, near_duplicate_bits=3) == expected


def test_the_same_file_is_one_picture() -> None:
    assert cluster_images(["x", "y", "x"], [0, FAR, 0], 3) == [0, 1, 0]


@pytest.mark.parametrize("bits", [0, 1, 6, 12, 40, 63, 64])
def test_near_pairs_are_all_pairs_that_are_near(bits: int) -> None:
    random = np.random.default_rng(3)
    seeds = random.integers(0, 2**63, 60, dtype=np.uint64)
    flips = [np.bitwise_or.reduce(np.uint64(1) << random.integers(0, 64, n).astype(np.uint64)) for n in range(1, 13)]
    values = np.concatenate([seeds, seeds[:24] ^ np.tile(flips, 2), seeds[:5]])
    distance = np.bitwise_count(values[:, None] ^ values[None, :])
    clusters = cluster_images([str(n) for n in range(len(values))], values.tolist(), bits)
    direct = {(i, j) for i, j in np.argwhere(distance <= bits).tolist() if i < j}
    found = set(map(tuple, near_pairs(values, bits).tolist()))
    assert found <= direct
    assert all(clusters[i] == clusters[j] for i, j in direct)  # equal hashes are joined in a row, not each with each


def test_the_order_of_records_does_not_matter() -> None:
    records = [record(f"e{number // 5}", number, (number * 0x9E3779B97F4A7C15) % 2**64) for number in range(60)]
    there = dict(zip([item.phash for item in records], assign_splits(records, 30, 12).names, strict=True))
    back = dict(zip([item.phash for item in records[::-1]], assign_splits(records[::-1], 30, 12).names, strict=True))
    assert there == back
    assert set(there.values()) >= {"train", "test"}
