"""The Prefect flow makes what ``nest build`` makes, and Prefect's own server knows what ran."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

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
    assert set(batches.values()) != {0}
    assert len(funnel) == 1
    assert "| export | 1 | 0 |" in funnel[0][0]

    spent = printed["orchestration"]
    assert spent["tasks"] == len(expected)
    assert spent["batches_s"] == pytest.approx(
        sum(each["batch_seconds"] for each in printed["stages"].values()), abs=0.01
    )
    assert spent["orchestration_s"] + spent["batches_s"] == pytest.approx(spent["flow_s"], abs=0.01)
    assert spent["orchestration_share"] == pytest.approx(spent["orchestration_s"] / spent["flow_s"], abs=0.001)
    # A task costs about 20 ms; a run this small has few seconds of work to hold that against.
    assert 0 < spent["orchestration_s"] < 0.5 * spent["flow_s"]
    assert spent["server_start_s"] > 0
    assert spent["server_stop_s"] > 0
