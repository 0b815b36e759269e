"""Verdicts against the truth."""

import datetime as dt

import numpy as np
import pytest

from nest_builder.digest import canonical
from nest_builder.store.session import open_store
from nest_builder.store.tables import Entity, Image, Sample, Verdict
from nest_builder.validate.truth import verdict_figures
from nest_builder.validate.verdicts import SYSTEMS, Attempt

DAY = dt.datetime(2025, 8, 2, tzinfo=dt.UTC)
LEFT = np.arange(8)[None].repeat(4, 0) < 4
EMPTY = LEFT & False


def verdict(name, label, **masks):
    """Make a verdict with what each system said."""
    made = [Attempt.of(system, "base", "way", masks[system], LEFT) for system in SYSTEMS] if label else []
    return Verdict(
        sample_id=name, label=label, reason="" if label else "why", static_iou=0.0, search_iou=0.0, rose_iou=1.0, attempts=canonical(made),
        controls=[], thresholds={"iou": 0.5, "defeated": "all", "paraphrases": 1, "control_floor": 0.6},
    )  # fmt: skip


ROSE_RIGHT = {"static": ~LEFT, "search": ~LEFT, "rose": LEFT}
NOBODY = {"static": ~LEFT, "search": ~LEFT, "rose": EMPTY}


@pytest.fixture
def figures(tmp_path):
    """Return a function that stores verdicts and holds them against a truth."""

    def score(verdicts, true_mask):
        store = open_store(f"sqlite:///{tmp_path / 'nest.sqlite'}", str(tmp_path / "blobs"))
        rows = [
            Entity(
                key="k", name="Vantor K3", aliases=[], type="PRODUCT", hypernym="phone", colour="", description="", category="novel",
                relation="", role="", first_seen=DAY, evidence=[], article_urls=[],
            ),
            Image(
                id="i", figure_id="f", image_url="http://one.test/a.jpg", article_url="http://one.test/a", sha256="0" * 64, width=8, height=4,
                format="JPEG", phash="0" * 16, caption="", credit="", published_at=DAY, fetched_at=DAY, consent={},
            ),
        ]  # fmt: skip
        for one in verdicts:
            sample = Sample(
                id=one.sample_id, annotation_id="n", image_id="i", entity_key="k", question="?", answer="Vantor K3", category="novel",
                negative=False, support_text="",
            )  # fmt: skip
            rows += [sample, one]
        with store.sessions() as session:
            for row in rows:
                row.seal("test")
            session.add_all(rows)
            session.commit()
            asked = []

            def noted(url, name):
                asked.append((url, name))
                return true_mask

            made = verdict_figures(session, noted)
            assert set(asked) <= {("http://one.test/a.jpg", "Vantor K3")}
        store.close()
        return made

    return score


@pytest.mark.parametrize(
    ("true_mask", "accuracy", "accuracy_all"),
    [
        (LEFT, 1.0, 1.0),
        (~LEFT, 0.0, 0.0),  # the annotation was of something else: the static model had it
        (EMPTY, 0.0, 0.0),
        (None, 0.0, 0.0),
        (LEFT.T, 0.0, 0.0),
    ],
)
def test_verdicts_by_true_masks(figures, true_mask, accuracy, accuracy_all):
    said = [verdict("a", "solved_by_rose", **ROSE_RIGHT), verdict("b", "unsolved", **NOBODY), verdict("c", None)]
    assert figures(said, true_mask) == {
        "verdicts": 2, "no_verdicts": 1, "verdict_accuracy": accuracy, "verdict_accuracy_all": accuracy_all, "unsolved_share": 0.5,
    }  # fmt: skip


def test_nothing_where_nothing_was_asked(figures):
    assert figures([], LEFT) == {}
