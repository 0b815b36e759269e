"""``nest bench export``: an edition of 100,000 samples with pictures of 100 KB through the product's own write path.

Each part runs in a process of its own, so that its peak memory is its own: selection with the schema's checks, writing the
edition (shards, COCO, card, manifest), reading it back with ``datasets`` as a stream, and ``datasets`` itself writing the
same rows as Parquet, the peer. The files behind the pictures (see `export_rows`) fit the page cache, so what is measured is
the export and not the disk that blobs are on.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from nest_builder.bench.export_rows import Pool, Records, Shown, fill_pool
from nest_builder.bench.result import Bound, Pin, Result, machine
from nest_builder.config import load_settings
from nest_builder.export.edition import write_edition
from nest_builder.export.features import hf_features
from nest_builder.export.parquet import write_shards
from nest_builder.export.publish import Recipe, draft_edition
from nest_builder.export.takedown import Takedown
from nest_builder.store.blobs import Blobs

ROWS: Final = 100_000
PICTURES: Final = 4_000
PEER_ROWS: Final = 4_000
QUICK_ROWS: Final = 600
QUICK_PICTURES: Final = 200
QUICK_PEER_ROWS: Final = 300
DECODED: Final = 500  # pictures that are looked at when the edition is read back
PER_GROUP: Final = 100
_PATIENCE: Final = 1_800  # seconds for one part
TARGETS: Final[dict[str, Bound]] = {
    "rows_per_s": (">=", 5_000),
    "peak_rss_mb": ("<=", 2_000),
    "streamed_share": (">=", 1.0),
    "largest_shard_mb": ("<=", 500),
    "times_datasets": (">=", 1.0),
}
QUICK_TARGETS: Final[dict[str, Bound]] = {
    key: TARGETS[key] for key in ("peak_rss_mb", "streamed_share", "largest_shard_mb")
}
Figures = dict[str, float]


def run(seed: int, data: Path | None, quick: bool = False) -> Result:
    """Measure the export.

    Args:
        seed: Of the pictures.
        data: Not used: rows are made.
        quick: A few hundred rows, for which no speed is asked.

    Raises:
        OSError: There is not enough room on the disk.
    """
    rows, pictures, peer_rows = (QUICK_ROWS, QUICK_PICTURES, QUICK_PEER_ROWS) if quick else (ROWS, PICTURES, PEER_ROWS)
    home = load_settings(None, "embedded").workdir / "bench"
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix="export-") as folder:
        pool = fill_pool(Blobs(f"{folder}/blobs"), pictures, seed)
        need = 1.2 * pool.bytes * (rows + 3 * peer_rows)
        if (free := shutil.disk_usage(folder).free) < need:
            raise OSError(f"{need / 1e9:.0f} GB are needed in {home}, {free / 1e9:.0f} GB are free")
        (Path(folder) / "pool.json").write_text(json.dumps([pool.names, pool.bytes, pool.masks]))
        written = _child("edition", folder, rows)
        read = _child("stream", folder, rows)
        ours = _child("shards", folder, peer_rows)
        peer = _child("datasets", folder, peer_rows)
    figures = {
        "rows": float(rows),
        "picture_kb": round(pool.bytes / 1000, 1),
        **written,
        **read,
        "shards_rows_per_s": ours["rows_per_s"],
        "times_datasets": round(ours["rows_per_s"] / peer["rows_per_s"], 2),
        "times_to_parquet_alone": round(ours["rows_per_s"] / peer["to_parquet_rows_per_s"], 2),
    }
    setup = {
        **machine("pyarrow", "datasets"),
        "seed": seed,
        "pictures": pictures,
        "peer_rows": peer_rows,
        "note": "rows_per_s: a whole edition. times_datasets: shards of peer_rows rows against datasets, from rows to Parquet; "
        "times_to_parquet_alone: against its last step, which copies its cache to Parquet and neither reads nor hashes pictures "
        "nor waits for the disk",
    }
    on = f"{rows} rows"
    pins = {"peak_rss_mb": Pin(on, "<=", 0.1, relative=True), "times_datasets": Pin(on, margin=0.4, relative=True)}
    return Result("export", figures, QUICK_TARGETS if quick else TARGETS, {"datasets": peer}, setup, pins)


def measure_edition(folder: Path, pool: Pool, rows: int) -> Figures:
    """Select and write an edition; what a row costs is said in all and in processor time."""
    recipe = Recipe("2025.10", 0.0, 30, 6, PER_GROUP, _settings())
    start, cpu = time.perf_counter(), time.process_time()
    draft = draft_edition(Records(pool, rows), recipe, Takedown())
    drafted, drafted_cpu = time.perf_counter(), time.process_time()
    write_edition(folder / "2025.10", recipe, draft, Takedown(), Shown(Blobs(str(folder / "blobs")), pool))
    done, done_cpu = time.perf_counter(), time.process_time()
    shards = [path.stat().st_size for path in (folder / "2025.10" / "data").iterdir()]
    return {
        "published": float(len(draft.records)),
        "rows_per_s": round(len(draft.records) / (done - drafted), 1),
        "cpu_us_per_row": round((done_cpu - drafted_cpu) / rows * 1e6, 1),
        "select_rows_per_s": round(rows / (drafted - start), 1),
        "select_cpu_us_per_row": round((drafted_cpu - cpu) / rows * 1e6, 1),
        "written_gb": round(sum(shards) / 1e9, 3),
        "largest_shard_mb": round(max(shards) / 1e6, 1),
        "peak_rss_mb": _peak(),
    }


def measure_stream(folder: Path, pool: Pool, rows: int) -> Figures:
    """Read the edition back as a stream: every row's id, and some rows with their pictures."""
    import datasets

    name = str(folder / "2025.10")
    start = time.perf_counter()
    seen = {
        row["id"] for split in datasets.load_dataset(name, streaming=True, columns=["id"]).values() for row in split
    }
    ids = time.perf_counter()
    right = total = 0
    for row in datasets.load_dataset(name, split="test", streaming=True).take(min(DECODED, rows)):
        total += 1
        right += row["image"].size == (row["width"], row["height"])
    done = time.perf_counter()
    return {
        "streamed_share": round(min(len(seen) / rows, right / total), 6),
        "stream_ids_per_s": round(len(seen) / (ids - start), 1),
        "stream_decoded_per_s": round(total / (done - ids), 1),
    }


