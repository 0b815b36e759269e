"""The runner's contract, on stages that do as they are told."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nest_builder.clock import fixed_clock
from nest_builder.reasons import Reason
from nest_builder.runner import Runner
from nest_builder.stage import Batch, Done, Failed, Item, Outcome, Postponed, Rejected, Report
from nest_builder.store.session import Store, open_store
from nest_builder.store.tables import Article, Edition, LedgerEntry, Row, StageRun

NOW = dt.datetime(2025, 10, 1, 6, tzinfo=dt.UTC)


class Fake:
    """A stage whose items and verdicts are a dict: ``ok``, ``none``, ``bad``, ``down``, ``away``, ``crash`` or ``foreign``."""

    name = "fake"
    batch_size = 2
    tables: tuple[type[Row], ...] = (Edition,)

    def __init__(self, verdicts: dict[str, str], *, version: int = 1, keeps_history: bool = False) -> None:
        self.verdicts, self.version, self.keeps_history = verdicts, version, keeps_history
        self.inputs = dict.fromkeys(verdicts, "first")
        self.batches: list[list[str]] = []

    def identity(self) -> Any:
        return self.version

    def items(self, session: Session) -> Sequence[Item]:
        return [Item(key, self.inputs[key]) for key in sorted(self.verdicts)]

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        self.batches.append([item.key for item in batch])
        return [self.outcome(item) for item in batch]

    def outcome(self, item: Item) -> Outcome:
        row = Edition(name=item.key, path=item.inputs, manifest={})
        match self.verdicts[item.key]:
            case "ok":
                return Done(item.key, [row], {Reason.TINY: 2, Reason.BOMB: 0})
            case "none":
                return Done(item.key)
            case "bad":
                return Rejected(item.key, Reason.TOO_SHORT, "x" * 3000)
            case "down":
                return Failed(item.key, "timeout of \ud83d\x00")
            case "away":
                return Postponed(item.key, "search is down")
            case "foreign":
                return Done(item.key, [_article(item.key)])
            case "twin":  # the same primary key twice: the database refuses at the commit
                return Done(item.key, [row, Edition(name=item.key, path="again", manifest={})])
            case verdict:
                raise ValueError(verdict)


def _article(url: str) -> Article:
    return Article(
        url=url,
        site="s",
        title="t",
        text="x",
        authors=[],
        published_at=None,
        language="en",
        text_hash="0",
        signature="",
    )


@pytest.fixture
def store(database: str, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(database, str(tmp_path / "blobs"))
    yield opened
    opened.close()


@pytest.fixture
def runner(store: Store) -> Runner:
    return Runner(store.sessions, fixed_clock(NOW))


def ledger(store: Store) -> dict[str, tuple[str, str | None, int]]:
    with store.sessions() as session:
        return {e.item: (e.status, e.reason, e.attempts) for e in session.scalars(select(LedgerEntry))}


def editions(store: Store) -> dict[str, str]:
    with store.sessions() as session:
        return {row.name: row.path for row in session.scalars(select(Edition))}


def test_each_outcome_is_settled_and_a_second_run_does_nothing(store: Store, runner: Runner) -> None:
    stage = Fake({"a": "ok", "b": "none", "c": "bad", "d": "down"})
    report = runner.run(stage, "first")
    assert ledger(store) == {
        "a": ("done", None, 1),
        "b": ("done", None, 1),
        "c": ("rejected", "too short", 1),
        "d": ("rejected", Reason.RETRIES_EXHAUSTED.value, 3),
    }
    assert (report.done, report.rejected, report.failed) == (2, 2, 2)
    assert report.reasons == {"tiny image": 2, "too short": 1, Reason.RETRIES_EXHAUSTED.value: 1}
    assert stage.batches == [["a", "b"], ["c", "d"], ["d"], ["d"]]
    with store.sessions() as session:
        entries = {e.item: e for e in session.scalars(select(LedgerEntry))}
        row = session.scalars(select(Edition)).one()
        assert session.scalars(select(StageRun)).one().counts == report.as_dict() | {
            "seconds": pytest.approx(0, abs=60)
        }
    assert entries["a"].dropped == {"tiny image": 2}
    assert entries["a"].finished_at == NOW
    assert len(entries["c"].detail) == 2000
    assert entries["d"].detail == "timeout of ?\ufffd"  # what no database stores is no reason to fall over
    assert (row.origin, len(row.digest)) == ("a", 64)

    again = runner.run(stage, "second")
    assert (again.worked, again.unchanged, again.swept) == (0, 4, 0)
    assert len(stage.batches) == 4


def test_a_failure_that_passes_is_done(store: Store, runner: Runner) -> None:
    stage = Fake({"a": "down"})
    runner.run_batch(stage, runner.pending(stage)[0][0])
    assert ledger(store) == {"a": ("failed", None, 1)}
    stage.verdicts["a"] = "ok"
    assert runner.run(stage, "r").done == 1
    assert ledger(store) == {"a": ("done", None, 2)}


def test_a_service_that_is_down_costs_no_attempt_and_nothing_stored(store: Store, runner: Runner) -> None:
    stage = Fake(dict.fromkeys("abcdefg", "ok"))
    runner.run(stage, "first")
    stage.inputs |= dict.fromkeys("bcdefg", "second")
    stage.verdicts |= {"c": "away", "d": "down", "e": "away", "f": "away"}
    stage.batches.clear()
    report = runner.run(stage, "second")
    assert stage.batches == [
        ["b", "c"],
        ["d", "e"],
        ["f", "g"],
        ["d"],
        ["d"],
    ]  # none of them twice, but what failed by itself
    assert (report.done, report.unchanged, report.postponed) == (2, 1, dict.fromkeys("cef", "search is down"))
    assert (report.as_dict()["postponed"], report.as_dict()["waits_for"]) == (3, "search is down")
    stage.batches.clear()
    for _ in range(3):  # more often than an item may fail
        report = runner.run(stage, "third")
        assert (report.worked, report.unchanged, list(report.postponed)) == (0, 4, ["c", "e", "f"])
    assert stage.batches == [["c", "e"]] * 3  # the first batch with nothing else ends the pass
    assert ledger(store) == dict.fromkeys("abcefg", ("done", None, 1)) | {
        "d": ("rejected", Reason.RETRIES_EXHAUSTED.value, 3)
    }
    assert editions(store) == dict.fromkeys("acef", "first") | dict.fromkeys("bg", "second")
    stage.verdicts |= dict.fromkeys("cef", "ok")
    report = runner.run(stage, "fourth")
    assert (report.done, report.postponed, report.as_dict()["waits_for"]) == (3, {}, "")
    assert {editions(store)[key] for key in "cef"} == {"second"}


def test_a_changed_identity_runs_everything_again(store: Store, runner: Runner) -> None:
    runner.run(Fake({"a": "ok", "b": "bad", "c": "down"}), "first")
    changed = Fake({"a": "none", "b": "ok", "c": "ok"}, version=2)
    assert runner.run(changed, "second").done == 3
    assert editions(store) == {"b": "first", "c": "first"}  # a's old row went with its old result
    assert {attempts for _, _, attempts in ledger(store).values()} == {1}


def test_changed_inputs_run_only_that_item_again(store: Store, runner: Runner) -> None:
    stage = Fake({"a": "ok", "b": "ok", "c": "bad"})
    runner.run(stage, "first")
    stage.batches.clear()
    stage.inputs["b"] = "second"
    report = runner.run(stage, "second")
    assert stage.batches == [["b"]]
    assert (report.done, report.unchanged) == (1, 2)
    assert editions(store) == {"a": "first", "b": "second"}


@pytest.mark.parametrize(("keeps_history", "left", "swept"), [(False, {"b"}, 1), (True, {"a", "b"}, 0)])
def test_rows_of_vanished_items_are_swept_unless_history_is_kept(
    store: Store, runner: Runner, keeps_history: bool, left: set[str], swept: int
) -> None:
    stage = Fake({"a": "ok", "b": "ok"}, keeps_history=keeps_history)
    runner.run(stage, "first")
    del stage.verdicts["a"]
    assert runner.run(stage, "second").swept == swept
    assert set(editions(store)) == left
    assert set(ledger(store)) == left


@pytest.mark.parametrize(("keeps_history", "left"), [(True, {"a": "first"}), (False, {})])
def test_a_failure_leaves_history_alone(
    store: Store, runner: Runner, keeps_history: bool, left: dict[str, str]
) -> None:
    stage = Fake({"a": "ok"}, keeps_history=keeps_history)
    runner.run(stage, "first")
    stage.verdicts["a"], stage.inputs["a"] = "down", "second"
    runner.run(stage, "second")
    assert editions(store) == left


@pytest.mark.parametrize(
    ("verdict", "error"), [("foreign", "does not own the table of Article"), ("crash", "crash"), ("twin", "(?i)unique")]
)
def test_a_batch_is_one_transaction(store: Store, runner: Runner, verdict: str, error: str) -> None:
    stage = Fake({"a": "ok", "b": verdict})
    with pytest.raises(Exception, match=error):
        runner.run(stage, "r")
    assert ledger(store) == {}
    assert editions(store) == {}
    with store.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Article)) == 0
    stage.verdicts["b"] = "ok"  # mended, the next run picks up where nothing was left
    assert runner.run(stage, "r").done == 2


def test_batches_before_an_error_stay(store: Store, runner: Runner) -> None:
    stage = Fake({"a": "ok", "b": "ok", "c": "crash"})
    with pytest.raises(ValueError, match="crash"):
        runner.run(stage, "r")
    assert set(editions(store)) == {"a", "b"}


@pytest.mark.parametrize("returned", [[], ["a", "a"], ["a", "b", "c"], ["a", "z"]])
def test_exactly_one_outcome_an_item(
    store: Store, runner: Runner, returned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Fake({"a": "ok", "b": "ok"})
    monkeypatch.setattr(stage, "process", lambda session, batch: [Done(key) for key in returned])
    with pytest.raises(RuntimeError, match="one outcome for each item"):
        runner.run(stage, "r")
    assert ledger(store) == {}


def test_results_do_not_depend_on_batches(tmp_path: Path) -> None:
    found = []
    for size in (1, 2, 7):
        store = open_store(f"sqlite:///{tmp_path / f'{size}.sqlite'}", str(tmp_path / "blobs"))
        stage = Fake(dict.fromkeys("abcdefg", "ok"))
        stage.batch_size = size
        Runner(store.sessions, fixed_clock(NOW)).run(stage, "r")
        with store.sessions() as session:
            found.append([(row.name, row.digest) for row in session.scalars(select(Edition).order_by(Edition.name))])
        store.close()
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 7


def test_batches_are_run_as_the_caller_says(store: Store) -> None:
    seen: list[tuple[int, list[str], int]] = []

    def elsewhere(batch: Batch, number: int, work: Callable[[], Report]) -> Report:
        report = work()
        seen.append((number, [item.key for item in batch.items], report.done))
        return report

    stage = Fake(dict.fromkeys("abc", "ok"))
    report = Runner(store.sessions, fixed_clock(NOW)).run(stage, "test", execute=elsewhere)
    assert seen == [(1, ["a", "b"], 2), (2, ["c"], 1)]
    assert (report.done, report.batches) == (3, 2)
    assert 0 < report.batch_seconds < report.seconds
