"""Measures a mask model from true boxes: on unseen Newsworld renderings and on photographs.

    python -m nest_builder.tiny.mask_eval data/models/sam-tiny --scenes 100
    python -m nest_builder.tiny.mask_eval data/models/sam-tiny --photos ../shared/data/coco_free

Any folder or hub name that `SamModel.from_pretrained` takes will do; masks go the library's whole way, to full size.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image, ImageDraw
from pycocotools import mask as coco
from transformers import SamModel, SamProcessor

from nest_builder.annotate.base import Mask
from nest_builder.annotate.masks import mask_iou
from nest_builder.annotate.windows import into_window, out_of_window, window_around
from nest_builder.newsworld.looks import CATEGORIES, anonymous_look, new_look
from nest_builder.newsworld.scenes import compose, render
from nest_builder.tiny.mask_data import jitter_box

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Case:
    """A picture with true masks.

    Attributes:
        image: the picture, RGB.
        masks: true visible masks, each (height, width).
        boxes: x0, y0, x1, y1 of each mask, pixel edges.
    """

    image: Image.Image
    masks: tuple[Mask, ...]
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class MaskModel:
    """A loaded SAM with its processor."""

    model: SamModel
    processor: SamProcessor

    @classmethod
    def load(cls, name: str) -> MaskModel:
        """Loads a folder or a hub name in single precision."""
        model = SamModel.from_pretrained(name, dtype=torch.float32)
        return cls(model, SamProcessor.from_pretrained(name))  # from_pretrained leaves it in evaluation mode

    def segment_windows(
        self, image: Image.Image, boxes: Sequence[Box], factor: float
    ) -> tuple[list[Mask], list[float]]:
        """As `segment`, each box in a window of its own, `factor` times as large as its longer side."""
        masks, scores = [], []
        for box in np.array(boxes, np.float64):
            window = window_around(box, image.width, image.height, factor)
            x0, y0, x1, y1 = into_window(box, window)
            mask, score = self.segment(image.crop(window), [(x0, y0, x1, y1)])
            masks.append(out_of_window(mask[0], window, image.width, image.height, outside=False))
            scores += score
        return masks, scores

    @torch.no_grad()
    def segment(self, image: Image.Image, boxes: Sequence[Box]) -> tuple[list[Mask], list[float]]:
        """The single mask of each box at the picture's size, and its predicted IoU; the picture is encoded once."""
        inputs = self.processor(images=image, input_boxes=[[list(box) for box in boxes]], return_tensors="pt")
        sizes, reshaped = inputs.pop("original_sizes"), inputs.pop("reshaped_input_sizes")
        inputs["input_boxes"] = inputs["input_boxes"].float()
        out = self.model(**inputs, multimask_output=False)
        masks = self.processor.image_processor.post_process_masks(out.pred_masks, sizes, reshaped)[0]
        return [mask[0].numpy() for mask in masks], out.iou_scores[0, :, 0].tolist()


def newsworld_cases(seed: int, scenes: int) -> Iterator[Case]:
    """Renderings at 480 x 360 of one to four things that no training saw, half of them looks of new entities."""
    for number in range(scenes):
        rng = np.random.default_rng([seed, 90_000, number])
        names = [CATEGORIES[int(rng.integers(len(CATEGORIES)))] for _ in range(int(rng.integers(1, 5)))]
        looks = [(new_look if rng.random() < 0.5 else anonymous_look)(rng, name) for name in names]
        scene = render(compose(rng, [(look, None) for look in looks], 480, 360))
        seen = [instance for instance in scene.instances if instance.mask.sum() >= 100]
        yield Case(scene.image, tuple(i.mask for i in seen), tuple(i.box for i in seen))


def photo_cases(folder: Path) -> Iterator[Case]:
    """Photographs with COCO instances: `instances.json` and `images/` as in `shared/data/coco_free`."""
    for photo in json.loads((folder / "instances.json").read_text()):
        masks = tuple(coco.decode(i["segmentation"]).astype(bool) for i in photo["instances"])
        boxes = tuple((x, y, x + w, y + h) for x, y, w, h in (i["bbox_xywh"] for i in photo["instances"]))
        yield Case(Image.open(folder / "images" / photo["file_name"]).convert("RGB"), masks, boxes)


def inscribed_ellipse(box: Box, width: int, height: int) -> Mask:
    """The ellipse inside a box, the yardstick for masks from true boxes."""
    image = Image.new("1", (width, height))
    ImageDraw.Draw(image).ellipse([box[0], box[1], box[2] - 1, box[3] - 1], fill=1)
    return np.asarray(image)


def measure(
    model: MaskModel, cases: Iterable[Case], jitter_seed: int | None = None, factor: float | None = None
) -> dict[str, float]:
    """Mean IoU over all instances, and what puts it into proportion.

    Args:
        model: the model to measure.
        cases: pictures with truth.
        jitter_seed: if given, boxes are moved as a small detector's are (IoU with the true box about 0.8 to 1).
        factor: if given, each box is segmented in a window so many times as large; else in the whole picture.

    Returns:
        `mean_iou`, `share_above_0.75`, `ellipse_iou` (no model at all), `score_error` (mean distance of the predicted
        from the real IoU), `instances`.
    """
    rng = None if jitter_seed is None else np.random.default_rng(jitter_seed)
    rows = []
    for case in cases:
        if not case.boxes:
            continue
        width, height = case.image.size
        boxes = list(case.boxes)
        if rng is not None:
            boxes = [
                (float(b[0]), float(b[1]), float(b[2]), float(b[3]))
                for b in (jitter_box(rng, np.array(x), height, width) for x in boxes)
            ]
        masks, scores = (
            model.segment(case.image, boxes) if factor is None else model.segment_windows(case.image, boxes, factor)
        )
        for true, box, mask, score in zip(case.masks, case.boxes, masks, scores, strict=True):
            rows.append((mask_iou(mask, true), mask_iou(inscribed_ellipse(box, width, height), true), score))
    table = np.array(rows)
    return {
        "mean_iou": round(float(table[:, 0].mean()), 4),
        "share_above_0.75": round(float((table[:, 0] > 0.75).mean()), 4),
        "ellipse_iou": round(float(table[:, 1].mean()), 4),
        "score_error": round(float(np.abs(table[:, 0] - table[:, 2]).mean()), 4),
        "instances": len(table),
    }


def main(
    model: Annotated[str, typer.Argument(help="Folder or hub name.")],
    scenes: Annotated[int, typer.Option(min=0, help="Newsworld renderings; 0 for none.")] = 100,
    photos: Annotated[Path | None, typer.Option(help="Folder of photographs with COCO instances.")] = None,
    seed: Annotated[
        int, typer.Option(help="Of the renderings; the training's own pictures differ under any seed.")
    ] = 0,
    factor: Annotated[float, typer.Option(min=1, help="Size of the windows, in boxes.")] = 1.6,
) -> None:
    """Writes the figures as one JSON object."""
    loaded = MaskModel.load(model)
    figures = {}
    for name, window in (("whole_picture", None), (f"window_{factor}", factor)):
        if scenes:
            figures[f"newsworld_{name}"] = measure(loaded, newsworld_cases(seed, scenes), None, window)
            figures[f"newsworld_jittered_{name}"] = measure(loaded, newsworld_cases(seed, scenes), seed, window)
        if photos is not None:
            figures[f"photos_{name}"] = measure(loaded, photo_cases(photos), None, window)
    typer.echo(json.dumps(figures, indent=2))


if __name__ == "__main__":
    typer.run(main)
