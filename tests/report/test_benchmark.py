import json
from pathlib import Path
from typing import Any

import pytest

from nest_builder.report.benchmark import bench_state, read_benchmark

TABLE = {"title": "NEST", "columns": ["overall gIoU"], "rows": {"lisa + ROSE": {"overall gIoU": [0.8, 0.7, 0.9]}}}


def row(
    static: float | None, rose: float | None, label: str | None = None, category: str = "novel", negative: bool = False
) -> dict[str, Any]:
    return {
        "category": category,
        "negative": negative,
        "verdict": {"static_iou": static, "search_iou": rose, "rose_iou": rose, "label": label},
    }


def test_the_editions_own_table(tmp_path: Path) -> None:
    rows = [
        row(0.2, 0.8, "solved_by_rose"),
        row(0.6, 1.0, "solved_by_static", "emerging"),
        row(0.0, 0.0, None, "emerging", True),
        row(None, None),
    ]
    found = read_benchmark(rows, tmp_path)
    assert found.tried == 3
    assert found.labels == {"solved_by_static": 1, "solved_by_rose": 1, "": 1}
    assert found.table is not None
    assert found.table.columns == ("novel", "emerging", "negatives", "all")
    assert [round(found.table.rows["ROSE"][name].value, 4) for name in found.table.columns] == [0.8, 0.5, 0.0, 0.6]
    assert read_benchmark([row(None, None)], tmp_path).table is None


@pytest.mark.parametrize(
    "broken", ["", "[]", '{"main": {}}', '{"main": {"title": "x", "columns": [], "rows": {"a": {"b": [1]}}}}', "nul"]
)
def test_runs_of_the_benchmark_are_shown_and_broken_files_are_not(tmp_path: Path, broken: str) -> None:
    for name, text in (("rose-21", json.dumps({"main": TABLE, "other": TABLE})), ("rose-22", broken)):
        (tmp_path / "bench" / name).mkdir(parents=True)
        (tmp_path / "bench" / name / "tables.json").write_text(text)
    found = read_benchmark([], tmp_path)
    assert list(found.runs) == ["21"]
    assert [table.title for table in found.runs["21"]] == ["NEST"]
    assert [name for name, _ in bench_state(tmp_path)] == ["rose-22", "rose-21"]


def test_the_highest_seeds_are_shown(tmp_path: Path) -> None:
    for seed in (9, 10, 100, *range(200, 206)):
        (tmp_path / "bench" / f"rose-{seed}").mkdir(parents=True)
        (tmp_path / "bench" / f"rose-{seed}" / "tables.json").write_text(json.dumps({"main": TABLE}))
    assert list(read_benchmark([], tmp_path).runs) == ["205", "204", "203", "202", "201", "200", "100", "10"]
