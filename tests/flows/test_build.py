"""The Prefect flow makes what ``nest build`` makes, and Prefect's own server knows what ran."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from prefect import flow
from prefect.settings import PREFECT_API_URL, temporary_settings
from sqlalchemy.orm import Session

from flows import scale
from flows.build import build
from flows.server import prefect_server
from flows.tasks import TaskPerBatch
from nest_builder import run
from nest_builder.config import ScaleSettings, Settings
from nest_builder.progress import Progress
from nest_builder.stage import Batch, Done, Item, Outcome, Report
from nest_builder.store.tables import Edition, Row
from nest_builder.worker import Job
from nest_builder.workspace import open_workspace
from tests.small_build import STAGES, edition_bytes, finish


@pytest.mark.slow
@pytest.mark.xdist_group("build")
def test_a_flow_makes_the_same_bytes_and_is_on_record(tmp_path: Path, undisturbed: Path) -> None:
    printed = finish(tmp_path, "--prefect")
    assert edition_bytes(tmp_path) == edition_bytes(undisturbed)

    with closing(sqlite3.connect(tmp_path / "work" / "prefect" / "prefect.db")) as database:
        flows = database.execute(
            "SELECT flow.name, flow_run.state_type FROM flow_run JOIN flow ON flow.id = flow_run.flow_id"
        ).fetchall()
        tasks = database.execute("SELECT name, state_type FROM task_run").fetchall()
        funnel = database.execute("SELECT data FROM artifact WHERE key = 'funnel'").fetchall()
    assert flows == [("build-nest", "COMPLETED")]
    batches = {stage: printed["stages"][stage]["batches"] for stage in STAGES}
    expected = {f"{stage}-{number}" for stage, count in batches.items() for number in range(1, count + 1)}
    assert sorted(tasks) == sorted((name, "COMPLETED") for name in expected)
    assert 0 not in batches.values()
    assert len(funnel) == 1
    assert "| export | 1 | 0 |" in funnel[0][0]

    spent = printed["orchestration"]
    assert spent["tasks"] == len(expected)
    in_batches = sum(each["batch_seconds"] for each in printed["stages"].values())
    assert spent["batches_s"] == pytest.approx(in_batches, abs=0.01)
    assert spent["orchestration_s"] + spent["batches_s"] == pytest.approx(spent["flow_s"], abs=0.01)
    assert spent["orchestration_share"] == pytest.approx(spent["orchestration_s"] / spent["flow_s"], abs=0.001)
    assert 0 < spent["orchestration_s"] < 0.5 * spent["flow_s"]  # of a run this small
    assert spent["server_start_s"] > 0
    assert spent["server_stop_s"] > 0


class Counting:
    """A stage of numbered items, two a batch; it falls over at the batch that holds ``breaks_at``."""

    batch_size = 2
    tables: tuple[type[Row], ...] = (Edition,)
    keeps_history = False

    def __init__(self, name: str, items: int, breaks_at: str | None = None) -> None:
        self.name, self.breaks_at = name, breaks_at
        self.keys = [f"{name}{number}" for number in range(items)]

    def identity(self) -> Any:
        return 1

    def items(self, session: Session) -> Sequence[Item]:
        return [Item(key, "") for key in self.keys]

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        if any(item.key == self.breaks_at for item in batch):
            raise ValueError("this stage is broken")
        return [Done(item.key) for item in batch]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    with temporary_settings(restore_defaults={PREFECT_API_URL}), prefect_server(folder) as url:
        yield url


def states(server: str) -> list[tuple[str, dict[str, str]]]:
    """Return each flow run's state, oldest first, and its task runs' states by name, as the server's API gives them."""

    def ask(what: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        answer = requests.post(f"{server}/{what}/filter", json=body, timeout=10)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found

    return [
        (
            flow["state_type"],
            {
                task["name"]: task["state_type"]
                for task in ask("task_runs", {"flow_runs": {"id": {"any_": [flow["id"]]}}, "limit": 200})
            },
        )
        for flow in ask("flow_runs", {"sort": "START_TIME_ASC", "limit": 200})
    ]


@pytest.mark.slow
def test_a_broken_stage_fails_its_flow_and_the_next_run_goes_on(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(workdir=tmp_path / "work")

    def go(*stages: Counting) -> list[int]:
        monkeypatch.setattr(run, "build_stages", lambda workspace: stages)
        with Progress(quiet=True) as progress:
            return [report.done for report in build(settings, progress)[0]]

    with pytest.raises(ValueError, match="this stage is broken"):
        go(Counting("a", 60), Counting("b", 5, breaks_at="b2"), Counting("c", 1))
    every_a = {f"a-{number}": "COMPLETED" for number in range(1, 31)}
    failed = ("FAILED", every_a | {"b-1": "COMPLETED", "b-2": "FAILED"})
    assert states(server) == [failed]

    assert go(Counting("a", 60), Counting("b", 5), Counting("c", 1)) == [0, 3, 1]
    went_on = ("COMPLETED", dict.fromkeys(("b-1", "b-2", "c-1"), "COMPLETED"))
    assert states(server) == [failed, went_on]

    assert go(Counting("a", 60), Counting("b", 5), Counting("c", 1)) == [0, 0, 0]
    assert states(server) == [failed, went_on, ("COMPLETED", {})]


@pytest.mark.slow
@pytest.mark.parametrize(("error", "tries"), [(OSError(28, "no space"), 3), (ValueError("broken"), 1)])
def test_a_batch_on_a_worker_is_tried_again_where_that_may_help(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch, error: Exception, tries: int
) -> None:
    tried: list[str] = []

    def run_job(job: Job) -> Report:
        tried.append(job.batch.stage)
        raise error

    monkeypatch.setattr(scale, "run_job", run_job)
    # Its batches go to the flow's task runner, which is a pool of threads here.
    settings = Settings(workdir=tmp_path / "work", scale=ScaleSettings(runner="dask"))

    @flow
    def spread() -> None:
        with open_workspace(settings) as workspace:
            hand_out = scale.spread_over_workers(workspace, TaskPerBatch(retries=2, delay_s=0.0))
            assert hand_out is not None
            list(hand_out("a", iter([(1, Batch("a", (), ()))])))

    with pytest.raises(type(error)):
        spread()
    assert tried == ["a"] * tries
