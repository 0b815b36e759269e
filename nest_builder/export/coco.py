"""COCO annotations of an edition, for tools that read those: lossless masks, with the question beside each."""

from collections.abc import Mapping, Sequence
from typing import Any

from pycocotools import mask as coco


def coco_annotations(edition: str, samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the content of ``annotations.json``.

    Pictures are named as in the Parquet files' ``image.path``; numbers follow the order of the rows. A negative has
    nothing to outline and stands in a list of its own.

    Args:
        edition: Name of the edition.
        samples: Samples in their JSON form.
    """
    categories = {
        name: number for number, name in enumerate(sorted({sample["entity"]["hypernym"] for sample in samples}), 1)
    }
    images: dict[str, dict[str, Any]] = {}
    annotations: list[dict[str, Any]] = []
    negatives: list[dict[str, Any]] = []
    for sample in samples:
        image = images.setdefault(
            sample["image"],
            {
                "id": len(images) + 1,
                "file_name": sample["image"],
                "width": sample["width"],
                "height": sample["height"],
                "coco_url": sample["image_url"],
                "date_captured": sample["published_at"],
            },
        )
        asked = {
            "image_id": image["id"],
            "category_id": categories[sample["entity"]["hypernym"]],
            "sample_id": sample["id"],
            "split": sample["split"],
            "question": sample["question"],
            "answer": sample["answer"],
        }
        if sample["negative"]:
            negatives.append(asked)
            continue
        x0, y0, x1, y1 = sample["box"]
        annotations.append(
            {
                "id": len(annotations) + 1,
                **asked,
                "segmentation": sample["mask"],
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "area": int(coco.area(sample["mask"])),
                "iscrowd": 0,
            }
        )
    return {
        "info": {"description": f"NEST {edition}"},
        "images": list(images.values()),
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
        "annotations": annotations,
        "negatives": negatives,
    }
