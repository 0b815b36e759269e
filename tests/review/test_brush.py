"""Label Studio's brush format, held against its SDK's own codec."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from label_studio_sdk.converter.brush import decode_rle, encode_rle, mask2rle

from nest_builder.bench.brush import random_mask, run, same
from nest_builder.review import brush


def ring(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[height // 5 : -height // 5, width // 5 : -width // 5] = True
    mask[2 * height // 5 : -2 * height // 5, 2 * width // 5 : -2 * width // 5] = False
    mask[0, 0] = mask[-1, -1] = True
    return mask


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((1, 1), bool),
        np.ones((1, 1), bool),
        np.zeros((720, 1280), bool),  # one run longer than the longest token
        np.ones((128, 128), bool),  # 65,536 values: exactly the longest token
        np.ones((129, 128), bool),
        np.eye(40, dtype=bool),
        np.indices((31, 17)).sum(0) % 2 == 0,
        ring(50, 90),
        np.asfortranarray(ring(50, 90)),
    ],
)
def test_masks(mask: np.ndarray) -> None:
    assert same(mask)


@pytest.mark.parametrize("seed", range(40))
def test_random_masks_with_holes_and_detached_parts(seed: int) -> None:
    random = np.random.default_rng(seed)
    assert same(random_mask(random, int(random.integers(1, 90)), int(random.integers(1, 90))))


@settings(max_examples=100, deadline=None)
@given(arrays.arrays(np.uint8, st.integers(1, 400), elements=st.sampled_from([0, 1, 2, 127, 255])))
def test_any_values(values: np.ndarray) -> None:
    code = brush.encode_values(values)
    assert code == encode_rle(values)
    assert np.array_equal(brush.decode_values(code), values)


def test_literal_values_as_the_page_writes_them() -> None:
    """The page's own encoder strings unlike values together in tokens that the SDK reads but never writes."""
    random = np.random.default_rng(0)
    bits, values = f"{300 + 4:032b}" + f"{7:05b}" + "".join(f"{width - 1:04b}" for width in (3, 4, 8, 16)), []
    for flag, which, width, length in (("0", 3, 16, 200), ("1", 0, 3, 4), ("0", 2, 8, 100)):
        drawn = random.integers(0, 256, 1 if flag == "1" else length)
        bits += flag + f"{which:02b}" + f"{length - 1:0{width}b}" + "".join(f"{value:08b}" for value in drawn)
        values += [int(drawn[0])] * length if flag == "1" else drawn.tolist()
    bits += "0" * (-len(bits) % 8)
    code = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    assert brush.decode_values(code).tolist() == values == decode_rle(code).tolist()
    expected = np.array(values, np.uint8).reshape(4, 19, 4)[..., 3] >= 128
    assert np.array_equal(brush.decode_mask(code, 4, 19), expected)


def test_more_tokens_than_fit_a_window() -> None:
    mask = np.random.default_rng(1).random((300, 300)) < 0.5
    code = brush.encode_mask(mask)
    assert len(code) > 8 * brush._WINDOW
    assert np.array_equal(brush.decode_mask(code, 300, 300), mask)
    assert np.array_equal(brush.decode_values(code)[3::4] > 0, mask.ravel())
    assert code == mask2rle((mask * 255).astype(np.uint8))


GOOD = brush.encode_mask(ring(20, 30))


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ([], "no header"),
        (GOOD[:6], "no header"),
        (GOOD[:20], "ends after|past the end"),
        ([*GOOD[:4], 0xFF, *GOOD[5:]], "values of 32 bits"),
        ([0, 0, 0, 0, *GOOD[4:]], "no values|where the picture has"),
        ([0xFF] * 4 + GOOD[4:], "where the picture has"),
        ([256, *GOOD[1:]], "whole numbers from 0 to 255"),
        ([-1, *GOOD[1:]], "whole numbers from 0 to 255"),
        (["a"], "whole numbers from 0 to 255"),
        ([0.5], "whole numbers from 0 to 255"),
    ],
)
def test_what_is_no_code(code: list[int], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        brush.decode_mask(code, 20, 30)


def test_a_code_that_promises_too_much_costs_nothing() -> None:
    """The header says four thousand million values; nothing is laid out before the tokens bear it out."""
    with pytest.raises(ValueError, match=r"ends after|past the end"):
        brush.decode_values([0xFF] * 4 + GOOD[4:])


def test_bounds() -> None:
    with pytest.raises(ValueError, match="a code of"):
        brush.decode_mask(range(brush.MAX_BYTES + 1), 20, 30)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="height, width"):
        brush.encode_mask(np.zeros(4, bool))
    with pytest.raises(ValueError, match=r"\(n,\)"):
        brush.encode_values(np.zeros((0,), np.uint8))


def test_benchmark() -> None:
    result = run(3, None, quick=True)
    assert result.figures["exact"] == 1
    assert result.figures["encode_ratio"] > 2
