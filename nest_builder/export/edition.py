"""Writing an edition's folder: Parquet, COCO annotations, schemas, card and manifest; complete or not at all."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
from jsonschema import Draft202012Validator
from pycocotools import mask as coco

from nest_builder import __version__
from nest_builder.export.card import SplitSize, write_card
from nest_builder.export.coco import write_coco
from nest_builder.export.features import SCHEMAS, load_schema
from nest_builder.export.parquet import Shard, write_shards
from nest_builder.export.records import Record, utc_text
from nest_builder.export.splits import assign_splits
from nest_builder.export.takedown import Takedown
from nest_builder.reasons import Reason
from nest_builder.status import StageStatus, by_count
from nest_builder.store.blobs import Blobs

FORMAT = 1  # of the folder's layout; in the manifest and in the stage's identity
SPLITS = ("train", "test")
_BY_PEOPLE = {"rejected": Reason.REJECTED_IN_REVIEW, "disputed": Reason.DISPUTED_IN_REVIEW}
_MAX_PIXELS = 100_000_000  # of a picture; its mask is decoded, a byte a pixel


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an edition is made.

    Attributes:
        name: Its name.
        min_p_correct: Samples under it are left out.
        test_days: Length of the test period in days.
        near_duplicate_bits: Hamming distance of perceptual hashes inside a cluster.
        rows_per_group: Rows of a Parquet row group.
        settings: What the manifest says of the settings.
    """

    name: str
    min_p_correct: float
    test_days: int
    near_duplicate_bits: int
    rows_per_group: int
    settings: Mapping[str, Any]


def select_records(
    found: Sequence[Record | str], recipe: Recipe, takedown: Takedown
) -> tuple[list[Record], dict[Reason, int], list[str]]:
    """Choose what is published.

    Returns:
        The records in the order of their rows, how many were left out by reason, and what was wrong with those that
        break the schema.
    """
    validator = Draft202012Validator(load_schema("sample"))
    chosen: list[Record] = []
    dropped: Counter[Reason] = Counter()
    problems: list[str] = []
    for record in found:
        if isinstance(record, str):
            dropped[Reason.SCHEMA] += 1
            problems.append(record)
        elif takedown.covers(record.sample):
            dropped[Reason.TAKEDOWN] += 1
        elif reason := _BY_PEOPLE.get(status := record.sample["review"]["status"]):
            dropped[reason] += 1
        elif status == "unreviewed" and record.sample["annotation"]["p_correct"] < recipe.min_p_correct:
            dropped[Reason.LOW_CONFIDENCE] += 1
        elif problem := schema_problem(validator, {**record.sample, "split": "train", "edition": recipe.name}):
            dropped[Reason.SCHEMA] += 1
            problems.append(f"sample {record.sample['id']}: {problem}")
        else:
            chosen.append(record)
    return sorted(chosen, key=lambda record: record.order), dict(dropped), problems


def schema_problem(validator: Draft202012Validator, sample: Mapping[str, Any]) -> str | None:
    """Return how a sample breaks the schema, or a rule that JSON Schema cannot say; None if it does not."""
    error = next(iter(validator.iter_errors(sample)), None)
    if error is not None:
        return f"{error.json_path}: {error.message[:200]}"
    if sample["mask"]["size"] != [sample["height"], sample["width"]]:
        return (
            f"mask of {sample['mask']['size']} for a picture of {[sample['height'], sample['width']]} (height, width)"
        )
    kind = "negative" if sample["negative"] else "positive"
    if len(sample["box"]) != (0 if sample["negative"] else 4):
        return f"{len(sample['box'])} numbers in the box of a {kind}"
    if sample["height"] * sample["width"] > _MAX_PIXELS:
        return f"a picture of more than {_MAX_PIXELS} pixels"
    try:
        mask = coco.decode(sample["mask"])
    except ValueError as broken:
        return f"mask: {broken}"
    # pycocotools leaves uninitialised what too short run lengths do not reach; the way back shows that they reach all.
    if coco.encode(np.asfortranarray(mask))["counts"].decode("ascii") != sample["mask"]["counts"]:
        return "mask: its run lengths do not fill the picture"
    filled = bool(mask.any())
    return None if filled != sample["negative"] else f"a {kind} with {'a' if filled else 'an empty'} mask"


