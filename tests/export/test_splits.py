import datetime as dt

import pytest

from nest_builder.export.records import Record
from nest_builder.export.splits import assign_splits, cluster_images


def record(entity: str, day: int | None, phash: int, sha: str | None = None) -> Record:
    """Return a record of an entity, published on a day counted from the 1st of July, with a picture."""
    at = None if day is None else dt.datetime(2025, 7, 1, 12, tzinfo=dt.UTC) + dt.timedelta(days=day)
    return Record({"image_sha256": sha or f"{phash:x}"}, entity, at, phash)


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
            [record("a", 0, 0), record("b", 90, 1)], 30, ("train", "train"), id="near duplicates stay together"
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
    ("hashes", "expected"),
    [
        ([0, 0b111, FAR], [0, 0, 1]),
        ([0, 0b111, 0b111111], [0, 0, 0]),  # the third is near to the second only
        ([0, FAR, 0b1111], [0, 1, 2]),
    ],
)
def test_clusters_are_connected_components(hashes: list[int], expected: list[int]) -> None:
    assert cluster_images([record("a", 0, value) for value in hashes], near_duplicate_bits=3) == expected


def test_the_order_of_records_does_not_matter() -> None:
    records = [record(f"e{number // 5}", number, (number * 0x9E3779B97F4A7C15) % 2**64) for number in range(60)]
    there = dict(zip([item.phash for item in records], assign_splits(records, 30, 12).names, strict=True))
    back = dict(zip([item.phash for item in records[::-1]], assign_splits(records[::-1], 30, 12).names, strict=True))
    assert there == back
    assert set(there.values()) == {"train", "test"}
