"""What of the store is published in an edition: selection, what other editions have published already, and splits."""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Literal

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from nest_builder.export.checks import schema_problem
from nest_builder.export.naming import Window
from nest_builder.export.records import Record
from nest_builder.export.splits import Pinned, assign_splits, near_pairs
from nest_builder.export.takedown import Takedown
from nest_builder.reasons import Reason

TURNED_AWAY = {"rejected": Reason.REJECTED_IN_REVIEW, "disputed": Reason.DISPUTED_IN_REVIEW}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an edition is made.

    Attributes:
        name: Its name.
        min_p_correct: Samples under it are left out.
        test_days: Length of the test period in days.
        near_duplicate_bits: Hamming distance of perceptual hashes inside a cluster.
        rows_per_group: Rows of a Parquet row group.
        settings: What the manifest says of the settings.
        images: Whether pictures are in the files, or their addresses only.
        window: The time that it covers; None for an edition that is not named by a month.
        window_days: How old a sample may be when the window ends; 0: as old as it likes.
    """

    name: str
    min_p_correct: float
    test_days: int
    near_duplicate_bits: int
    rows_per_group: int
    settings: Mapping[str, Any]
    images: Literal["embedded", "links"] = "embedded"
    window: Window | None = None
    window_days: int = 0


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What editions of other windows have published, and keep for ever.

    Attributes:
        events: Keys of entities.
        pictures: SHA-256 of files.
        hashes: Their 64-bit perceptual hashes.
    """

    events: Collection[str] = frozenset()
    pictures: Collection[str] = frozenset()
    hashes: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """What an edition will hold.

    Attributes:
        records: In the order of the rows.
        splits: Of each record.
        test_from: After this time an event is in test; None: there is no test split.
        dropped: Samples that were left out.
        reasons: The reason for each of them.
        problems: What is wrong with those that break the schema.
    """

    records: Sequence[Record]
    splits: Sequence[str]
    test_from: dt.datetime | None = None
    dropped: Mapping[Reason, int] = field(default_factory=dict)
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    problems: Sequence[str] = ()


def draft_edition(
    found: Iterable[Record | str],
    recipe: Recipe,
    takedown: Takedown,
    elsewhere: Elsewhere | None = None,
    pinned: Pinned | None = None,
) -> Draft:
    """Choose what is published, and its splits.

    Args:
        found: The records of the store, or why a sample has none.
        recipe: How the edition is made.
        takedown: What must not be published.
        elsewhere: What belongs to other windows.
        pinned: Splits that an earlier revision of the edition has given.
    """
    chosen: list[Record] = []
    reasons: dict[str, Reason] = {}
    problems: list[str] = []
    for record in found:
        if isinstance(record, str):
            problems.append(record)
        elif (reason := _refusal(record, recipe, takedown)) is not None:
            reasons[record.id] = reason
        elif problem := schema_problem({**record.sample, "split": "train", "edition": recipe.name}):
            reasons[record.id] = Reason.SCHEMA
            problems.append(f"sample {record.id}: {problem}")
        else:
            chosen.append(record)
    broken = len(problems) - sum(reason is Reason.SCHEMA for reason in reasons.values())
    if elsewhere is not None:
        chosen = _unpublished(chosen, elsewhere, recipe.near_duplicate_bits, reasons)
    chosen.sort(key=lambda record: record.order)
    splits = assign_splits(chosen, recipe.test_days, recipe.near_duplicate_bits, pinned)
    kept = [split is not None for split in splits.names]
    reasons |= {record.id: Reason.SPLIT_CONFLICT for record, keep in zip(chosen, kept, strict=True) if not keep}
    dropped = Counter(reasons.values()) + Counter({Reason.SCHEMA: broken})
    return Draft(
        list(compress(chosen, kept)),
        [split for split in splits.names if split is not None],
        splits.test_from,
        dict(dropped),
        reasons,
        problems,
    )


def _refusal(record: Record, recipe: Recipe, takedown: Takedown) -> Reason | None:
    """Return why a sample is not published, by what is known of it alone."""
    if takedown.covers(record.sample):
        return Reason.TAKEDOWN
    status = record.sample["review"]["status"]
    if status in TURNED_AWAY:
        return TURNED_AWAY[status]
    if status == "unreviewed" and record.sample["annotation"]["p_correct"] < recipe.min_p_correct:
        return Reason.LOW_CONFIDENCE
    if recipe.window is None:
        return None
    if record.published_at is None:
        return Reason.STALE if recipe.window_days else None  # what has no date cannot be shown to be new enough
    if record.published_at >= recipe.window.until:
        return Reason.LATER_EDITION
    age = recipe.window.until - record.published_at
    return Reason.STALE if recipe.window_days and age > dt.timedelta(days=recipe.window_days) else None


def _unpublished(chosen: Sequence[Record], elsewhere: Elsewhere, bits: int, reasons: dict[str, Reason]) -> list[Record]:
    """Leave out what shares an event, or a cluster of pictures, with what another window has published."""
    fresh = []
    for record, near in zip(chosen, _near_to(chosen, elsewhere, bits), strict=True):
        if record.entity_key in elsewhere.events:
            reasons[record.id] = Reason.EVENT_PUBLISHED
        elif near or record.sample["image_sha256"] in elsewhere.pictures:
            reasons[record.id] = Reason.IMAGE_PUBLISHED
        else:
            fresh.append(record)
    return fresh


def _near_to(chosen: Sequence[Record], elsewhere: Elsewhere, bits: int) -> list[bool]:
    """Tell for each record whether its picture is in one cluster with a picture of another window."""
    if not elsewhere.hashes:
        return [False] * len(chosen)
    old = len(elsewhere.hashes)
    values = np.array([*elsewhere.hashes, *(record.phash for record in chosen)], np.uint64)
    new = np.arange(len(values)) >= old
    pairs = near_pairs(values, bits, new)
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(len(values), len(values)))
    _, clusters = connected_components(graph, directed=False)
    taken = set(clusters[:old].tolist())
    return [cluster in taken for cluster in clusters[old:].tolist()]
