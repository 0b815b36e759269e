import numpy as np
import pytest
from PIL import Image

from nest_builder.newsworld.scenes import random_training_scene
from nest_builder.tiny import mask_data
from nest_builder.tiny.mask_data import (
    CELL,
    POOL_SIZE,
    Mix,
    Pool,
    build_pool,
    closeup,
    crop,
    draw_batch,
    draw_sample,
    flatten_scene,
    jitter_box,
    mosaic,
)
from nest_builder.tiny.mask_scenes import LabelledPicture


@pytest.fixture
def pool() -> Pool:
    """Four pictures, each with one red rectangle on blue."""
    images = np.zeros((4, POOL_SIZE, POOL_SIZE, 3), np.uint8)
    labels = np.zeros((4, POOL_SIZE, POOL_SIZE), np.uint8)
    images[:, :168] = 0, 0, 200
    images[:, 40:120, 60:160] = 200, 0, 0
    labels[:, 40:120, 60:160] = 1
    return Pool(images, labels, np.tile([168, POOL_SIZE], (4, 1)))


def test_the_frame_is_cut_off(pool):
    assert pool.picture(0).image.shape == (168, POOL_SIZE, 3)
    assert len(pool.part(1, 3).sizes) == 2


def test_a_sample_holds_together(pool):
    for seed in range(10):
        pixels, boxes, points, targets, labels = draw_sample(np.random.default_rng(seed), pool, 3, 64, Mix())
        assert pixels.shape == (3, 64, 64)
        assert targets.shape == (3, 64 // CELL, 64 // CELL)
        assert set(np.unique(labels)) == {0, 1}
        assert np.abs(targets[0] - labels).mean() < 0.06
        assert targets.min() >= 0
        assert targets.max() <= 1
        for box, point, target in zip(boxes, points[:, 0], targets, strict=True):
            rows, columns = np.nonzero(target > 0.5)
            tight = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) * CELL
            assert np.abs(box - tight).max() <= 0.13 * (tight[2:] - tight[:2]).max() + CELL
            assert target[int(point[1]) // CELL, int(point[0]) // CELL] > 0


def test_a_batch_has_the_same_number_of_prompts_everywhere(pool):
    batch = draw_batch(np.random.default_rng(0), [pool, pool], 2, 5, 64, Mix())
    assert batch.pixels.shape == (2, 3, 64, 64)
    assert batch.boxes.shape == (2, 5, 4)
    assert batch.points.shape == (2, 5, 1, 2)
    assert batch.targets.shape == (2, 5, 32, 32)
    assert batch.labels.shape == (2, 32, 32)


def test_a_closeup_holds_one_thing_large(pool):
    for seed in range(20):
        part = closeup(np.random.default_rng(seed), pool.picture(0))
        assert np.array_equal(part.image[..., 0] > 100, part.labels == 1)
        assert min(part.labels.shape) >= 16


def test_a_mosaic_shows_many_things_small(pool):
    for across in (2, 5):
        picture = mosaic(np.random.default_rng(1), pool, across)
        assert picture.labels.max() == across**2
        assert ((picture.image[..., 0] > 100) != (picture.labels > 0)).mean() < 0.02, "only outlines are resampled"
        areas = np.bincount(picture.labels.ravel())[1:]
        assert areas.max() < picture.labels.size / across**2
        boxes = draw_batch(np.random.default_rng(2), [pool], 4, 4, 64, Mix(mosaics=1.0)).boxes
        assert (boxes[..., 2:] - boxes[..., :2]).max() < 40


def test_an_empty_pool_is_an_error(pool):
    empty = Pool(pool.images, np.zeros_like(pool.labels), pool.sizes)
    with pytest.raises(ValueError, match="shows an instance"):
        draw_sample(np.random.default_rng(0), empty, 1, 64, Mix(mosaics=0.5))


def test_crop_moves_picture_and_labels_alike(pool):
    for seed in range(20):
        part = crop(np.random.default_rng(seed), pool.picture(0))
        assert np.array_equal(part.image[..., 0] > 100, part.labels == 1)


@pytest.mark.parametrize("box", [[0, 0, 100, 80], [10, 10, 20, 60], [95, 70, 100, 80]])
def test_jitter_stays_small_and_inside(box):
    box = np.array(box, float)
    sides = np.tile(box[2:] - box[:2], 2)
    moved = np.stack([jitter_box(np.random.default_rng(k), box, 80, 100) for k in range(50)])
    assert (np.abs(moved - box) <= 0.12 * sides + 1e-9).all()
    assert (moved >= 0).all()
    assert (moved <= [100, 80, 100, 80]).all()
    assert (moved == box).all(1).any(), "some boxes stay true"


def test_a_scene_is_flattened_with_its_visible_masks():
    scene = random_training_scene(np.random.default_rng(3), 128, 96)
    picture = flatten_scene(scene, 64, 48)
    assert picture.image.shape == (48, 64, 3)
    for number, instance in enumerate(scene.instances, 1):
        small = np.asarray(Image.fromarray(instance.mask).resize((64, 48), Image.Resampling.NEAREST))
        assert np.array_equal(picture.labels == number, small)


def test_a_pool_is_rendered_once(tmp_path, monkeypatch):
    calls = []

    def render(rng, height, width):
        calls.append((height, width))
        return LabelledPicture(np.full((height, width, 3), 7, np.uint8), np.ones((height, width), np.uint8))

    monkeypatch.setitem(mask_data.SOURCES, "procedural", render)
    first = build_pool(tmp_path, "procedural", 3, 0)
    second = build_pool(tmp_path, "procedural", 3, 0)
    assert len(calls) == 3
    assert [tuple(size) for size in second.sizes] == calls
    assert np.array_equal(first.labels, second.labels)
    build_pool(tmp_path, "procedural", 2, 1)
    assert len(calls) == 5, "another seed renders anew"


def test_an_unknown_source_is_an_error(tmp_path):
    with pytest.raises(KeyError):
        build_pool(tmp_path, "photographs", 1, 0)
