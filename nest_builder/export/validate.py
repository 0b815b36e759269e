"""Checking an edition's folder, whoever wrote it: hashes, schemas, pictures, masks, counts, and that it loads."""

import hashlib
import io
import json
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image
from pyarrow import parquet
from pycocotools import mask as coco

from nest_builder.export.checks import schema_problem
from nest_builder.export.features import arrow_schema, hf_features
from nest_builder.export.manifest import MANIFEST, read_manifest
from nest_builder.export.naming import base_of, order

_MAX_PROBLEMS = 100
_MAX_JSON_BYTES = 500_000_000


def check_edition(path: Path, load: bool = True) -> list[str]:
    """Check an edition's folder.

    Args:
        path: The folder.
        load: Whether to load it with ``datasets`` as well, which takes some seconds and, for a while, as much disk as
            the edition.

    Returns:
        What is wrong with it, a sentence each, at most 100; empty if nothing is.
    """
    problems: list[str] = []
    for problem in _problems(path, load):
        problems.append(problem)
        if len(problems) == _MAX_PROBLEMS:
            break
    return problems


def _problems(path: Path, load: bool) -> Iterator[str]:
    try:
        manifest = read_manifest(path)
    except ValueError as error:
        yield str(error)
        return
    if is_purged(path, manifest):
        yield f"its content was purged, {MANIFEST} is all that is left"
        return
    broken = list(check_files(path, manifest["files"]))
    yield from broken
    if broken:
        return
    seen: dict[str, dict[str, str]] = {"id": {}, "image_sha256": {}}
    counts: Counter[str] = Counter()
    for shard in sorted((path / "data").glob("*.parquet")):
        yield from _check_shard(shard, manifest, seen, counts)
    told = manifest["counts"]
    if counts["samples"] != told["samples"] or counts["negatives"] != told["negatives"]:
        yield f"{MANIFEST}: {told['samples']} samples, {told['negatives']} negative; there are {dict(counts)}"
    yield from _check_history(manifest, seen["id"])
    annotations = _read_json(path / "annotations.json")
    if isinstance(annotations, str):
        yield annotations
    elif len(annotations.get("annotations", ())) + len(annotations.get("negatives", ())) != counts["samples"]:
        yield "annotations.json does not hold one entry a sample"
    if load and counts["samples"]:  # datasets refuses to load a split without rows
        yield from _check_loading(path, counts["samples"])


def is_purged(path: Path, manifest: Mapping[str, Any]) -> bool:
    """Tell whether nothing but the manifest is left of an edition: all else was removed, as the law may demand."""
    return not any((path / name).exists() for name in manifest["files"])


def withdrawn_by(path: Path) -> str | None:
    """Return the revision beside an edition's folder that withdraws samples of it, if there is one; the newest."""
    manifest = read_manifest(path)
    found = None
    for folder in sorted(
        path.resolve().parent.glob(f"{base_of(manifest['name'])}.*"), key=lambda other: order(other.name)
    ):
        if order(folder.name) <= order(manifest["name"]) or base_of(folder.name) != base_of(manifest["name"]):
            continue
        buried = {stone["id"] for stone in read_manifest(folder)["tombstones"]}
        if buried - {stone["id"] for stone in manifest["tombstones"]}:
            found = folder.name
    return found


def _check_history(manifest: Mapping[str, Any], present: Mapping[str, str]) -> Iterator[str]:
    changes = manifest["changes"]
    there = {*changes["added"], *(one["id"] for one in changes["changed"])}
    gone = {*(one["id"] for one in changes["removed"]), *(stone["id"] for stone in manifest["tombstones"])}
    if missing := sorted(there - present.keys()):
        yield f"{MANIFEST}: added or changed, but not there: sample {missing[0]}"
    if kept := sorted(gone & present.keys()):
        yield f"{MANIFEST}: removed or withdrawn, but there: sample {kept[0]}"


