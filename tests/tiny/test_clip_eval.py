import numpy as np
import pytest

from nest_builder.config import DATA
from nest_builder.rose.embed import ClipImages
from nest_builder.tiny.clip_eval import OTHERS, REFERENCES, Group, draw_group, groups, retrieval
from nest_builder.tiny.clip_fit import Fit, Trial, curve, fit, outcome
from tests.rose.visuals import ColourEmbedder, picture

RED, GREEN, BLUE = (picture(plate, plate, plate) for plate in ("red", "green", "blue"))


@pytest.mark.parametrize(("candidates", "accuracy"), [((RED, GREEN, BLUE, BLUE), 1.0), ((GREEN, RED, BLUE, BLUE), 0.0)])
def test_retrieval_counts_the_groups_whose_thing_is_nearest(candidates, accuracy):
    found = retrieval(ColourEmbedder(), [Group((RED,) * REFERENCES, candidates)] * 2)
    assert (found.accuracy, found.groups) == (accuracy, 2)


@pytest.mark.parametrize("hard", [False, True])
def test_a_group_shows_a_thing_and_others_of_its_kind(hard):
    group = draw_group(np.random.default_rng(3), hard=hard)
    assert len(group.references) == REFERENCES
    assert len(group.candidates) == 1 + OTHERS
    assert all(min(crop.size) > 8 for crop in (*group.references, *group.candidates))


def test_the_shipped_weights_know_things_again():
    """On looks and photographs that no training has seen; the card has the figures of many more groups."""
    embedder = ClipImages(str(DATA / "models" / "clip-tiny"))
    assert retrieval(embedder, list(groups(5, 16, hard=False))).accuracy >= 0.87
    assert retrieval(embedder, list(groups(5, 16, hard=True))).accuracy >= 0.75


@pytest.mark.parametrize(
    ("start", "limits", "end"),
    [
        (0, (0.6, 0.1, 0.5), 0),
        (1, (0.6, 0.1, 0.5), 0),
        (1, (0.6, 0.3, 0.5), 1),  # verified, and the best is not better by the margin
        (1, (0.9, 0.3, 0.5), 0),
        (2, (0.6, 0.1, 0.95), 2),  # the best is too little to go by
    ],
)
def test_outcome_is_what_vpe_does(start, limits, end):
    assert outcome(np.float32([0.9, 0.7, 0.2]), start, *limits) == end


def test_fit_finds_thresholds_and_a_curve_between_same_and_other():
    rng = np.random.default_rng(0)
    done = []
    for _ in range(40):
        table = np.float32([rng.normal(0.85, 0.04), *rng.normal(0.4, 0.08, 3)])
        done.append(Trial((table,) * 3, (float(rng.normal(0.45, 0.08)),) * 3))
    found = fit(done)
    assert isinstance(found, Fit)
    assert found.best >= 0.998
    assert found.nearest == 1
    middle, width = curve(done, found.reach)
    assert 0.55 < middle < 0.75
    assert 0 < width < 0.1
