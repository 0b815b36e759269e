import numpy as np
import pytest
from pycocotools import mask as coco

from nest_builder.export.rle import mask_area, run_lengths
from tests.builders import draw_picture, rle_of


def masks() -> list[np.ndarray]:
    random = np.random.default_rng(5)
    noise = [random.random((h, w)) < share for h, w, share in ((1, 1, 0.5), (7, 3, 0.5), (40, 60, 0.02), (33, 64, 0.9))]
    blobs = [draw_picture(number, 64 * number + 64, 200)[1] for number in range(1, 6)]
    return [*noise, *blobs, np.zeros((30, 20)), np.ones((30, 20)), np.zeros((3000, 2000))]


@pytest.mark.parametrize("mask", masks(), ids=lambda mask: str(mask.shape))
def test_it_reads_what_pycocotools_writes(mask: np.ndarray) -> None:
    flat = mask.astype(bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flat]).astype(int)))
    expected = np.diff(np.concatenate([[0], edges, [flat.size]]))
    counts = rle_of(mask)["counts"]
    assert run_lengths(counts).tolist() == expected.tolist()
    assert mask_area(counts, mask.size) == int(mask.sum())


def test_whatever_it_takes_fills_the_picture_and_is_written_so_again() -> None:
    """Random damage: where run lengths pass, drawing the mask and writing it gives the same text."""
    random = np.random.default_rng(11)
    mask = draw_picture(3, 200, 160)[1]
    counts, taken = rle_of(mask)["counts"], 0
    for _ in range(3000):
        text = list(counts)
        for _ in range(int(random.integers(1, 3))):
            text[int(random.integers(len(text)))] = chr(int(random.integers(40, 120)))
        broken = "".join(text)
        try:
            area = mask_area(broken, mask.size)
        except ValueError:
            continue
        taken += 1
        drawn = coco.decode({"size": [160, 200], "counts": broken.encode()})
        assert int(drawn.sum()) == area
        assert run_lengths(rle_of(drawn)["counts"]).tolist() == run_lengths(broken).tolist()
    assert taken > 10


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ("", "no compressed"), ("1", "fill"), ("zzzz", "no compressed"), ("o", "no compressed"), ("P", "no compressed"),
        ("é", "fill"), ("ooooooo0", "longer than any"), ("00", "no pixels"), ("O", "no pixels"), ("100", "no pixels"),
    ],
)  # fmt: skip
def test_what_is_none(counts: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mask_area(counts, 600)
