"""Room on the disk: a wait that is counted and explained, not a crash."""

import errno
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from nest_builder.clock import fixed_clock
from nest_builder.config import DiskSettings, load_settings
from nest_builder.operations.disk import Bounded, Room, bounded, taken_bytes
from nest_builder.pipeline import build_stages
from nest_builder.runner import Runner
from nest_builder.stage import Done, Item, Outcome
from nest_builder.store.tables import LedgerEntry, Row
from nest_builder.workspace import Workspace
from tests.builders import NOW, new_store


class Taking:
    """A stage that takes bytes in."""

    name = "take"
    batch_size = 1
    tables: tuple[type[Row], ...] = ()
    keeps_history = True

    def __init__(self, error: OSError | None = None) -> None:
        self.error, self.done = error, 0

    def identity(self) -> Any:
        return 1

    def items(self, session: Session) -> Sequence[Item]:
        return [Item(key, key) for key in "abc"]

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        if self.error is not None and self.done == 1:
            raise self.error
        self.done += 1
        return [Done(item.key) for item in batch]


def free(monkeypatch: pytest.MonkeyPatch, *left: int) -> None:
    """Have the disk say how much is free, each time it is asked; the last stays."""
    answers = list(left)
    monkeypatch.setattr(
        shutil,
        "disk_usage",
        lambda _: shutil._ntuple_diskusage(10**12, 0, answers.pop(0) if len(answers) > 1 else answers[0]),  # type: ignore[attr-defined]
    )


def room(folder: Path, **settings: Any) -> Room:
    return Room(DiskSettings(**settings), folder, str(folder / "blobs"))


def test_a_run_stops_taking_in_before_the_disk_is_full_and_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_store(tmp_path)
    free(monkeypatch, 2000, 2000, 999)  # each look is at two places: room for one batch
    stage = Taking()
    runner = Runner(store.sessions, fixed_clock(NOW))
    report = runner.run(Bounded(stage, room(tmp_path, min_free_bytes=1000)), "r")
    assert (report.done, sorted(report.postponed), report.failed, stage.done) == (1, ["b", "c"], 0, 1)
    assert "min_free_bytes" in report.waits_for
    assert "nest gc" in report.waits_for
    free(monkeypatch, 2000)
    report = runner.run(Bounded(stage, room(tmp_path, min_free_bytes=1000)), "r")
    assert (report.done, report.unchanged, report.postponed) == (2, 1, {})
    with store.sessions() as session:
        assert {entry.status for entry in session.query(LedgerEntry)} == {"done"}
    store.close()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_within_a_batch_is_a_wait_too(tmp_path: Path, code: int) -> None:
    store = new_store(tmp_path)
    stage = Taking(OSError(code, "No space left on device"))
    report = Runner(store.sessions, fixed_clock(NOW)).run(Bounded(stage, room(tmp_path, min_free_bytes=0)), "r")
    assert (report.done, len(report.postponed)) == (1, 2)
    assert "No space left" in report.waits_for
    store.close()


def test_other_errors_stay_errors(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    stage = Bounded(Taking(PermissionError(errno.EACCES, "denied")), room(tmp_path, min_free_bytes=0))
    with pytest.raises(PermissionError):
        Runner(store.sessions, fixed_clock(NOW)).run(stage, "r")
    store.close()


def test_what_is_taken_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "blobs" / "ab").mkdir(parents=True)
    (tmp_path / "blobs" / "ab" / "x").write_bytes(b"x" * 600)
    (tmp_path / "nest.sqlite").write_bytes(b"x" * 600)
    assert room(tmp_path, min_free_bytes=0, max_bytes=1200).problem() == ""
    assert "max_bytes" in room(tmp_path, min_free_bytes=0, max_bytes=1199).problem()
    elsewhere = Room(DiskSettings(min_free_bytes=0, max_bytes=1199), tmp_path / "blobs", str(tmp_path / "other"))
    assert elsewhere.problem() == ""


def test_a_work_directory_behind_a_link_counts_once(tmp_path: Path) -> None:
    (tmp_path / "disk" / "blobs").mkdir(parents=True)
    (tmp_path / "disk" / "blobs" / "x").write_bytes(b"x" * 4)
    (tmp_path / "work").symlink_to("disk")
    assert taken_bytes(tmp_path / "work", str(tmp_path / "work" / "blobs")) == 4


@pytest.mark.parametrize(("blobs", "expected"), [("work/blobs", 7), ("elsewhere", 10), ("memory://taken", 15)])
def test_blobs_count_wherever_they_are(tmp_path: Path, blobs: str, expected: int) -> None:
    for name, size in (("work/blobs/x", 4), ("work/y", 3), ("elsewhere/z", 3)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    import fsspec

    fsspec.filesystem("memory").pipe_file("/taken/ab/x", b"12345678")
    url = blobs if "://" in blobs else str(tmp_path / blobs)
    assert taken_bytes(tmp_path / "work", url) == expected
    fsspec.filesystem("memory").rm("/taken", recursive=True)


def test_it_is_measured_seldom_where_measuring_takes_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nest_builder.operations import disk

    now = [0.0]
    measured: list[float] = []

    def slow(*_: Any) -> int:
        measured.append(now[0])
        now[0] += 1.0
        return 0

    monkeypatch.setattr(disk, "taken_bytes", slow)
    looking = Room(DiskSettings(min_free_bytes=0, max_bytes=1), tmp_path, str(tmp_path), lambda: now[0])
    for _ in range(200):
        assert looking.problem() == ""
        now[0] += 1.0
    assert len(measured) == 4


def test_the_stages_that_take_bytes_in_are_bounded_and_otherwise_as_they_were(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    settings = load_settings(workdir=tmp_path)
    stages = build_stages(Workspace(settings, store, fixed_clock(NOW), None))
    store.close()
    assert [stage.name for stage in stages if isinstance(stage, Bounded)] == ["collect", "gather"]
    plain = Taking()
    wrapped = bounded(plain, settings)
    for name in ("name", "batch_size", "tables", "keeps_history"):
        assert getattr(wrapped, name) == getattr(plain, name)
    assert wrapped.identity() == plain.identity()
