"""What a second run does: nothing, or as much as has changed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from nest_builder.config import DATA
from tests.conftest import on_postgres
from tests.small_build import edition_bytes, finish, worked

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("build")]
IDLE = """
import json, sys
from nest_builder.cli import app
app(["build", "--config", sys.argv[1], "--workdir", sys.argv[2], "--json"], standalone_mode=False)
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.fixture(params=["sqlite", on_postgres])
def built(request: pytest.FixtureRequest, tmp_path: Path, undisturbed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a build that may be changed, on each kind of database in turn."""
    folder = tmp_path / "built"
    if request.param == "sqlite":
        return shutil.copytree(undisturbed, folder, symlinks=True)
    monkeypatch.setenv("NEST_DATABASE", request.getfixturevalue("postgres").new_database())
    assert "export" in worked(finish(folder))
    assert not list((folder / "work").glob("nest.sqlite*"))
    return folder


def test_a_run_with_nothing_to_do_loads_no_model_library(built: Path, undisturbed: Path) -> None:
    command = [sys.executable, "-c", IDLE, str(built / "nest.toml"), str(built / "work")]
    ended = subprocess.run(command, check=True, capture_output=True, timeout=300)
    assert worked(json.loads(ended.stdout)) == []
    modules = set(json.loads(ended.stderr.splitlines()[-1]))
    assert modules & {"torch", "transformers", "spacy", "thinc", "datasets", "onnxruntime", "prefect"} == set()
    assert "nest_builder.annotate.segment" in modules  # it was asked what it is, not to work
    assert edition_bytes(built) == edition_bytes(undisturbed)


def test_a_changed_mask_model_runs_annotate_and_what_follows(tmp_path: Path, built: Path, undisturbed: Path) -> None:
    model = shutil.copytree(DATA / "models" / "sam-tiny", tmp_path / "sam-tiny")
    weights = load_file(model / "model.safetensors")
    name = next(name for name in sorted(weights) if name.startswith("mask_decoder.") and name.endswith(".bias"))
    weights[name].view(-1)[0] += 0.01
    save_file(weights, model / "model.safetensors", {"format": "pt"})
    settings = f'[annotate]\nmask_model = "{model.as_posix()}"\n'

    assert worked(finish(built, settings=settings)) == ["annotate", "ask", "review", "export"]
    changed = edition_bytes(built)
    assert changed != edition_bytes(undisturbed)
    assert worked(finish(built, settings=settings)) == []
    assert edition_bytes(built) == changed
