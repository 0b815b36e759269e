"""Looks go where errors are likeliest, not ten times to one event; the audit is a fair draw of the rest."""

from collections import Counter

import pytest

from nest_builder.review.routing import Candidate, Rules, after_answers, route


def many(count: int, p_correct: float = 0.99, name: str = "s") -> list[Candidate]:
    return [Candidate(f"{name}{at:03}", f"a-{name}{at:03}", f"e-{name}{at:03}", p_correct) for at in range(count)]


def reviewed(candidates: list[Candidate], **rules: object) -> list[str]:
    routed = route(candidates, Rules(**{"audit_share": 0.0, "double_share": 0.0, **rules}))  # type: ignore[arg-type]
    return sorted(key for key, one in routed.items() if one.action == "review")


@pytest.mark.parametrize(
    ("candidates", "looks", "expected"),
    [
        # the likeliest errors first, and no more than the budget
        ([Candidate("a", "1", "x", 0.9), Candidate("b", "2", "y", 0.4), Candidate("c", "3", "z", 0.6)], 2, ["b", "c"]),
        ([Candidate("a", "1", "x", 0.9)], 0, []),
        # two samples on one annotation are settled by one look, which is worth twice as much
        ([Candidate("a", "1", "x", 0.6), Candidate("b", "2", "y", 0.7), Candidate("c", "2", "y", 0.7)], 1, ["b"]),
        # of one event the second is worth less
        ([Candidate("a", "1", "x", 0.6), Candidate("b", "2", "x", 0.6), Candidate("c", "3", "z", 0.63)], 2, ["a", "c"]),
        # what is decided is not asked again, and has used its look up
        ([Candidate("a", "1", "x", 0.1, looks=1, spent=1), Candidate("b", "2", "y", 0.4)], 1, ["a"]),
        # unless an earlier edition paid for it
        ([Candidate("a", "1", "x", 0.1, looks=1, spent=0), Candidate("b", "2", "y", 0.4)], 1, ["a", "b"]),
    ],
)
def test_what_is_reviewed(candidates: list[Candidate], looks: int, expected: list[str]) -> None:
    assert reviewed(candidates, looks=looks) == expected


def test_siblings_wait_for_the_one_that_is_looked_at() -> None:
    candidates = [Candidate("a", "1", "x", 0.6), Candidate("b", "1", "x", 0.6), *many(50)]
    routed = route(candidates, Rules(looks=5))
    assert (routed["a"].action, routed["b"].action, routed["b"].settled_by) == ("review", "accept", "a")


def test_what_is_unlikely_and_beyond_the_budget_is_left_out() -> None:
    routed = route([Candidate("a", "1", "x", 0.45), Candidate("b", "2", "y", 0.5)], Rules(looks=0, reject_below=0.5))
    assert {key: one.action for key, one in routed.items()} == {"a": "reject", "b": "accept"}


def test_the_budget_holds_with_audit_and_second_looks() -> None:
    candidates = many(400) + many(80, 0.5, "u")
    routed = route(candidates, Rules(looks=100, audit_share=0.3, double_share=0.5))
    assert 90 <= sum(one.reviewers for one in routed.values()) <= 100
    audited = [key for key, one in routed.items() if one.audit]
    assert len(audited) == 27  # 30 looks, second ones on a tenth of them
    assert all(routed[key].action == "accept" and routed[key].reviewers == 1 for key in audited)
    assert 10 <= sum(one.reviewers == 2 for one in routed.values()) <= 40


def test_the_audit_draws_fairly_and_only_what_nobody_looks_at() -> None:
    candidates = many(60) + many(20, 0.4, "u")
    drawn: Counter[str] = Counter()
    for draw in range(300):
        routed = route(candidates, Rules(looks=33, audit_share=0.4, double_share=0.0, draw=str(draw)))
        drawn.update(key for key, one in routed.items() if one.audit)
    assert set(drawn) == {one.sample_id for one in candidates if one.p_correct > 0.9}
    expected = sum(drawn.values()) / 60
    assert max(drawn.values()) < 1.6 * expected
    assert min(drawn.values()) > 0.5 * expected


def test_a_draw_stays_while_decisions_come_in() -> None:
    candidates = many(60)
    first = {key for key, one in route(candidates, Rules(looks=20, audit_share=0.5)).items() if one.audit}
    decided = [
        Candidate(one.sample_id, one.annotation_id, one.event, 0.97, looks=1, spent=1, audited=True)
        if one.sample_id in first
        else one
        for one in candidates
    ]
    second = route(decided, Rules(looks=20, audit_share=0.5))
    assert {key for key, one in second.items() if one.audit} == first


def test_a_doubted_sample_of_the_audit_gets_a_second_look() -> None:
    sure, doubted = (
        Candidate(name, name, name, 0.99, looks=1, spent=1, audited=True, doubted=name == "b") for name in "ab"
    )
    routed = route([sure, doubted], Rules(looks=10, audit_share=0.9))
    assert {key: one.reviewers for key, one in routed.items()} == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("p_correct", "answers", "expected"),
    [
        (0.5, [], None),
        (0.5, [False], None),
        (0.5, [True, False], None),
        (0.5, [True], 0.97),
        (0.1, [True], 0.097 / (0.097 + 0.027)),
        (0.1, [True, True], 0.1 * 0.97**2 / (0.1 * 0.97**2 + 0.9 * 0.03**2)),
    ],
)
def test_after_answers(p_correct: float, answers: list[bool], expected: float | None) -> None:
    found = after_answers(p_correct, answers, 0.03)
    assert found == (None if expected is None else pytest.approx(expected))


def test_what_one_person_surprisingly_called_right_is_looked_at_again() -> None:
    asked = Candidate("a", "1", "x", 0.1, after=0.78, looks=1, spent=1)
    believed = Candidate("b", "2", "y", 0.9, after=0.997, looks=1, spent=1)
    routed = route([asked, believed, *many(20, 0.95)], Rules(looks=3, audit_share=0.0, double_share=0.0))
    assert (routed["a"].reviewers, routed["b"].reviewers) == (2, 1)
