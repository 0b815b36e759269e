"""The runner: finds what is pending and writes each batch in one transaction (see ``nest_builder.stage`` for the contract).

Several processes may run stages on one store at the same time, each with a runner, or one that hands batches to others: what a batch
works on is leased (``nest_builder.store.leases``), so no item is done twice. And a database that goes away for a while is waited for.
"""

import functools
import logging
import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from nest_builder.clock import Clock
from nest_builder.digest import digest
from nest_builder.operations import context
from nest_builder.recording import forget, record
from nest_builder.stage import Batch, Failed, Item, Outcome, Postponed, Report, Stage
from nest_builder.store.leases import LeaseLostError, Leases
from nest_builder.store.patience import patiently
from nest_builder.store.tables import LedgerEntry, StageRun

log = logging.getLogger(__name__)

Observer = Callable[[Report, int], None]
# Called with a batch, its number in the stage's pass (from 1) and what processes it; returns what that gives, wherever it runs it.
Execute = Callable[[Batch, int, Callable[[], Report]], Report]
# Called with a stage's name and its numbered batches; gives each to some process, several at a time, and yields what came of it.
Spread = Callable[[str, Iterator[tuple[int, Batch]]], Iterable[tuple[Batch, Report]]]
_WHOLE = ("*",)  # what is leased of a stage whose batches must be done in order: all of it
_POLL_SECONDS = (0.1, 2.0)  # between looks at items that others work on: at first, at most


def here(batch: Batch, number: int, work: Callable[[], Report]) -> Report:
    """Run a batch at once, in this thread."""
    return work()


def spreads(stage: Stage) -> bool:
    """Return whether a stage's batches may run at the same time: they read nothing that another batch of the stage writes.

    A stage says so with ``spread = True``. One that says nothing keeps its order, which is right for any, and one process fetches.
    """
    return bool(getattr(stage, "spread", False))


@dataclass(slots=True)
class _Pass:
    """Where a pass of a stage stands."""

    total: Report
    run: str
    number: int = 0  # of the last batch that was handed out
    elsewhere: int = 0  # batches of this round that others hold
    stale: bool = False  # whether the ledger knew items that are no longer listed, at the last look


