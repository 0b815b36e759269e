"""Drawings and photographs: true silhouettes, tellable colours, masks that agree with the picture, same bytes again."""

import io
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageFilter

from nest_builder.newsworld.backdrops import BACKDROPS, backdrop
from nest_builder.newsworld.draw import draw_object
from nest_builder.newsworld.looks import (
    CATEGORIES,
    COLOURS,
    EMBLEMS,
    PATTERNS,
    SHAPE_PARAMETERS,
    Look,
    anonymous_look,
    new_look,
    variants,
)
from nest_builder.newsworld.scenes import (
    Placement,
    SceneSpec,
    compose,
    random_training_scene,
    render,
    to_jpeg,
)

PINNED = (
    ((128, 138, 143), (135, 142, 145), (137, 145, 142), (131, 137, 141)),
    ((141, 146, 146), (150, 147, 142), (140, 140, 139), (133, 134, 131)),
    ((137, 135, 126), (141, 126, 112), (140, 123, 121), (132, 130, 125)),
    ((122, 114, 101), (119, 111, 100), (120, 112, 104), (118, 111, 97)),
)


def look(category: str = "bag", colour: str = "red", second: str = "white", **changes: object) -> Look:
    plain = Look(category, colour, second, "plain", None, (0.5,) * SHAPE_PARAMETERS, 0)
    return replace(plain, **changes)  # type: ignore[arg-type]


def drawing(one: Look, size: int = 96, seed: int = 0) -> np.ndarray:
    """RGBA as (size, size, 4) int32."""
    return np.asarray(draw_object(one, size, np.random.default_rng(seed))).astype(np.int32)


def placed(one: Look, x: float = 0.5, y: float = 0.5, scale: float = 0.16, key: str | None = None) -> Placement:
    return Placement(one, key, scale, flip=False, angle=0.0, x=x, y=y)


def scene_of(*placements: Placement, width: int = 160, height: int = 160, kind: str = "studio") -> SceneSpec:
    return SceneSpec(width, height, placements, kind, seed=4)


def solid(mask: np.ndarray) -> float:
    """The share of a mask that survives an opening by 3 x 3 pixels: near 1 for compact shapes, 0 for hairlines."""
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    opened = np.asarray(image.filter(ImageFilter.MinFilter(3)).filter(ImageFilter.MaxFilter(3))) > 0
    return float(opened.sum() / mask.sum())


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_build_is_a_compact_shape_that_fills_its_canvas(category: str) -> None:
    pictures = []
    for variant in range(variants(category)):
        for value in (0.0, 0.5, 1.0):
            shape = (value,) * SHAPE_PARAMETERS
            picture = drawing(look(category, pattern="striped", variant=variant, shape=shape))
            alpha = picture[..., 3]
            mask = alpha > 127
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            assert max(rows[-1] - rows[0], columns[-1] - columns[0]) > 70
            assert 0.06 < mask.mean() < 0.75
            assert solid(mask) > 0.93
            assert ((alpha > 20) & (alpha < 235)).sum() > 20, "no smooth edge"
            pictures.append(picture.tobytes())
    assert len(set(pictures)) == len(pictures), "two builds look the same"


@pytest.mark.parametrize("colour", COLOURS)
def test_the_main_colour_is_the_nearest_name_of_most_of_a_thing(colour: str) -> None:
    names, palette = list(COLOURS), np.asarray(list(COLOURS.values()))
    second = "black" if sum(COLOURS[colour]) > 330 else "white"
    for category in CATEGORIES:
        pixels = drawing(look(category, colour, second, variant=5 if category == "person" else 0))
        body = pixels[pixels[..., 3] > 250][:, :3]
        nearest = ((body[:, None] - palette) ** 2).sum(-1).argmin(1)
        counts = dict(zip(names, np.bincount(nearest, minlength=len(names)), strict=True))
        # Metal, glass and shade read as gray or black on anything; orange in the shade, as an owl's wings, as brown.
        apart = {colour, second, "gray", "black", *({"brown"} if colour == "orange" else ())}
        rivals = {name: count for name, count in counts.items() if name not in apart}
        assert counts[colour] > max(rivals.values()), (category, counts)
        assert counts[colour] > 0.2 * len(body), (category, counts)


