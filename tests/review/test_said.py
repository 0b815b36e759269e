"""What a decision says of an annotation, and which decisions count."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from nest_builder.review.said import by_annotation, by_sample, is_right, mask_digest, read_said, seconds_per_look
from nest_builder.review.simulate import Reviewer
from nest_builder.store.tables import Annotation, Decision, Sample
from tests.builders import fill_store, new_store, rle_of

AT = dt.datetime(2025, 10, 2, tzinfo=dt.UTC)


def region(start: int, end: int) -> dict[str, Any]:
    mask = np.zeros((30, 40), bool)
    mask[:, start:end] = True
    return rle_of(mask)


SHOWN = Annotation(id="a", mask=region(0, 20))
ABSENT = Annotation(id="n", mask={})


def decision(status: str, is_target: bool | None = None, mask: dict[str, Any] | None = None, **rest: Any) -> Decision:
    return Decision(id="1", status=status, is_target=is_target, mask=mask, **{"model_mask_digest": "", **rest})


@pytest.mark.parametrize(
    ("given", "annotation", "expected"),
    [
        (decision("accept", True), SHOWN, True),
        (decision("accept"), SHOWN, True),
        (decision("accept", True), ABSENT, True),
        (decision("reject", False), SHOWN, False),
        (decision("reject"), SHOWN, False),
        (decision("reject", True), SHOWN, True),  # for its question, say
        (decision("correct", True, region(1, 21)), SHOWN, True),  # the edge was touched up
        (decision("correct", True, region(18, 40)), SHOWN, False),
        (decision("correct", True, region(0, 9)), ABSENT, False),  # it is there after all
        (decision("correct", True, rle_of(np.ones((5, 5), bool))), SHOWN, False),
        (decision("accept", True, model_mask_digest=mask_digest(SHOWN.mask)), SHOWN, True),
        (decision("accept", True, model_mask_digest="of another mask"), SHOWN, None),
    ],
)
def test_is_right(given: Decision, annotation: Annotation, expected: bool | None) -> None:
    assert is_right(given, annotation) is expected


def test_the_newest_current_decision_of_each_person_counts(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    fill_store(store, 3)
    with store.sessions() as session:
        pairs = session.execute(
            select(Sample, Annotation).join(Annotation, Annotation.id == Sample.annotation_id).order_by(Sample.id)
        ).all()
        (first, its), (second, other), _ = pairs
        anna, ben = Reviewer("anna", noise=0.0), Reviewer("ben", noise=0.0, seconds=30.0)
        rows = [
            anna.decide(first, its, False, AT, "old"),
            anna.decide(first, its, True, AT + dt.timedelta(days=1), "new"),
            ben.decide(first, its, False, AT),
            anna.decide(second, other, True, AT, "gone"),
        ]
        rows[3].state = "deleted"
        session.add_all(rows)
        session.commit()
        said = read_said(session)
    assert [(one.sample_id, one.reviewer, one.right) for one in said] == [
        (first.id, "anna", True),
        (first.id, "ben", False),
    ]
    assert by_sample(said) == {first.id: [True, False]}
    assert by_annotation(said) == {its.id: 0.5}
    assert seconds_per_look(said, 99.0) == 21.0
    assert seconds_per_look([], 99.0) == 99.0


def test_simulated_people_slip_as_often_as_they_should_and_always_alike() -> None:
    someone = Reviewer("anna", noise=0.1)
    said = [someone.says(str(at), True) for at in range(3000)]
    assert said == [Reviewer("anna", noise=0.1).says(str(at), True) for at in range(3000)]
    assert 0.88 < sum(said) / len(said) < 0.92
    assert said != [Reviewer("ben", noise=0.1).says(str(at), True) for at in range(3000)]
