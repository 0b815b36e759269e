"""The command: what is wrong is said in one line, with a status that scripts can read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nest_builder.cli import app
from nest_builder.store.session import open_store
from tests.builders import fill_store, new_store

COMMANDS = CliRunner()


@pytest.mark.parametrize(
    ("arguments", "settings", "status", "said"),
    [
        (["build", "--config", "{toml}"], "colour = 1", 2, "settings: colour: "),
        (["build", "--config", "{toml}"], "[sources]\nmax_entries = 0", 2, "settings: sources.max_entries: "),
        (["build", "--config", "{folder}/absent.toml"], "", 2, "no settings file"),
        (["build", "--profile", "nightly"], "", 2, "choose one of embedded, hub"),
        (["build", "--profile", "hub", "--seed", "1"], "", 2, "--seed is the simulated web's"),
        (["status", "--workdir", "{folder}"], "", 1, "nothing built yet"),
    ],
)
def test_errors(tmp_path: Path, arguments: list[str], settings: str, status: int, said: str) -> None:
    toml = tmp_path / "nest.toml"
    toml.write_text(settings, encoding="utf-8")
    result = COMMANDS.invoke(app, [part.format(toml=toml, folder=tmp_path) for part in arguments])
    assert result.exit_code == status
    assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.output
    assert not (tmp_path / "nest.sqlite").exists()


@pytest.mark.parametrize("arguments", [["--help"], ["build", "--help"], ["status", "--help"], ["newsworld", "--help"]])
def test_help(arguments: list[str]) -> None:
    assert COMMANDS.invoke(app, arguments).exit_code == 0


def test_status_of_an_empty_store_is_json(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path / 'nest.sqlite'}", str(tmp_path / "blobs")).close()
    result = COMMANDS.invoke(app, ["status", "--workdir", str(tmp_path), "--json"])
    assert result.exit_code == 0
    assert isinstance(json.loads(result.stdout), dict)


def test_export_writes_the_edition_once(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.close()
    command = ["export", "--workdir", str(tmp_path), "--json"]
    result = COMMANDS.invoke(app, command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no samples to publish" in result.stderr
    store = new_store(tmp_path)
    fill_store(store, 12)
    store.close()
    first, second = (json.loads(COMMANDS.invoke(app, command).stdout) for _ in range(2))
    assert (first.pop("written"), second.pop("written")) == (True, False)
    assert (first.pop("published"), second.pop("published")) == ([first["edition"]], [])
    assert first == second
    assert first["counts"]["samples"] > 0
    assert (Path(first["folder"]) / "manifest.json").exists()
    assert "(unchanged)" in COMMANDS.invoke(app, command[:-1]).stdout


def test_an_edition_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    fill_store(store, 12)
    store.close()
    toml = tmp_path / "nest.toml"
    toml.write_text('[export]\ntakedown = "absent.txt"', encoding="utf-8")
    result = COMMANDS.invoke(app, ["export", "--workdir", str(tmp_path), "--config", str(toml)])
    assert result.exit_code == 1
    assert "was not written" in " ".join(result.stderr.split())


def test_help_loads_no_model_library() -> None:
    heavy = ("torch", "spacy", "transformers", "sqlalchemy", "pyarrow", "prefect")
    code = (
        "import sys\nfrom nest_builder.cli import app\n"
        "try:\n    app(['--help'])\nfinally:\n    sys.stderr.write(' '.join(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "bench" in result.stdout
    assert set(heavy).isdisjoint(result.stderr.split())
