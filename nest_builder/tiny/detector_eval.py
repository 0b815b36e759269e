"""Recall and precision of a Grounding DINO on scenes whose truth is known.

A detection is a (picture, phrase, box, score); it is right if an object that the phrase fits, and that no better
detection has claimed, overlaps it with IoU >= 0.5. Absent phrases make wrong detections, so precision counts them.
A box's score for a phrase is the mean over the phrase's tokens, as in `annotate.detect`.
`python -m nest_builder.tiny.detector_eval FOLDER --seed 1` judges a saved model as the pipeline uses it: full-size
pictures and prompts of several phrases, through `GroundingDino`.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nest_builder.annotate.base import Boxes, Detector
from nest_builder.annotate.boxes import box_iou
from nest_builder.annotate.detect import GroundingDino
from nest_builder.config import AnnotateSettings
from nest_builder.newsworld.looks import CATEGORIES, anonymous_look, new_look
from nest_builder.newsworld.scenes import Scene, compose, random_training_scene, render
from nest_builder.tiny.detector_data import (
    Query,
    ScenePool,
    SceneSource,
    draw_queries,
    scene_targets,
    to_tensor,
)
from nest_builder.tiny.vocabulary import PAD, PromptEncoder

log = logging.getLogger(__name__)

IOU = 0.5
DUPLICATE_IOU = 0.5  # of two boxes for one phrase that overlap more, the weaker is dropped
RIVAL = 0.8  # a box answers a phrase if it scores at least this share of its score for any other phrase of the prompt
LOWEST_SCORE = 0.05
BATCH = 16
SIZES = ((480, 360), (640, 480), (360, 480), (320, 240))

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """Detections of one phrase in one picture.

    Attributes:
        scores: (n,), best first.
        right: (n,), whether each detection is right.
        wanted: how many objects the phrase fits.
    """

    scores: FloatArray
    right: NDArray[np.bool_]
    wanted: int


@dataclass(frozen=True, slots=True)
class Score:
    """Recall and precision over all phrases at one score threshold."""

    threshold: float
    recall: float
    precision: float
    wanted: int

    def __str__(self) -> str:
        return (
            f"recall {self.recall:.3f}, precision {self.precision:.3f} at score {self.threshold:.2f} "
            f"({self.wanted} objects)"
        )


def corners(boxes: FloatArray) -> Boxes:
    """Centre-and-size boxes (n, 4) as corner boxes."""
    return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1)


def judge(boxes: Boxes, scores: FloatArray, wanted: Boxes) -> Judged:
    """Suppress duplicates, then match the detections of one phrase to the objects that it fits, best score first.

    Args:
        boxes: (n, 4) corners.
        scores: (n,).
        wanted: (m, 4) corners of the objects that the phrase fits.
    """
    order = np.argsort(-scores, kind="stable")
    boxes, scores = boxes[order], scores[order]
    overlaps = box_iou(boxes, boxes)
    kept: list[int] = []
    for index in range(len(boxes)):
        if not kept or overlaps[index, kept].max() <= DUPLICATE_IOU:
            kept.append(index)
    boxes, scores = boxes[kept], scores[kept]
    right, overlap = np.zeros(len(boxes), bool), box_iou(boxes, wanted)
    for index in range(len(boxes)):
        if len(wanted) and overlap[index].max() >= IOU:
            right[index] = True
            overlap[:, overlap[index].argmax()] = 0
    return Judged(scores, right, len(wanted))


def judge_picture(
    boxes: Boxes, scores: FloatArray, queries: Sequence[Query], targets: NDArray[np.void]
) -> list[Judged]:
    """Judge each phrase of a prompt.

    Args:
        boxes: (n, 4) corners, in shares of the picture.
        scores: (n, phrases).
        queries: the phrases.
        targets: what the picture shows.
    """
    results = []
    best = scores.max(1, keepdims=True, initial=0)
    for column, query in enumerate(queries):
        kept = (scores[:, column] >= LOWEST_SCORE) & (scores[:, column] >= RIVAL * best[:, 0])
        results.append(judge(boxes[kept], scores[kept, column], wanted_boxes(query, targets)))
    return results


def score_at(judged: Sequence[Judged], threshold: float) -> Score:
    """Recall and precision of the detections with at least that score; 0 where nothing is wanted or kept."""
    kept = np.concatenate([item.scores for item in judged]) >= threshold
    hits = int(np.concatenate([item.right for item in judged])[kept].sum())
    wanted = sum(item.wanted for item in judged)
    return Score(threshold, hits / max(wanted, 1), hits / max(int(kept.sum()), 1), wanted)


def best_threshold(judged: Sequence[Judged]) -> Score:
    """The score threshold at which the lower of recall and precision is highest."""
    scores = [score_at(judged, threshold) for threshold in np.arange(LOWEST_SCORE, 0.9, 0.025).round(3).tolist()]
    return max(scores, key=lambda score: (min(score.recall, score.precision), score.recall + score.precision))


def pool_detections(model: Any, pool: ScenePool, seed: int) -> list[Judged]:
    """Detect in a pool's 128-pixel scenes with prompts drawn from the seed; quick, for use during training."""
    encoder, results = PromptEncoder(), []
    for start in range(0, len(pool), BATCH):
        indices = range(start, min(start + BATCH, len(pool)))
        queries = [draw_queries(np.random.default_rng([seed, 3, index]), pool.targets_of(index)) for index in indices]
        prompts = [encoder(query.phrase() for query in asked) for asked in queries]
        width = max(len(prompt.ids) for prompt in prompts)
        ids = torch.tensor([[*prompt.ids, *[PAD] * (width - len(prompt.ids))] for prompt in prompts])
        pixels = to_tensor([pool.images[index].astype(np.float32) / 255 for index in indices])
        with torch.inference_mode():
            out = model(pixel_values=pixels, input_ids=ids, attention_mask=(ids != PAD).long())
        for row, index in enumerate(indices):
            probabilities = out.logits[row].sigmoid().double().numpy()
            boxes = corners(out.pred_boxes[row].double().numpy())
            scores = np.stack([probabilities[:, list(span)].mean(1) for span in prompts[row].spans], axis=1)
            results += judge_picture(boxes, scores, queries[row], pool.targets_of(index))
    return results


