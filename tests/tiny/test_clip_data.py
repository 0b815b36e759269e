import numpy as np
import pytest

from nest_builder.tiny import clip_data
from nest_builder.tiny.clip_data import (
    FAMILY,
    VIEWS,
    CropPool,
    draw_batch,
    draw_looks,
    draw_window,
    render_pool,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pool")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clip_data, "CHUNK", 1)
        patch.setattr(clip_data, "SHARD", 2)
        render_pool(path, 0, 3)
    return path


@pytest.fixture
def pool(folder, monkeypatch) -> CropPool:
    monkeypatch.setattr(clip_data, "CHUNK", 1)
    monkeypatch.setattr(clip_data, "SHARD", 2)
    monkeypatch.setattr(clip_data, "photograph_chunk", None)  # nothing is rendered again
    return render_pool(folder, 0, 3)


def test_a_pool_is_rendered_once_and_opened_again(pool):
    assert [len(shard) for shard in pool.images] == [2 * FAMILY, FAMILY]
    assert len(pool.looks) == len(pool.boxes) == 3 * FAMILY
    assert pool.looks[FAMILY : 2 * FAMILY] == tuple(draw_looks(0, 1))
    assert all((shard.reshape(len(shard) * VIEWS, -1).std(1) > 5).all() for shard in pool.images), "no crop is empty"


def test_boxes_lie_in_their_regions_and_fill_most_of_them(pool):
    x0, y0, x1, y1 = np.moveaxis(pool.boxes, -1, 0)
    assert (x0 >= 0).all()
    assert (y1 <= 1.0001).all()
    assert ((x1 - x0) > 0.6).all()
    assert ((y1 - y0) > 0.6).all()


def test_the_views_of_a_look_are_different_photographs(pool):
    for look in range(len(pool.looks)):
        crops = np.stack([pool.crop(look, view, (0, 0, 1, 1), 16) for view in range(VIEWS)]).astype(float)
        apart = np.abs(crops[:, None] - crops[None]).mean((2, 3, 4))
        assert (apart[~np.eye(VIEWS, dtype=bool)] > 3).all()


def test_windows_are_what_a_detector_gives():
    rng, box = np.random.default_rng(0), np.array([0.2, 0.1, 0.8, 0.9], np.float32)
    windows = np.array([draw_window(rng, box) for _ in range(200)])
    assert (windows >= 0).all()
    assert (windows <= 1).all()
    share = (windows[:, 2] - windows[:, 0]) / 0.6
    assert 0.88 <= share.min() < 1.05
    assert 1.2 < share.max() <= 1.4


def test_a_batch_holds_two_views_of_whole_families(pool):
    batch = draw_batch(np.random.default_rng(0), pool, 2, 32)
    assert batch.pixels.shape == (2, 2 * FAMILY, 32, 32, 3)
    assert (batch.looks.reshape(2, FAMILY) // FAMILY == batch.looks.reshape(2, FAMILY)[:, :1] // FAMILY).all()
    assert not (batch.pixels[0] == batch.pixels[1]).all((1, 2, 3)).any()
    again = draw_batch(np.random.default_rng(0), pool, 2, 32)
    assert np.array_equal(batch.pixels, again.pixels)
