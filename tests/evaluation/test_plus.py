"""Predictions held against an edition's NEST+: its parts, what counts for nothing, and that it stands apart from the edition."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image
from typer.testing import CliRunner

from nest_builder.cli import app
from nest_builder.evaluation import Truth, evaluate, read_truth
from nest_builder.evaluation.leaderboard import leaderboards
from nest_builder.export.features import load_schema
from nest_builder.export.plus import write_plus
from nest_builder.validate.metrics import ciou_of, giou_of, overlap
from tests.evaluation.test_evaluate import lines
from tests.export.test_plus import sources
from tests.small_edition import make_edition

PARTS = ("nest", "reasoning", "referring")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("work")
    edition = make_edition(made / "editions", "2025.10", 25)
    (made / "plus").mkdir()
    write_plus(made / "plus" / "2025.10", edition, sources())
    return made


@pytest.fixture(scope="module")
def truth(work: Path) -> Truth:
    return read_truth(work / "plus" / "2025.10")


def right_rows(truth: Truth) -> list[dict[str, Any]]:
    """Name what is asked for by an alias, and say something where nothing is asked for."""
    return [
        {"id": one.id, "mask": one.rle, "answer": one.aliases[0] if one.aliases else "no matter what"}
        for one in truth.samples
    ]


def test_the_truth_itself_is_right(truth: Truth, tmp_path: Path) -> None:
    result = evaluate(truth, lines(tmp_path / "right.jsonl", right_rows(truth)))
    names = {f"{part} {figure}" for part in ("overall", *PARTS) for figure in ("gIoU", "cIoU")}
    figures = {name: one.value for name, one in result.figures().items()}
    assert figures == dict.fromkeys({*names, "Acc", "negatives gIoU"}, 1.0)
    assert (result.missing, dict(result.predictions.problems)) == (0, {})
    assert truth.name == "NEST+ 2025.10"


def test_each_part_has_its_figures_and_intervals(truth: Truth) -> None:
    said = {one.id: np.roll(one.mask, 3, axis=0) for one in truth.samples}
    figures = evaluate(truth, said, seed=3).figures()
    for part in PARTS:
        rows = [one for one in truth.samples if one.part == part and not one.negative]
        assert rows
        counted = overlap([said[one.id] for one in rows], [one.mask for one in rows], [one.ignored for one in rows])
        assert figures[f"{part} gIoU"] == giou_of(counted, 3)
        assert figures[f"{part} cIoU"] == ciou_of(counted, 3)
        assert figures[f"{part} gIoU"].low < figures[f"{part} gIoU"].value < figures[f"{part} gIoU"].high
    assert "Acc" not in figures


def test_what_is_ignored_counts_for_nothing(truth: Truth) -> None:
    careless = {one.id: one.mask if one.ignored is None else one.mask | one.ignored for one in truth.samples}
    assert any(one.ignored is not None for one in truth.samples)
    assert evaluate(truth, careless).figures()["overall gIoU"].value == 1.0


def test_acc_is_over_questions_that_have_an_answer(truth: Truth, tmp_path: Path) -> None:
    rows = [row if row["answer"] != "no matter what" else {**row, "answer": None} for row in right_rows(truth)]
    assert evaluate(truth, lines(tmp_path / "a.jsonl", rows)).figures()["Acc"].value == 1.0
    nest = [one.id for one in truth.samples if one.part == "nest" and not one.negative]
    wrong = [{**row, "answer": "Nobody"} if row["id"] == nest[0] else row for row in rows]
    found = evaluate(truth, lines(tmp_path / "b.jsonl", wrong)).figures()["Acc"]
    assert found.value == pytest.approx(1 - 1 / len(nest))


def test_a_folder_of_masks_has_a_folder_for_each_source(truth: Truth, tmp_path: Path) -> None:
    for one in truth.samples:
        path = tmp_path / f"{one.id}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(one.mask).save(path)
    (tmp_path / "elsewhere").mkdir()
    Image.new("1", (3, 3)).save(tmp_path / "elsewhere" / "x.png")
    result = evaluate(truth, tmp_path)
    assert result.figures()["overall gIoU"].value == 1.0
    assert (result.missing, dict(result.predictions.problems)) == (0, {"unknown": 1})


def test_the_command_and_the_leaderboard(work: Path, truth: Truth, tmp_path: Path) -> None:
    said, results = lines(tmp_path / "model.jsonl", right_rows(truth)), tmp_path / "results"
    command = ["evaluate", str(said), "--workdir", str(work)]
    shown = CliRunner().invoke(app, [*command, "--plus", "--save", str(results / "plus.json")])
    assert shown.exit_code == 0, shown.output
    assert "NEST+ 2025.10" in shown.output
    assert "reasoning gIoU" in shown.output
    by_folder = CliRunner().invoke(app, [*command, "--edition", str(work / "plus" / "2025.10"), "--json"])
    result = json.loads(by_folder.output)
    assert result == json.loads((results / "plus.json").read_text(encoding="utf-8"))
    assert list(Draft202012Validator(load_schema("evaluation")).iter_errors(result)) == []
    edition = CliRunner().invoke(app, [*command, "--save", str(results / "nest.json"), "--json"])
    assert json.loads(edition.output)["counts"]["unknown"] == 8  # the ordinary questions
    board = CliRunner().invoke(app, ["leaderboard", str(results)]).output
    assert "**NEST 2025.10, split test** (20 samples" in board
    assert "**NEST+ 2025.10, split test** (28 samples" in board
    assert (
        "| overall gIoU | nest gIoU | reasoning gIoU | referring gIoU | overall cIoU | Acc | negatives gIoU |" in board
    )


def test_another_question_makes_another_board(truth: Truth) -> None:
    result = evaluate(truth, {}, "nothing").to_json()
    assert [len(board.entries) for board in leaderboards([result, {**result, "plus": False}])] == [1, 1]


def test_what_is_not_there_or_of_another_version(work: Path, tmp_path: Path) -> None:
    make_edition(tmp_path / "editions", "2025.11", 5)
    said = lines(tmp_path / "model.jsonl", [])
    asked = CliRunner().invoke(app, ["evaluate", str(said), "--plus", "--workdir", str(tmp_path)])
    assert asked.exit_code == 1
    assert "run `nest edition plus 2025.11` first" in " ".join(asked.output.split())
    (tmp_path / "plus.json").write_text('{"name": "2025.10", "format": 1}')
    with pytest.raises(ValueError, match=r"run `nest edition plus 2025\.10` again"):
        read_truth(tmp_path)
