"""Several processes at one store, and a database that goes away: what the runner makes of both."""

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from nest_builder.clock import system_clock
from nest_builder.runner import Runner
from nest_builder.stage import Batch, Report
from nest_builder.store.session import open_store
from tests.servers import Postgres
from tests.shared_stage import Shared, made


def worker(database: str, folder: Path, items: int, order: str = "any") -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.shared_stage", database, str(folder), str(items), order], stderr=subprocess.PIPE
    )


def end(process: "subprocess.Popen[bytes]", seconds: float = 400) -> None:
    _, errors = process.communicate(timeout=seconds)
    assert process.returncode == 0, errors.decode()[-3000:]


def logged(folder: Path) -> list[tuple[str, str]]:
    lines = (folder / "log").read_text(encoding="utf-8").splitlines()
    return [(key, pid) for key, _, pid in (line.partition(" ") for line in lines)]


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("order", ["any", "listed"])
def test_processes_share_the_work_and_do_no_item_twice(database: str, tmp_path: Path, order: str) -> None:
    (tmp_path / "hold").touch()  # all begin at the same time, or the first is done before another has come
    processes = [worker(database, tmp_path, 60, order) for _ in range(3)]
    wait_until(lambda: len(list(tmp_path.glob("ready.*"))) == 3)
    (tmp_path / "hold").unlink()
    for process in processes:
        end(process)
    done = Counter(key for key, _ in logged(tmp_path))
    assert done == dict.fromkeys((f"{number:03}" for number in range(60)), 1)
    # Where the order counts, every batch saw all before it, whichever process did them.
    expected = {f"{n:03}": "" if order == "any" else str(n // 3 * 3) for n in range(60)}
    assert made(database, tmp_path) == expected
    if order == "any":
        assert len({pid for _, pid in logged(tmp_path)}) > 1


@pytest.mark.parametrize("order", ["any", "listed"])
def test_what_a_killed_process_held_is_taken_over(database: str, tmp_path: Path, order: str) -> None:
    (tmp_path / "hang").write_text("004", encoding="utf-8")
    killed = worker(database, tmp_path, 12, order)
    wait_until(lambda: (tmp_path / "log").exists() and "004" in dict(logged(tmp_path)))
    other = worker(database, tmp_path, 12, order)
    wait_until((tmp_path / f"ready.{other.pid}").exists)
    time.sleep(1.0)
    assert other.poll() is None  # it waits for what the first one holds
    (tmp_path / "hang").unlink()
    killed.kill()  # may or may not have seen that it can go on; its items are done once more, if not committed
    killed.communicate()
    end(other)
    assert set(made(database, tmp_path)) == {f"{number:03}" for number in range(12)}
    assert max(Counter(key for key, _ in logged(tmp_path)).values()) <= 2


def test_batches_go_to_whoever_is_there_and_none_after_a_service_is_down(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def spread(stage: str, batches: Iterator[tuple[int, Batch]]) -> Iterator[tuple[Batch, Report]]:
        running = []
        for number, batch in batches:
            running.append((batch, runner.run_batch(stages[stage], batch)))
            seen.append((number, len(running)))
            if len(running) == 2:
                yield running.pop(0)
        yield from running

    store = open_store(f"sqlite:///{tmp_path / 'nest.sqlite'}", str(tmp_path / "blobs"))
    stages = {"shared": Shared(10, True, lambda keys: None)}
    runner = Runner(store.sessions, system_clock)
    lefts: list[int] = []
    report = runner.run(stages["shared"], "test", lambda total, left: lefts.append(left), spread=spread)
    store.close()
    assert (report.done, report.batches, lefts) == (10, 4, [7, 4, 1, 0])
    assert [number for number, _ in seen] == [1, 2, 3, 4]


@pytest.mark.scale
@pytest.mark.parametrize("lost", ["connections", "server"])
def test_a_database_that_goes_away_is_waited_for(tmp_path: Path, postgres: Postgres, lost: str) -> None:
    database = postgres.new_database()
    cuts: list[str] = []
    restart = threading.Thread(target=lambda: (time.sleep(1.5), postgres.start()))

    def work(keys: Sequence[str]) -> None:
        if keys[0] in ("003", "009") and keys[0] not in cuts:
            cuts.append(keys[0])
            if lost == "connections":
                assert postgres.cut_connections(database) > 0
            elif len(cuts) == 1:
                postgres.stop()
                restart.start()

    store = open_store(database, str(tmp_path / "blobs"))
    try:
        report = Runner(store.sessions, system_clock).run(Shared(15, True, work), "test")
    finally:
        if lost == "server":
            restart.join()
        store.close()
    assert (report.done, report.failed, cuts) == (15, 0, ["003", "009"])
    assert set(made(database, tmp_path)) == {f"{number:03}" for number in range(15)}
