import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet
from typer.testing import CliRunner

from nest_builder.annotate.masks import encode_mask
from nest_builder.cli import app
from nest_builder.evaluation import Truth, evaluate, read_predictions, read_truth
from nest_builder.evaluation.predictions import MAX_LINE
from nest_builder.export.parquet import write_shards
from nest_builder.segmenters.wire import pack_mask
from nest_builder.validate.metrics import ciou_of, giou_of, overlap
from tests.small_edition import make_edition


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_edition(tmp_path_factory.mktemp("work") / "editions", "2025.10", 25)


@pytest.fixture(scope="module")
def truth(edition: Path) -> Truth:
    return read_truth(edition)


def lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def right_rows(truth: Truth) -> list[dict[str, Any]]:
    return [{"id": one.id, "mask": one.rle, "answer": one.aliases[0]} for one in truth.samples]


def shifted(truth: Truth) -> dict[str, np.ndarray]:
    return {one.id: np.roll(one.mask, 9, axis=1) for one in truth.samples}


def test_the_truth_itself_is_right(truth: Truth, tmp_path: Path) -> None:
    result = evaluate(truth, lines(tmp_path / "right.jsonl", right_rows(truth)))
    assert result.system == "right"
    names = {
        "overall gIoU",
        "overall cIoU",
        "novel gIoU",
        "novel cIoU",
        "emerging gIoU",
        "emerging cIoU",
        "Acc",
        "negatives gIoU",
    }
    assert {name: one.value for name, one in result.figures().items()} == dict.fromkeys(names, 1.0)
    assert result.missing == 0
    assert not result.predictions.problems


def test_figures_are_those_of_the_metrics(truth: Truth) -> None:
    said = shifted(truth)
    figures = evaluate(truth, said, seed=3).figures()
    positive = [one for one in truth.samples if not one.negative]
    counted = overlap([said[one.id] for one in positive], [one.mask for one in positive])
    assert figures["overall gIoU"] == giou_of(counted, 3)
    assert figures["overall cIoU"] == ciou_of(counted, 3)
    assert 0 < figures["overall gIoU"].low < figures["overall gIoU"].value < figures["overall gIoU"].high < 1
    novel = counted.take([one.part == "novel" for one in positive])
    assert figures["novel gIoU"] == giou_of(novel, 3)
    assert "Acc" not in figures


@pytest.mark.parametrize("form", ["compressed", "uncompressed", "png", "png of a palette", "arrays"])
def test_all_forms_of_a_prediction_say_the_same(truth: Truth, tmp_path: Path, form: str) -> None:
    said = shifted(truth)
    if form == "arrays":
        result = evaluate(truth, said)
    elif form.startswith("png"):
        for name, mask in said.items():
            picture = Image.fromarray(mask.astype(np.uint8) * 255)
            (picture.convert("P") if "palette" in form else picture).save(tmp_path / f"{name}.png")
        result = evaluate(truth, tmp_path)
    else:
        pack = encode_mask if form == "compressed" else pack_mask
        result = evaluate(
            truth, lines(tmp_path / "p.jsonl", [{"id": name, "mask": pack(mask)} for name, mask in said.items()])
        )
    assert not result.predictions.problems
    positive = [one for one in truth.samples if not one.negative]
    counted = overlap([said[one.id] for one in positive], [one.mask for one in positive])
    assert result.figures()["overall gIoU"] == giou_of(counted)


def test_outlining_nothing_earns_nothing_but_on_negatives(truth: Truth, tmp_path: Path) -> None:
    result = evaluate(truth, lines(tmp_path / "nothing.jsonl", [{"id": one.id, "mask": None} for one in truth.samples]))
    assert {name: one.value for name, one in result.figures().items()} == {
        "overall gIoU": 0.0, "overall cIoU": 0.0, "novel gIoU": 0.0, "novel cIoU": 0.0, "emerging gIoU": 0.0, "emerging cIoU": 0.0, "negatives gIoU": 1.0,
    }  # fmt: skip
    assert result.missing == 0


def big(sample: Any) -> dict[str, Any]:
    return {"size": [sample.height + 1, sample.width], "counts": sample.rle["counts"]}


