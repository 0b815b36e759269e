import json
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import select

from nest_builder.clock import fixed_clock
from nest_builder.config import Settings
from nest_builder.runner import Runner
from nest_builder.stages.export import Export
from nest_builder.status import read_status, status_table
from nest_builder.store.tables import LedgerEntry, StageRun
from tests.builders import NOW, REJECTIONS, fill_store, new_store


def test_an_empty_store_has_a_status(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    status = read_status(store)
    assert status.stages == ()
    assert status.samples.total == 0
    assert json.loads(json.dumps(status.as_dict()))["editions"] == []
    store.close()


def test_counts(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    fill_store(store, 36)
    settings = Settings(workdir=tmp_path)
    Runner(store.sessions, fixed_clock(NOW)).run(
        Export(settings.export, settings, store.blobs, fixed_clock(NOW)), "test"
    )
    with store.sessions() as session:
        entry = session.scalars(
            select(LedgerEntry).where(LedgerEntry.stage == "gather", LedgerEntry.status == "done")
        ).first()
        assert entry is not None
        entry.status = "failed"
        session.commit()
    status = read_status(store)
    store.close()
    stages = {item.stage: item for item in status.stages}
    assert list(stages) == ["collect", "extract", "recognize", "assess", "gather", "annotate", "ask", "export"]
    for name, stage in stages.items():
        expected = {reason.value: count for at, reason, count in REJECTIONS if at == name}
        assert stage.reasons == expected
        assert stage.rejected == sum(expected.values())
    assert list(stages["collect"].reasons) == ["robots disallow", "not found"], "the most frequent first"
    assert (stages["gather"].done, stages["gather"].failed) == (35, 1)
    assert stages["gather"].items == 36 + 5
    assert stages["ask"].dropped == {"several targets fit": 3}
    assert stages["collect"].seconds == 1.5
    assert status.samples.total == 36
    assert status.samples.negatives == 6
    assert status.samples.by_category == {"novel": 24, "emerging": 12}
    assert status.entities == {"novel": 8, "emerging": 4}
    (edition,) = status.editions
    assert edition.path == "editions/2025.10"
    assert sum(edition.counts["by_split"].values()) == edition.counts["samples"]
    data = json.loads(json.dumps(status.as_dict()))
    assert data["stages"][0]["reasons"] == {"robots disallow": 4, "not found": 2}
    console = Console(width=100, record=True, file=(tmp_path / "out.txt").open("w"))
    console.print(status_table(status))
    text = console.export_text()
    assert "robots disallow 4, not found 2" in text
    assert "edition 2025.10" in text


@pytest.mark.parametrize(
    ("passes", "seconds"),
    [
        ([(9.0, {"done": 3})], 9.0),
        ([(9.0, {"done": 3}), (0.1, {"done": 0, "unchanged": 3})], 9.0),
        ([(9.0, {"done": 3}), (4.0, {"rejected": 1})], 4.0),
        ([(0.1, {"done": 0})], 0.1),
    ],
)
def test_seconds_are_those_of_the_last_pass_that_worked(
    tmp_path: Path, passes: list[tuple[float, dict[str, int]]], seconds: float
) -> None:
    store = new_store(tmp_path)
    with store.sessions() as session:
        for took, counts in passes:
            session.add(StageRun(run="r", stage="collect", started_at=NOW, seconds=took, counts=counts))
        session.commit()
    (stage,) = read_status(store).stages
    store.close()
    assert stage.seconds == seconds
