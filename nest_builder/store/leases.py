"""Leases: which process works on which items of a store that several share.

A process takes all of a batch's items or none, in one short transaction: ``INSERT ... ON CONFLICT DO NOTHING``, then ``SELECT ... FOR
UPDATE SKIP LOCKED`` on PostgreSQL; on SQLite, which knows one writer at a time, the insert itself locks and the same statements do.
While it works a thread renews the lease; what it made is committed in the transaction that gives the lease back. So a process that was
killed, or cut off for longer than the lease, can commit nothing that another has taken over.
"""

import logging
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from sqlalchemy import ColumnElement, CursorResult, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from nest_builder.store.tables import Lease

log = logging.getLogger(__name__)

SECONDS = 60.0  # after which the items of a process on another machine that was killed are taken over; of one on this machine at once
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # of Linux: another on each machine, and after each start of one
_POLL_SECONDS = (0.05, 1.0)  # how often a lease that is held is asked for again: at first, at most


class LeaseLostError(Exception):
    """Another process has taken the items over: what was made of them must not be committed."""


class Leases:
    """The leases of one worker: one thread that works on one batch at a time.

    Args:
        sessions: Makes a session.
        seconds: How long a lease lasts unless it is renewed, which happens three times in that time.
    """

    def __init__(self, sessions: Callable[[], Session], seconds: float = SECONDS) -> None:
        self._sessions, self._seconds = sessions, seconds
        self.holder = f"{_machine()}|{os.getpid()}|{_started(os.getpid())}|{uuid.uuid4().hex[:8]}"

    @contextmanager
    def hold(self, stage: str, items: Sequence[str], wait: bool) -> Iterator[bool]:
        """Take items, keep them while the body runs, give back what the body has not given back itself.

        Args:
            stage: Their stage.
            items: Their keys.
            wait: Wait until they are to be had.

        Yields:
            Whether they were to be had.
        """
        keys = sorted(items)
        held = self._take(stage, keys)
        pause, longest = _POLL_SECONDS
        while wait and not held:
            time.sleep(pause)
            pause = min(2 * pause, longest)
            held = self._take(stage, keys)
        if not held:
            yield False
            return
        ended = threading.Event()
        renewal = threading.Thread(target=self._renew, args=(stage, keys, ended), name="lease", daemon=True)
        renewal.start()
        try:
            yield True
        finally:
            ended.set()
            renewal.join()
            self._release(stage, keys)

    def give_back(self, session: Session, stage: str, items: Sequence[str]) -> None:
        """Give items back in the transaction that commits their outcomes.

        Raises:
            LeaseLostError: They are no longer ours.
        """
        given = cast("CursorResult[Lease]", session.execute(delete(Lease).where(*self._ours(stage, items)))).rowcount
        if given != len(items):
            raise LeaseLostError(f"{len(items) - given} of {len(items)} items of {stage} were taken over")

    def _take(self, stage: str, keys: Sequence[str]) -> bool:
        with self._sessions() as session:
            insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
            rows = [{"stage": stage, "item": key, "holder": "", "until": 0.0} for key in keys]
            session.execute(insert(Lease).on_conflict_do_nothing(), rows)
            found = session.scalars(
                select(Lease)
                .where(Lease.stage == stage, Lease.item.in_(keys))
                .order_by(Lease.item)
                .with_for_update(skip_locked=True)
            ).all()
            now = _now(session)
            if len(found) < len(keys) or not all(self._is_free(lease, now) for lease in found):
                session.rollback()
                return False
            for lease in found:
                lease.holder, lease.until = self.holder, now + self._seconds
            session.commit()
        return True

    def _is_free(self, lease: Lease, now: float) -> bool:
        return lease.holder in ("", self.holder) or lease.until < now or _is_dead(lease.holder)

    def _renew(self, stage: str, keys: Sequence[str], ended: threading.Event) -> None:
        while not ended.wait(self._seconds / 3):
            try:
                with self._sessions() as session:
                    until = _now(session) + self._seconds
                    session.execute(update(Lease).where(*self._ours(stage, keys)).values(until=until))
                    session.commit()
            except DBAPIError as error:  # the next renewal, or the batch's own commit, finds out what is the matter
                log.warning("the lease on %d items of %s could not be renewed: %s", len(keys), stage, error)

    def _release(self, stage: str, keys: Sequence[str]) -> None:
        """Let others have at once what was not given back, after an error; without a database they wait for the lease's end."""
        try:
            with self._sessions() as session:
                session.execute(delete(Lease).where(*self._ours(stage, keys)))
                session.commit()
        except DBAPIError as error:
            log.warning("the lease on %d items of %s could not be given back: %s", len(keys), stage, error)

    def _ours(self, stage: str, keys: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
        return Lease.stage == stage, Lease.item.in_(keys), Lease.holder == self.holder


def _now(session: Session) -> float:
    """Return the time that all who share the store agree on, in seconds since 1970."""
    if session.get_bind().dialect.name != "postgresql":
        return time.time()  # an SQLite file is shared by processes of one machine
    return float(session.scalars(select(func.extract("epoch", func.clock_timestamp()))).one())


def _machine() -> str:
    """Return a name of this machine, or container, such that process numbers mean the same wherever it is the same.

    Two machines may bear one host name: each would take the other's processes for dead, and its batches away, for ever.
    """
    space = Path("/proc/self/ns/pid")
    start = _BOOT_ID.read_text(encoding="ascii") if _BOOT_ID.exists() else ""
    name = f"{platform.node()[:100]} {start} {space.readlink() if space.is_symlink() else ''}"
    return " ".join(name.replace("|", " ").split())


def _started(pid: int) -> str:
    """Return when a process started, in ticks: numbers are used again; "" where the system does not say, "dead" for a zombie."""
    try:
        # After the command's name, which is in brackets and may hold anything: the state, and 19 fields on the start.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "dead" if fields[0] in "ZX" else fields[19]


def _is_dead(holder: str) -> bool:
    """Return whether a holder was a process of this machine that is gone."""
    machine, pid, started, _ = holder.split("|")
    if machine != _machine():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _started(int(pid)) != started