def write_edition(
    folder: Path,
    recipe: Recipe,
    records: Sequence[Record],
    dropped: Mapping[Reason, int],
    funnel: Sequence[StageStatus],
    takedown: Takedown,
    blobs: Blobs,
    review: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write an edition and return its manifest. The same arguments give the same bytes.

    Args:
        folder: The edition's folder; replaced as a whole if it is there.
        recipe: How it is made.
        records: What is published, in the order of the rows.
        dropped: How many samples were left out, by reason.
        funnel: What became of the items of earlier stages.
        takedown: The list that was applied.
        blobs: Holds the pictures.
        review: What its review came to; see `review.summary`. None where samples were not routed.

    Raises:
        FileNotFoundError: A picture is not in the store.
        ValueError: A picture in the store is damaged.
    """
    partial = folder.parent / f".{folder.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    data = partial / "data"
    data.mkdir(parents=True)
    splits = assign_splits(records, recipe.test_days, recipe.near_duplicate_bits)
    samples = [
        {**record.sample, "split": split, "edition": recipe.name}
        for record, split in zip(records, splits.names, strict=True)
    ]
    by_split = {split: [sample for sample in samples if sample["split"] == split] for split in SPLITS}
    # A split without samples has no file, but an edition has one at least, even if all of it was taken down.
    written = {split: rows for split, rows in by_split.items() if rows} or {"test": []}
    sizes = {}
    hashed: dict[Path, Shard] = {}  # while they were written: an edition is too large to read it all once more
    for split, rows in written.items():
        shards = write_shards(data, split, rows, blobs, recipe.rows_per_group)
        sizes[split] = SplitSize(len(rows), sum(shard.bytes for shard in shards))
        hashed |= {shard.path: shard for shard in shards}
    write_coco(partial / "annotations.json", recipe.name, samples)
    (partial / "schemas").mkdir()
    for name in ("sample", "edition"):
        shutil.copyfile(SCHEMAS / f"{name}.schema.json", partial / "schemas" / f"{name}.schema.json")
    manifest: dict[str, Any] = {
        "name": recipe.name,
        "format": FORMAT,
        "code": {"nest-builder": __version__, "pyarrow": pa.__version__},
        "settings": dict(recipe.settings),
        "models": {
            name: sorted({sample["annotation"][name] for sample in samples}) for name in ("detector", "mask_model")
        },
        "period": _period(samples, utc_text(splits.test_from)),
        "counts": _counts(samples, dropped),
        "funnel": [
            {
                "stage": item.stage,
                "done": item.done,
                "rejected": item.rejected,
                "reasons": item.reasons,
                "dropped": item.dropped,
            }
            for item in funnel
        ],
        "takedown": {"entries": len(takedown), "sha256": takedown.sha256},
        "review": None if review is None else dict(review),
    }
    write_card(partial / "README.md", manifest, samples, sizes)
    manifest["files"] = {
        path.relative_to(partial).as_posix(): _file(path, hashed.get(path))
        for path in sorted(partial.rglob("*"))
        if path.is_file()
    }
    Draft202012Validator(load_schema("edition")).validate(manifest)
    _write_json(partial / "manifest.json", manifest)
    _replace(partial, folder)
    return manifest


def _replace(partial: Path, folder: Path) -> None:
    """Move the finished folder into place. A run that is killed between the renames writes it again the next time."""
    outdated = folder.parent / f".{folder.name}.outdated"
    shutil.rmtree(outdated, ignore_errors=True)
    if folder.exists():
        folder.rename(outdated)
    partial.rename(folder)
    shutil.rmtree(outdated, ignore_errors=True)


def _period(samples: Sequence[Mapping[str, Any]], test_from: str | None) -> dict[str, str | None]:
    dates = [sample["published_at"] for sample in samples if sample["published_at"]]
    return {"first": min(dates, default=None), "last": max(dates, default=None), "test_from": test_from}


def _counts(samples: Sequence[Mapping[str, Any]], dropped: Mapping[Reason, int]) -> dict[str, Any]:
    entities = {(sample["entity"]["name"], sample["category"]) for sample in samples}
    in_split = [{sample["entity"]["name"] for sample in samples if sample["split"] == split} for split in SPLITS]
    return {
        "samples": len(samples),
        "negatives": sum(sample["negative"] for sample in samples),
        "unreviewed": sum(sample["review"]["status"] == "unreviewed" for sample in samples),
        "entities": len(entities),
        "images": len({sample["image_sha256"] for sample in samples}),
        "articles": len({sample["article_url"] for sample in samples}),
        "sites": len({urlsplit(sample["article_url"]).hostname for sample in samples}),
        "entities_in_both_splits": len(in_split[0] & in_split[1]),
        "by_split": by_count(Counter(sample["split"] for sample in samples).items()),
        "by_category": by_count(Counter(sample["category"] for sample in samples).items()),
        "entities_by_category": by_count(Counter(category for _, category in entities).items()),
        "by_hypernym": by_count(Counter(sample["entity"]["hypernym"] for sample in samples).items()),
        "dropped": by_count((reason.value, count) for reason, count in dropped.items()),
    }


def _file(path: Path, known: Shard | None) -> dict[str, Any]:
    if known is not None:
        return {"bytes": known.bytes, "sha256": known.sha256}
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
