"""The manifest of an edition: what is in it, how it was made, what came before it, and a hash of everything, itself included."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from nest_builder import __version__
from nest_builder.export.checks import breaks
from nest_builder.export.records import Record, utc_text
from nest_builder.status import StageStatus, by_count

FORMAT = 2  # of the folder's layout; in the manifest and in the stage's identity
MANIFEST = "manifest.json"
PLUS_FORMAT = 2  # of the folder of an edition's NEST+; 2: the answers' aliases are in it
PLUS_MANIFEST = "plus.json"
MAX_BYTES = 500_000_000
SPLITS = ("train", "test")


@dataclass(frozen=True, slots=True)
class Change:
    """A sample that is gone or another, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A sample that was withdrawn: nothing is left of it but its id, why, and the day (``2025-10-31``)."""

    id: str
    reason: str
    date: str


@dataclass(frozen=True, slots=True)
class History:
    """What came before an edition, and what is different now.

    Attributes:
        supersedes: The edition of the same window that it replaces; None: it is the first.
        against: The edition that the changes are against: the one that it supersedes, or else that of the window before.
        added: Samples that edition does not have.
        removed: Samples that left the window.
        changed: Samples that are another than there.
        tombstones: Withdrawn samples of the window, from all its revisions.
    """

    supersedes: str | None = None
    against: str | None = None
    added: Sequence[str] = ()
    removed: Sequence[Change] = ()
    changed: Sequence[Change] = ()
    tombstones: Sequence[Tombstone] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def as_dict(self) -> dict[str, Any]:
        """Return the manifest's part, JSON types."""
        return {
            "supersedes": self.supersedes,
            "changes": {
                "against": self.against,
                "added": list(self.added),
                "removed": [{"id": one.id, "reason": one.reason} for one in self.removed],
                "changed": [{"id": one.id, "reason": one.reason} for one in self.changed],
            },
            "tombstones": [{"id": one.id, "reason": one.reason, "date": one.date} for one in self.tombstones],
        }


@dataclass(slots=True)
class Tally:
    """Counts of samples, taken in one pass over them."""

    samples: int = 0
    negatives: int = 0
    unreviewed: int = 0
    by_split: Counter[str] = field(default_factory=Counter)
    by_category: Counter[str] = field(default_factory=Counter)
    by_hypernym: Counter[str] = field(default_factory=Counter)
    events: dict[str, set[str]] = field(default_factory=lambda: {split: set() for split in SPLITS})
    entities: set[tuple[str, str]] = field(default_factory=set)
    images: set[str] = field(default_factory=set)
    articles: set[str] = field(default_factory=set)
    models: dict[str, set[str]] = field(default_factory=lambda: {"detector": set(), "mask_model": set()})
    first: str | None = None
    last: str | None = None

    @classmethod
    def of(cls, records: Iterable[Record], splits: Iterable[str]) -> "Tally":
        """Count records with their splits."""
        tally = cls()
        for record, split in zip(records, splits, strict=True):
            tally._add(record, split)
        return tally

    def _add(self, record: Record, split: str) -> None:
        sample = record.sample
        self.samples += 1
        self.negatives += sample["negative"]
        self.unreviewed += sample["review"]["status"] == "unreviewed"
        self.by_split[split] += 1
        self.by_category[sample["category"]] += 1
        self.by_hypernym[sample["entity"]["hypernym"]] += 1
        self.events[split].add(record.entity_key)
        self.entities.add((sample["entity"]["name"], sample["category"]))
        self.images.add(sample["image_sha256"])
        self.articles.add(sample["article_url"])
        for name, models in self.models.items():
            models.add(sample["annotation"][name])
        if (date := sample["published_at"]) is not None:
            self.first, self.last = min(date, self.first or date), max(date, self.last or date)

    def counts(self, dropped: Mapping[str, int]) -> dict[str, Any]:
        """Return the manifest's counts."""
        return {
            "samples": self.samples,
            "negatives": self.negatives,
            "unreviewed": self.unreviewed,
            "entities": len(self.entities),
            "images": len(self.images),
            "articles": len(self.articles),
            "sites": len({urlsplit(url).hostname for url in self.articles}),
            "entities_in_both_splits": len(self.events["train"] & self.events["test"]),
            "by_split": by_count(self.by_split.items()),
            "by_category": by_count(self.by_category.items()),
            "entities_by_category": by_count(Counter(category for _, category in self.entities).items()),
            "by_hypernym": by_count(self.by_hypernym.items()),
            "dropped": by_count(dropped.items()),
        }


def code_versions() -> dict[str, str]:
    """Return the versions of the code that shapes an edition's bytes."""
    return {"nest-builder": __version__, "pyarrow": pa.__version__}


def funnel_part(funnel: Sequence[StageStatus]) -> list[dict[str, Any]]:
    """Return the manifest's part about the stages before the export."""
    names = ("stage", "done", "rejected", "reasons", "dropped")
    return [{name: getattr(item, name) for name in names} for item in funnel]


def window_part(window: tuple[Any, Any] | None) -> dict[str, str | None] | None:
    """Return the manifest's part about the time that an edition covers."""
    return None if window is None else {"since": utc_text(window[0]), "until": utc_text(window[1])}


def seal(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest with its own hash at the end: of its file as it would be without that."""
    content = {key: value for key, value in manifest.items() if key != "sha256"}
    return {**content, "sha256": hashlib.sha256(manifest_bytes(content)).hexdigest()}


def manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    """Return a manifest as its file has it."""
    return (json.dumps(manifest, ensure_ascii=False, indent=1) + "\n").encode()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest in an edition's folder.

    Raises:
        ValueError: It is none, it is too large, it breaks its schema, or it is not as it was written: any changed byte is
            noticed.
    """
    path = folder / MANIFEST
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES} bytes")
        data = path.read_bytes()
        content = json.loads(data)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{MANIFEST}: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{MANIFEST}: no JSON object")
    if problem := breaks("edition", content):
        raise ValueError(f"{MANIFEST}: {problem}")
    if manifest_bytes(seal(content)) != data:
        raise ValueError(f"{MANIFEST}: its content does not match its own hash")
    return content
