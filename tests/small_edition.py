"""A small edition's folder without a store: for tests of whatever reads editions."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from nest_builder.export.coco import write_coco
from nest_builder.export.parquet import write_shards
from nest_builder.store.blobs import Blobs
from tests.builders import draw_picture, rle_of

HYPERNYMS = ("car", "phone", "person")


def make_samples(blobs: Blobs, edition: str, n: int, first: int = 0) -> list[dict[str, Any]]:
    """Return samples; every sixth is a negative, two of three are novel, every fifth is of the train split."""
    return [_sample(blobs, edition, number) for number in range(first, first + n)]


def make_edition(
    editions: Path, name: str, n: int = 12, first: int = 0, changes: dict[str, Any] | None = None, **manifest: Any
) -> Path:
    """Write an edition's folder as `write_edition` lays it out.

    Args:
        editions: Where to.
        name: Of the edition.
        n: How many samples.
        first: Number of the first one: editions with other numbers have other samples.
        changes: Keys of each sample that are replaced.
        manifest: Keys of the manifest that are replaced.
    """
    folder = editions / name
    blobs = Blobs(str(editions.parent / "blobs"))
    samples = [{**sample, **(changes or {})} for sample in make_samples(blobs, name, n, first)]
    (folder / "data").mkdir(parents=True)
    for split in ("train", "test"):
        write_shards(folder / "data", split, [one for one in samples if one["split"] == split], blobs, 100)
    write_coco(folder / "annotations.json", name, samples)
    (folder / "README.md").write_text(f"# NEST {name}\n", encoding="utf-8")
    files = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    by_split = {split: sum(one["split"] == split for one in samples) for split in ("train", "test")}
    counts = {"samples": n, "by_split": by_split}
    content = {"name": name, "counts": counts, "files": files, **manifest}
    (folder / "manifest.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return folder


def _sample(blobs: Blobs, edition: str, number: int) -> dict[str, Any]:
    picture, mask = draw_picture(number)
    sha = blobs.put(picture)
    negative = number % 6 == 5
    ys, xs = np.nonzero(mask)
    height, width = mask.shape
    at = f"2025-09-{number % 28 + 1:02d}T08:00:00Z"
    return {
        "id": f"{number:016x}",
        "image": f"{sha}.jpg",
        "image_sha256": sha,
        "width": width,
        "height": height,
        "question": f"Which one is Veltra {number}? Segment it.",
        "answer": f"Veltra {number}",
        "mask": rle_of(np.zeros_like(mask) if negative else mask),
        "box": [] if negative else [float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)],
        "negative": negative,
        "category": "emerging" if number % 3 == 2 else "novel",
        "entity": {
            "name": f"Veltra {number}",
            "aliases": [f"V{number}"],
            "type": "PRODUCT",
            "hypernym": HYPERNYMS[number % 3],
            "first_seen": at,
            "evidence": [],
        },
        "published_at": at,
        "article_url": f"http://outlet.example/{number}",
        "image_url": f"http://outlet.example/{number}.jpg",
        "caption": "",
        "credit": "",
        "consent": {"robots": "allowed", "opt_out": False, "checked_at": at},
        "annotation": {
            "detector": "tests/detector",
            "detector_score": 0.5,
            "mask_model": "tests/mask-model",
            "predicted_iou": None,
            "stability": None,
            "box_agreement": None,
            "phrase_margin": None,
            "p_correct": 0.9,
        },
        "verdict": {"static_iou": None, "search_iou": None, "rose_iou": None, "label": None},
        "review": {"status": "unreviewed", "by": None, "at": None},
        "split": "train" if number % 5 == 4 else "test",
        "edition": edition,
    }
