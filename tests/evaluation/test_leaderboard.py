import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from nest_builder.cli import app
from nest_builder.evaluation import evaluate, read_truth
from nest_builder.evaluation.leaderboard import leaderboards, read_results
from nest_builder.export.features import load_schema
from tests.small_edition import make_edition


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    editions = tmp_path_factory.mktemp("work") / "editions"
    found = []
    for name, first in (("2025.10", 0), ("2025.11", 100)):
        truth = read_truth(make_edition(editions, name, 40, first))
        for system, shift in (("far", 25), ("near", 2), ("nearer", 1)):
            said = {one.id: np.roll(one.mask, shift, axis=1) for one in truth.samples}
            found.append(evaluate(truth, said, system).to_json())
        found.append(evaluate(truth, said, "nearer, once | more").to_json())
    return found


def test_a_result_keeps_to_its_schema(results: list[dict[str, Any]]) -> None:
    Draft202012Validator.check_schema(load_schema("evaluation"))
    validator = Draft202012Validator(load_schema("evaluation"))
    for result in results:
        assert list(validator.iter_errors(result)) == []


def test_editions_stand_apart_and_the_best_come_first(results: list[dict[str, Any]]) -> None:
    boards = leaderboards(results)
    assert [board.edition for board in boards] == ["2025.10", "2025.11"]
    for board in boards:
        assert [entry.result["system"] for entry in board.entries] == ["nearer", "nearer, once | more", "near", "far"]
        assert {entry.result["edition"] for entry in board.entries} == {board.edition}
        first, second, third, last = board.entries
        assert first.behind is None
        assert first.tied is None
        assert second.tied  # the same masks
        assert third.tied is False
        assert last.tied is False
        assert last.behind is not None
        assert last.behind.low > 0


def test_what_was_published_anew_under_one_name_is_another_edition(results: list[dict[str, Any]]) -> None:
    other = {**results[0], "manifest_sha256": "0" * 64}
    assert [len(board.entries) for board in leaderboards([*results[:4], other])] in ([1, 4], [4, 1])


def test_other_samples_are_not_compared(results: list[dict[str, Any]]) -> None:
    few = {**results[0], "ious": dict(list(results[0]["ious"].items())[1:])}
    (board,) = leaderboards([results[1], few])
    assert board.entries[1].behind is None


def test_the_command(results: list[dict[str, Any]], tmp_path: Path) -> None:
    for number, result in enumerate(results):
        (tmp_path / f"{number}.json").write_text(json.dumps(result), encoding="utf-8")
    shown = CliRunner().invoke(app, ["leaderboard", str(tmp_path)])
    assert shown.exit_code == 0, shown.output
    assert shown.output.count("| # | system | overall gIoU") == 2
    assert "| 2 | nearer, once \\| more |" in shown.output
    assert "≈ 0.0" in shown.output
    boards = json.loads(CliRunner().invoke(app, ["leaderboard", str(tmp_path), "--json"]).output)["boards"]
    assert [row["rank"] for row in boards[0]["rows"]] == [1, 2, 3, 4]
    assert boards[0]["rows"][1]["tied"] is True


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("no JSON", "x.json: "),
        ("[" * 100_000, "x.json: "),
        ("{}", "is a required property"),
        ('{"system": 3}', "x.json: "),
    ],
)
def test_a_file_that_is_no_result(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "x.json").write_text(content)
    results, problems = read_results(tmp_path)
    assert results == []
    assert len(problems) == 1
    assert problem in problems[0]
    assert CliRunner().invoke(app, ["leaderboard", str(tmp_path)]).exit_code == 1


def test_a_figure_that_cannot_be(results: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({**results[0], "figures": {"overall gIoU": [2.0, 0.0, 1.0]}}))
    assert "maximum" in read_results(tmp_path)[1][0]
