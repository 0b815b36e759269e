"""Patience with a database that cannot be reached for a while: restarted, failed over, or gone for a moment."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError

log = logging.getLogger(__name__)

T = TypeVar("T")
SECONDS = 120.0  # for a restart of the server, or a failover
_PAUSES = (0.2, 5.0)  # between attempts: at first, at most
# PostgreSQL's SQLSTATE classes and codes (its manual, appendix A) that another attempt can cure.
_PASSING = ("08", "40", "57P", "53300")


def passes(error: DBAPIError) -> bool:
    """Return whether an error says that the connection was lost, or that transactions got into each other's way.

    A full disk, a missing table or a broken rule do not pass by waiting, and SQLite's errors never are of this kind: it waits by
    itself for other writers.
    """
    if error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError) or not type(error.orig).__module__.startswith("psycopg"):
        return False
    state: str | None = getattr(error.orig, "sqlstate", None)
    return state is None or state.startswith(_PASSING)  # no state: the server was not reached at all


def patiently(work: Callable[[], T], seconds: float = SECONDS) -> T:
    """Return what ``work`` gives; while the database is away, try again, from its start.

    Args:
        work: Reads or writes the store, in transactions of its own.
        seconds: After so long without success, from the first error on, the error is raised. Before it ``work`` may take as long as it
            takes: a batch of large pictures is under way for minutes.

    Raises:
        DBAPIError: The database stayed away, or says what no waiting cures.
    """
    pause, longest = _PAUSES
    deadline: float | None = None
    while True:
        try:
            return work()
        except DBAPIError as error:
            deadline = time.monotonic() + seconds if deadline is None else deadline
            if not passes(error) or time.monotonic() + pause > deadline:
                raise
            log.warning("the database is away (%s); trying again in %.1f s", str(error.orig).strip(), pause)
        time.sleep(pause)
        pause = min(2 * pause, longest)