@pytest.mark.parametrize("category", CATEGORIES)
def test_pattern_emblem_and_second_colour_show(category: str) -> None:
    plain = look(category, "yellow", "blue")
    base = drawing(plain)
    changed = [replace(plain, pattern=pattern) for pattern in PATTERNS[1:]]
    changed += [replace(plain, emblem=emblem) for emblem in EMBLEMS]
    pictures = [base, *(drawing(one) for one in changed)]
    for one, other in pairwise(pictures):
        assert (np.abs(one - other)[..., :3].sum(-1) > 60).mean() > 0.001
    assert all((picture[..., 3] == base[..., 3]).all() for picture in pictures), "ink changed the silhouette"
    striped = replace(plain, pattern="striped")
    assert (np.abs(drawing(replace(striped, second="white")) - drawing(striped)).sum(-1) > 60).mean() > 0.02


def test_the_light_alone_differs_between_two_pictures_of_a_thing() -> None:
    one, other = drawing(look("robot"), seed=1), drawing(look("robot"), seed=2)
    assert (one[..., 3] == other[..., 3]).all()
    assert 0 < np.abs(one - other)[..., :3].mean() < 6


@pytest.mark.parametrize("size", [15, 1025])
def test_a_canvas_out_of_range_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="16 to 1024"):
        draw_object(look(), size, np.random.default_rng(0))