class Runner:
    """Runs stages against a store.

    Args:
        sessions: Makes a session; each batch has its own.
        clock: Says when an item was finished.
        max_attempts: An item that failed this often is rejected until its fingerprint changes.
    """

    def __init__(self, sessions: Callable[[], Session], clock: Clock, max_attempts: int = 3) -> None:
        self._sessions, self._clock, self._max_attempts = sessions, clock, max_attempts
        self._leases = Leases(sessions)

    def pending(self, stage: Stage, postponed: Container[str] = ()) -> tuple[list[Batch], int]:
        """Return the batches still to do, in order and without postponed items, and how many items are settled already."""
        batches, settled, _ = self._look(stage, postponed)
        return batches, settled

    def _look(self, stage: Stage, postponed: Container[str]) -> tuple[list[Batch], int, bool]:
        """Return the same, and whether the ledger knows items that are no longer listed."""
        identity = digest(stage.name, stage.identity())
        with self._sessions() as session:
            items = stage.items(session)
            entries = select(LedgerEntry.item, LedgerEntry.fingerprint, LedgerEntry.status)
            known = {
                item: (fingerprint, status)
                for item, fingerprint, status in session.execute(entries.where(LedgerEntry.stage == stage.name))
            }
        todo: list[tuple[Item, str]] = []
        settled = 0
        for item in items:
            fingerprint = digest(identity, item.inputs)
            if _is_settled(known.get(item.key), fingerprint):
                settled += 1
            elif item.key not in postponed:
                todo.append((item, fingerprint))
        parts = (todo[start : start + stage.batch_size] for start in range(0, len(todo), stage.batch_size))
        stale = not known.keys() <= {item.key for item in items}
        return [_batch(stage.name, part) for part in parts], settled, stale

    def run_batch(self, stage: Stage, batch: Batch) -> Report:
        """Process one batch and commit its rows, outcomes and ledger entries in one transaction.

        What another process has settled meanwhile is left out; where another works on it, nothing is done.

        Raises:
            RuntimeError: The stage did not return exactly one outcome for each item.
        """
        started = time.perf_counter()
        with context.at(run=batch.run, stage=stage.name, batch=batch.number):  # said by every log line below
            report = patiently(lambda: self._attempt(stage, batch))
        report.seconds = time.perf_counter() - started
        report.batches, report.batch_seconds = 1 - report.elsewhere, report.seconds
        return report

    def run(
        self,
        stage: Stage,
        run: str,
        observe: Observer | None = None,
        execute: Execute = here,
        spread: Spread | None = None,
    ) -> Report:
        """Run a stage until nothing is pending, then sweep rows of items that are gone.

        Args:
            stage: The stage.
            run: Name of the run, for ``stage_run``.
            observe: Called after each batch with the counts so far and the number of items left in this round.
            execute: How a batch is run, for example as a task of a scheduler; one after the other in any case.
            spread: How the batches of a stage that allows it are run by several processes; by default they are run as all others.
        """
        started, clock_start = time.perf_counter(), self._clock()
        at = _Pass(Report(stage.name), run)
        pause, longest = _POLL_SECONDS
        while batches := self._pending(stage, at):
            at.elsewhere = 0
            self._round(stage, deque(batches), at, observe, execute, spread)
            # Others hold all that is left: wait for them, or for the end of their leases.
            pause = min(2 * pause, longest) if at.elsewhere == len(batches) else _POLL_SECONDS[0]
            if at.elsewhere == len(batches):
                time.sleep(pause)
        with context.at(run=run, stage=stage.name):
            patiently(lambda: self._finish(stage, at, clock_start, started))
        return at.total

    def _pending(self, stage: Stage, at: _Pass) -> list[Batch]:
        """Return what is left: finished items may list new ones, failed ones come again."""
        batches, settled, at.stale = patiently(lambda: self._look(stage, at.total.postponed))
        at.total.unchanged = max(0, settled - at.total.done - at.total.rejected)
        return batches

    def _round(
        self,
        stage: Stage,
        waiting: deque[Batch],
        at: _Pass,
        observe: Observer | None,
        execute: Execute,
        spread: Spread | None,
    ) -> None:
        """Run the batches that are pending now; after one with nothing but postponed items the rest is postponed too."""
        left = sum(len(batch.items) for batch in waiting)
        service_is_down = False

        def hand_out() -> Iterator[tuple[int, Batch]]:
            while waiting and not service_is_down:
                at.number += 1
                yield at.number, replace(waiting.popleft(), run=at.run, number=at.number)

        results: Iterable[tuple[Batch, Report]] = (
            spread(stage.name, hand_out())
            if spread is not None and spreads(stage)
            else (
                (batch, execute(batch, number, functools.partial(self.run_batch, stage, batch)))
                for number, batch in hand_out()
            )
        )
        for batch, report in results:
            at.total.add(report)
            at.elsewhere += report.elsewhere
            left -= len(batch.items)
            if observe is not None:
                observe(at.total, left)
            service_is_down = service_is_down or all(item.key in at.total.postponed for item in batch.items)
        at.total.postponed |= {item.key: at.total.waits_for for batch in waiting for item in batch.items}

    def _attempt(self, stage: Stage, batch: Batch) -> Report:
        report = Report(stage.name)
        keys = tuple(item.key for item in batch.items) if spreads(stage) else _WHOLE
        with self._leases.hold(stage.name, keys, wait=not spreads(stage)) as held:
            if not held:
                report.elsewhere = 1
                return report
            todo = self._unsettled(batch)
            if todo.items:
                try:
                    self._process(stage, todo, keys, report)
                except LeaseLostError as error:
                    log.warning("a batch of %s is given up: %s", stage.name, error)
                    return Report(stage.name, elsewhere=1)
        return report

    def _unsettled(self, batch: Batch) -> Batch:
        """Leave out what another process has settled since the batch was listed."""
        with self._sessions() as session:
            known = {
                entry.item: (entry.fingerprint, entry.status)
                for entry in _entries(session, batch.stage, [item.key for item in batch.items])
            }
        pairs = zip(batch.items, batch.fingerprints, strict=True)
        return _batch(batch.stage, [pair for pair in pairs if not _is_settled(known.get(pair[0].key), pair[1])])

    def _process(self, stage: Stage, batch: Batch, leased: tuple[str, ...], report: Report) -> None:
        fingerprints = dict(zip((item.key for item in batch.items), batch.fingerprints, strict=True))
        with self._sessions() as session:
            outcomes = stage.process(session, context.followed(batch.items))
            if sorted(outcome.item for outcome in outcomes) != sorted(fingerprints):
                raise RuntimeError(f"stage {stage.name} must return one outcome for each item of its batch")
            session.rollback()  # whatever process() read is not part of the write
            self._leases.give_back(session, stage.name, leased)
            # A feed that is down tonight must not take with it what it said yesterday.
            kept: tuple[type[Outcome], ...] = (Failed, Postponed) if stage.keeps_history else (Postponed,)
            forget(session, stage, [outcome.item for outcome in outcomes if not isinstance(outcome, kept)])
            earlier = {entry.item: entry for entry in _entries(session, stage.name, list(fingerprints))}
            for outcome in outcomes:
                if isinstance(outcome, Postponed):
                    report.postponed[outcome.item] = outcome.reason
                    continue
                if isinstance(outcome, Failed):
                    with context.at(item=outcome.item):
                        log.info("failed: %s", outcome.error)
                before, fingerprint = earlier.get(outcome.item), fingerprints[outcome.item]
                record(session, stage, outcome, fingerprint, before, report, self._clock(), self._max_attempts)
            session.commit()

    def _finish(self, stage: Stage, at: _Pass, started_at: Any, started: float) -> None:
        """Sweep what is stale, if the last look saw any (listing is what a quiet night costs), and write the pass down."""
        total = at.total
        with self._sessions() as session:
            if at.stale and not stage.keeps_history:
                total.swept = _sweep(session, stage)
            total.seconds = time.perf_counter() - started
            session.add(
                StageRun(
                    run=at.run, stage=stage.name, started_at=started_at, seconds=total.seconds, counts=total.as_dict()
                )
            )
            session.commit()
        log.info("stage %s: %s", stage.name, total.as_dict())
        if total.postponed:
            log.warning("%s: %d items are left for another run: %s", stage.name, len(total.postponed), total.waits_for)


def _batch(stage: str, pairs: list[tuple[Item, str]]) -> Batch:
    return Batch(stage, tuple(item for item, _ in pairs), tuple(fingerprint for _, fingerprint in pairs))


def _is_settled(known: tuple[str, str] | None, fingerprint: str) -> bool:
    return known in ((fingerprint, "done"), (fingerprint, "rejected"))


def _entries(session: Session, stage: str, items: list[str]) -> list[LedgerEntry]:
    found = select(LedgerEntry).where(LedgerEntry.stage == stage, LedgerEntry.item.in_(items))
    return list(session.scalars(found))


def _sweep(session: Session, stage: Stage) -> int:
    # What is known first: an item that another process settles after that look is not known, so it is not taken for gone.
    known = set(session.scalars(select(LedgerEntry.item).where(LedgerEntry.stage == stage.name)))
    gone = sorted(known - {item.key for item in stage.items(session)})
    for start in range(0, len(gone), 500):  # SQLite bounds the number of variables
        part = gone[start : start + 500]
        forget(session, stage, part)
        session.execute(delete(LedgerEntry).where(LedgerEntry.stage == stage.name, LedgerEntry.item.in_(part)))
    return len(gone)
