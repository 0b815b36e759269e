"""What people decided reaches the edition: rejected samples leave it, corrected masks replace the models', and it says who and when."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from nest_builder.annotate.masks import decode_mask, encode_mask, mask_box
from nest_builder.export.records import Record, read_records
from nest_builder.export.reviewed import pseudonym, state_of_decisions
from nest_builder.review.said import mask_digest
from nest_builder.store.session import Store
from nest_builder.store.tables import Annotation, Decision, Edition, Sample, Verdict
from tests.builders import NOW, fill_store, new_store
from tests.stages.test_export import export

LATER = NOW + dt.timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = new_store(tmp_path / "store")
    fill_store(made, 12)
    yield made
    made.close()


def decide(store: Store, sample: Sample, status: str, **values: Any) -> None:
    """Write a decision about the mask that is there now."""
    with store.sessions() as session:
        annotation = session.get_one(Annotation, sample.annotation_id)
        known = {
            "reviewer": "ann@example.org", "decided_at": NOW, "pulled_at": NOW, "is_target": True, "state": "current",
            "model_mask_digest": mask_digest(annotation.mask), "sample_id": sample.id, "annotation_id": annotation.id,
        }  # fmt: skip
        number = len(session.scalars(select(Decision.id)).all())
        session.add(Decision(id=f"test:{number}", status=status, **(known | values)))
        session.commit()


def samples(store: Store, negative: bool = False) -> list[Sample]:
    with store.sessions() as session:
        return list(session.scalars(select(Sample).where(Sample.negative == negative).order_by(Sample.id)))


def published(store: Store) -> dict[str, dict[str, Any]]:
    with store.sessions() as session:
        return {record.sample["id"]: record.sample for record in read_records(session) if isinstance(record, Record)}


def twin(store: Store, sample: Sample) -> str:
    """Add a second question about the same annotation."""
    with store.sessions() as session:
        values = session.get_one(Sample, sample.id).content() | {"id": "f" * 16, "question": "And this?"}
        other = Sample(**values)
        other.seal(sample.annotation_id)
        session.add(other)
        session.commit()
    return "f" * 16


def test_who_and_when(store: Store) -> None:
    first, second, *_ = samples(store)
    decide(store, first, "accept")
    decide(store, first, "accept", reviewer="bob@example.org", decided_at=LATER)
    found = published(store)
    names = f"{pseudonym('ann@example.org')}, {pseudonym('bob@example.org')}"
    assert found[first.id]["review"] == {"status": "accepted", "by": names, "at": "2025-10-01T07:00:00Z"}
    assert "example" not in names
    assert found[second.id]["review"] == {"status": "unreviewed", "by": None, "at": None}


def test_a_corrected_mask_replaces_the_models(store: Store) -> None:
    first, *_ = samples(store)
    before = published(store)[first.id]
    mask = np.roll(decode_mask(before["mask"]), 4, axis=0)
    decide(store, first, "correct", mask=encode_mask(mask), category="emerging")
    other = twin(store, first)
    found = published(store)
    for key in (first.id, other):  # what is said of the mask holds for every question about it
        assert np.array_equal(decode_mask(found[key]["mask"]), mask)
        assert found[key]["box"] == list(mask_box(mask))
        assert found[key]["review"]["status"] == "corrected"
    assert found[first.id]["category"] == "emerging"
    assert found[other]["category"] == first.category  # what is said of the category is said of one question


def test_a_negative_whose_target_was_there_becomes_a_positive(store: Store) -> None:
    first, *_ = samples(store, negative=True)
    mask = np.zeros((180, 240), bool)
    mask[20:60, 30:90] = True
    decide(store, first, "correct", mask=encode_mask(mask))
    found = published(store)[first.id]
    assert (found["negative"], found["box"]) == (False, [30.0, 20.0, 90.0, 60.0])


@pytest.mark.parametrize(
    ("values", "status", "of_the_twin"),
    [
        ({"is_target": False}, "rejected", "rejected"),
        ({"is_target": True, "question_good": False}, "rejected", "unreviewed"),
        ({"is_target": None, "reason": "unusable picture"}, "rejected", "unreviewed"),
        ({"is_target": False, "state": "superseded"}, "unreviewed", "unreviewed"),
        ({"is_target": False, "state": "deleted"}, "unreviewed", "unreviewed"),
        # about a mask that the models replaced since
        ({"is_target": False, "model_mask_digest": "0" * 16}, "unreviewed", "unreviewed"),
        ({"question_good": False, "model_mask_digest": "0" * 16}, "rejected", "unreviewed"),
    ],
)
def test_rejections(store: Store, values: dict[str, Any], status: str, of_the_twin: str) -> None:
    first, *_ = samples(store)
    other = twin(store, first)
    decide(store, first, "reject", **values)
    found = published(store)
    assert (found[first.id]["review"]["status"], found[other]["review"]["status"]) == (status, of_the_twin)


def test_an_acceptance_of_another_mask_is_none(store: Store) -> None:
    first, *_ = samples(store)
    decide(store, first, "accept", model_mask_digest="0" * 16)
    assert published(store)[first.id]["review"]["status"] == "unreviewed"


def test_what_leaves_an_edition_and_what_stays(store: Store, tmp_path: Path) -> None:
    with store.sessions() as session:
        doubtful = {
            key
            for key, p in session.execute(
                select(Sample.id, Annotation.p_correct).join(Annotation, Annotation.id == Sample.annotation_id)
            )
            if p < 0.5
        }
    sure = [sample for sample in samples(store) if sample.id not in doubtful]
    kept = next(sample for sample in samples(store) if sample.id in doubtful)
    export(store, tmp_path)
    decide(store, sure[0], "reject", is_target=False)
    decide(store, sure[1], "accept")
    decide(store, sure[1], "reject", reviewer="bob@example.org", question_good=False)
    decide(store, kept, "accept")  # under the floor, but a person looked
    assert export(store, tmp_path).done == 1  # decisions are among what an edition depends on
    assert export(store, tmp_path).worked == 0
    with store.sessions() as session:
        edition = session.get_one(Edition, "2025.10.1")
        counts = edition.manifest["counts"]
    assert counts["dropped"] == {
        "confidence under the edition's floor": len(doubtful) - 1,
        "rejected by people": 1,
        "people disagree": 1,
    }
    assert counts["samples"] - counts["unreviewed"] == 1
    assert edition.manifest["supersedes"] == "2025.10"


def test_a_verdict_is_given_anew_for_a_corrected_mask(store: Store) -> None:
    first, *_ = samples(store)
    before = published(store)[first.id]
    model = decode_mask(before["mask"])
    corrected = np.roll(model, 60, axis=1)
    corrected[:, :60] = False
    attempts = [
        {"system": system, "segmenter": "s", "prompt": "p", "iou": 1.0, "mask": encode_mask(mask), "answer": None}
        for system, mask in (("static", model), ("search", model), ("rose", corrected))
    ]
    with store.sessions() as session:
        row = Verdict(
            sample_id=first.id, label="solved_by_static", reason="", static_iou=1.0, search_iou=1.0, rose_iou=0.1,
            attempts=attempts, controls=[], thresholds={"iou": 0.5, "defeated": "all"},
        )  # fmt: skip
        row.seal(first.id)
        session.add(row)
        session.commit()
    assert published(store)[first.id]["verdict"]["label"] == "solved_by_static"
    decide(store, first, "correct", mask=encode_mask(corrected))
    verdict = published(store)[first.id]["verdict"]
    assert (verdict["label"], verdict["rose_iou"]) == ("solved_by_rose", 1.0)
    assert verdict["static_iou"] < 0.5


def test_the_state_of_decisions_changes_with_those_that_count(store: Store) -> None:
    def state() -> str:
        with store.sessions() as session:
            return state_of_decisions(session)

    first, second, *_ = samples(store)
    nothing = state()
    decide(store, first, "accept", state="superseded")
    assert state() == nothing
    decide(store, second, "accept")
    assert state() != nothing
