"""Verdicts from IoUs: thresholds, majorities, several static models, negatives."""

import numpy as np
import pytest

from nest_builder.annotate.masks import decode_mask
from nest_builder.rose.rose import SYSTEMS
from nest_builder.validate.verdicts import TOO_CLOSE, Attempt, Rule, judge, no_verdict, paraphrases


def attempts(base="a", **ious):
    """Make an attempt for each IoU: attempts(static=[0.1, 0.2], search=..., rose=...)."""
    return [
        Attempt(system, base, f"way {at}", iou, {"size": [1, 1], "counts": "1"})
        for system in SYSTEMS
        for at, iou in enumerate(ious[system])
    ]


@pytest.mark.parametrize(
    ("static", "search", "rose", "label"),
    [
        ([0.9], [0.9], [0.9], "solved_by_static"),
        ([0.5], [0.0], [0.0], "solved_by_static"),  # at the threshold
        ([0.499], [0.9], [0.9], "solved_by_search"),
        ([0.1], [0.2], [0.6], "solved_by_rose"),
        ([0.1], [0.2], [0.4], "unsolved"),
        ([0.9, 0.1, 0.1], [0, 0, 0], [0.8, 0.7, 0.1], "solved_by_rose"),  # the static model was lucky once
        ([0.9, 0.8, 0.1], [0, 0, 0], [1, 1, 1], "solved_by_static"),  # unlucky once
        ([0.9, 0.1], [0.9, 0.1], [0.9, 0.6], "solved_by_rose"),  # half is no majority
        ([0.9, 0.9, 0.1, 0.1], [0.9, 0.9, 0.9, 0.1], [1, 1, 1, 1], "solved_by_search"),
    ],
)
def test_labels(static, search, rose, label):
    verdict = judge(attempts(static=static, search=search, rose=rose), Rule())
    assert verdict.label == label
    assert verdict.reason == ""


@pytest.mark.parametrize(
    ("defeated", "first", "second", "label", "static_iou"),
    [
        ("all", 0.1, 0.2, "solved_by_rose", 0.2),
        ("all", 0.1, 0.8, "solved_by_static", 0.8),  # one of them knows it
        ("any", 0.1, 0.8, "solved_by_rose", 0.1),  # one of them does not
        ("any", 0.7, 0.8, "solved_by_static", 0.7),
    ],
)
def test_several_static_models(defeated, first, second, label, static_iou):
    made = attempts("a", static=[first], search=[0.0], rose=[0.3]) + attempts(
        "b", static=[second], search=[0.1], rose=[0.9]
    )
    verdict = judge(made, Rule(defeated=defeated))
    assert (verdict.label, verdict.static_iou) == (label, static_iou)
    assert (verdict.search_iou, verdict.rose_iou) == (0.1, 0.9)  # the best base
    assert verdict.attempts == tuple(made)


@pytest.mark.parametrize(
    ("static", "label"),
    [(0.44, "solved_by_rose"), (0.46, None), (0.5, None), (0.54, None), (0.56, "solved_by_static")],
)
def test_what_hangs_on_a_hair_is_not_decided(static, label):
    verdict = judge(attempts(static=[static], search=[0.0], rose=[0.9]), Rule(slack=0.05))
    assert (verdict.label, verdict.reason) == (label, "" if label else TOO_CLOSE)
    assert (verdict.static_iou, verdict.rose_iou) == (static, 0.9)


@pytest.mark.parametrize(
    ("iou", "static", "label"),
    [(1.0, 1.0, "solved_by_static"), (1.0, 0.96, None), (1.0, 0.9, "unsolved"), (0.97, 1.0, "solved_by_static"),
     (0.04, 0.0, "unsolved"), (0.04, 0.01, None), (0.04, 0.1, "solved_by_static")],
)  # fmt: skip
def test_an_outline_is_not_better_than_perfect_nor_worse_than_nothing(iou, static, label):
    assert judge(attempts(static=[static], search=[0.0], rose=[0.0]), Rule(iou, slack=0.05)).label == label


def test_the_threshold_is_a_setting():
    made = attempts(static=[0.6], search=[0.7], rose=[0.8])
    assert [judge(made, Rule(iou)).label for iou in (0.6, 0.65, 0.75, 0.9)] == [
        "solved_by_static", "solved_by_search", "solved_by_rose", "unsolved",
    ]  # fmt: skip


@pytest.mark.parametrize("iou", [0.0, -1.0, 1.1, float("nan")])
def test_thresholds_that_say_nothing(iou):
    with pytest.raises(ValueError, match="threshold"):
        Rule(iou)


EMPTY = np.zeros((4, 6), bool)
LEFT = np.arange(6)[None].repeat(4, 0) < 3


@pytest.mark.parametrize(
    ("predicted", "true", "iou"),
    [(EMPTY, EMPTY, 1.0), (LEFT, EMPTY, 0.0), (EMPTY, LEFT, 0.0), (LEFT, LEFT, 1.0), (LEFT | True, LEFT, 0.5)],
)
def test_an_attempt_keeps_its_mask_and_iou(predicted, true, iou):
    one = Attempt.of("static", "a", "way", predicted, true)
    assert one.iou == iou
    assert (decode_mask(one.mask) == predicted).all()


def test_a_negative_is_solved_by_an_empty_mask_only():
    made = [
        Attempt.of("static", "a", "way", LEFT, EMPTY),
        Attempt.of("search", "a", "way", EMPTY, EMPTY),
        Attempt.of("rose", "a", "way", EMPTY, EMPTY),
    ]
    assert judge(made, Rule()).label == "solved_by_search"


def test_sizes_that_differ():
    with pytest.raises(ValueError, match=r"\(4, 6\).*\(6, 4\)"):
        Attempt.of("static", "a", "way", LEFT, LEFT.T)


@pytest.mark.parametrize(
    "made",
    [
        [],
        attempts(static=[0.1], search=[0.1], rose=[]),
        attempts("a", static=[0.1, 0.1], search=[0.1], rose=[0.1])
        + attempts("b", static=[0.1], search=[0.1], rose=[0.1]),
    ],
)
def test_what_was_not_tried_is_not_judged(made):
    with pytest.raises(ValueError, match="same paraphrases"):
        judge(made, Rule())


def test_paraphrases_hold_the_question():
    question = "Where is the Vantor {K3}?"
    ways = paraphrases(question, 5)
    assert ways[0] == question
    assert len(set(ways)) == 5
    assert all(question in way for way in ways)
    for count in (0, 6):
        with pytest.raises(ValueError, match="1 to 5 ways"):
            paraphrases(question, count)


def test_no_verdict_says_why():
    verdict = no_verdict("weights shuffled", Rule())
    assert (verdict.label, verdict.reason, verdict.static_iou) == (None, "weights shuffled", None)
