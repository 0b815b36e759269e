"""Verdicts against the truth."""

import datetime as dt

import numpy as np
import pytest

from nest_builder.digest import canonical
from nest_builder.rose.rose import SYSTEMS
from nest_builder.store.session import open_store
from nest_builder.store.tables import Entity, Image, Sample, Verdict
from nest_builder.validate.truth import verdict_figures
from nest_builder.validate.verdicts import Attempt

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

    def score(verdicts, true_mask, published=("a", "b", "c")):
        store = open_store("sqlite://", str(tmp_path / "blobs"))
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

            labels = {one.sample_id: one.label for one in verdicts}
            made = verdict_figures(session, noted, {key: labels.get(key) for key in published})
            assert set(asked) <= {("http://one.test/a.jpg", "Vantor K3")}
        store.close()
        return made

    return score


@pytest.mark.parametrize(
    ("true_mask", "accuracy"),
    [
        (LEFT, 1.0),
        (~LEFT, 0.0),  # the annotation was of something else: the static model had it
        (EMPTY, 0.0),
        (None, 0.0),
        (LEFT.T, 0.0),
    ],
)
def test_verdicts_by_true_masks(figures, true_mask, accuracy):
    said = [verdict("a", "solved_by_rose", **ROSE_RIGHT), verdict("b", "unsolved", **NOBODY), verdict("c", None)]
    assert figures(said, true_mask) == {
        "verdicts": 2, "no_verdicts": 1, "verdict_accuracy": accuracy, "verdict_accuracy_solved": accuracy,
        "verdict_accuracy_store": accuracy, "unsolved_share": 0.5, "paraphrases_disagree": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize(("published", "accuracy"), [("a", 1.0), ("ab", 0.5)])
def test_what_is_not_published_counts_for_the_store_only(figures, published, accuracy):
    wrong = {"static": LEFT, "search": LEFT, "rose": LEFT}  # the static model has it, though the label is "unsolved"
    said = [verdict("a", "solved_by_rose", **ROSE_RIGHT), verdict("b", "unsolved", **wrong), verdict("c", None)]
    made = figures(said, LEFT, published=published)
    assert (made["verdicts"], made["no_verdicts"]) == (len(published), 0)
    assert (made["verdict_accuracy"], made["verdict_accuracy_solved"]) == (accuracy, 1.0)
    assert made["verdict_accuracy_store"] == 0.5


def test_luck_shows(figures):
    one = verdict("a", "solved_by_rose", **ROSE_RIGHT)
    another = verdict("b", "solved_by_rose", **ROSE_RIGHT)
    another.attempts += canonical([Attempt.of("static", "base", "another way", LEFT, LEFT)])
    assert figures([one, another], LEFT)["paraphrases_disagree"] == 0.5


@pytest.mark.parametrize(
    ("said", "expected"),
    [([], {}), ([verdict("a", None)], {"verdicts": 0, "no_verdicts": 1})],
    ids=["none", "no verdict"],
)
def test_nothing_right_or_wrong(figures, said, expected):
    assert figures(said, LEFT) == expected
