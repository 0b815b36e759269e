"""Splits that do not leak: by publication date, by near-duplicate pictures, and by event where that is cheap.

Near-duplicates form clusters (a picture belongs to a cluster when it is near to any member), and a cluster is never
divided. A cluster belongs to the test split if everything in it is new: each of its samples, and the earliest sample of
each of their entities, was published in the newest days. So test holds only what nobody could have learned of before,
and an entity that was in the news earlier stays in train as a whole. What is not closed over is the entity: two
entities in one picture keep the picture together, not all other pictures of the two (that would chain a whole news
season into one group). The manifest counts the entities that therefore occur in both splits.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from nest_builder.export.records import Record
from nest_builder.images.near_duplicates import HashIndex


@dataclass(frozen=True, slots=True)
class Splits:
    """Each record's split, in the order given, and the time after which an event is in test (None: no test split)."""

    names: tuple[str, ...]
    test_from: dt.datetime | None


def assign_splits(records: Sequence[Record], test_days: int, near_duplicate_bits: int) -> Splits:
    """Assign each record to ``train`` or ``test``.

    Args:
        records: The records of an edition.
        test_days: Length of the test period, which ends with the newest record; 0 for no test split.
        near_duplicate_bits: Hamming distance up to which two 64-bit perceptual hashes are of one cluster.
    """
    dates = [record.published_at for record in records if record.published_at is not None]
    if not dates or test_days == 0:
        return Splits(("train",) * len(records), None)
    test_from = max(dates) - dt.timedelta(days=test_days)
    oldest = dt.datetime.min.replace(tzinfo=dt.UTC)  # what has no date cannot be shown to be new
    event: dict[str, dt.datetime] = {}
    for record in records:
        date = record.published_at or oldest
        event[record.entity_key] = min(date, event.get(record.entity_key, date))
    clusters = cluster_images(records, near_duplicate_bits)
    begins: dict[int, dt.datetime] = {}
    for record, cluster in zip(records, clusters, strict=True):
        begins[cluster] = min(event[record.entity_key], begins.get(cluster, event[record.entity_key]))
    return Splits(tuple("test" if begins[cluster] > test_from else "train" for cluster in clusters), test_from)


def cluster_images(records: Sequence[Record], near_duplicate_bits: int) -> list[int]:
    """Return each record's cluster: the connected components of "near duplicate or the same file"."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    index = HashIndex(near_duplicate_bits)
    for record in records:
        name = record.sample["image_sha256"]
        if name in parent:
            continue
        parent[name] = name
        for other in index.matches(record.phash):
            parent[root(other)] = root(name)
        index.add(name, record.phash)
    numbers: dict[str, int] = {}
    return [numbers.setdefault(root(record.sample["image_sha256"]), len(numbers)) for record in records]
