"""Recall and precision on hand-made detections."""

from __future__ import annotations

import numpy as np
import pytest

from nest_builder.newsworld.looks import CATEGORIES
from nest_builder.tiny.detector_data import COLOUR_NAMES, TARGET, Query
from nest_builder.tiny.detector_eval import Judged, best_threshold, judge, judge_picture, score_at

LEFT, RIGHT = [0.0, 0.0, 0.4, 0.4], [0.6, 0.0, 1.0, 0.4]
NEAR_LEFT, FAR = [0.05, 0.0, 0.45, 0.4], [0.0, 0.6, 0.4, 1.0]  # NEAR_LEFT has IoU 0.78 with LEFT
BESIDE_LEFT = [0.2, 0.0, 0.6, 0.4]  # IoU 0.33 with LEFT


def boxes(*rows: list[float]) -> np.ndarray:
    return np.array(rows, float).reshape(-1, 4)


@pytest.mark.parametrize(
    ("found", "scores", "wanted", "right"),
    [
        ([LEFT, RIGHT], [0.9, 0.8], [LEFT, RIGHT], [True, True]),
        ([LEFT, FAR], [0.9, 0.8], [LEFT], [True, False]),
        ([NEAR_LEFT, LEFT], [0.9, 0.8], [LEFT], [True]),
        ([BESIDE_LEFT, LEFT], [0.8, 0.9], [LEFT], [True, False]),
        ([LEFT], [0.9], [], [False]),
        ([], [], [LEFT], []),
        ([NEAR_LEFT, RIGHT], [0.3, 0.9], [LEFT], [False, True]),
    ],
    ids=["all", "one too many", "duplicate dropped", "second box for one thing", "absent", "missed", "sorted by score"],
)
def test_judge(found: list[list[float]], scores: list[float], wanted: list[list[float]], right: list[bool]) -> None:
    judged = judge(boxes(*found), np.array(scores), boxes(*wanted))
    assert judged.right.tolist() == right
    assert judged.wanted == len(wanted)
    assert (np.diff(judged.scores) <= 0).all()


def test_one_threshold_for_recall_and_precision() -> None:
    judged = [
        Judged(np.array([0.8, 0.2]), np.array([True, False]), 1),
        Judged(np.array([0.6]), np.array([True]), 2),
        Judged(np.array([0.3]), np.array([False]), 0),
    ]
    low, high = score_at(judged, 0.1), score_at(judged, 0.5)
    assert (low.recall, low.precision) == pytest.approx((2 / 3, 0.5))
    assert (high.recall, high.precision) == pytest.approx((2 / 3, 1.0))
    assert 0.3 < best_threshold(judged).threshold <= 0.6


def test_nothing_found_is_no_precision() -> None:
    score = score_at([Judged(np.array([]), np.array([], bool), 3)], 0.5)
    assert (score.recall, score.precision, score.wanted) == (0.0, 0.0, 3)


def test_a_box_answers_its_best_phrase_and_those_as_good() -> None:
    car, red = CATEGORIES.index("car"), COLOUR_NAMES.index("red")
    targets = np.array([(car, red, 0, (0.2, 0.2, 0.4, 0.4))], dtype=TARGET)
    queries = [Query(car), Query(car, red), Query(car, red + 1)]
    judged = judge_picture(boxes(LEFT), np.array([[0.6, 0.55, 0.4]]), queries, targets)
    assert [(item.right.tolist(), item.wanted) for item in judged] == [([True], 1), ([True], 1), ([], 0)]