def wanted_boxes(query: Query, targets: NDArray[np.void]) -> Boxes:
    """Corner boxes, in shares of the picture, of the targets that the phrase fits: (m, 4)."""
    fitting = [target["box"] for target in targets if query.fits(target)]
    return corners(np.array(fitting, np.float64).reshape(-1, 4))


def launch_scene(rng: np.random.Generator, width: int, height: int) -> Scene:
    """A picture of something new: one or two things of the wide generator of launches, often with a nameless twin."""
    categories = [CATEGORIES[int(index)] for index in rng.integers(len(CATEGORIES), size=3)]
    looks = [new_look(rng, category) for category in categories[: int(rng.integers(1, 3))]]
    if rng.random() < 0.6:
        looks.append(anonymous_look(rng, categories[0] if rng.random() < 0.5 else categories[2]))
    return render(compose(rng, [(look, None) for look in looks], width, height))


SOURCES: dict[str, SceneSource] = {"street": random_training_scene, "launch": launch_scene}


Ask = Callable[[np.random.Generator, NDArray[np.void]], list[Query]]
"""(rng, a picture's targets) -> the phrases to ask for."""


def saved_detector(folder: Path) -> GroundingDino:
    """The product's own detector with the model that `save_detector` wrote."""
    return GroundingDino(AnnotateSettings(detector_model=str(folder), nms_iou=DUPLICATE_IOU))


def detections(
    detector: Detector, seed: int, scenes: int, source: SceneSource = random_training_scene, ask: Ask = draw_queries
) -> list[Judged]:
    """Judge a detector as the pipeline uses it, in pictures of several sizes.

    Args:
        detector: the detector.
        seed: of scenes that no training has seen; any seed that is not the training's.
        scenes: how many pictures.
        source: draws a scene from (rng, width, height).
        ask: chooses a picture's phrases.
    """
    results = []
    for start in range(0, scenes, BATCH):
        pictures, truths, asked = [], [], []
        for index in range(start, min(start + BATCH, scenes)):
            rng = np.random.default_rng([seed, 4, index])
            scene = source(rng, *SIZES[index % len(SIZES)])
            pictures.append(scene.image)
            truths.append(scene_targets(scene))
            asked.append(ask(rng, truths[-1]))
        found = detector.detect(pictures, [[query.phrase() for query in queries] for queries in asked])
        for picture, targets, queries, one in zip(pictures, truths, asked, found, strict=True):
            results += judge_picture(one.boxes / np.tile(picture.size, 2), one.scores, queries, targets)
    return results


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenes", type=int, default=300)
    parser.add_argument("--kind", choices=SOURCES, default="launch")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    detector = saved_detector(arguments.folder)
    judged = detections(detector, arguments.seed, arguments.scenes, SOURCES[arguments.kind])
    log.info("best: %s", best_threshold(judged))
    for threshold in (0.25, 0.3, 0.35, 0.4, 0.5):
        log.info("%s", score_at(judged, threshold))


if __name__ == "__main__":
    main()
