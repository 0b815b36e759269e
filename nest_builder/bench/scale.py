"""``nest bench scale``: one process against the workers of Dask and Ray, on two builds of the simulated web.

Each is the command as a user runs it, from nothing to an edition, in a folder of its own; the editions must be the same to the byte.
Speeds are those of the stages that are spread over workers (recognize, assess, annotate, ask), the workers' start and the loading of
their models included: on the small build that is most of what is seen, on the whole one the work is. All workers share this machine:
its cores bound what can be gained.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nest_builder.bench import listing
from nest_builder.bench.result import Bound, Pin, Result, corpus_hash, machine

WAYS: dict[str, tuple[()] | tuple[str, int]] = {
    "one": (),
    "dask-2": ("dask", 2),
    "dask-4": ("dask", 4),
    "ray-2": ("ray", 2),
}
SPREAD = ("recognize", "assess", "annotate", "ask")
TARGETS: dict[str, Bound] = {"same_bytes": (">=", 1.0)}
# Batches are small enough that each of four workers has several.
SIZES = {
    "small": """
[sources]
feeds = ["http://harbourpost.newsworld.test/feed.xml"]
sites = []
max_entries = 32

[annotate]
batch_size = 6
""",
    "whole": """
[annotate]
batch_size = 16
""",
}
_NEST = "from nest_builder.cli import app; app()"
_MOST_SECONDS = 1800
_TIMES = {"spread_items_per_second": "times", "annotate_images_per_second": "annotate_times"}


@dataclass(frozen=True, slots=True)
class Built:
    """What a build took and made.

    Attributes:
        stages: Stage -> its counts and seconds, as the command prints them.
        edition: Hash of the edition's files, names and contents.
    """

    stages: dict[str, dict[str, Any]]
    edition: str

    def figures(self) -> dict[str, float]:
        """Return seconds and items a second: of all stages, of those that are spread, and of ``annotate``."""
        items = sum(_items(self.stages[name]) for name in SPREAD)
        spread = sum(self.stages[name]["seconds"] for name in SPREAD)
        annotate = self.stages["annotate"]
        return {
            "all_seconds": round(sum(stage["seconds"] for stage in self.stages.values()), 1),
            "spread_seconds": round(spread, 1),
            "spread_items_per_second": round(items / spread, 2),
            "annotate_images_per_second": round(_items(annotate) / annotate["seconds"], 2),
        }


def run(seed: int, data: Path | None, quick: bool = False) -> Result:
    """Build in each way and compare.

    Args:
        seed: Of the simulated web.
        data: Not used.
        quick: Not used: there is no short form.

    Raises:
        FileNotFoundError: Dask or Ray is not installed.
        RuntimeError: A build failed.
    """
    missing = [name for name in ("prefect_dask", "prefect_ray") if importlib.util.find_spec(name) is None]
    if missing:
        raise FileNotFoundError(f"{' and '.join(missing)} not installed: pip install 'nest-builder[scale]'")
    figures, peers = {"same_bytes": 1.0}, {}
    for size, settings in SIZES.items():
        with tempfile.TemporaryDirectory(prefix="nest-bench-") as scratch:
            built = {name: build(Path(scratch) / name, way, seed, settings) for name, way in WAYS.items()}
        one = built.pop("one")
        alone = one.figures()
        figures |= {f"{size}_{key}": value for key, value in alone.items()}
        for name, each in built.items():
            figures["same_bytes"] *= float(each.edition == one.edition)
            peers[f"{size} {name}"] = each.figures()
            for key, label in _TIMES.items():
                figures[f"{size}_{name}_{label}"] = round(peers[f"{size} {name}"][key] / alone[key], 2)
    figures |= listing.measure()
    setup = machine("prefect", "distributed", "ray") | {"seed": seed, "cores": os.cpu_count()}
    on = f"seed {seed}"
    pins = {"same_bytes": Pin(on), "whole_dask-2_times": Pin(on, margin=0.25, relative=True)}
    return Result("scale", figures, TARGETS, peers, setup, pins)


def build(folder: Path, way: tuple[()] | tuple[str, int], seed: int, settings: str) -> Built:
    """Run ``nest build`` from nothing.

    Args:
        folder: Gets the settings and the work directory.
        way: Runner and workers; empty for one process.
        seed: Of the simulated web.
        settings: Of the build, as TOML.

    Raises:
        RuntimeError: It failed, or made no edition.
    """
    folder.mkdir(parents=True)
    config, work = folder / "nest.toml", folder / "work"
    config.write_text(settings, encoding="utf-8")
    # One thread a process in every way, or the single process would use the cores that workers are compared on.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "NEST_"))}
    environment |= {"OMP_NUM_THREADS": "1", "PREFECT_HOME": str(folder / "prefect")}
    options = ["--runner", way[0], "--workers", str(way[1])] if way else []
    command = [
        sys.executable,
        "-c",
        _NEST,
        "build",
        "--config",
        str(config),
        "--workdir",
        str(work),
        "--seed",
        str(seed),
    ]
    ended = subprocess.run(
        [*command, "--json", *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_MOST_SECONDS,
        check=False,
    )
    if ended.returncode != 0:
        raise RuntimeError(f"nest build {' '.join(options)} ended with {ended.returncode}: {ended.stderr[-2000:]}")
    if not any(
        (work / "editions").glob("*/manifest.json")
    ):  # or nothing would be compared with nothing, and be the same
        raise RuntimeError(f"nest build {' '.join(options)} made no edition of seed {seed}")
    return Built(json.loads(ended.stdout)["stages"], corpus_hash(work / "editions"))


def _items(counts: dict[str, Any]) -> int:
    total: int = counts["done"] + counts["rejected"]
    return total
