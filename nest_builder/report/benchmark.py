"""The benchmark's tables: from the edition's own verdicts, and from what `nest bench rose` left in the work directory."""

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from nest_builder.report.gallery import VERDICTS
from nest_builder.rose.rose import SYSTEMS
from nest_builder.validate.metrics import Interval, mean
from nest_builder.validate.tables import Table

log = logging.getLogger(__name__)

_NAMES: Final = {"static": "static model", "search": "search only", "rose": "ROSE"}
_FIGURES: Final = ("main", "plus", "ablation")  # tables of a benchmark's file, in the order in which they are shown
_MAX_FILES, _MAX_BYTES = 8, 1_000_000
Row = Mapping[str, Any]


class _Table(BaseModel):
    title: str = Field(max_length=200)
    columns: list[str] = Field(max_length=12)
    rows: dict[str, dict[str, tuple[float, float, float]]] = Field(max_length=60)


_FILE = TypeAdapter(dict[str, _Table])


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What the section shows.

    Attributes:
        table: gIoU of each system on the edition; None where no system was run.
        tried: Samples that it rests on.
        labels: Samples by verdict, in the order of `VERDICTS`; "" stands for no verdict.
        runs: Name of a run of `nest bench rose` -> its tables.
    """

    table: Table | None
    tried: int
    labels: dict[str, int]
    runs: dict[str, list[Table]]


def read_benchmark(rows: Sequence[Row], workdir: Path) -> Benchmark:
    """Return the benchmark of an edition's rows."""
    tried = [row for row in rows if all(row["verdict"][f"{system}_iou"] is not None for system in SYSTEMS)]
    labels = Counter(row["verdict"]["label"] or "" for row in tried)
    return Benchmark(
        table=_own_table(tried) if tried else None,
        tried=len(tried),
        labels={label: labels[label] for label in VERDICTS if labels[label]},
        runs=dict(_read_runs(workdir / "bench")),
    )


def bench_state(workdir: Path) -> list[tuple[str, str]]:
    """Return what changes when a benchmark's result does."""
    return [(file.parent.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in _files(workdir / "bench")]


def _files(folder: Path) -> list[Path]:
    """Return the files of the worlds with the highest seeds; one that is too large is no table."""
    found = folder.glob("rose-*/tables.json")
    files = sorted(found, key=lambda file: (len(file.parent.name), file.parent.name), reverse=True)[:_MAX_FILES]
    return [file for file in files if file.stat().st_size <= _MAX_BYTES]


def _own_table(rows: Sequence[Row]) -> Table:
    groups = {
        "novel": [row for row in rows if row["category"] == "novel"],
        "emerging": [row for row in rows if row["category"] == "emerging"],
        "negatives": [row for row in rows if row["negative"]],
        "all": list(rows),
    }
    kept = {name: inside for name, inside in groups.items() if inside}
    figures: dict[str, dict[str, Interval]] = {
        _NAMES[system]: {
            name: mean([row["verdict"][f"{system}_iou"] for row in inside]) for name, inside in kept.items()
        }
        for system in SYSTEMS
    }
    return Table("This edition", tuple(kept), figures)


def _read_runs(folder: Path) -> list[tuple[str, list[Table]]]:
    """Return the tables of each world; a file that holds none is logged and left out."""
    runs = []
    for file in _files(folder):
        try:
            found = _FILE.validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            log.warning("%s: not a benchmark's tables: %s", file, error)
            continue
        tables = [
            Table(
                found[name].title,
                tuple(found[name].columns),
                {
                    row: {key: Interval(*value) for key, value in cells.items()}
                    for row, cells in found[name].rows.items()
                },
            )
            for name in _FIGURES
            if name in found
        ]
        runs.append((file.parent.name.removeprefix("rose-"), tables))
    return runs