def measure_shards(folder: Path, pool: Pool, rows: int) -> Figures:
    """Write shards alone, the rows that the peer writes."""
    samples = [{**record.sample, "split": "test", "edition": "2025.10"} for record in Records(pool, rows)]
    (folder / "shards").mkdir()
    start = time.perf_counter()
    write_shards(folder / "shards", "test", samples, Shown(Blobs(str(folder / "blobs")), pool), PER_GROUP)
    return {"rows_per_s": round(rows / (time.perf_counter() - start), 1), "peak_rss_mb": _peak()}


def measure_datasets(folder: Path, pool: Pool, rows: int) -> Figures:
    """Let ``datasets`` write the same rows: from its cache, and with making the cache."""
    import datasets

    pictures = Shown(Blobs(str(folder / "blobs")), pool)

    def made() -> Iterator[dict[str, Any]]:
        for record in Records(pool, rows):
            picture = {"bytes": pictures.get(record.sample["image_sha256"]), "path": record.sample["image"]}
            yield {**record.sample, "image": picture, "split": "test", "edition": "2025.10"}

    features = datasets.Features.from_dict(hf_features())
    start = time.perf_counter()
    cached = datasets.Dataset.from_generator(made, features=features, cache_dir=str(folder / "cache"))
    ready = time.perf_counter()
    cached.to_parquet(str(folder / "peer.parquet"), batch_size=PER_GROUP)
    done = time.perf_counter()
    return {
        "to_parquet_rows_per_s": round(rows / (done - ready), 1),
        "rows_per_s": round(rows / (done - start), 1),
        "peak_rss_mb": _peak(),
    }


_PARTS: Final[dict[str, Callable[[Path, Pool, int], Figures]]] = {
    "edition": measure_edition,
    "stream": measure_stream,
    "shards": measure_shards,
    "datasets": measure_datasets,
}


def _child(part: str, folder: str, rows: int) -> Figures:
    """Measure one part in a process of its own."""
    command = [sys.executable, "-m", "nest_builder.bench.export", part, folder, str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
    if done.returncode:
        raise RuntimeError(f"nest bench export, {part}: {done.stderr[-2000:]}")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def main(arguments: Sequence[str]) -> None:
    """Measure one part and write its figures to standard output."""
    part, folder, rows = arguments
    names, size, masks = json.loads((Path(folder) / "pool.json").read_text())
    figures = _PARTS[part](Path(folder), Pool(tuple(names), size, tuple(map(tuple, masks))), int(rows))
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()
    os._exit(0)  # a stream that was not read to its end keeps pyarrow's threads, and they the process, now and then


def _settings() -> dict[str, Any]:
    """Return the settings that the card speaks of."""
    settings = load_settings(None, "embedded")
    parts: Any = {"entities": {"cutoff"}, "newsworld": True, "images": True, "export": True, "validation": True}
    shown: dict[str, Any] = settings.model_dump(mode="json", include=parts)
    return shown


def _peak() -> float:
    """Return this process's peak memory in MB (Linux counts in KiB)."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)


if __name__ == "__main__":
    main(sys.argv[1:])