@pytest.mark.parametrize(
    ("bad", "problem", "missing"),
    [
        (lambda s: {"id": "f" * 16, "mask": s.rle}, "unknown", 1),
        (lambda s: {"id": "../../etc/passwd", "mask": None}, "unknown", 1),
        (lambda s: {"id": s.id, "mask": big(s)}, "wrong_size", 1),
        (lambda s: {"id": s.id, "mask": {"size": [10**9, 10**9], "counts": "1"}}, "wrong_size", 1),
        (lambda s: {"id": s.id, "mask": {"counts": "1"}}, "wrong_size", 1),
        (lambda s: {"id": s.id, "mask": {**s.rle, "counts": "zzzz"}}, "broken", 1),
        (lambda s: {"id": s.id, "mask": {**s.rle, "counts": ""}}, "broken", 1),
        (lambda s: {"id": s.id, "mask": {**s.rle, "counts": s.rle["counts"][:-2]}}, "broken", 1),
        (lambda s: {"id": s.id, "mask": {**s.rle, "counts": "é"}}, "broken", 1),
        (lambda s: {"id": s.id, "mask": {**s.rle, "counts": [1, -1]}}, "broken", 1),
        (lambda s: {"id": s.id, "mask": {**s.rle, "counts": [10**30]}}, "broken", 1),
        (lambda s: {"id": s.id, "mask": {**s.rle, "counts": None}}, "broken", 1),
        (lambda s: {"id": s.id, "mask": "all of it"}, "broken", 1),
        (lambda s: {"id": s.id}, "broken", 1),
        (lambda s: {"id": 7, "mask": None}, "broken", 1),
        (lambda s: {"id": s.id, "mask": None, "answer": ["a"]}, "broken", 1),
        (lambda s: {"id": s.id, "mask": None, "answer": "a" * 2000}, "broken", 1),
        (lambda s: [s.id], "broken", 1),
        (lambda s: "no JSON\n", "broken", 1),
        (lambda s: "[" * 100_000 + "\n", "broken", 1),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_reported_and_counts_as_empty(
    truth: Truth, tmp_path: Path, bad: Any, problem: str, missing: int
) -> None:
    rows = right_rows(truth)
    first = next(at for at, one in enumerate(truth.samples) if not one.negative)
    rows[first] = bad(truth.samples[first])
    result = evaluate(truth, lines(tmp_path / "p.jsonl", rows))
    assert dict(result.predictions.problems) == {problem: 1}
    assert len(result.predictions.named) == 1
    assert result.missing == missing
    positives = sum(not one.negative for one in truth.samples)
    assert result.figures()["overall gIoU"].value == pytest.approx(1 - 1 / positives)


def test_of_two_predictions_the_first_counts(truth: Truth, tmp_path: Path) -> None:
    rows = [*right_rows(truth), *({"id": one.id, "mask": None} for one in truth.samples)]
    result = evaluate(truth, lines(tmp_path / "p.jsonl", rows))
    assert result.figures()["overall gIoU"].value == 1.0
    assert result.predictions.problems["duplicate"] == len(truth.samples)
    assert len(result.predictions.named) == 20  # of many problems the first are named


def test_a_mask_file_that_is_none(truth: Truth, tmp_path: Path) -> None:
    first, second, third, fourth = truth.samples[:4]
    (tmp_path / f"{first.id}.png").write_bytes(b"GIF89a")
    Image.new("L", (3, 3)).save(tmp_path / f"{second.id}.png")
    Image.new("RGBA", (third.width, third.height)).save(tmp_path / f"{third.id}.png")
    (tmp_path / f"{fourth.id}.png").mkdir()
    (tmp_path / "notes.txt").write_text("about the masks")
    Image.new("L", (3, 3)).save(tmp_path / "other.png")
    result = evaluate(truth, tmp_path)
    assert dict(result.predictions.problems) == {"broken": 2, "wrong_size": 1, "unknown": 1}
    assert result.missing == len(truth.samples)


def test_a_line_without_an_end_is_refused(truth: Truth, tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(b" " * (MAX_LINE + 2))
    with pytest.raises(ValueError, match="a line of more than"):
        read_predictions(path, truth)


def test_the_system_is_called_by_its_folder(truth: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path / "model")
    assert evaluate(truth, Path()).system == "model"
    with pytest.raises(ValueError, match="at most 200"):
        evaluate(truth, Path(), "x" * 201)


@pytest.mark.parametrize("mask", [{"size": [1, 1], "counts": "1"}, {"counts": "0"}])
def test_a_truth_that_is_no_mask_is_refused(edition: Path, tmp_path: Path, mask: dict[str, Any]) -> None:
    rows = [
        {**row, "mask": {**row["mask"], **mask}, "image": row["image"]["path"]}
        for row in parquet.read_table(next((edition / "data").glob("test-*"))).to_pylist()
    ]
    (tmp_path / "data").mkdir()
    (tmp_path / "manifest.json").write_text('{"name": "2025.10"}')
    write_shards(tmp_path / "data", "test", rows, None, 100)
    with pytest.raises(ValueError, match="sample 0000000000000000"):
        read_truth(tmp_path)


@pytest.mark.parametrize(("split", "error"), [("nope", FileNotFoundError), ("../data/test", ValueError)])
def test_a_split_that_is_not_there(edition: Path, split: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_truth(edition, split)


def test_the_command(edition: Path, truth: Truth, tmp_path: Path) -> None:
    path = lines(tmp_path / "model.jsonl", right_rows(truth)[1:])
    saved = tmp_path / "results" / "model.json"
    command = ["evaluate", str(path), "--workdir", str(edition.parents[1]), "--save", str(saved)]
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 0, shown.output
    assert "overall gIoU" in shown.output
    assert "1 of 20 samples have no prediction" in shown.output.replace("\n", " ")
    by_name = CliRunner().invoke(app, [*command, "--edition", "2025.10", "--json"])
    by_path = CliRunner().invoke(app, [*command, "--edition", str(edition), "--json"])
    assert json.loads(by_name.output) == json.loads(by_path.output) == json.loads(saved.read_text(encoding="utf-8"))
    assert json.loads(by_name.output)["counts"]["missing"] == 1
    assert CliRunner().invoke(app, [*command, "--edition", "1999.01"]).exit_code == 1
    assert CliRunner().invoke(app, ["evaluate", str(tmp_path / "gone"), "--edition", str(edition)]).exit_code == 1
