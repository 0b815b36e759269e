"""``nest bench models``: the embedded detector, mask model and static MLLM on pictures that no training saw, beside plain baselines.

Detector: renderings at four sizes, of things with looks of new entities, often with a nameless twin. Two kinds of
prompt: `named`, the coloured phrase of everything in the picture ("red car. person in blue."), and `near_miss`, where
up to three phrases fit nothing, mostly the right thing in another colour. Mask model: from true boxes, in renderings at
480 x 360, and on COCO photographs where they are. Static MLLM: questions about entities of the canon, by name, role,
maker and look, in new renderings; `told` ones give a made-up name with a description.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nest_builder.annotate.detect import GroundingDino
from nest_builder.annotate.masks import mask_iou
from nest_builder.annotate.segment import Segmenter
from nest_builder.bench.result import Bound, Pin, Result, corpus_hash, machine
from nest_builder.config import DATA, AnnotateSettings
from nest_builder.segmenters.lisa import Lisa
from nest_builder.tiny.detector_data import Query, draw_queries
from nest_builder.tiny.detector_eval import detections, launch_scene, score_at
from nest_builder.tiny.lisa_eval import known_entity_scores
from nest_builder.tiny.mask_eval import Case, inscribed_ellipse, newsworld_cases, photo_cases

SCENES, QUICK_SCENES = 160, 24
LISA_SCENES, QUICK_LISA_SCENES = 100, 8  # up to four questions about each
MASK_SCENES, QUICK_MASK_SCENES = 160, 10  # with 60, the seed moves the mean by 0.015
QUICK_MARGIN = 0.03  # of few objects, one more or less found by another processor's rounding is much
PHOTOGRAPHS = DATA.parent.parent / "shared" / "data" / "coco_free"
TARGETS: dict[str, Bound] = {
    "detector_recall": (">=", 0.9),
    "detector_precision": (">=", 0.9),
    "mask_iou": (">=", 0.9),
    "lisa_known_giou": (">=", 0.75),
}
PHOTO_TARGETS: dict[str, Bound] = {"photo_mask_iou": (">=", 0.593)}


def run(seed: int, data: Path | None, quick: bool = False) -> Result:
    """Measure the models that the settings' defaults name.

    Args:
        seed: Of the renderings; the models were trained with seed 0 of another stream.
        data: A folder like ``shared/data/coco_free``; by default that one beside the checkout, if it is there.
        quick: Fewer renderings, coloured phrases only, no photographs.

    Raises:
        FileNotFoundError: ``data`` is given and holds no photographs.
    """
    settings = AnnotateSettings()
    detector, segmenter = GroundingDino(settings), Segmenter(settings)
    scenes = QUICK_SCENES if quick else SCENES
    named = score_at(detections(detector, seed, scenes, launch_scene, named_queries), settings.box_threshold)
    figures: dict[str, float] = {
        "detector_recall": round(named.recall, 4),
        "detector_precision": round(named.precision, 4),
        "detector_objects": named.wanted,
    }
    if not quick:
        near = score_at(detections(detector, seed, scenes, launch_scene, draw_queries), settings.box_threshold)
        figures |= {"near_miss_recall": round(near.recall, 4), "near_miss_precision": round(near.precision, 4)}
    figures["mask_iou"], ellipse, box, figures["mask_instances"] = mask_scores(
        segmenter, newsworld_cases(seed, QUICK_MASK_SCENES if quick else MASK_SCENES)
    )
    peers = {"newsworld": {"ellipse_iou": ellipse, "box_iou": box}}
    lisa = Lisa(str(DATA / "models" / "lisa-tiny"))
    known = known_entity_scores(lisa, seed, QUICK_LISA_SCENES if quick else LISA_SCENES)
    figures |= {
        "lisa_known_giou": known["giou"],
        "lisa_known_ciou": known["ciou"],
        "lisa_questions": known["questions"],
    }
    if not quick:
        figures |= {f"lisa_{key}": value for key, value in known.items() if key.startswith("giou_")}
    pin = Pin(f"seed {seed}", margin=QUICK_MARGIN if quick else 0.01)
    pins = {key: pin for key in figures if key not in ("detector_objects", "mask_instances", "lisa_questions")}
    setup = {
        **machine("torch", "transformers"),
        "seed": seed,
        "scenes": scenes,
        "box_threshold": settings.box_threshold,
        "mask_windows": list(settings.mask_windows),
        "models": [detector.identity(), segmenter.identity(), lisa.identity()],
    }
    if quick:
        return Result("models-quick", figures, {}, peers, setup, pins)  # targets are for the full form
    photographs = data or PHOTOGRAPHS
    if not (photographs / "instances.json").exists():
        if data is not None:
            raise FileNotFoundError(f"no instances.json in {data}: name a folder of photographs with --data")
        setup["photographs"] = f"left out: no instances.json in {photographs}"
        return Result("models", figures, TARGETS, peers, setup, pins)
    figures["photo_mask_iou"], ellipse, box, figures["photo_instances"] = mask_scores(
        segmenter, photo_cases(photographs)
    )
    peers["photographs"] = {"ellipse_iou": ellipse, "box_iou": box}
    setup["photographs"] = corpus_hash(photographs)
    pins["photo_mask_iou"] = Pin(setup["photographs"])
    return Result("models", figures, TARGETS | PHOTO_TARGETS, peers, setup, pins)


def named_queries(_rng: np.random.Generator, targets: NDArray[np.void]) -> list[Query]:
    """Ask for everything in the picture by colour and kind."""
    return list(dict.fromkeys(Query(int(target["category"]), int(target["colour"])) for target in targets))


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
