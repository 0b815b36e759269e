"""Splits that do not leak: by publication date, with every event and every cluster of pictures wholly in one split.

Near-duplicates form clusters: a picture belongs to a cluster when it is near to any member. An event (all that is
published of an entity) belongs to the test split if its earliest sample was published in the newest days, so that test
holds only what nobody could have learned of before. A cluster belongs to the test split if all its events do. A sample
whose event is in one split and whose cluster in the other (two entities in one picture, one of them older) is left out:
closing over entities and pictures together instead would chain a whole news season into one group.
What an earlier revision has put into a split stays there.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nest_builder.export.records import Record

Hashes = NDArray[np.uint64]
_BLOCK = 1024  # hashes compared with their group at a time: it bounds the memory


@dataclass(frozen=True, slots=True)
class Splits:
    """Each record's split in the order given, and the time after which an event is in test (None: no test split).

    Attributes:
        names: ``train`` or ``test``; None where event and cluster disagree.
        test_from: The time.
    """

    names: tuple[str | None, ...]
    test_from: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Pinned:
    """What an earlier revision has put into a split: events by key, pictures by SHA-256, and when its test period began."""

    events: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict)
    test_from: dt.datetime | None = None


def assign_splits(
    records: Sequence[Record], test_days: int, near_duplicate_bits: int, pinned: Pinned | None = None
) -> Splits:
    """Assign each record to ``train`` or ``test``, or to neither.

    Args:
        records: The records of an edition.
        test_days: Length of the test period, which ends with the newest record; 0 for no test split.
        near_duplicate_bits: Hamming distance up to which two 64-bit perceptual hashes are of one cluster.
        pinned: What is in a split already.
    """
    before = pinned or Pinned()
    test_from = before.test_from
    dates = [record.published_at for record in records if record.published_at is not None]
    if test_from is None and dates and test_days:
        test_from = max(dates) - dt.timedelta(days=test_days)
    events = _event_splits(records, test_from, before)
    clusters = cluster_images(
        [record.sample["image_sha256"] for record in records], [record.phash for record in records], near_duplicate_bits
    )
    fixed: defaultdict[int, set[str]] = defaultdict(set)
    wanted: defaultdict[int, set[str]] = defaultdict(set)
    for record, cluster in zip(records, clusters, strict=True):
        wanted[cluster].add(events[record.entity_key])
        if (split := before.pictures.get(record.sample["image_sha256"])) is not None:
            fixed[cluster].add(split)
    names: list[str | None] = []
    for record, cluster in zip(records, clusters, strict=True):
        event, picture = events[record.entity_key], before.pictures.get(record.sample["image_sha256"])
        if picture is None:
            picture = _split_of(fixed[cluster] or wanted[cluster], bool(fixed[cluster]))
        names.append(event if picture == event else None)
    return Splits(tuple(names), test_from)


def _event_splits(records: Sequence[Record], test_from: dt.datetime | None, before: Pinned) -> dict[str, str]:
    oldest = dt.datetime.min.replace(tzinfo=dt.UTC)  # what has no date cannot be shown to be new
    begins: dict[str, dt.datetime] = {}
    for record in records:
        date = record.published_at or oldest
        begins[record.entity_key] = min(date, begins.get(record.entity_key, date))
    by_date = {key: "test" if test_from is not None and date > test_from else "train" for key, date in begins.items()}
    return {key: before.events.get(key, split) for key, split in by_date.items()}


def _split_of(splits: set[str], fixed: bool) -> str | None:
    """Return the split of a cluster; None where new pictures join two parts that are in different ones already."""
    if fixed and len(splits) > 1:
        return None
    return "train" if "train" in splits else "test"


def cluster_images(names: Sequence[str], hashes: Sequence[int], near_duplicate_bits: int) -> list[int]:
    """Return the cluster of each picture: the connected components of "near duplicate or the same file".

    Args:
        names: What tells files apart, such as their SHA-256.
        hashes: Their 64-bit perceptual hashes.
        near_duplicate_bits: Hamming distance up to which two hashes are near.

    Returns:
        A number each, from 0 in the order in which clusters first occur.
    """
    if not names:
        return []
    numbers: dict[str, int] = {}
    files = [numbers.setdefault(name, len(numbers)) for name in names]
    values = np.zeros(len(numbers), np.uint64)
    values[files] = np.array(hashes, np.uint64)
    pairs = near_pairs(values, near_duplicate_bits)
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(values), len(values)))
    _, components = connected_components(graph, directed=False)
    order: dict[int, int] = {}
    return [order.setdefault(component, len(order)) for component in components[files].tolist()]


def near_pairs(values: Hashes, bits: int, new: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """Return pairs (n, 2) of indices of hashes at a Hamming distance of at most ``bits``, enough to join all that are near.

    Two such hashes are equal in at least one of ``bits + 1`` parts (pigeonhole; multi-index hashing, Norouzi, Punjani and
    Fleet, CVPR 2012), so only those that share a part are compared: 100,000 hashes take two seconds, not a minute.

    Args:
        values: The hashes, 64-bit.
        bits: The distance.
        new: Where given, only pairs with at least one of these.
    """
    unique, members = np.unique(values, return_inverse=True)
    wanted = np.zeros(len(unique), bool)
    wanted[members if new is None else members[new]] = True
    first = np.zeros(len(unique), np.int64)  # any one index that has the hash: equal ones are joined already
    first[members[::-1]] = np.arange(len(values))[::-1]
    parts = min(bits, 63) + 1
    bounds = np.linspace(0, 64, parts + 1).astype(int).tolist()
    found = [_same_hash(members)]
    for low, high in pairwise(bounds):
        part = unique & np.uint64((1 << high) - (1 << low))
        found.extend(first[pairs] for pairs in _near_in_groups(unique, part, wanted, bits))
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _same_hash(members: NDArray[np.int64]) -> NDArray[np.int64]:
    order = np.argsort(members, kind="stable")
    same = members[order][1:] == members[order][:-1]
    return np.stack([order[:-1][same], order[1:][same]], axis=1).astype(np.int64)


def _near_in_groups(values: Hashes, part: Hashes, wanted: NDArray[np.bool_], bits: int) -> list[NDArray[np.int64]]:
    order = np.argsort(part, kind="stable")
    edges = np.flatnonzero(np.diff(part[order])) + 1
    found = []
    for group in np.split(order, edges):
        asked = group[wanted[group]] if len(group) > 1 else ()
        for start in range(0, len(asked), _BLOCK):
            rows = asked[start : start + _BLOCK]
            left, right = np.nonzero(np.bitwise_count(values[rows, None] ^ values[None, group]) <= bits)
            pairs = np.stack([rows[left], group[right]], axis=1).astype(np.int64)
            found.append(pairs[pairs[:, 0] != pairs[:, 1]])
    return found
