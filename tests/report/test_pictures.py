import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nest_builder.report.pictures import draw_overlay, make_pictures
from tests.builders import draw_picture, rle_of


def sample(number: int, negative: bool = False) -> tuple[dict[str, Any], bytes]:
    data, mask = draw_picture(number, 800, 600)
    return {"id": str(number), "mask": rle_of(mask), "negative": negative, "width": 800, "height": 600}, data


def opened(uri: str) -> Image.Image:
    kind, _, data = uri.partition(";base64,")
    assert kind.startswith("data:image/")
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_overlay_marks_outside_inside_and_contour() -> None:
    mask = np.zeros((60, 80), np.uint8)
    mask[20:40, 30:60] = 1
    with Image.open(io.BytesIO(draw_overlay(mask, (80, 60)))) as overlay:
        pixels = np.asarray(overlay.convert("RGBA"))
    assert pixels[30, 45, 3] == 0, "the thing itself is not covered"
    assert 0 < pixels[5, 5, 3] < 255, "what is around it is dimmed"
    assert tuple(pixels[20, 45]) == (255, 45, 135, 255), "the contour"
    assert pixels[19, 45, 3] > pixels[5, 5, 3], "the rim"


def test_the_first_size_that_fits_is_taken() -> None:
    samples, data = zip(*(sample(number) for number in range(4)), strict=True)
    files = {row["id"]: file for row, file in zip(samples, data, strict=True)}

    def made(budget: int) -> tuple[int, int]:
        pictures = make_pictures(samples, files, budget)
        for picture in pictures:
            assert opened(picture.uri).size == opened(picture.overlay).size == (picture.width, picture.height)
        return pictures[0].width, sum(len(picture.uri) + len(picture.overlay) for picture in pictures)

    largest, length = made(10**9)
    assert largest == 480
    assert made(length) == (largest, length)
    smaller, length_of_smaller = made(length - 1)
    assert smaller < largest
    assert length_of_smaller < length
    assert made(0)[0] == 160, "the smallest, whatever the budget"


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff\xe0", b"GIF89a"])
def test_what_cannot_be_read_has_no_picture(data: bytes) -> None:
    row, _ = sample(0)
    (picture,) = make_pictures([row], {row["id"]: data}, 10**6)
    assert (picture.uri, picture.overlay) == ("", "")


def test_a_negative_has_no_overlay() -> None:
    row, data = sample(1, negative=True)
    (picture,) = make_pictures([row], {row["id"]: data}, 10**6)
    assert picture.uri
    assert picture.overlay == ""
