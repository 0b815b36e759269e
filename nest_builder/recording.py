"""Writing outcomes down: an item's rows and its entry in the ledger."""

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import delete
from sqlalchemy.orm import Session

from nest_builder.reasons import Reason
from nest_builder.stage import Done, Failed, Rejected, Report, Stage
from nest_builder.store.tables import LedgerEntry

_MAX_DETAIL = 2000


def forget(session: Session, stage: Stage, items: Sequence[str]) -> None:
    """Delete the rows that items have given."""
    for table in stage.tables:
        session.execute(delete(table).where(table.origin.in_(items)))


def record(
    session: Session,
    stage: Stage,
    outcome: Done | Rejected | Failed,
    fingerprint: str,
    earlier: LedgerEntry | None,
    report: Report,
    at: dt.datetime,
    max_attempts: int,
) -> None:
    """Add an outcome's rows and its ledger entry to a session, and count it.

    Args:
        session: Of the batch's one transaction.
        stage: Whose outcome it is.
        outcome: What became of the item.
        fingerprint: What the item was listed under.
        earlier: The item's entry so far.
        report: Counts it.
        at: When it was finished.
        max_attempts: An item that failed this often is rejected.

    Raises:
        RuntimeError: A row is of a table that the stage does not own.
    """
    entry = earlier or LedgerEntry(stage=stage.name, item=outcome.item, attempts=0)
    entry.attempts = entry.attempts + 1 if earlier is not None and earlier.fingerprint == fingerprint else 1
    entry.fingerprint, entry.finished_at = fingerprint, at
    entry.status, entry.reason, entry.detail, entry.dropped = "done", None, "", {}
    match outcome:
        case Done(rows=rows, dropped=dropped):
            for row in rows:
                if not isinstance(row, stage.tables):
                    raise RuntimeError(f"stage {stage.name} does not own the table of {type(row).__name__}")
                row.seal(outcome.item)
            session.add_all(rows)
            entry.dropped = {reason.value: count for reason, count in dropped.items() if count}
            report.done += 1
            report.reasons.update(entry.dropped)
        case Rejected(reason=reason, detail=detail):
            entry.status, entry.reason, entry.detail = "rejected", reason.value, _clean(detail)
            report.rejected += 1
            report.reasons[reason.value] += 1
        case Failed(error=error) if entry.attempts >= max_attempts:
            entry.status, entry.reason, entry.detail = "rejected", Reason.RETRIES_EXHAUSTED.value, _clean(error)
            report.rejected += 1
            report.reasons[Reason.RETRIES_EXHAUSTED.value] += 1
        case Failed(error=error):
            entry.status, entry.detail = "failed", _clean(error)
            report.failed += 1
    session.add(entry)


def _clean(detail: str) -> str:
    """Bound an error's words, and take out what no database stores: they quote what came from outside."""
    text = detail[:_MAX_DETAIL].replace("\x00", "\ufffd")
    return text.encode("utf-8", "replace").decode()  # halves of a character, which JSON can spell
