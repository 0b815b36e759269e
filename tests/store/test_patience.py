"""Which errors of a database are waited out."""

import sqlite3

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
    monkeypatch.setattr(patience.time, "sleep", pauses.append)
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
