"""The committed weights do what their card says, on scenes that no one has seen."""

from __future__ import annotations

from nest_builder.config import DATA
from nest_builder.tiny.detector_eval import detections, launch_scene, saved_detector, score_at

FOLDER = DATA / "models" / "grounding-dino-tiny"


def test_recall_and_precision_of_the_committed_weights() -> None:
    score = score_at(detections(saved_detector(FOLDER), seed=5, scenes=32, source=launch_scene), 0.23)
    assert score.wanted > 40
    assert min(score.recall, score.precision) >= 0.8, str(score)
