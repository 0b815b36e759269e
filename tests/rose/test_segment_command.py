"""`nest segment`: what it prints and writes, and how it says what is wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from nest_builder.annotate.masks import decode_mask
from nest_builder.cli import app
from nest_builder.commands.segment import show
from nest_builder.rose.base import Step
from nest_builder.rose.rose import Rose
from tests.rose.fakes import SIZE, FakeIrag, FakeSegmenter, FakeTextPrompt, FakeVisualPrompt, found, picture, query

COMMANDS = CliRunner()
BASE = ["--segmenter", "tests.rose.fakes:FakeSegmenter"]


def overtaxed() -> FakeSegmenter:
    return FakeSegmenter(fails_on="What")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    picture(90).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("no picture")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEST_ROSE__IMAGE_EMBEDDER", "")
    monkeypatch.setenv("NEST_WORKDIR", str(tmp_path / "work"))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["absent.png", "What?", *BASE], 1, "no such file: absent.png"),
        (["a.txt", "What?", *BASE], 1, "wrong content type: no picture"),
        (["a.png", "What?", "--segmenter", "lisa:/absent"], 1, "no model in /absent: `make train-tiny`"),
        (["a.png", "What?", "--segmenter", "unheard"], 1, "no segmenter 'unheard': choose one of lisa"),
        (
            ["a.png", "What?", "--segmenter", f"{__name__}:overtaxed", "--system", "static"],
            1,
            "cannot answer this: RuntimeError: too long",
        ),
        (["a.png", "What?", *BASE, "--parts", "irag,luck"], 2, "no part luck: choose of websense, irag, tpe, vpe"),
        (["a.png", "What?", *BASE, "--asked-at", "May"], 2, "--asked-at May: write a day as 2025-08-31"),
        (["a.png", "What?", *BASE, "--system", "magic"], 2, "'magic' is not one of"),
    ],
)
def test_errors(folder: Path, arguments: list[str], status: int, said: str) -> None:
    result = COMMANDS.invoke(app, ["segment", *arguments])
    assert result.exit_code == status, result.output
    assert said in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.output


def test_a_picture_that_is_too_large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEST_IMAGES__MAX_PIXELS", "50")
    result = COMMANDS.invoke(app, ["segment", "a.png", "What?", *BASE])
    assert result.exit_code == 1
    assert "at most 50 are decoded" in " ".join(result.stderr.split())


def test_json_holds_the_mask_and_the_overlay_is_written(folder: Path) -> None:
    result = COMMANDS.invoke(app, ["segment", "a.png", "Where is it ?", *BASE, "--system", "static", "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["question"], said["system"], said["answer"], said["prompt"]) == (
        "Where is it ?",
        "static",
        None,
        "Where is it ?",
    )
    assert decode_mask(said["mask"]).sum() == 4 * SIZE[1]
    assert said["box"] == [0, 0, 4, SIZE[1]]
    assert [step["part"] for step in said["steps"]] == ["base"]
    with Image.open(folder / "a.overlay.png") as drawn:
        assert drawn.size == SIZE
        assert not np.array_equal(np.asarray(drawn), np.asarray(picture(90)))


def test_the_overlay_goes_where_it_is_told(folder: Path) -> None:
    arguments = ["segment", "a.png", "Where?", *BASE, "--system", "static", "--out", "deep/er/o.png"]
    assert COMMANDS.invoke(app, arguments).exit_code == 0
    assert (folder / "deep" / "er" / "o.png").exists()


def test_explanations_show_every_part_and_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    nasty = "\x1b[31m[bold]Zephyr[/] \x9b2J9"
    rose = Rose(FakeSegmenter(), None, FakeIrag(lambda _: found(nasty)), FakeTextPrompt(), FakeVisualPrompt())
    (said,) = rose.segment([query()])
    assert {step.part for step in said.steps} == {"irag", "tpe", "base", "vpe"}
    show(said, Path("o.png"), explain=True)
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\x9b" not in printed
    assert "[bold]Zephyr[/]" in printed
    for word in ("irag", "answered", "enhanced", "corrected", "as told", "candidate", "http://a.test/1"):
        assert word in printed


def test_a_failed_part_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    down = found().__class__((), None, (), Step("irag", "failed", "no answer from the service"))
    (said,) = Rose(FakeSegmenter(), None, FakeIrag(lambda _: down)).segment([query()])
    show(said, Path("o.png"), explain=True)
    printed = " ".join(capsys.readouterr().out.split())
    assert "none retrieved: the segmenter was asked the bare question" in printed
    assert "no answer from the service" in printed
