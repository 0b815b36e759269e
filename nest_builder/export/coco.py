"""COCO annotations of an edition, for tools that read those: lossless masks, with the question beside each.

``annotations.json`` has COCO's form (cocodataset.org/#format-data): pycocotools' ``COCO`` reads it, and ``annToMask`` gives
the sample's mask to the pixel. It is written as the samples come, a record a line, so that an edition of any size passes
through little memory.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
from pycocotools import mask as coco


def write_coco(path: Path, edition: str, samples: Iterable[Mapping[str, Any]]) -> int:
    """Write ``annotations.json``.

    Pictures are named as in the Parquet files' ``image.path``; numbers follow the order of the rows. A negative has
    nothing to outline and stands in the list ``negatives``.

    Args:
        path: The file.
        edition: Name of the edition.
        samples: Samples in their JSON form; read once.

    Returns:
        How many samples there are.
    """
    images: dict[str, int] = {}
    categories: dict[str, int] = {}
    image_lines: list[
        bytes
    ] = []  # as they are written, which is far smaller than records; and negatives, which are few
    negatives: list[bytes] = []
    annotations = 0
    with path.open("wb") as file:
        info = orjson.dumps({"description": f"NEST {edition}", "version": edition})
        file.write(b'{"info":%b,\n"annotations":[' % info)
        for sample in samples:
            name, hypernym = sample["image"], sample["entity"]["hypernym"]
            if name not in images:
                images[name] = len(images) + 1
                image_lines.append(orjson.dumps(_image(sample, images[name])))
            asked = {
                "image_id": images[name],
                "category_id": categories.setdefault(hypernym, len(categories) + 1),
                "sample_id": sample["id"],
                "split": sample["split"],
                "question": sample["question"],
                "answer": sample["answer"],
            }
            if sample["negative"]:
                negatives.append(orjson.dumps(asked))
                continue
            file.write(b",\n" if annotations else b"\n")
            annotations += 1
            file.write(orjson.dumps({"id": annotations, **asked, **_outline(sample)}))
        named = [orjson.dumps({"id": number, "name": name}) for name, number in categories.items()]
        for key, lines in ((b"images", image_lines), (b"categories", named), (b"negatives", negatives)):
            file.write(b'\n],\n"%b":[' % key)
            file.writelines(b"%b\n%b" % (b"," if at else b"", line) for at, line in enumerate(lines))
        file.write(b"\n]}\n")
    return annotations + len(negatives)


def _image(sample: Mapping[str, Any], number: int) -> dict[str, Any]:
    return {
        "id": number,
        "file_name": sample["image"],
        "width": sample["width"],
        "height": sample["height"],
        "coco_url": sample["image_url"],
        "date_captured": sample["published_at"],
    }


def _outline(sample: Mapping[str, Any]) -> dict[str, Any]:
    x0, y0, x1, y1 = sample["box"]
    return {
        "segmentation": sample["mask"],
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": int(coco.area(sample["mask"])),
        "iscrowd": 0,
    }
