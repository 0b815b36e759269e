from typing import Any

import numpy as np
import pytest
from PIL import Image

from nest_builder.images.decode import BadImageError, decode_rgb, read_picture
from nest_builder.reasons import Reason
from tests.images.pictures import encoded, photograph, png_header

PHOTO = photograph(1)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encoded(PHOTO), (320, 240, "JPEG")),
        (encoded(PHOTO, "PNG"), (320, 240, "PNG")),
        (encoded(PHOTO, "WEBP"), (320, 240, "WEBP")),
        (encoded(PHOTO, "GIF"), (320, 240, "GIF")),
        (encoded(PHOTO, "BMP"), (320, 240, "BMP")),
        (encoded(PHOTO.convert("CMYK")), (320, 240, "JPEG")),
        (encoded(PHOTO.convert("P"), "PNG"), (320, 240, "PNG")),
        (encoded(PHOTO.convert("RGBA"), "PNG"), (320, 240, "PNG")),
        (encoded(PHOTO, exif=exif(6)), (240, 320, "JPEG")),
        (encoded(PHOTO, exif=exif(99)), (320, 240, "JPEG")),
        (encoded(PHOTO, exif=b"Exif\0\0II*\0garbage"), (320, 240, "JPEG")),
        (b"", Reason.BROKEN_IMAGE),
        (encoded(PHOTO)[:2000], Reason.BROKEN_IMAGE),
        (encoded(PHOTO)[:12], Reason.BROKEN_IMAGE),
        (encoded(PHOTO, "PNG")[:9000], Reason.BROKEN_IMAGE),
        (np.random.default_rng(0).bytes(4000), Reason.BROKEN_IMAGE),
        (b"<html><body>Not found</body></html>", Reason.CONTENT_TYPE),
        (b'<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400"/>', Reason.CONTENT_TYPE),
        (png_header(60_000, 60_000), Reason.BOMB),
        (png_header(8_000, 8_000), Reason.BOMB),
        (png_header(300, 300), Reason.BROKEN_IMAGE),
        (encoded(Image.new("RGB", (1, 1)), "PNG"), Reason.TRACKING_PIXEL),
        (encoded(Image.new("RGB", (600, 2)), "PNG"), Reason.TRACKING_PIXEL),
        (encoded(Image.new("RGB", (300, 200), "white"), "PNG"), Reason.TRACKING_PIXEL),
        (encoded(Image.new("RGBA", (300, 200), (9, 9, 9, 0)), "PNG"), Reason.TRACKING_PIXEL),
        (encoded(photograph(2, 95, 200)), Reason.TINY),
    ],
)
def test_read_picture(data: bytes, expected: tuple[int, int, str] | Reason) -> None:
    if isinstance(expected, Reason):
        with pytest.raises(BadImageError) as caught:
            read_picture(data, min_side=96, max_pixels=40_000_000)
        assert caught.value.reason is expected
    else:
        picture = read_picture(data, min_side=96, max_pixels=40_000_000)
        assert (picture.width, picture.height, picture.format) == expected
        assert max(picture.thumb.size) == 96
        assert (picture.thumb.width < picture.thumb.height) == (picture.width < picture.height)


def test_hash_survives_encoding_and_size_and_tells_photographs_apart() -> None:
    def value(image: Image.Image, kind: str = "JPEG", **options: Any) -> int:
        return read_picture(encoded(image, kind, **options), min_side=96, max_pixels=10**7).phash

    copies = [
        value(PHOTO, quality=40),
        value(PHOTO, "PNG"),
        value(PHOTO.resize((200, 150))),
        value(PHOTO.resize((960, 720))),
    ]
    assert all((copy ^ value(PHOTO)).bit_count() <= 6 for copy in copies)
    others = [(value(photograph(seed)) ^ value(PHOTO)).bit_count() for seed in range(2, 12)]
    assert min(others) > 14


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(orientation: int) -> None:
    upright = Image.new("RGB", (120, 100), "blue")
    upright.paste("red", (0, 0, 40, 40))
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = upright if orientation == 1 else upright.transpose(back[orientation])
    seen = decode_rgb(encoded(stored, exif=exif(orientation), quality=95), max_pixels=10**6)
    assert seen.size == (120, 100)
    assert seen.getpixel((10, 10))[0] > 200  # type: ignore[index]
    assert seen.getpixel((100, 80))[2] > 200  # type: ignore[index]


def test_first_frame_of_an_animation_and_transparency_over_white() -> None:
    frames = [Image.new("RGBA", (100, 100), colour) for colour in ((255, 0, 0, 255), (0, 0, 255, 255))]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_rgb(data, max_pixels=10**6).getpixel((5, 5)) == (255, 0, 0)
    clear = encoded(Image.new("RGBA", (100, 100), (0, 0, 0, 0)), "PNG")
    assert decode_rgb(clear, max_pixels=10**6).getpixel((5, 5)) == (255, 255, 255)


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.tile(np.linspace(0, 65535, 200).astype(np.uint16), (100, 1))
    image = decode_rgb(encoded(Image.fromarray(ramp), "PNG"), max_pixels=10**6)
    assert abs(image.getpixel((100, 50))[0] - 128) < 3  # type: ignore[index]


def test_decoding_is_bounded() -> None:
    assert decode_rgb(encoded(photograph(3, 400, 200)), max_pixels=10**6, max_side=100).size == (100, 50)
    with pytest.raises(BadImageError) as caught:
        decode_rgb(encoded(PHOTO), max_pixels=1000)
    assert caught.value.reason is Reason.BOMB