def check_files(path: Path, files: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with an edition's files: one too many, one too few, one with another content."""
    present = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()} - {MANIFEST}
    yield from (f"{name}: in the manifest, but not in the folder" for name in sorted(files.keys() - present))
    yield from (f"{name}: in the folder, but not in the manifest" for name in sorted(present - files.keys()))
    for name in sorted(present & files.keys()):
        with (path / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != files[name]["sha256"]:
                yield f"{name}: its content does not match the manifest's hash"


def _check_shard(
    shard: Path, manifest: Mapping[str, Any], seen: dict[str, dict[str, str]], counts: Counter[str]
) -> Iterator[str]:
    split = shard.name.split("-")[0]
    linked = manifest["images"] == "links"
    try:
        with parquet.ParquetFile(shard) as file:
            found, wanted = file.schema_arrow, arrow_schema()
            if not found.equals(wanted) or found.metadata != wanted.metadata:
                yield f"{shard.name}: its columns are not those of sample.schema.json"
                return
            for batch in file.iter_batches(batch_size=100):
                for row in batch.to_pylist():
                    counts.update(samples=1, negatives=int(row["negative"]))
                    yield from (
                        f"{shard.name}, sample {row['id']}: {problem}"
                        for problem in _check_row(row, split, manifest["name"], linked)
                    )
                    yield from _check_unique(row, split, seen)
    except (pa.ArrowInvalid, OSError) as error:
        yield f"{shard.name}: {error}"


def _check_unique(row: Mapping[str, Any], split: str, seen: dict[str, dict[str, str]]) -> Iterator[str]:
    if row["id"] in seen["id"]:
        yield f"sample {row['id']}: the id occurs twice"
    seen["id"][row["id"]] = split
    if seen["image_sha256"].setdefault(row["image_sha256"], split) != split:
        yield f"sample {row['id']}: its picture is in both splits"


def _check_row(row: dict[str, Any], split: str, edition: str, linked: bool) -> Iterator[str]:
    picture = row["image"] or {"bytes": None, "path": None}
    data = picture["bytes"]
    problem = schema_problem({**row, "image": picture["path"]})
    if problem is not None:
        yield problem
        return
    if row["split"] != split or row["edition"] != edition:
        yield f"says split {row['split']!r} of edition {row['edition']!r}"
    if not row["negative"]:
        yield from _check_box(row)
    if linked:
        if data is not None:
            yield "there is a picture, where an edition of links has none"
        return
    if not data or hashlib.sha256(data).hexdigest() != row["image_sha256"]:
        yield "the picture does not have the hash in image_sha256"
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as opened:
                opened.load()
                size = opened.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        yield f"the picture cannot be read: {error}"
        return
    if size != (row["width"], row["height"]):
        yield f"the picture is {size}, not {(row['width'], row['height'])} (width, height)"


def _check_box(row: Mapping[str, Any]) -> Iterator[str]:
    x0, y0, x1, y1 = row["box"]
    if not (x0 < x1 and y0 < y1 and x0 > -1 and y0 > -1 and x1 < row["width"] + 1 and y1 < row["height"] + 1):
        yield f"box {row['box']} does not lie in the picture"
        return
    ys, xs = np.nonzero(coco.decode(row["mask"]))
    if xs.max() < x0 or xs.min() > x1 or ys.max() < y0 or ys.min() > y1:
        yield f"box {row['box']} and mask do not touch"


def _check_loading(path: Path, samples: int) -> Iterator[str]:
    import datasets

    with tempfile.TemporaryDirectory() as cache:
        try:
            loaded = datasets.load_dataset(str(path), cache_dir=cache)
        except (ValueError, OSError, KeyError, datasets.exceptions.DatasetsError) as error:
            yield f"load_dataset: {type(error).__name__}: {error}"
            return
        features = datasets.Features.from_dict(hf_features())
        for split, rows in loaded.items():
            if rows.features != features:
                yield f"load_dataset: split {split} has other features than sample.schema.json"
        if sum(len(rows) for rows in loaded.values()) != samples:
            yield f"load_dataset: {sum(len(rows) for rows in loaded.values())} rows, not {samples}"


def _read_json(path: Path) -> Any:
    """Return the content, or a sentence saying why there is none."""
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            return f"{path.name}: larger than {_MAX_JSON_BYTES} bytes"
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return f"{path.name}: {error}"
    return content if isinstance(content, dict) else f"{path.name}: no JSON object"
