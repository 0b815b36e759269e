"""Where the models fail, and what could be accepted unseen."""

from pathlib import Path

import pytest
from sqlalchemy import select

from nest_builder.review.failures import FEWEST, propose_thresholds, read_failures
from nest_builder.review.simulate import Reviewer, decide_all
from nest_builder.store.tables import Annotation, Entity, Route, Sample
from tests.builders import NOW, fill_store, new_store


def test_the_table_tells_errors_from_what_was_expected(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    fill_store(store, 60)
    with store.sessions() as session:
        pairs = [
            (sample, annotation)
            for sample, annotation in session.execute(
                select(Sample, Annotation).join(Annotation, Annotation.id == Sample.annotation_id).order_by(Sample.id)
            )
        ]
        kinds = dict(session.execute(select(Entity.key, Entity.hypernym)).tuples().all())
        people = {sample.id for sample, _ in pairs if kinds[sample.entity_key] == "person"}
        for sample, _ in pairs:
            route = Route(
                sample_id=sample.id, p_correct=0.9, action="accept", priority=0.1, audit=False, reviewers=0,
                evidence={"prior": 0.9, "settled_by": None}, version="prior@1",
            )  # fmt: skip
            route.seal("samples")
            session.add(route)
        truth = {sample.id: sample.id not in people for sample, _ in pairs}
        session.add_all(decide_all(pairs, truth, [Reviewer("anna", noise=0.0)], NOW))
        session.commit()
        table = read_failures(session)
    categories = [one for one in table if one.kind == "category"]
    assert (categories[0].group, categories[0].decided, categories[0].wrong) == ("person", len(people), len(people))
    assert categories[0].expected == pytest.approx(0.1 * len(people))
    assert categories[0].excess == pytest.approx(0.9 * len(people))
    assert all(one.wrong == 0 for one in categories[1:])
    for kind in ("category", "size", "occlusion", "source"):
        groups = [one for one in table if one.kind == kind]
        assert sum(one.decided for one in groups) == len(pairs)
        assert all(one.decided >= FEWEST for one in groups if one.group != "others")
    assert "nothing (negative)" in {one.group for one in table if one.kind == "size"}


@pytest.mark.parametrize(
    ("p_correct", "error", "expected", "kept"),
    [
        ([0.99, 0.99, 0.9, 0.5], 0.01, 0.99, 0.5),
        ([0.99, 0.99, 0.9, 0.5], 0.05, 0.9, 0.75),
        ([0.99, 0.99, 0.9, 0.5], 0.2, 0.5, 1.0),
        ([0.5, 0.5], 0.01, None, 0.0),
        ([1.0, 0.9, 0.9], 0.06, 1.0, 0.3333),  # one of two alike would do, but they cannot be told apart
        ([], 0.01, None, 0.0),
    ],
)
def test_thresholds(p_correct: list[float], error: float, expected: float | None, kept: float) -> None:
    (found,) = propose_thresholds(p_correct, [error])
    assert (found.p_correct, found.kept) == (expected, kept)
