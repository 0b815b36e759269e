"""Who holds what, how long, and what becomes of it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from nest_builder.store import leases
from nest_builder.store.leases import LeaseLostError, Leases
from nest_builder.store.session import Store, open_store
from nest_builder.store.tables import Lease


@pytest.fixture
def store(database: str, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(database, str(tmp_path / "blobs"))
    yield opened
    opened.close()


def held(store: Store) -> dict[str, str]:
    with store.sessions() as session:
        return {lease.item: lease.holder for lease in session.scalars(select(Lease))}


def test_all_or_none_and_given_back_at_the_end(store: Store) -> None:
    one, other = Leases(store.sessions), Leases(store.sessions)
    with one.hold("s", ["b", "a"], wait=False) as got:
        assert got
        assert held(store) == dict.fromkeys("ab", one.holder)
        with other.hold("s", ["b", "c"], wait=False) as also:
            assert not also
        with other.hold("s", ["c"], wait=False) as free, other.hold("another stage", ["a"], wait=False) as elsewhere:
            assert free
            assert elsewhere
    assert held(store) == {}


def test_an_error_gives_back_too(store: Store) -> None:
    with pytest.raises(ValueError, match="broken"), Leases(store.sessions).hold("s", ["a"], wait=False):
        raise ValueError("broken")
    assert held(store) == {}


def test_a_lease_is_renewed_while_its_holder_works(store: Store) -> None:
    def until() -> float:
        with store.sessions() as session:
            return session.scalars(select(Lease.until)).one()

    with Leases(store.sessions, seconds=0.6).hold("s", ["a"], wait=False):
        first, deadline = until(), time.monotonic() + 30
        while until() < first + 0.3:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize(("seconds", "got"), [(60.0, False), (0.2, True)])
def test_a_holder_on_another_machine_is_given_until_the_lease_ends(store: Store, seconds: float, got: bool) -> None:
    one, other = Leases(store.sessions, seconds=seconds), Leases(store.sessions)
    one.holder = f"elsewhere|1|1|{one.holder[-8:]}"
    assert one._take("s", ["a"])
    time.sleep(0.3)
    with other.hold("s", ["a"], wait=False) as taken:
        assert taken is got


def test_a_process_of_this_machine_that_is_gone_holds_nothing(store: Store) -> None:
    one, other = Leases(store.sessions), Leases(store.sessions)
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    machine, _, started, number = one.holder.split("|")
    one.holder = "|".join((machine, str(gone.pid), started, number))
    assert one._take("s", ["a"])
    with other.hold("s", ["a"], wait=False) as taken:
        assert taken


def test_a_machine_of_the_same_name_is_another_machine(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it holds must not be taken for a dead process's: a number that is free here may be a worker's there."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    with monkeypatch.context() as there:
        (tmp_path / "boot_id").write_text("of-the-other-machine\n", encoding="ascii")
        there.setattr(leases, "_BOOT_ID", tmp_path / "boot_id")
        one = Leases(store.sessions)
    machine, _, started, number = one.holder.split("|")
    one.holder = "|".join((machine, str(gone.pid), started, number))
    assert one._take("s", ["a"])
    with Leases(store.sessions).hold("s", ["a"], wait=False) as taken:
        assert not taken


def test_who_waits_gets_it(store: Store) -> None:
    one, other = Leases(store.sessions, seconds=0.5), Leases(store.sessions)
    one.holder = f"elsewhere|1|1|{one.holder[-8:]}"
    assert one._take("s", ["*"])
    with store.sessions() as session:
        ends = session.scalars(select(Lease.until)).one()
    with other.hold("s", ["*"], wait=True) as taken:
        assert taken
    assert time.time() > ends


def test_what_was_taken_over_cannot_be_committed(store: Store) -> None:
    one = Leases(store.sessions)
    with one.hold("s", ["a", "b"], wait=False):
        with store.sessions() as session:
            session.execute(update(Lease).where(Lease.item == "b").values(holder="another"))
            session.commit()
        with store.sessions() as session, pytest.raises(LeaseLostError, match="1 of 2 items of s"):
            one.give_back(session, "s", ["a", "b"])
    assert held(store) == {"b": "another"}
