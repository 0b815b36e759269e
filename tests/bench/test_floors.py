"""The gate notices what falls, compares like with like, and opens only for a reason. The embedded models pass it."""

import dataclasses
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nest_builder import bench
from nest_builder.bench import floors
from nest_builder.bench.floors import Floor, LoosenedFloorError, hold, load_floors, save_floors, update
from nest_builder.bench.result import Pin, Result
from nest_builder.cli import app

PINNED = {"b": {"iou": Floor((">=", 0.9), "seed 1", 0.91), "rate": Floor(("<=", 0.06), "seed 1", 0.05)}}


def result(iou: float | None = 0.91, rate: float = 0.05, on: str = "seed 1") -> Result:
    figures = {"rate": rate} if iou is None else {"iou": iou, "rate": rate}
    return Result("b", figures, {"rate": ("<=", 0.2)}, {}, {}, {"iou": Pin(on), "rate": Pin(on, "<=")})


@pytest.mark.parametrize(
    ("measured", "broken"),
    [
        (result(), []),
        (result(0.9, 0.06), []),
        (result(0.89), ["b: iou = 0.89, pinned >= 0.9 on seed 1"]),
        (result(rate=0.07), ["b: rate = 0.07, pinned <= 0.06 on seed 1"]),
        (result(None), ["b: iou is missing, pinned >= 0.9 on seed 1"]),
        (result(0.1, on="seed 2"), []),
    ],
    ids=["held", "on the floor", "lowered", "raised", "missing", "another seed"],
)
def test_hold(measured: Result, broken: list[str]) -> None:
    held = hold(measured, PINNED)
    assert list(held.broken) == broken
    assert held.ok is not bool(broken)


def test_another_seed_or_a_part_left_out_is_not_compared_and_says_so() -> None:
    pinned = {"b": {**PINNED["b"], "photo": Floor((">=", 0.5), "corpus@1", 0.6)}}
    setup = hold(result(on="seed 2"), pinned).setup["floors"]
    assert setup["held"] == []
    assert setup["not_compared"] == {
        "iou": "measured on seed 1, this run on seed 2",
        "rate": "measured on seed 1, this run on seed 2",
        "photo": "not part of this run",
    }


@pytest.mark.parametrize(
    ("measured", "iou", "rate"),
    [
        (result(0.95, 0.01), (0.94, 0.95), (0.02, 0.01)),  # both tighter
        (result(0.905, 0.055), (0.9, 0.91), (0.06, 0.05)),  # within the margin: what stands, stands
    ],
)
def test_floors_that_hold_are_never_loosened(
    measured: Result, iou: tuple[float, float], rate: tuple[float, float]
) -> None:
    new = update(measured, PINNED)["b"]
    assert (new["iou"].bound[1], new["iou"].measured) == iou
    assert (new["rate"].bound[1], new["rate"].measured) == rate


@pytest.mark.parametrize("measured", [result(0.8), result(rate=0.1), result(0.99, on="seed 2")])
def test_loosening_takes_a_reason_that_is_kept(measured: Result) -> None:
    with pytest.raises(LoosenedFloorError, match="--reason"):
        update(measured, PINNED)
    new = update(measured, PINNED, "smaller model")
    assert hold(measured, new).broken == ()
    assert [floor.reason for floor in new["b"].values()].count("smaller model") in (1, 2)


def test_a_missing_figure_cannot_be_pinned() -> None:
    with pytest.raises(ValueError, match="no iou"):
        update(result(None), {})


def test_the_file_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "floors.json"
    assert load_floors(path) == {}
    pinned = {**PINNED, "a": {"f1": Floor((">=", 0.9), "corpus@1", 0.95, "fewer pages")}}
    save_floors(pinned, path)
    assert load_floors(path) == pinned
    content = json.loads(path.read_text())
    assert "Margin" in content["about"]
    assert content["b"]["rate"] == {"ceiling": 0.06, "measured": 0.05, "on": "seed 1"}


@pytest.mark.parametrize("entry", [{}, {"floor": 1, "ceiling": 2, "on": "x", "measured": 1}, {"floor": 1}])
def test_a_broken_file_is_an_error(tmp_path: Path, entry: dict[str, float]) -> None:
    (tmp_path / "floors.json").write_text(json.dumps({"about": "", "b": {"iou": entry}}))
    with pytest.raises(ValueError, match="a floor needs"):
        load_floors(tmp_path / "floors.json")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = {"b": result()}

    def run(name: str, seed: int, data: Path | None, quick: bool = False) -> Result:
        if name == "absent":
            raise FileNotFoundError("no pages")
        return measured["b"]

    def call(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, ["bench", *arguments])
        return done.exit_code, done.stdout, " ".join(done.stderr.split())

    monkeypatch.setattr(bench, "run_benchmark", run)
    monkeypatch.setattr(bench, "BENCHMARKS", {"b": "", "absent": ""})
    monkeypatch.setattr(bench, "QUICK", ("b",))
    monkeypatch.setattr(floors, "FLOORS", tmp_path / "floors.json")
    assert call("b", "--update-floors")[0] == 0
    assert load_floors(tmp_path / "floors.json")["b"]["iou"].bound == (">=", 0.9)
    measured["b"] = result(0.8)
    status, printed, said = call("b", "--json")
    assert (status, json.loads(printed)["ok"]) == (1, False)
    assert json.loads(printed)["setup"]["broken_floors"] == ["b: iou = 0.8, pinned >= 0.9 on seed 1"]
    assert "broken floor: b: iou = 0.8" in said
    status, _, said = call("b", "--update-floors")
    assert status == 1
    assert "loosening takes --reason" in said
    assert load_floors(tmp_path / "floors.json")["b"]["iou"].bound == (">=", 0.9)
    measured["b"] = result(0.95, on="seed 2")
    status, _, said = call("b", "--update-floors")
    assert (status, "measured 0.95 on seed 2" in said) == (1, True)  # no floor is broken, yet none was pinned
    measured["b"] = result(0.8)
    assert call("b", "--update-floors", "--reason", "half the size")[0] == 0
    assert load_floors(tmp_path / "floors.json")["b"]["iou"].reason == "half the size"
    status, printed, said = call("all", "--json")
    assert (status, [json.loads(line)["ok"] for line in printed.splitlines()]) == (1, [True])
    assert "absent: not measured: no pages" in said
    assert call("all", "--quick")[0] == 0
    for usage in (["c"], ["absent", "--quick"], ["b", "--reason", "x"]):
        assert call(*usage)[0] == 2
    measured["b"] = dataclasses.replace(result(), targets={"iou": (">=", 0.95)})
    status, printed, _ = call("b")
    assert status == 1
    assert "0.95" in printed


def test_the_embedded_models_hold_their_quick_floors() -> None:
    held = hold(bench.run_benchmark("models", 1, None, quick=True), load_floors(floors.FLOORS))
    assert held.broken == ()
    assert held.setup["floors"] == {
        "held": ["detector_precision", "detector_recall", "lisa_known_ciou", "lisa_known_giou", "mask_iou"],
        "not_compared": {},
    }
