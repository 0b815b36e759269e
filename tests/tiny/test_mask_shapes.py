import numpy as np
import pytest

from nest_builder.tiny.mask_families import FAMILIES, random_shape
from nest_builder.tiny.mask_shapes import HOLE, densify, stroke


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.__name__)
def test_every_family_draws_closed_finite_outlines(family):
    for seed in range(20):
        parts = family(np.random.default_rng(seed))
        assert any(part.group != HOLE for part in parts)
        for part in parts:
            assert part.points.ndim == 2
            assert part.points.shape[0] >= 3
            assert part.points.shape[1] == 2
            assert np.isfinite(part.points).all()
            assert HOLE <= part.group < 4


def test_random_shape_fills_the_unit_box_along_its_longer_side():
    for seed in range(50):
        solid = np.concatenate([p.points for p in random_shape(np.random.default_rng(seed)) if p.group != HOLE])
        assert solid.min(0) == pytest.approx([0, 0], abs=1e-9)
        assert solid.max() == pytest.approx(1, abs=1e-9)


def test_random_shape_is_decided_by_the_generator():
    first, second = (random_shape(np.random.default_rng(5)) for _ in range(2))
    assert all(np.array_equal(a.points, b.points) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(("longest", "corners"), [(2.0, 4), (1.0, 4), (0.5, 8), (0.3, 16)])
def test_densify_cuts_edges_and_keeps_corners(longest, corners):
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    dense = densify(square, longest)
    assert len(dense) == corners
    assert np.linalg.norm(np.roll(dense, -1, 0) - dense, axis=1).max() <= longest + 1e-9
    assert all(any(np.allclose(corner, point) for point in dense) for corner in square)


def test_stroke_is_as_wide_as_asked():
    outline = stroke(np.linspace([0.0, 0.0], [1.0, 0.0], 5), 0.1, 0.2)
    assert outline[:, 1].max() == pytest.approx(0.2)
    assert outline[:, 1].min() == pytest.approx(-0.2)