@pytest.mark.parametrize("kind", BACKDROPS)
def test_a_backdrop_fills_the_picture_and_varies(kind: str) -> None:
    pictures = [backdrop(kind, 150, 100, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert pictures[0].size == (150, 100)
    assert pictures[0].tobytes() == pictures[1].tobytes() != pictures[2].tobytes()


@pytest.mark.parametrize("size", [(128, 128), (160, 120), (360, 480), (640, 480)])
def test_render_is_a_pure_function_of_its_specification(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(8)
    spec = compose(rng, [(new_look(rng, "drone"), "a"), (new_look(rng, "person"), None)], *size)
    one, other = render(spec), render(spec)
    assert one.image.size == size
    assert one.image.mode == "RGB"
    assert one.image.tobytes() == other.image.tobytes()
    for first, second, placement in zip(one.instances, other.instances, spec.placements, strict=True):
        assert first.mask.shape == size[::-1]
        assert first.mask.dtype == np.bool_
        assert (first.mask == second.mask).all()
        assert (first.look, first.key) == (placement.look, placement.key)


def test_masks_are_disjoint_and_boxes_are_their_edges() -> None:
    rng = np.random.default_rng(21)
    for _ in range(12):
        scene = random_training_scene(rng, 160, 128)
        assert np.sum([one.mask for one in scene.instances], axis=0).max() <= 1
        for one in scene.instances:
            rows, columns = np.nonzero(one.mask)
            assert one.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            assert 0 < one.visible <= 1


def test_a_mask_is_where_the_picture_changes() -> None:
    """Against the same place without the thing, in the pictures' own noise."""
    thing = look("bag", "orange")
    bare, full = render(scene_of(placed(thing, x=-3.0))), render(scene_of(placed(thing)))
    change = np.abs(np.asarray(full.image).astype(int) - np.asarray(bare.image).astype(int)).sum(-1)
    mask = full.instances[0].mask
    assert (change[mask] > 60).mean() > 0.95
    above = np.ones_like(mask)
    above[int(full.instances[0].box[1]) - 3 :] = False
    assert (change[above] > 60).mean() < 0.01


@pytest.mark.parametrize(
    ("front", "low", "high"), [(None, 1.0, 1.0), (0.5, 0.0, 0.0), (0.62, 0.3, 0.8), (0.95, 0.99, 1.0)]
)
def test_what_lies_in_front_hides(front: float | None, low: float, high: float) -> None:
    behind = placed(look("phone"), key="behind")
    others = [] if front is None else [placed(look("phone", "blue"), x=front)]
    instance = render(scene_of(behind, *others)).instances[0]
    assert instance.key == "behind"
    assert low <= instance.visible <= high
    assert instance.mask.any() == (instance.box != (0, 0, 0, 0)) == (instance.visible > 0)


def test_what_lies_outside_the_picture_counts_as_unseen() -> None:
    whole, cut = (render(scene_of(placed(look("camera"), x=x))).instances[0] for x in (0.5, 1.0))
    assert whole.visible == 1.0
    assert cut.visible == pytest.approx(0.5, abs=0.06)
    assert cut.box[2] == 160


@pytest.mark.parametrize("scale", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("category", ["bag", "camera", "robot"])
def test_scale_is_the_share_of_the_area_that_the_box_covers(category: str, scale: float) -> None:
    x0, y0, x1, y1 = render(scene_of(placed(look(category), scale=scale), width=320, height=240)).instances[0].box
    assert (x1 - x0) * (y1 - y0) / (320 * 240) == pytest.approx(scale, rel=0.12)


def test_compose_keeps_everything_recognisable() -> None:
    rng = np.random.default_rng(3)
    seen = []
    for count in (1, 2, 3, 4) * 8:
        looks = [(anonymous_look(rng, CATEGORIES[int(rng.integers(18))]), str(k)) for k in range(count)]
        spec = compose(rng, looks, 160, 120)
        assert sorted(one.key or "" for one in spec.placements) == [str(k) for k in range(count)]
        seen += [one.visible for one in render(spec).instances]
    assert min(seen) > 0.5
    assert np.mean(np.asarray(seen) >= 0.6) > 0.97


def test_people_at_half_length_rise_from_the_lower_edge() -> None:
    rng = np.random.default_rng(6)
    spec = compose(rng, [(look("person", variant=4), None)], 160, 160)
    assert render(spec).instances[0].box[3] == 160


def test_training_scenes_hold_one_to_four_things_and_sometimes_twins() -> None:
    rng = np.random.default_rng(1)
    scenes = [random_training_scene(rng, 128, 128) for _ in range(60)]
    counts = {len(scene.instances) for scene in scenes}
    assert counts == {1, 2, 3, 4}
    pairs = [
        (one.look, other.look)
        for scene in scenes
        for k, one in enumerate(scene.instances)
        for other in scene.instances[k + 1 :]
        if one.look.category == other.look.category
    ]
    assert {one.colour == other.colour for one, other in pairs} == {True, False}
    covered = [one.mask.mean() for scene in scenes for one in scene.instances]
    assert 0.06 < np.mean(covered) < 0.15


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (scene_of(width=40), "64 to 1024"),
        (scene_of(height=2000), "64 to 1024"),
        (scene_of(kind="moonscape"), "backdrop"),
        (scene_of(placed(look(), scale=0.9)), "scale"),
    ],
)
def test_impossible_scenes_are_refused(spec: SceneSpec, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render(spec)


@pytest.mark.parametrize(("count", "side"), [(0, 160), (7, 160), (1, 20)])
def test_compose_refuses_what_it_cannot_place(count: int, side: int) -> None:
    with pytest.raises(ValueError, match=r"1 to 6|64 to 1024"):
        compose(np.random.default_rng(0), [(look(), None)] * count, side, 160)


def test_a_jpeg_is_near_the_picture_and_grows_with_quality() -> None:
    image = render(scene_of(placed(look()))).image
    small, large = to_jpeg(image, 40), to_jpeg(image, 92)
    assert len(small) < len(large)
    assert to_jpeg(image, 92) == large
    decoded = np.asarray(Image.open(io.BytesIO(large))).astype(int)
    assert np.abs(decoded - np.asarray(image).astype(int)).mean() < 6


def test_what_pictures_look_like_is_pinned() -> None:
    """The embedded models were trained on these pictures: whoever changes them must train again, and pin anew.

    A 4 x 4 thumbnail of means, within three levels: the look is pinned, not the last bit of an arithmetic.
    """
    rng = np.random.default_rng(2026)
    totals = np.zeros((4, 4, 3))
    for category in CATEGORIES:
        scene = render(compose(rng, [(new_look(rng, category), None)], 128, 128))
        totals += np.asarray(scene.image).reshape(4, 32, 4, 32, 3).mean(axis=(1, 3))
    assert np.abs(totals / len(CATEGORIES) - np.asarray(PINNED)).max() < 3
