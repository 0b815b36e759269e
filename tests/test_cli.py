"""The command: what is wrong is said in one line, with a status that scripts can read."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nest_builder.cli import app
from nest_builder.store.session import open_store

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
