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
