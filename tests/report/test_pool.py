import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nest_builder.report.pool import LARGE_SIDE, THUMB_SIDE, Pool, small_size
from tests.builders import draw_picture


def file_of(width: int, height: int, kind: str) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((width, height)).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "extension", "kept"),
    [
        (file_of(640, 480, "JPEG"), "jpg", True),
        (file_of(320, 480, "PNG"), "png", True),
        (file_of(640, 480, "WEBP"), "jpg", False),
        (file_of(640, 480, "BMP"), "jpg", False),
        (file_of(2000, 1000, "JPEG"), "jpg", False),
    ],
)
def test_sizes_and_formats(tmp_path: Path, data: bytes, extension: str, kept: bool) -> None:
    sha256 = hashlib.sha256(data).hexdigest()
    pool = Pool(tmp_path)
    pool.add([[(sha256, data)]])
    shown = pool.shown(sha256)
    assert shown.extension == extension
    large = tmp_path / "large" / f"{shown.name}.{extension}"
    assert (large.read_bytes() == data) == kept
    with Image.open(large) as opened, Image.open(io.BytesIO(data)) as before:
        assert max(opened.size) <= LARGE_SIDE
        assert opened.width / opened.height == pytest.approx(before.width / before.height, rel=0.01)
        with Image.open(tmp_path / "small" / f"{shown.name}.jpg") as small:
            assert max(small.size) <= THUMB_SIDE
            assert small.size == small_size(*before.size)
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff\xe0", b"GIF89a", b"<svg onload=alert(1)>"])
def test_what_cannot_be_read_is_left_out(tmp_path: Path, data: bytes) -> None:
    pool = Pool(tmp_path)
    pool.add([[("a" * 64, data)]])
    assert pool.shown("a" * 64).extension == ""
    assert pool.missing(["a" * 64]) == {"a" * 64}
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_a_pool_knows_what_it_holds_and_forgets_what_it_must(tmp_path: Path) -> None:
    pictures = [(hashlib.sha256(data).hexdigest(), data) for data in (draw_picture(number)[0] for number in range(3))]
    Pool(tmp_path).add([pictures])
    pool = Pool(tmp_path)
    assert pool.missing([sha256 for sha256, _ in pictures]) == set()
    kept = pool.shown(pictures[0][0]).name
    assert pool.holds([kept])
    assert pool.keep([kept]) == 4
    assert Pool(tmp_path).missing([sha256 for sha256, _ in pictures]) == {sha256 for sha256, _ in pictures[1:]}
