"""The same bytes, whatever the build runs on: PostgreSQL, object storage, Dask, Ray, several commands, and with some of it killed."""

import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, select
from sqlalchemy.exc import DBAPIError

from flows.scale import task_runner
from nest_builder import run
from nest_builder.config import ScaleSettings, load_settings
from nest_builder.operations.metrics import LAST_RUN
from nest_builder.progress import Progress
from nest_builder.store.tables import Lease, LedgerEntry
from tests.servers import Postgres
from tests.small_build import STAGES, edition_bytes, finish, start, worked

pytestmark = pytest.mark.scale
MOST_SECONDS = 600  # of a build, on a machine that has other things to do; alone it takes half a minute


class Watch:
    """Looks at a database while others work on it, and may kill one of them.

    Args:
        database: Its URL.
        victims: How many processes are killed while they hold items of ``annotate``.
    """

    def __init__(self, database: str, victims: int) -> None:
        self.holders: set[int] = set()
        self.killed: list[int] = []
        self._engine, self._victims = create_engine(database), victims
        self.spared: set[int] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._ended.wait(0.02):
            try:
                with self._engine.connect() as connection:
                    found = connection.scalars(select(Lease.holder).where(Lease.stage == "annotate").distinct()).all()
            except DBAPIError:
                continue  # the tables are not there yet
            busy = {int(holder.split("|")[1]) for holder in found if holder}
            self.holders |= busy
            for pid in sorted(busy - self.spared)[: self._victims - len(self.killed)]:
                self.killed.append(pid)
                os.kill(pid, signal.SIGKILL)

    @contextmanager
    def looking(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join()
            self._engine.dispose()


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEST_ANNOTATE__BATCH_SIZE", "4")


def build(folder: Path, watch: Watch, *options: str) -> None:
    """Run the command to its end, whoever else is killed."""
    process = start(folder, *options)
    watch.spared.add(process.pid)
    try:
        with watch.looking():
            status = process.wait(MOST_SECONDS)
    finally:
        process.kill()
        process.wait()
    assert status == 0, (folder / "errors.log").read_text(encoding="utf-8")[-4000:]


@pytest.mark.usefixtures("small_batches")
def test_postgresql_objects_and_dask_with_four_workers(
    tmp_path: Path, undisturbed: Path, postgres: Postgres, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = postgres.new_database()
    monkeypatch.setenv("NEST_DATABASE", database)
    monkeypatch.setenv("NEST_BLOBS", s3)
    watch = Watch(database, victims=0)
    build(tmp_path, watch, "--runner", "dask", "--workers", "4")
    assert edition_bytes(tmp_path) == edition_bytes(undisturbed)
    assert len(watch.holders) > 1
    assert not list((tmp_path / "work").glob("nest.sqlite*"))
    assert not (tmp_path / "work" / "blobs").exists()
    assert 'requests_total{host="encyclopedia",status="200"}' in (tmp_path / "work" / LAST_RUN).read_text()
    assert worked(finish(tmp_path)) == []  # in one process, without Prefect: everything is done


@pytest.mark.usefixtures("small_batches")
def test_postgresql_and_dask_with_two_workers_of_which_one_is_killed(
    tmp_path: Path, undisturbed: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = postgres.new_database()
    monkeypatch.setenv("NEST_DATABASE", database)
    watch = Watch(database, victims=1)
    build(tmp_path, watch, "--runner", "dask", "--workers", "2")
    assert len(watch.killed) == 1
    assert watch.holders > set(watch.killed)  # others went on
    assert edition_bytes(tmp_path) == edition_bytes(undisturbed)


@pytest.mark.usefixtures("small_batches")
def test_ray_with_two_workers(
    tmp_path: Path, undisturbed: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = postgres.new_database()
    monkeypatch.setenv("NEST_DATABASE", database)
    watch = Watch(database, victims=0)
    build(tmp_path, watch, "--runner", "ray", "--workers", "2")
    assert len(watch.holders) == 2
    assert "orchestration" not in json.loads((tmp_path / "out.json").read_text())  # their times overlap
    assert edition_bytes(tmp_path) == edition_bytes(undisturbed)


@pytest.mark.usefixtures("small_batches")
def test_two_commands_at_one_store_of_which_one_is_killed_while_the_database_goes_away(
    tmp_path: Path, undisturbed: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = postgres.new_database()
    monkeypatch.setenv("NEST_DATABASE", database)
    monkeypatch.setenv("NEST_BLOBS", str(tmp_path / "blobs"))
    engine = create_engine(database, pool_pre_ping=True)

    def done(stage: str) -> int:
        with engine.connect() as connection:
            return len(connection.scalars(select(LedgerEntry.item).where(LedgerEntry.stage == stage)).all())

    one, other = start(tmp_path / "one"), start(tmp_path / "other")
    try:
        wait_until(lambda: done("collect") > 0, one, other)
        assert postgres.cut_connections(database) > 0
        wait_until(lambda: done("annotate") > 0, one, other)
        one.kill()
        postgres.stop()
        time.sleep(1.0)
        postgres.start()
        assert other.wait(MOST_SECONDS) == 0, (tmp_path / "other" / "errors.log").read_text(encoding="utf-8")[-4000:]
    finally:
        engine.dispose()
        for process in (one, other):
            process.kill()
            process.wait()
    assert edition_bytes(tmp_path / "other") == edition_bytes(undisturbed)


def test_dask_workers_keep_the_memory_that_they_have(monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import Client, LocalCluster

    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    task_runner(ScaleSettings(runner="dask", workers=1))
    names = ("MALLOC_TRIM_THRESHOLD_", "OMP_NUM_THREADS")
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        (found,) = client.run(lambda: [os.environ.get(name) for name in names]).values()
    assert found == [None, "1"]


@pytest.fixture
def backwards() -> Iterator[None]:
    """Have SQLite give rows backwards wherever a query does not say an order."""

    def turn_round(connection: Any, _record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA reverse_unordered_selects=ON")

    event.listen(Engine, "connect", turn_round)
    yield
    event.remove(Engine, "connect", turn_round)


@pytest.mark.usefixtures("backwards")
def test_nothing_depends_on_the_order_in_which_a_database_gives_rows(tmp_path: Path, undisturbed: Path) -> None:
    settings = load_settings(undisturbed / "nest.toml", workdir=tmp_path / "work")
    with Progress(quiet=True) as progress:
        reports = run.build(settings, progress)
    assert [report.stage for report in reports if report.done] == list(STAGES)
    assert edition_bytes(tmp_path) == edition_bytes(undisturbed)


def wait_until(true: Callable[[], bool], *processes: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + MOST_SECONDS
    while True:
        try:
            if true():
                return
        except DBAPIError:
            pass  # the tables are not there yet
        assert time.monotonic() < deadline
        assert all(process.poll() is None for process in processes)
        time.sleep(0.05)
