"""The stage `review`: routes in the store, calibrated on what people said, within an edition's budget."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from nest_builder.annotate.uncertainty import Logistic
from nest_builder.clock import fixed_clock
from nest_builder.config import Settings
from nest_builder.review.calibration import Prior
from nest_builder.review.simulate import Reviewer
from nest_builder.review.summary import review_summary
from nest_builder.runner import Runner
from nest_builder.stage import Report
from nest_builder.stages.review import Review
from nest_builder.store.session import Store
from nest_builder.store.tables import Annotation, LedgerEntry, Route, Sample
from tests.builders import NOW, fill_store, new_store

SAMPLES = 60
EDITION = f"{NOW:%Y.%m}"
# What the models say, and nothing else.
PRIOR = Prior(Logistic(0.0, {"p_models": 1.0}), Logistic(0.0, {"p_models": 1.0}), "prior@1")
RECORD = {
    "detector_score": 0.6, "hypernym_score": 0.6, "area_share": 0.1, "support": "caption", "same_hypernym": 0, "lookalikes": 0,
    "p_absent": 0.01,
}  # fmt: skip


class Blind:
    """An embedder to which everything looks alike; fails where it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.asked = error, 0

    def identity(self) -> str:
        return "blind"

    def embed(self, images: Any) -> Any:
        if self.error is not None:
            raise self.error
        self.asked += len(images)
        return np.tile(np.array([1.0, 0.0], np.float32), (len(images), 1))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = new_store(tmp_path)
    fill_store(store, SAMPLES)
    with store.sessions() as session:
        for annotation in session.scalars(select(Annotation)):
            annotation.uncertainty = RECORD
            annotation.seal(annotation.origin)
        session.commit()
    return store


def stage(store: Store, folder: Path, embedder: Blind | None = None, **review: Any) -> Review:
    settings = Settings(workdir=folder, review=review)
    return Review(settings, store.blobs, fixed_clock(NOW), PRIOR, embedder or Blind())


def run(store: Store, one: Review) -> Report:
    return Runner(store.sessions, fixed_clock(NOW)).run(one, "test")


def routes(store: Store) -> dict[str, Route]:
    with store.sessions() as session:
        return {route.sample_id: route for route in session.scalars(select(Route))}


def decide(store: Store, keys: list[str], right: bool, reviewer: str = "anna", project: str = EDITION) -> None:
    with store.sessions() as session:
        for key in keys:
            sample = session.get_one(Sample, key)
            annotation = session.get_one(Annotation, sample.annotation_id)
            session.add(Reviewer(reviewer, noise=0.0).decide(sample, annotation, right, NOW, project))
        session.commit()


def test_every_sample_has_a_route_and_a_second_run_does_nothing(store: Store, tmp_path: Path) -> None:
    embedder = Blind()
    assert run(store, stage(store, tmp_path, embedder)).done == 1
    found = routes(store)
    assert len(found) == SAMPLES
    actions = Counter(route.action for route in found.values())
    # 12 looks: 2 for the audit, the others for the likeliest errors
    assert sum(route.reviewers for route in found.values()) <= 12
    assert sum(route.audit for route in found.values()) == 2
    assert actions["review"] >= 7
    asked = [route.p_correct for route in found.values() if route.action == "review"]
    assert max(asked) <= min(route.p_correct for route in found.values() if route.action == "accept")
    assert {route.version for route in found.values()} == {"prior@1"}
    assert run(store, stage(store, tmp_path, embedder)).worked == 0
    assert embedder.asked > 0


@pytest.mark.parametrize(
    ("settings", "looks"),
    [
        ({"budget_share": 0.5}, 30),
        ({"budget_items": 5}, 5),
        ({"budget_minutes": 2.0, "seconds_per_item": 30.0}, 4),
        ({"budget_share": 0.0}, 0),
    ],
)
def test_budget(store: Store, tmp_path: Path, settings: dict[str, Any], looks: int) -> None:
    run(store, stage(store, tmp_path, audit_share=0.0, **settings))
    assert sum(route.reviewers for route in routes(store).values()) == looks


def test_decisions_move_the_probabilities_and_cost_their_looks(store: Store, tmp_path: Path) -> None:
    run(store, stage(store, tmp_path))
    before = routes(store)
    asked = sorted(key for key, route in before.items() if route.action == "review")
    decide(store, asked, right=False)
    assert run(store, stage(store, tmp_path)).done == 1
    after = routes(store)
    assert sorted(key for key, route in after.items() if route.action == "review") == asked
    assert [after[key].reviewers for key in asked] == [before[key].reviewers for key in asked]
    assert sum(after[key].p_correct for key in asked) < sum(before[key].p_correct for key in asked)
    assert {route.version for route in after.values()} != {"prior@1"}
    # An edition later those looks are nobody's any more, and there is a new budget.
    next_month = Settings(workdir=tmp_path, export={"edition": "later"})
    run(store, Review(next_month, store.blobs, fixed_clock(NOW), PRIOR, Blind()))
    assert any(route.action == "review" and key not in asked for key, route in routes(store).items())


def test_the_audit_gives_an_interval(store: Store, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"budget_share": 0.5, "audit_share": 0.6, "double_share": 0.0}
    run(store, stage(store, tmp_path, **settings))
    with store.sessions() as session:
        assert (review_summary(session) or {})["audit"]["error"] is None
    drawn = sorted(key for key, route in routes(store).items() if route.audit)
    decide(store, drawn[1:], right=True)
    decide(store, drawn[:1], right=False)
    run(store, stage(store, tmp_path, **settings))
    assert routes(store)[drawn[0]].reviewers == 2  # one person doubts it: another one is asked
    decide(store, drawn[:1], right=False, reviewer="ben")
    run(store, stage(store, tmp_path, **settings))
    with store.sessions() as session:
        summary = review_summary(session)
    assert summary is not None
    audit = summary["audit"]
    assert (audit["drawn"], audit["decided"], audit["wrong"]) == (16, 16, 1)
    assert audit["error"]["low"] == 0.0 < audit["error"]["value"] < audit["error"]["high"] < 0.5
    assert summary["agreement"] == {"pairs": 1, "share": 1.0, "kappa": None}


def test_a_model_that_fails_is_tried_again(store: Store, tmp_path: Path) -> None:
    report = run(store, stage(store, tmp_path, Blind(RuntimeError("out of memory"))))
    assert report.done == 0
    with store.sessions() as session:
        entry = session.get_one(LedgerEntry, ("review", "samples"))
    assert "out of memory" in entry.detail


def test_a_model_that_is_not_to_be_had_is_waited_for(store: Store, tmp_path: Path) -> None:
    for _ in range(5):  # more often than an item may fail
        report = run(store, stage(store, tmp_path, Blind(OSError("no such model"))))
        assert (report.done, report.failed) == (0, 0)
        assert report.waits_for == "the embedder of pictures cannot be had: no such model"
    assert run(store, stage(store, tmp_path)).done == 1


def test_without_an_embedder_the_record_alone_speaks(store: Store, tmp_path: Path) -> None:
    settings = Settings(workdir=tmp_path, rose={"image_embedder": ""})
    run(store, Review(settings, store.blobs, fixed_clock(NOW), PRIOR))
    assert {route.evidence["look"] for route in routes(store).values()} == {None}


def test_an_empty_store_has_nothing_to_route(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    assert run(store, stage(store, tmp_path)).worked == 0
    with store.sessions() as session:
        assert review_summary(session) is None
