"""The overlay shows the mask on any ground and fits the picture."""

import numpy as np
import pytest
from PIL import Image

from nest_builder.rose.overlay import LIGHT, TINT, draw_overlay

MASK = np.zeros((90, 120), bool)
MASK[30:60, 40:80] = True


def ground(kind: str) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    return Image.fromarray(noise) if kind == "noise" else Image.new("RGB", (120, 90), kind)


@pytest.mark.parametrize("kind", ["black", "white", "red", "noise", "#{:02x}{:02x}{:02x}".format(*TINT)])
def test_the_mask_stands_out_on_any_ground(kind: str) -> None:
    pixels = np.asarray(draw_overlay(ground(kind), MASK), np.int64).sum(2)
    contour = [pixels[29, 40:80], pixels[60, 40:80], pixels[30:60, 39], pixels[30:60, 80]]
    around = [pixels[28, 40:80], pixels[61, 40:80], pixels[30:60, 38], pixels[30:60, 81]]
    assert all((line == sum(LIGHT)).all() for line in contour)
    assert all((line == 0).all() for line in around)


def test_inside_is_tinted_and_outside_dimmed() -> None:
    pixels = np.asarray(draw_overlay(ground("white"), MASK), np.int64)
    assert tuple(pixels[45, 60]) == (153, 233, 255)
    assert tuple(pixels[85, 5]) == (140, 140, 140)


@pytest.mark.parametrize(
    ("mask", "label"),
    [
        (np.zeros((90, 120), bool), ""),
        (np.zeros((90, 120), bool), "not in the picture"),
        (np.ones((90, 120), bool), "everything"),
        (MASK, "a name that is far too long for such a small picture " * 5),
        (np.eye(90, 120, dtype=bool), "Zoë — 名"),
        (MASK, "Ada\nOkoro"),
    ],
)
def test_any_mask_and_label_fit(mask: np.ndarray, label: str) -> None:
    image = ground("noise")
    before = np.asarray(image).copy()
    drawn = draw_overlay(image, mask, label)
    assert drawn.size == image.size
    assert np.array_equal(np.asarray(image), before)
    assert np.array_equal(np.asarray(drawn), before) == (not mask.any() and not label)


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        draw_overlay(ground("red"), np.zeros((4, 4), bool))
