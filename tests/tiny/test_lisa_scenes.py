import numpy as np
import pytest
from PIL import Image

from nest_builder.newsworld.canon import build_canon
from nest_builder.newsworld.looks import CATEGORIES, Look
from nest_builder.newsworld.scenes import compose, render
from nest_builder.tiny import lisa_scenes
from nest_builder.tiny.lisa_scenes import (
    GRID,
    NAMELESS,
    SIDE,
    draw_subject,
    known_looks,
    look_of,
    render_pool,
    row_of,
    views,
)

CANON = build_canon()


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    return render_pool(tmp_path_factory.mktemp("pool"), CANON, 6, 3)


def test_a_pool_holds_what_its_scenes_show(pool):
    assert len(pool) == 6
    for index in range(6):
        things = pool.things(index)
        assert 1 <= len(things) <= 4
        assert pool.labels[index].max() <= len(things)
        for number, thing in enumerate(things, 1):
            if thing["entity"] != NAMELESS:
                look = CANON.entities[thing["entity"]].look
                assert CATEGORIES[thing["category"]] == look.category
            if thing["area"] > 0.02:
                assert (pool.labels[index] == number).any()
                rows, columns = np.nonzero(pool.patches[index] == number)
                x0, y0, x1, y1 = thing["box"]
                assert (columns / GRID < x1).all()
                assert ((columns + 1) / GRID > x0).all()
                assert (rows / GRID < y1).all()
                assert ((rows + 1) / GRID > y0).all()


def test_a_pool_is_opened_again_and_the_same_seed_gives_the_same(pool, tmp_path):
    again = render_pool(tmp_path, CANON, 6, 3)
    assert (again.squeezed == pool.squeezed).all()
    assert (render_pool(tmp_path, CANON, 6, 3).labels == pool.labels).all()
    with pytest.raises(ValueError, match="6 scenes, not 7"):
        render_pool(tmp_path, CANON, 7, 3)


def test_a_row_keeps_what_words_can_tell():
    look = Look("car", "red", "white", "striped", None, (0.1,) * 6, 2)
    row = np.array([row_of(look, 5, 0.2, (0, 0, 1, 1))], lisa_scenes.ROW)[0]
    kept = look_of(row)
    assert (kept.category, kept.colour, kept.second, kept.pattern, kept.emblem, kept.variant) == (
        "car",
        "red",
        "white",
        "striped",
        None,
        2,
    )


def test_known_scenes_show_their_subject_and_nothing_after_the_cutoff():
    keys = {entity.key for entity in CANON.entities}
    rng = np.random.default_rng(0)
    same_kind = 0
    for _ in range(60):
        subject = draw_subject(rng, CANON)
        looks = known_looks(rng, CANON, subject)
        assert looks[0] == (subject.look, subject.key)
        assert all(key is None or key in keys for _, key in looks)
        assert len({key for _, key in looks if key}) == sum(key is not None for _, key in looks), "each once"
        same_kind += any(look.category == subject.category for look, _ in looks[1:])
    assert same_kind > 15


@pytest.mark.parametrize("size", [(288, 216), (216, 288), (240, 240)])
def test_both_views_show_the_whole_picture(size):
    rng = np.random.default_rng(1)
    scene = render(compose(rng, known_looks(rng, CANON, CANON.entities[0]), *size))
    squeezed, framed, labels, patches, rows = views(scene, {entity.key: n for n, entity in enumerate(CANON.entities)})
    width, height = lisa_scenes.framed_size(*size)
    assert squeezed.shape == framed.shape == (SIDE, SIDE, 3)
    assert max(width, height) == SIDE
    assert not framed[height:].any()
    assert not framed[:, width:].any()
    assert not labels[height:].any()
    assert not labels[:, width:].any()
    whole = np.asarray(scene.image.resize((width, height), Image.Resampling.BILINEAR))
    assert (framed[:height, :width] == whole).all()
    assert patches.shape == (GRID, GRID)
    assert rows[[i.key for i in scene.instances].index(CANON.entities[0].key)]["entity"] == 0
