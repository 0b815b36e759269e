"""What has been published: editions and their samples in the store, and the rows in their folders."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyarrow import parquet
from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.export.features import load_schema
from nest_builder.export.naming import base_of, order
from nest_builder.export.publish import Draft, Elsewhere
from nest_builder.export.splits import Pinned
from nest_builder.store.tables import Edition, Published, Sample

_ROWS = 1000  # read at a time


@dataclass(frozen=True, slots=True)
class Issued:
    """A published edition, without its manifest.

    Attributes:
        name: Its name.
        path: Of its folder, relative to the work directory.
        inputs: Digest of what it was made from.
        published_at: When.
        takedown: SHA-256 of the takedown list that was applied.
    """

    name: str
    path: str
    inputs: str
    published_at: dt.datetime | None
    takedown: str | None


def read_issued(session: Session) -> list[Issued]:
    """Return all published editions, the oldest window first, a window's revisions in their order."""
    sha256 = Edition.manifest["takedown"]["sha256"].as_string()
    rows = session.execute(select(Edition.name, Edition.path, Edition.inputs, Edition.published_at, sha256)).tuples()
    return sorted((Issued(*row) for row in rows), key=lambda issued: order(issued.name))


def last_revisions(issued: Sequence[Issued]) -> dict[str, Issued]:
    """Return the last revision of each window, by the window's name: what is published now."""
    return {base_of(one.name): one for one in issued}


def newest_edition(session: Session) -> Edition | None:
    """Return the newest edition: the last revision of the newest window."""
    issued = read_issued(session)
    return session.get_one(Edition, issued[-1].name) if issued else None


def published_digests(session: Session, edition: str) -> dict[str, tuple[str, str]]:
    """Return digest and split of each sample of an edition, by id."""
    query = select(Published.sample_id, Published.digest, Published.split).where(Published.edition == edition)
    return {key: (digest, split) for key, digest, split in session.execute(query)}


def published_splits(session: Session, revisions: Sequence[str], test_from: str | None) -> Pinned:
    """Return the splits that an edition and its revisions have given to events and pictures, withdrawn ones included.

    Args:
        session: Reads the store.
        revisions: Their names.
        test_from: When their test period began, as the manifest says.
    """
    query = select(Published.entity_key, Published.image_sha256, Published.split).where(
        Published.edition.in_(revisions)
    )
    events: dict[str, str] = {}
    pictures: dict[str, str] = {}
    for entity, picture, split in session.execute(query):
        events[entity] = pictures[picture] = split
    return Pinned(events, pictures, None if test_from is None else dt.datetime.fromisoformat(test_from))


def published_elsewhere(session: Session, issued: Sequence[Issued], name: str) -> Elsewhere:
    """Return what editions of other windows than that of ``name`` have published, withdrawn samples included."""
    own = [one.name for one in issued if base_of(one.name) == base_of(name)]
    others = Published.edition.not_in(own)
    events = session.scalars(select(Published.entity_key).where(others).distinct())
    pictures = session.execute(select(Published.image_sha256, Published.phash).where(others).distinct()).all()
    return Elsewhere(
        frozenset(events),
        frozenset(picture for picture, _ in pictures),
        sorted({int(phash, 16) for _, phash in pictures}),
    )


def samples_elsewhere(session: Session, issued: Sequence[Issued], name: str) -> set[str]:
    """Return the samples of the store that editions of other windows have published."""
    own = [one.name for one in issued if base_of(one.name) == base_of(name)]
    query = select(Sample.id).join(Published, Published.sample_id == Sample.id).where(Published.edition.not_in(own))
    return set(session.scalars(query))


def publish_rows(edition: str, draft: Draft) -> Iterator[Published]:
    """Yield the rows that say what an edition has published."""
    for record, split in zip(draft.records, draft.splits, strict=True):
        yield Published(
            edition=edition,
            sample_id=record.id,
            annotation_id=record.annotation_id,
            entity_key=record.entity_key,
            image_sha256=record.sample["image_sha256"],
            phash=f"{record.phash:016x}",
            split=split,
            model_mask=record.model_mask,
            digest=record.digest,
        )


def read_rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of an edition in the order of its files, in their JSON form: a picture is its file's name.

    Raises:
        OSError: A file cannot be read.
        ValueError: A file is no Parquet, or lacks a column.
    """
    properties = load_schema("sample")["properties"]
    columns = ["image.path" if name == "image" else name for name in properties]
    for split in ("train", "test"):
        for path in sorted((folder / "data").glob(f"{split}-*.parquet")):
            with parquet.ParquetFile(path) as file:
                if lacking := sorted(properties.keys() - set(file.schema_arrow.names)):
                    raise ValueError(f"{path} has no column {lacking[0]}")
                for batch in file.iter_batches(_ROWS, columns=columns):
                    for row in batch.to_pylist():
                        yield {**row, "image": row["image"]["path"]}


def content_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without its split and edition: what stays the same from revision to revision."""
    return {name: value for name, value in row.items() if name not in ("split", "edition")}
