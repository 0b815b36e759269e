"""Which errors of a database are waited out."""

import sqlite3
import time
from types import SimpleNamespace

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from nest_builder.store import patience
from nest_builder.store.patience import passes, patiently

GONE = OperationalError("SELECT 1", None, psycopg.OperationalError("connection refused"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (GONE, True),
        (OperationalError("", None, psycopg.errors.AdminShutdown()), True),
        (OperationalError("", None, psycopg.errors.CannotConnectNow()), True),
        (OperationalError("", None, psycopg.errors.DeadlockDetected()), True),
        (OperationalError("", None, psycopg.errors.TooManyConnections()), True),
        (DBAPIError("", None, Exception("cut"), connection_invalidated=True), True),
        (OperationalError("", None, psycopg.errors.DiskFull()), False),
        (IntegrityError("", None, psycopg.errors.UniqueViolation()), False),
        (OperationalError("", None, sqlite3.OperationalError("database or disk is full")), False),
    ],
)
def test_only_what_passes_is_waited_for(error: DBAPIError, expected: bool) -> None:
    assert passes(error) is expected


def test_work_is_done_again_until_it_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(patience, "time", SimpleNamespace(monotonic=time.monotonic, sleep=pauses.append))
    errors = [GONE] * 7

    def work() -> str:
        if errors:
            raise errors.pop()
        return "done"

    assert patiently(work) == "done"
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


@pytest.mark.parametrize("seconds", [0.0, 0.1])
def test_patience_ends(seconds: float) -> None:
    def work() -> None:
        raise GONE

    with pytest.raises(OperationalError, match="connection refused"):
        patiently(work, seconds)


def test_patience_begins_with_the_first_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that took longer than anybody waits for a database must still be done again when the database comes back."""
    now = [0.0]
    monkeypatch.setattr(patience, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: None))
    errors = [GONE]

    def work() -> str:
        now[0] += 1000.0 if errors else 0.0
        if errors:
            raise errors.pop()
        return "done"

    assert patiently(work, 120.0) == "done"
