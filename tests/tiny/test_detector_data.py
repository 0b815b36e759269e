"""Pools, prompts and truth for training the embedded detector."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nest_builder.newsworld.looks import CATEGORIES, PATTERNS, Look, anonymous_look
from nest_builder.newsworld.scenes import Instance, Scene
from nest_builder.tiny import detector_data
from nest_builder.tiny.detector_data import (
    COLOUR_NAMES,
    GRID,
    SIZE,
    TARGET,
    Query,
    ScenePool,
    draw_batch,
    draw_queries,
    flipped,
    render_pool,
    scene_cells,
    scene_targets,
    token_label,
)
from nest_builder.tiny.vocabulary import PAD, PromptEncoder

CAR, PERSON = CATEGORIES.index("car"), CATEGORIES.index("person")
RED, BLUE = COLOUR_NAMES.index("red"), COLOUR_NAMES.index("blue")
PLAIN, STRIPED = PATTERNS.index("plain"), PATTERNS.index("striped")


def targets(*rows: tuple[int, int, int]) -> np.ndarray:
    """Rows of `TARGET`, all with one and the same box."""
    return np.array([(*row, (0.25, 0.5, 0.5, 0.4)) for row in rows], dtype=TARGET)


def one_thing(rng: np.random.Generator, width: int, height: int) -> Scene:
    """A red car that fills the left half of the picture, exactly."""
    mask = np.zeros((height, width), bool)
    mask[:, : width // 2] = True
    look = Look("car", "red", "white", "plain", None, (0.5,) * 6, 0)
    image = Image.new("RGB", (width, height), (200, 30, 30))
    return Scene(image, (Instance(look, None, mask, (0.0, 0.0, width / 2, float(height)), 1.0),))


@pytest.fixture
def pool(tmp_path: Path) -> ScenePool:
    return render_pool(tmp_path / "pool", 6, seed=3, source=one_thing)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(CAR), "car"),
        (Query(CAR, RED), "red car"),
        (Query(CAR, RED, STRIPED), "striped red car"),
        (Query(PERSON), "person"),
        (Query(PERSON, BLUE), "person in blue"),
        (Query(None, RED), "red thing"),
    ],
)
def test_phrases(query: Query, expected: str) -> None:
    assert query.phrase() == expected


@pytest.mark.parametrize("category", ["car", "person"])
@pytest.mark.parametrize("coloured", [True, False])
def test_phrases_are_those_of_a_look(category: str, coloured: bool) -> None:
    look = anonymous_look(np.random.default_rng(0), category)
    query = Query(CATEGORIES.index(category), COLOUR_NAMES.index(look.colour) if coloured else None)
    assert query.phrase() == look.phrase(coloured)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(CAR), [True, True, False]),
        (Query(CAR, RED), [True, False, False]),
        (Query(CAR, None, STRIPED), [False, True, False]),
        (Query(CAR, RED, STRIPED), [False, False, False]),
        (Query(None, RED), [False, False, False]),
    ],
)
def test_what_a_query_fits(query: Query, expected: list[bool]) -> None:
    rows = targets((CAR, RED, PLAIN), (CAR, BLUE, STRIPED), (PERSON, RED, PLAIN))
    assert [query.fits(row) for row in rows] == expected


def test_a_box_gets_the_tokens_of_every_phrase_that_fits() -> None:
    queries = [Query(CAR), Query(PERSON, RED), Query(CAR, RED)]
    spans = PromptEncoder()(query.phrase() for query in queries).spans
    label = token_label(queries, spans, targets((CAR, RED, PLAIN), (CAR, BLUE, PLAIN), (PERSON, BLUE, PLAIN)))
    assert label["class_labels"].tolist() == [0, 1]
    assert [row.nonzero().flatten().tolist() for row in label["token_maps"]] == [[1, 7, 8], [1]]


def test_truth_of_a_scene_is_relative_to_its_size() -> None:
    scene = one_thing(np.random.default_rng(0), 160, 120)
    row = scene_targets(scene)[0]
    assert (row["category"], row["colour"], row["pattern"]) == (CAR, RED, PLAIN)
    assert row["box"].tolist() == pytest.approx([0.25, 0.5, 0.5, 1.0])
    cells = scene_cells(scene)
    assert (cells[0, :, : GRID // 2] == CAR + 1).all()
    assert (cells[0, :, GRID // 2 :] == 0).all()


def test_things_too_small_to_see_are_not_taught() -> None:
    scene = one_thing(np.random.default_rng(0), 160, 120)
    speck = Instance(scene.instances[0].look, None, scene.instances[0].mask, (10.0, 10.0, 12.0, 60.0), 1.0)
    assert len(scene_targets(Scene(scene.image, (speck,)))) == 0


def test_mirrored_targets() -> None:
    assert flipped(targets((CAR, RED, PLAIN)))["box"][0].tolist() == pytest.approx([0.75, 0.5, 0.5, 0.4])


def test_prompts_hold_present_and_absent_phrases() -> None:
    rows = targets((CAR, RED, PLAIN), (PERSON, BLUE, STRIPED))
    drawn = [draw_queries(np.random.default_rng(seed), rows) for seed in range(200)]
    assert all(queries == list(dict.fromkeys(queries)) and 0 < len(queries) <= 8 for queries in drawn)
    assert all(any(not any(query.fits(row) for row in rows) for query in queries) for queries in drawn)
    flat = [query for queries in drawn for query in queries]
    assert {Query(CAR), Query(CAR, RED), Query(PERSON, BLUE)} <= set(flat)
    near = [query for query in flat if query.category == CAR and query.colour not in (None, RED)]
    assert len(near) > 20


def test_prompts_of_an_empty_scene_are_all_absent() -> None:
    assert len(draw_queries(np.random.default_rng(0), targets())) == 3


def test_a_pool_is_rendered_once_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int]] = []

    def source(rng: np.random.Generator, width: int, height: int) -> Scene:
        calls.append((width, height))
        return one_thing(rng, width, height)

    first = render_pool(tmp_path, 5, seed=1, source=source)
    again = render_pool(tmp_path, 5, seed=1, source=source)
    assert len(calls) == 5
    assert set(calls) <= set(detector_data.RENDER_SIZES)
    assert (first.images == again.images).all()
    assert first.images.shape == (5, SIZE, SIZE, 3)
    assert len(first.targets_of(4)) == 1
    with pytest.raises(ValueError, match="5 scenes, not 6"):
        render_pool(tmp_path, 6, seed=1, source=source)


def test_a_batch_depends_on_its_generator_alone(pool: ScenePool) -> None:
    first, again = (draw_batch(np.random.default_rng(7), pool, 4, PromptEncoder()) for _ in range(2))
    assert first.pixels.shape == (4, 3, SIZE, SIZE)
    assert first.pixels.equal(again.pixels)
    assert first.ids.equal(again.ids)
    left, right = first.cells[:, 0, 0, 0] == CAR + 1, first.cells[:, 0, 0, -1] == CAR + 1
    assert (left ^ right).all()
    assert first.mask.equal((first.ids != PAD).long())
    centres = torch.cat([label["boxes"] for label in first.labels])[:, 0].tolist()
    assert {round(centre, 2) for centre in centres} <= {0.25, 0.75}
    for side, label in zip(left.tolist(), first.labels, strict=True):
        assert all((centre < 0.5) == side for centre in label["boxes"][:, 0].tolist())
