"""An edition of any size, written at once: the site reads a folder and two tables, so nothing else needs to be made."""

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from nest_builder.digest import short_id
from nest_builder.export.features import arrow_schema
from nest_builder.store.session import Store
from nest_builder.store.tables import Edition, Verdict
from nest_builder.validate.verdicts import Rule
from tests.builders import COLOURS, HOSTS, HYPERNYMS, draw_picture, rle_of

NAME = "2025.10"
LABELS = ("solved_by_static", "solved_by_search", "solved_by_rose", "unsolved", None)
STATUSES = ("unreviewed", "unreviewed", "accepted", "corrected")
START = dt.datetime(2025, 7, 1, tzinfo=dt.UTC)


def write_big(store: Store, workdir: Path, samples: int, pictures: int) -> Path:
    """Write an edition of ``samples`` rows on ``pictures`` pictures, with the verdicts' attempts in the store."""
    drawn = [big_picture(number) for number in range(pictures)]
    rows = [big_row(number, *drawn[number % pictures]) for number in range(samples)]
    folder = workdir / "editions" / NAME
    (folder / "data").mkdir(parents=True)
    table = pa.Table.from_pylist(rows, schema=arrow_schema())
    parquet.write_table(table, folder / "data" / "train-00000-of-00001.parquet", row_group_size=500)
    with store.sessions() as session:
        for number, row in enumerate(rows):
            session.add(_verdict(row, drawn[(number + 1) % pictures][2]))
        edition = Edition(name=NAME, path=f"editions/{NAME}", manifest=_manifest(rows))
        edition.seal(NAME)
        session.add(edition)
        session.commit()
    return folder


def big_picture(number: int) -> tuple[bytes, str, dict[str, Any]]:
    data, mask = draw_picture(number, 240, 180, 80)
    return data, hashlib.sha256(data).hexdigest(), rle_of(mask)


def big_row(number: int, data: bytes, sha256: str, mask: dict[str, Any]) -> dict[str, Any]:
    entity = number // 7
    negative = number % 9 == 8
    at = (START + dt.timedelta(minutes=11 * number)).strftime("%Y-%m-%dT%H:%M:%SZ")
    seen = (START + dt.timedelta(hours=entity)).strftime("%Y-%m-%dT%H:%M:%SZ")
    name = f"Veltra {entity}"
    host = HOSTS[number % len(HOSTS)]
    hypernym = HYPERNYMS[entity % len(HYPERNYMS)]
    label = LABELS[number % len(LABELS)]
    return {
        "id": short_id("big", number),
        "image": {"bytes": data, "path": f"{sha256}.jpg"},
        "image_sha256": sha256,
        "width": 240,
        "height": 180,
        "question": f"Which {hypernym} is {name}, number {number}? Segment it.",
        "answer": name,
        "mask": rle_of(np.zeros((180, 240), np.uint8)) if negative else mask,
        "box": [] if negative else [1.0, 1.0, 200.0, 150.0],
        "negative": negative,
        "category": "emerging" if entity % 3 == 2 else "novel",
        "entity": {
            "name": name, "aliases": [f"the {name}"], "type": "PRODUCT", "hypernym": hypernym, "first_seen": seen,
            "evidence": [{"kind": "article", "source": HOSTS[0], "url": f"http://{HOSTS[0]}/{entity}", "date": seen, "text": f"{name} was presented.", "verdict": "after"}],
        },
        "published_at": at,
        "article_url": f"http://{host}/2025/{number}",
        "image_url": f"http://{host}/images/{number}.jpg",
        "caption": f"{name}, in {COLOURS[number % len(COLOURS)]}, at the harbour on Tuesday, seen from the pier.",
        "credit": "P. Tographer",
        "consent": {"robots": "allowed", "opt_out": False, "checked_at": at},
        "annotation": {
            "detector": "tests/detector", "detector_score": 0.7, "mask_model": "tests/mask-model", "predicted_iou": 0.9,
            "stability": 0.9, "box_agreement": 0.9, "phrase_margin": 0.4, "p_correct": round((number * 37 % 1000) / 1000, 3),
        },
        "verdict": {"static_iou": 0.1, "search_iou": 0.4, "rose_iou": 0.9 if label == "solved_by_rose" else 0.2, "label": label},
        "review": {"status": STATUSES[number % len(STATUSES)], "by": None, "at": None},
        "split": "train",
        "edition": NAME,
    }  # fmt: skip


def _verdict(row: dict[str, Any], other: dict[str, Any]) -> Verdict:
    found = Verdict(
        sample_id=row["id"], label=row["verdict"]["label"], reason="", static_iou=0.1, search_iou=0.4,
        rose_iou=row["verdict"]["rose_iou"], controls=[], thresholds={"iou": Rule().iou, "defeated": "all", "slack": 0.0},
        attempts=[
            {"system": system, "segmenter": "tests/base", "prompt": row["question"], "iou": row["verdict"][f"{system}_iou"], "mask": mask, "answer": row["answer"]}
            for system, mask in (("static", other), ("search", other), ("rose", row["mask"]))
        ],
    )  # fmt: skip
    found.seal(row["id"])
    return found


def _manifest(rows: list[dict[str, Any]]) -> dict[str, Any]:
    def count(name: str) -> dict[str, int]:
        return {value: sum(row[name] == value for row in rows) for value in sorted({row[name] for row in rows})}

    return {
        "name": NAME,
        "format": 1,
        "code": {"nest-builder": "test"},
        "settings": {"entities": {"cutoff": "2025-06-30"}, "newsworld": {"enabled": True, "seed": 1}},
        "models": {"detector": ["tests/detector"], "mask_model": ["tests/mask-model"]},
        "period": {"first": rows[0]["published_at"], "last": rows[-1]["published_at"], "test_from": None},
        "counts": {
            "samples": len(rows), "negatives": sum(row["negative"] for row in rows), "unreviewed": 0, "entities": len(rows) // 7 + 1,
            "images": len({row["image_sha256"] for row in rows}), "articles": len(rows), "sites": len(HOSTS), "by_split": count("split"),
            "by_category": count("category"), "dropped": {},
        },
        "funnel": [],
    }  # fmt: skip
