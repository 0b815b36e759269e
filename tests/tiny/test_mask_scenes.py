import numpy as np
import pytest

from nest_builder.tiny.mask_scenes import MIN_PIXELS, noise, part_map, random_picture
from nest_builder.tiny.mask_shapes import HOLE, Part

SQUARE = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])


def test_part_map_covers_what_the_outline_encloses():
    groups, cover = part_map([Part(SQUARE * 0.5, 2)], 20, 20, 20.0)
    assert cover.sum() == pytest.approx(100, rel=0.12)
    assert set(np.unique(groups)) == {0, 3}
    assert cover[5, 5] == 1
    assert cover[15, 15] == 0


def test_a_hole_is_cut_out_and_later_parts_cover_earlier_ones():
    parts = [Part(SQUARE, 0), Part(SQUARE * 0.5 + 0.25, HOLE), Part(SQUARE * 0.2, 1)]
    groups, cover = part_map(parts, 20, 20, 20.0)
    assert cover[10, 10] == 0
    assert groups[2, 2] == 2
    assert groups[17, 17] == 1


def test_pictures_are_decided_by_the_generator():
    first, second = (random_picture(np.random.default_rng(8), 60, 80) for _ in range(2))
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.labels, second.labels)


def test_labels_number_the_visible_instances_without_gaps():
    found = 0
    for seed in range(12):
        picture = random_picture(np.random.default_rng(seed), 72, 96)
        assert picture.image.shape == (72, 96, 3)
        assert picture.labels.shape == (72, 96)
        counts = np.bincount(picture.labels.ravel())[1:]
        assert (counts >= MIN_PIXELS).all()
        found += len(counts)
    assert found >= 24


def test_objects_differ_from_their_surroundings():
    differences = []
    for seed in range(12):
        picture = random_picture(np.random.default_rng(seed), 96, 96)
        for k in range(1, picture.labels.max() + 1):
            inside = picture.labels == k
            differences.append(np.abs(picture.image[inside].mean(0) - picture.image[~inside].mean(0)).max())
    assert np.mean(np.array(differences) > 10) > 0.7
    assert min(differences) < 25, "colour alone must not give every object away"


@pytest.mark.parametrize("coarse", [0.0, 0.9])
def test_noise_is_centred_with_unit_deviation(coarse):
    windows = np.stack([noise(np.random.default_rng(k), 256, 256, coarse) for k in range(5)])
    assert windows.mean() == pytest.approx(0, abs=0.01)
    assert windows.std() == pytest.approx(1, abs=0.01)


def test_a_picture_larger_than_the_noise_fields_is_refused():
    with pytest.raises(ValueError, match="at most 256"):
        random_picture(np.random.default_rng(0), 300, 100)
