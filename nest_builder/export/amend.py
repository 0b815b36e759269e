"""A revision of a published edition: its own records, without what is withdrawn, with what people corrected.

Nothing is recomputed. The records come from the edition's files, so that a revision can be made when the store holds
nothing of them any more; their hashes were kept when the edition was published, so that a damaged file is noticed.
"""

import datetime as dt
import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.digest import digest
from nest_builder.export.checks import schema_problem
from nest_builder.export.history import CORRECTED, buried
from nest_builder.export.manifest import Change, History
from nest_builder.export.publish import TURNED_AWAY, Draft
from nest_builder.export.published import Issued, content_of, read_rows
from nest_builder.export.records import Record, corrected_parts, review_part
from nest_builder.export.reviewed import Reviewed, Reviews
from nest_builder.export.takedown import Takedown
from nest_builder.reasons import Reason
from nest_builder.review.said import mask_digest
from nest_builder.store.tables import Decision, Published

log = logging.getLogger(__name__)


def amend(
    session: Session,
    issued: Issued,
    folder: Path,
    manifest: Mapping[str, Any],
    takedown: Takedown,
    until: dt.datetime | None,
    now: dt.datetime,
) -> tuple[Draft, History]:
    """Apply the takedown list and people's corrections to a published edition.

    Args:
        session: Reads the store.
        issued: The edition.
        folder: Its folder.
        manifest: Its manifest.
        takedown: What must not be published.
        until: Decisions that were pulled by then count; None: no decision does.
        now: The day of a withdrawal.

    Returns:
        What the revision holds, and what is different; without a difference there is none to be made.

    Raises:
        OSError: The folder cannot be read.
        ValueError: It does not hold what was published.
    """
    reviews = Reviews(session, until) if until is not None else None
    kept: list[tuple[Record, str]] = []
    removed: list[Change] = []
    changed: list[Change] = []
    for record, split in published_records(session, issued.name, folder):
        if takedown.covers(record.sample):
            removed.append(Change(record.id, Reason.TAKEDOWN.value))
            continue
        said = None if reviews is None else reviews.of(record.id, record.annotation_id, partial(_shown, record))
        if said is not None and said.status in TURNED_AWAY:
            removed.append(Change(record.id, TURNED_AWAY[said.status].value))
            continue
        corrected = record if said is None else _corrected(session, record, said)
        if corrected is not record:
            changed.append(Change(record.id, CORRECTED))
        kept.append((corrected, split))
    stones = buried(manifest.get("tombstones", ()), removed, {record.id for record, _ in kept}, now)
    history = History(issued.name, issued.name, (), removed, changed, stones)
    dropped = Counter(manifest["counts"]["dropped"]) + Counter(one.reason for one in removed)
    test_from = manifest["period"]["test_from"]
    draft = Draft(
        [record for record, _ in kept],
        [split for _, split in kept],
        None if test_from is None else dt.datetime.fromisoformat(test_from),
        {reason: dropped[reason.value] for reason in Reason if dropped[reason.value]},
    )
    return draft, history


def published_records(session: Session, edition: str, folder: Path) -> Iterator[tuple[Record, str]]:
    """Yield the records of a published edition with their splits, in the order of its rows.

    Raises:
        OSError: The folder cannot be read.
        ValueError: It does not hold what was published.
    """
    known = {row.sample_id: row for row in session.execute(_published_columns(edition))}
    for row in read_rows(folder):
        sample = content_of(row)
        there = known.pop(sample["id"], None)
        at = None if sample["published_at"] is None else dt.datetime.fromisoformat(sample["published_at"])
        if there is not None:
            record = Record(sample, there.entity_key, at, int(there.phash, 16), there.annotation_id, there.model_mask)
        if there is None or record.digest != there.digest:
            raise ValueError(f"sample {sample['id']} in {folder} is not what was published: restore it from a back-up")
        yield record, there.split
    if known:
        raise ValueError(f"{len(known)} published samples are not in {folder}: restore it from a back-up")


def decisions_on(session: Session, issued: Issued, since: dt.datetime | None, until: dt.datetime | None) -> str | None:
    """Return a digest of what people said of an edition's samples; None where they said nothing.

    What an earlier revision has taken up already is among it, and changes nothing any more: a withdrawal may have come out
    between a decision and its time, so an edition's date does not tell which it has.

    Args:
        session: Reads the store.
        issued: The edition.
        since: Decisions that were pulled later count: when its window was published first; None: all.
        until: Decisions that were pulled by then count; None: no decision does.
    """
    if until is None:
        return None
    query = (
        select(Decision.id, Decision.state, Decision.status, Decision.decided_at, Decision.mask)
        .join(Published, Published.annotation_id == Decision.annotation_id)
        .where(Published.edition == issued.name, Decision.state == "current", Decision.pulled_at <= until)
        .order_by(Decision.id)
    )
    if since is not None:
        query = query.where(Decision.pulled_at > since)
    rows = {row.id: list(row) for row in session.execute(query)}
    return digest(list(rows.values())) if rows else None


def _published_columns(edition: str) -> Any:
    return select(
        Published.sample_id,
        Published.entity_key,
        Published.phash,
        Published.annotation_id,
        Published.model_mask,
        Published.split,
        Published.digest,
    ).where(Published.edition == edition)


def _shown(record: Record) -> str:
    """Return the digest of the models' mask: of a negative it is empty, and a replaced one's was kept."""
    return record.model_mask or mask_digest({} if record.sample["negative"] else record.sample["mask"])


def _corrected(session: Session, record: Record, said: Reviewed) -> Record:
    """Return a record as people corrected it, or itself where they said nothing against it."""
    try:
        return _with_corrections(session, record, said)
    except (ValueError, TypeError, KeyError) as error:  # one that is damaged must not hold a withdrawal back
        log.warning("sample %s is left as it was published, its correction cannot be used: %s", record.id, error)
        return record


def _with_corrections(session: Session, record: Record, said: Reviewed) -> Record:
    sample = record.sample
    new_mask = said.mask is not None and said.mask["counts"] != sample["mask"]["counts"]
    new_category = said.category is not None and said.category != sample["category"]
    if not (new_mask or new_category):
        return record
    changed = {**sample, "category": said.category or sample["category"], "review": review_part(said)}
    if said.mask is not None and new_mask:
        changed |= corrected_parts(session, record.id, said.mask)
    if problem := schema_problem({**changed, "split": "train", "edition": "checked"}):
        raise ValueError(f"it breaks the schema: {problem}")
    return replace(record, sample=changed, model_mask=_shown(record) if new_mask else record.model_mask)
