import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from nest_builder.images.decode import read_picture
from nest_builder.images.near_duplicates import Frame, HashIndex
from tests.images.pictures import encoded, photograph

COCO = Path(__file__).resolve().parents[3] / "shared" / "data" / "coco_free"


def frame(image: Image.Image, quality: int = 60) -> Frame:
    return Frame(read_picture(encoded(image, quality=quality), min_side=32, max_pixels=10**8).thumb)


@pytest.mark.parametrize(
    ("added", "value", "expected"),
    [
        ([], 0, []),
        ([0b1111], 0b1111, ["0"]),
        ([0, 0b1, 0b11, 0b111], 0, ["0", "1", "2"]),
        ([2**64 - 1, 0], 2**64 - 2, ["0"]),
        ([0b111], 0, []),
    ],
)
def test_hash_index(added: list[int], value: int, expected: list[str]) -> None:
    index = HashIndex(bits=2)
    for number, hash_value in enumerate(added):
        index.add(str(number), hash_value)
    assert list(index.matches(value)) == expected


def test_hash_index_agrees_with_counting_bits_over_many_blocks() -> None:
    rng = np.random.default_rng(0)
    values = [
        int(value) for value in rng.integers(0, 2**20, 70_000, dtype=np.uint64)
    ]  # 20 bits: some fall near each other
    index = HashIndex(bits=1)
    for number, value in enumerate(values):
        index.add(str(number), value)
    wanted = values[69_000]
    assert list(index.matches(wanted)) == [
        str(n) for n, value in enumerate(values) if (value ^ wanted).bit_count() <= 1
    ]


PHOTO = photograph(5, 480, 360)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (PHOTO, True),
        (PHOTO.crop((60, 40, 420, 310)), True),
        (PHOTO.crop((0, 0, 300, 225)).resize((480, 360)), True),
        (PHOTO.crop((100, 0, 460, 360)), True),
        (ImageOps.expand(PHOTO, 30, "white"), True),
        (ImageOps.expand(PHOTO.resize((200, 150)), (0, 40), "black"), True),
        (PHOTO.point(lambda level: level * 0.8 + 20), True),
        (photograph(6, 480, 360), False),
        (photograph(7, 360, 480), False),
        (Image.new("L", (480, 360), 90).convert("RGB"), False),
    ],
)
def test_recrops(other: Image.Image, expected: bool) -> None:
    assert (
        frame(PHOTO).is_recrop(frame(other) if other.getextrema() != ((90, 90),) * 3 else Frame(other.convert("L")))
        is expected
    )


def test_same_frame_may_be_stretched() -> None:
    assert frame(PHOTO).is_same_frame(frame(PHOTO.resize((400, 400))))
    assert not frame(PHOTO).is_same_frame(frame(photograph(6, 480, 360)))


@pytest.mark.real
@pytest.mark.skipif(not COCO.exists(), reason=f"no photographs at {COCO}")
def test_real_photographs_are_told_apart_and_their_crops_found() -> None:
    names = [entry["file_name"] for entry in json.loads((COCO / "instances.json").read_text())][:10]
    photos = [Image.open(COCO / "images" / name).convert("RGB") for name in names]
    frames = [frame(photo) for photo in photos]
    rng = np.random.default_rng(0)
    for index, photo in enumerate(photos):
        share = rng.uniform(0.65, 0.95)
        width, height = (int(side * share) for side in photo.size)
        left, top = int(rng.integers(photo.width - width)), int(rng.integers(photo.height - height))
        crop = frame(photo.crop((left, top, left + width, top + height)).resize((width // 2, height // 2)))
        assert [number for number, other in enumerate(frames) if crop.is_recrop(other)] == [index]
