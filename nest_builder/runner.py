"""The runner: finds what is pending and writes each batch in one transaction (see ``nest_builder.stage`` for the contract)."""

import functools
import logging
import time
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from nest_builder.clock import Clock
from nest_builder.digest import digest
from nest_builder.reasons import Reason
from nest_builder.stage import Batch, Done, Failed, Item, Outcome, Postponed, Rejected, Report, Stage
from nest_builder.store.tables import LedgerEntry, StageRun

log = logging.getLogger(__name__)

Observer = Callable[[Report, int], None]
# Called with a batch, its number in the stage's pass (from 1) and what processes it; returns what that gives, wherever it runs it.
Execute = Callable[[Batch, int, Callable[[], Report]], Report]


def here(batch: Batch, number: int, work: Callable[[], Report]) -> Report:
    """Run a batch at once, in this thread."""
    return work()


class Runner:
    """Runs stages against a store.

    Args:
        sessions: Makes a session; each batch has its own.
        clock: Says when an item was finished.
        max_attempts: An item that failed this often is rejected until its fingerprint changes.
    """

    def __init__(self, sessions: Callable[[], Session], clock: Clock, max_attempts: int = 3) -> None:
        self._sessions, self._clock, self._max_attempts = sessions, clock, max_attempts

    def pending(self, stage: Stage, postponed: Container[str] = ()) -> tuple[list[Batch], int]:
        """Return the batches still to do, in order and without postponed items, and how many items are settled already."""
        identity = digest(stage.name, stage.identity())
        with self._sessions() as session:
            items = stage.items(session)
            known = {
                item: (fingerprint, status)
                for item, fingerprint, status in session.execute(
                    select(LedgerEntry.item, LedgerEntry.fingerprint, LedgerEntry.status).where(
                        LedgerEntry.stage == stage.name
                    )
                )
            }
        todo: list[tuple[Item, str]] = []
        settled = 0
        for item in items:
            fingerprint = digest(identity, item.inputs)
            if known.get(item.key) in ((fingerprint, "done"), (fingerprint, "rejected")):
                settled += 1
            elif item.key not in postponed:
                todo.append((item, fingerprint))
        batches = [
            Batch(stage.name, tuple(item for item, _ in part), tuple(fingerprint for _, fingerprint in part))
            for part in (todo[i : i + stage.batch_size] for i in range(0, len(todo), stage.batch_size))
        ]
        return batches, settled

    def run_batch(self, stage: Stage, batch: Batch) -> Report:
        """Process one batch and commit its rows, outcomes and ledger entries in one transaction.

        Raises:
            RuntimeError: The stage did not return exactly one outcome for each item.
        """
        started = time.perf_counter()
        report = Report(stage.name)
        fingerprints = dict(zip((item.key for item in batch.items), batch.fingerprints, strict=True))
        with self._sessions() as session:
            outcomes = stage.process(session, batch.items)
            if sorted(outcome.item for outcome in outcomes) != sorted(fingerprints):
                raise RuntimeError(f"stage {stage.name} must return one outcome for each item of its batch")
            session.rollback()  # whatever process() read is not part of the write
            # A feed that is down tonight must not take with it what it said yesterday.
            kept: tuple[type[Outcome], ...] = (Failed, Postponed) if stage.keeps_history else (Postponed,)
            replaced = [outcome.item for outcome in outcomes if not isinstance(outcome, kept)]
            self._forget(session, stage, replaced)
            earlier = {
                entry.item: entry
                for entry in session.scalars(
                    select(LedgerEntry).where(LedgerEntry.stage == stage.name, LedgerEntry.item.in_(fingerprints))
                )
            }
            for outcome in outcomes:
                if isinstance(outcome, Postponed):
                    report.postponed[outcome.item] = outcome.reason
                    continue
                self._record(session, stage, outcome, fingerprints[outcome.item], earlier.get(outcome.item), report)
            session.commit()
        report.seconds = time.perf_counter() - started
        report.batches, report.batch_seconds = 1, report.seconds
        return report

    def run(self, stage: Stage, run: str, observe: Observer | None = None, execute: Execute = here) -> Report:
        """Run a stage until nothing is pending, then sweep rows of items that are gone.

        Args:
            stage: The stage.
            run: Name of the run, for ``stage_run``.
            observe: Called after each batch with the counts so far and the number of items left in this round.
            execute: How a batch is run, for example as a task of a scheduler; one after the other in any case.
        """
        started, clock_start = time.perf_counter(), self._clock()
        total = Report(stage.name)
        for number, (batch, left) in enumerate(self._rounds(stage, total), 1):
            total.add(execute(batch, number, functools.partial(self.run_batch, stage, batch)))
            if observe is not None:
                observe(total, left)
        self._finish(stage, run, total, clock_start, started)
        return total

    def _rounds(self, stage: Stage, total: Report) -> Iterator[tuple[Batch, int]]:
        """Yield pending batches until none is left: finished items may list new ones, failed ones come again."""
        while True:
            batches, settled = self.pending(stage, total.postponed)
            total.unchanged = max(0, settled - total.done - total.rejected)
            if not batches:
                return
            for at, batch in enumerate(batches):
                rest = [item.key for later in batches[at + 1 :] for item in later.items]
                yield batch, len(rest)
                if all(item.key in total.postponed for item in batch.items):
                    total.postponed |= dict.fromkeys(rest, total.waits_for)
                    break

    def _finish(self, stage: Stage, run: str, total: Report, started_at: Any, started: float) -> None:
        """Sweep what is stale and write the pass down."""
        with self._sessions() as session:
            if not stage.keeps_history:
                total.swept = self._sweep(session, stage)
            total.seconds = time.perf_counter() - started
            session.add(
                StageRun(
                    run=run, stage=stage.name, started_at=started_at, seconds=total.seconds, counts=total.as_dict()
                )
            )
            session.commit()
        log.info("stage %s: %s", stage.name, total.as_dict())
        if total.postponed:
            log.warning("%s: %d items are left for another run: %s", stage.name, len(total.postponed), total.waits_for)

    def _sweep(self, session: Session, stage: Stage) -> int:
        listed = {item.key for item in stage.items(session)}
        known = set(session.scalars(select(LedgerEntry.item).where(LedgerEntry.stage == stage.name)))
        gone = sorted(known - listed)
        for start in range(0, len(gone), 500):  # SQLite bounds the number of variables
            part = gone[start : start + 500]
            self._forget(session, stage, part)
            session.execute(delete(LedgerEntry).where(LedgerEntry.stage == stage.name, LedgerEntry.item.in_(part)))
        return len(gone)

    @staticmethod
    def _forget(session: Session, stage: Stage, items: Sequence[str]) -> None:
        for table in stage.tables:
            session.execute(delete(table).where(table.origin.in_(items)))

    def _record(
        self,
        session: Session,
        stage: Stage,
        outcome: Done | Rejected | Failed,
        fingerprint: str,
        earlier: LedgerEntry | None,
        report: Report,
    ) -> None:
        entry = earlier or LedgerEntry(stage=stage.name, item=outcome.item, attempts=0)
        entry.attempts = entry.attempts + 1 if earlier is not None and earlier.fingerprint == fingerprint else 1
        entry.fingerprint, entry.finished_at = fingerprint, self._clock()
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
                entry.status, entry.reason, entry.detail = "rejected", reason.value, detail[:2000]
                report.rejected += 1
                report.reasons[reason.value] += 1
            case Failed(error=error) if entry.attempts >= self._max_attempts:
                entry.status, entry.reason, entry.detail = "rejected", Reason.RETRIES_EXHAUSTED.value, error[:2000]
                report.rejected += 1
                report.reasons[Reason.RETRIES_EXHAUSTED.value] += 1
            case Failed(error=error):
                entry.status, entry.detail = "failed", error[:2000]
                report.failed += 1
        session.add(entry)
