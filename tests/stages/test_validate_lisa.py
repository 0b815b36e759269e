"""LISA-tiny with shuffled weights: no verdicts, and the reason stands in the table, in what the command prints and on the card."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sqlalchemy import select
from typer.testing import CliRunner

from nest_builder.cli import app
from nest_builder.config import DATA
from nest_builder.newsworld.questions import known_questions
from nest_builder.reasons import Reason
from nest_builder.store.tables import LedgerEntry, Verdict
from nest_builder.validate.control import SMALLEST, Known
from tests.builders import fill_store, new_store

LISA = DATA / "models" / "lisa-tiny"
SAMPLES = 6
SETTINGS = """
workdir = "{workdir}"
[validation]
enabled = true
segmenters = ["lisa:{model}"]
control = "tests.stages.test_validate_lisa:part_of_the_control_set"
"""

pytestmark = pytest.mark.slow


def part_of_the_control_set() -> list[Known]:
    """Return as few of its questions as will do: LISA takes its time."""
    return [Known(one.image, one.text, one.mask) for one in known_questions(SMALLEST, 0)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a work directory with samples, and settings that name LISA-tiny with each parameter's numbers in another order."""
    folder = tmp_path_factory.mktemp("shuffled")
    model = folder / "lisa-shuffled"
    model.mkdir()
    for file in LISA.iterdir():
        if file.suffix == ".json":
            (model / file.name).write_bytes(file.read_bytes())
    rng = np.random.default_rng(0)
    weights = load_file(LISA / "model.safetensors")
    mixed = {name: rng.permutation(value.ravel()).reshape(value.shape) for name, value in weights.items()}
    assert any((mixed[name] != weights[name]).any() for name in weights)
    save_file(mixed, model / "model.safetensors", metadata={"format": "pt"})
    store = new_store(folder)
    fill_store(store, SAMPLES)
    store.close()
    (folder / "nest.toml").write_text(SETTINGS.format(workdir=folder, model=model))
    return folder


def nest(folder: Path, *command: str) -> str:
    result = CliRunner().invoke(app, [*command, "--config", str(folder / "nest.toml")], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def test_shuffled_weights_give_no_verdict_and_the_reason_is_said(folder):
    said = nest(folder, "validate")
    store = new_store(folder)
    with store.sessions() as session:
        rows = list(session.scalars(select(Verdict)))
        entries = list(session.scalars(select(LedgerEntry).where(LedgerEntry.stage == "validate")))
    store.close()
    assert len(rows) == SAMPLES
    assert {(row.label, row.static_iou, row.rose_iou) for row in rows} == {(None, None, None)}
    assert all(row.attempts == [] for row in rows)
    (reason,) = {row.reason for row in rows}
    assert reason.startswith("lisa-shuffled@")
    assert "control set" in reason or "known entities, under the floor of 0.6" in reason
    (control,) = rows[0].controls
    assert control["reason"] == reason
    assert {(entry.status, tuple(entry.dropped.items())) for entry in entries} == {
        ("done", ((Reason.CONTROL_SET.value, 1),))
    }
    assert f"no verdict: {reason}" in " ".join(said.split())
    assert "control set, lisa-shuffled@" in said
    nest(folder, "export")
    (card,) = folder.glob("editions/2*/README.md")
    text = card.read_text()
    assert f"{Reason.CONTROL_SET.value} {SAMPLES}" in text  # what was turned away
    assert (
        "failed the control set (under a gIoU of 0.6 on entities that it must know), so that its failures would prove nothing: "
        f"{SAMPLES} samples." in text
    )
