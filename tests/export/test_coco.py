import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as masks
from pycocotools.coco import COCO

from nest_builder.export.coco import write_coco
from nest_builder.export.records import Record, read_records
from tests.builders import fill_store, new_store


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    store = new_store(tmp_path_factory.mktemp("store"))
    fill_store(store, 30)
    with store.sessions() as session:
        found = [record.sample for record in read_records(session) if isinstance(record, Record)]
    found = [{**sample, "split": "test", "edition": "e"} for sample in found]
    found.append({**found[0], "id": "f" * 16, "question": 'another one, "quoted", about the same picture'})
    store.close()
    return found


def test_pycocotools_reads_every_mask_as_it_is(samples: list[dict], tmp_path: Path) -> None:
    path = tmp_path / "annotations.json"
    assert write_coco(path, "e", iter(samples)) == len(samples)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints
        coco = COCO(str(path))
    by_id = {sample["id"]: sample for sample in samples}
    assert {one["sample_id"] for one in coco.anns.values()} == {
        key for key, one in by_id.items() if not one["negative"]
    }
    for annotation in coco.anns.values():
        sample = by_id[annotation["sample_id"]]
        mask = masks.decode(sample["mask"])
        assert np.array_equal(coco.annToMask(annotation), mask)
        assert annotation["area"] == mask.sum()
        image = coco.loadImgs(annotation["image_id"])[0]
        assert (image["file_name"], image["width"], image["height"]) == (
            sample["image"],
            sample["width"],
            sample["height"],
        )
        assert coco.loadCats(annotation["category_id"])[0]["name"] == sample["entity"]["hypernym"]
        assert annotation["question"] == sample["question"]
        x, y, width, height = annotation["bbox"]
        assert [x, y, x + width, y + height] == pytest.approx(sample["box"])
    assert len(coco.imgs) == len(samples) - 1  # two samples are about one picture
    content = json.loads(path.read_text(encoding="utf-8"))
    assert {one["sample_id"] for one in content["negatives"]} == {key for key, one in by_id.items() if one["negative"]}
    assert content["info"]["version"] == "e"


def test_an_edition_without_samples_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "annotations.json"
    assert write_coco(path, "e", []) == 0
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(path))
    assert (coco.anns, coco.imgs, coco.cats) == ({}, {}, {})
