"""``nest bench models``: the embedded detector and mask model on pictures that no training saw, beside plain baselines.

Detector: renderings at four sizes, of things with looks of new entities, often with a nameless twin. Two kinds of
prompt: `named`, the coloured phrase of everything in the picture ("red car. person in blue."), and `near_miss`, where
up to three phrases fit nothing, mostly the right thing in another colour. Mask model: from true boxes, in renderings at
480 x 360, and on COCO photographs where they are.
"""

import platform
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from nest_builder.annotate.detect import GroundingDino
from nest_builder.annotate.masks import mask_iou
from nest_builder.annotate.segment import Segmenter
from nest_builder.config import DATA, AnnotateSettings
from nest_builder.tiny.detector_data import Query, draw_queries, scene_targets
from nest_builder.tiny.detector_eval import SIZES, Score, judge_picture, launch_scene, score_at
from nest_builder.tiny.mask_eval import Case, inscribed_ellipse, newsworld_cases, photo_cases

SCENES = 160
MASK_SCENES = 60
PHOTOGRAPHS = DATA.parent.parent / "shared" / "data" / "coco_free"
TARGETS: dict[str, tuple[str, float]] = {
    "detector_recall": (">=", 0.9),
    "detector_precision": (">=", 0.9),
    "mask_iou": (">=", 0.9),
    "photo_mask_iou": (">=", 0.593),
}

Ask = Callable[[np.random.Generator, NDArray[np.void]], list[Query]]


def run(seed: int, data: Path | None) -> dict[str, Any]:
    """Measure the models that the settings' defaults name.

    Args:
        seed: Of the renderings; the models were trained with seed 0 of another stream.
        data: A folder like ``shared/data/coco_free``; by default that one beside the checkout.
    """
    settings = AnnotateSettings()
    detector, segmenter = GroundingDino(settings), Segmenter(settings)
    named = detect_score(detector, settings.box_threshold, seed, named_queries)
    near = detect_score(detector, settings.box_threshold, seed, draw_queries)
    figures: dict[str, float] = {
        "detector_recall": round(named.recall, 4),
        "detector_precision": round(named.precision, 4),
        "near_miss_recall": round(near.recall, 4),
        "near_miss_precision": round(near.precision, 4),
        "detector_objects": named.wanted,
    }
    mask, ellipse, box, count = mask_scores(segmenter, newsworld_cases(seed, MASK_SCENES))
    figures |= {"mask_iou": mask, "mask_instances": count}
    peers = {"newsworld": {"ellipse_iou": ellipse, "box_iou": box}}
    photographs = data or PHOTOGRAPHS
    setup: dict[str, Any] = {
        "machine": platform.platform(),
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "seed": seed,
        "scenes": SCENES,
        "box_threshold": settings.box_threshold,
        "mask_windows": list(settings.mask_windows),
        "models": [detector.identity(), segmenter.identity()],
    }
    targets = dict(TARGETS)
    if (photographs / "instances.json").exists():
        mask, ellipse, box, count = mask_scores(segmenter, photo_cases(photographs))
        figures |= {"photo_mask_iou": mask, "photo_instances": count}
        peers["photographs"] = {"ellipse_iou": ellipse, "box_iou": box}
    else:
        del targets["photo_mask_iou"]
        setup["photographs"] = f"left out: no instances.json in {photographs}"
    ok = all(figures[name] >= floor for name, (_, floor) in targets.items())
    return {
        "name": "models",
        "ok": ok,
        "figures": figures,
        "targets": {name: list(target) for name, target in targets.items()},
        "peers": peers,
        "setup": setup,
    }


def named_queries(_rng: np.random.Generator, targets: NDArray[np.void]) -> list[Query]:
    """Ask for everything in the picture by colour and kind."""
    return list(dict.fromkeys(Query(int(target["category"]), int(target["colour"])) for target in targets))


def detect_score(detector: GroundingDino, threshold: float, seed: int, ask: Ask) -> Score:
    """Return recall and precision at IoU 0.5 over `SCENES` pictures."""
    judged = []
    for start in range(0, SCENES, 16):
        pictures, truths, asked = [], [], []
        for index in range(start, min(start + 16, SCENES)):
            rng = np.random.default_rng([seed, 4, index])
            scene = launch_scene(rng, *SIZES[index % len(SIZES)])
            pictures.append(scene.image)
            truths.append(scene_targets(scene))
            asked.append(ask(rng, truths[-1]))
        found = detector.detect(pictures, [[query.phrase() for query in queries] for queries in asked])
        for picture, targets, queries, one in zip(pictures, truths, asked, found, strict=True):
            judged += judge_picture(one.boxes / np.tile(picture.size, 2), one.scores, queries, targets)
    return score_at(judged, threshold)


def mask_scores(segmenter: Segmenter, cases: Iterable[Case]) -> tuple[float, float, float, int]:
    """Return the mean IoU of masks from true boxes, of the box's ellipse and of the box, and how many there were."""
    rows = []
    for case in cases:
        if not case.boxes:
            continue
        width, height = case.image.size
        (outlines,) = segmenter.segment([case.image], [np.array(case.boxes, np.float64)])
        for true, box, outline in zip(case.masks, case.boxes, outlines, strict=True):
            filled = np.zeros((height, width), bool)
            filled[round(box[1]) : round(box[3]), round(box[0]) : round(box[2])] = True
            ellipse = inscribed_ellipse(box, width, height)
            rows.append((mask_iou(outline.mask, true), mask_iou(ellipse, true), mask_iou(filled, true)))
    mask, ellipse_iou, box_iou = (round(float(value), 4) for value in np.array(rows).mean(0))
    return mask, ellipse_iou, box_iou, len(rows)
