"""Near-duplicates: hashes find copies of the same frame, laying thumbnails over each other finds crops and borders.

A 64-bit perceptual hash survives re-encoding and resizing, but not cropping: a tenth cut off one side already turns a
dozen bits. Cropped copies are therefore looked for where the news makes them, among pictures of the same entity.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

FloatArray = NDArray[np.float32]

# Crops with new compression reach 0.94, one of 105 less (35 COCO photographs); different photographs stay under 0.8, in
# Newsworld, where one drawn person may stand in two like rooms, under 0.91.
RECROP_CORRELATION = 0.93
FRAME_CORRELATION = 0.9  # for frames whose hashes agree already
COMPARED_SIDE, COARSE_SIDE = 64, 32  # pixels of the longer side of compared thumbnails
SMALLEST_SHARE = 0.55  # of a side that a re-crop keeps at least
SCALE_STEP, COARSE_STEP = 1.035, 1.07  # so that a scale between two steps is off by at most a pixel at the edges
COARSE_SLACK = 0.12  # by how much the coarse comparison may fall short of the fine one
FLAT_DEVIATION = 2.0  # grey levels: flatter places correlate by chance only
_BLOCK = 1 << 15  # hashes compared at a time: the block's temporaries stay in the processor's cache


class HashIndex:
    """Perceptual hashes in the order in which they were added; the first within reach wins, however work was batched.

    Args:
        bits: Hamming distance up to which two 64-bit hashes are of the same frame.
    """

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._hashes = np.empty(1024, np.uint64)
        self._names: list[str] = []

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str, value: int) -> None:
        """Append a hash (an unsigned 64-bit number) under a name."""
        if len(self._names) == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.empty_like(self._hashes)])
        self._hashes[len(self._names)] = value
        self._names.append(name)

    def matches(self, value: int) -> Iterator[str]:
        """Yield the names of all hashes within reach, the earliest first."""
        wanted = np.uint64(value)
        for start in range(0, len(self._names), _BLOCK):
            block = self._hashes[start : min(start + _BLOCK, len(self._names))]
            for index in np.flatnonzero(np.bitwise_count(block ^ wanted) <= self._bits):
                yield self._names[start + int(index)]


class Frame:
    """A thumbnail, prepared for looking up others inside it.

    Args:
        thumb: Grey picture.
    """

    def __init__(self, thumb: Image.Image) -> None:
        grey = thumb.convert("F")
        self._coarse, self._fine = (
            _Level(_scaled(grey, side / max(grey.size))) for side in (COARSE_SIDE, COMPARED_SIDE)
        )
        square = np.asarray(grey.resize((COARSE_SIDE, COARSE_SIDE), Image.Resampling.BOX), np.float32)
        centred = square - square.mean()
        self._square = centred / max(float(np.linalg.norm(centred)), 1e-6)

    def is_same_frame(self, other: "Frame", threshold: float = FRAME_CORRELATION) -> bool:
        """Tell whether both show the same from edge to edge, perhaps stretched: near hashes only make it likely."""
        return float((self._square * other._square).sum()) >= threshold

    def is_recrop(self, other: "Frame", threshold: float = RECROP_CORRELATION) -> bool:
        """Tell whether one of the two is a part of the other: a copy, a crop, or a copy with a border around it."""
        # Half the pixels at half the scales rule out nearly all pairs at a tenth of the price.
        if not any(
            score >= threshold - COARSE_SLACK for score in _containment(self._coarse, other._coarse, COARSE_STEP)
        ):
            return False
        return any(score >= threshold for score in _containment(self._fine, other._fine, SCALE_STEP))

    def correlation(self, other: "Frame") -> float:
        """Return the finer comparison's best correlation, in [-1, 1]: what `is_recrop` holds against its threshold."""
        return max(_containment(self._fine, other._fine, SCALE_STEP))


class _Level:
    """A picture of floats (h, w) with its spectrum and integral images, for normalised cross-correlation."""

    def __init__(self, pixels: FloatArray) -> None:
        self.pixels = pixels
        self._shape = [fft.next_fast_len(side, real=True) for side in pixels.shape]
        centred = pixels - pixels.mean()
        self._spectrum = fft.rfft2(centred, self._shape)
        self._sums, self._squares = (
            np.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
            for values in (centred.astype(np.float64), centred.astype(np.float64) ** 2)
        )

    def best(self, part: FloatArray) -> float:
        """Return the highest correlation of ``part`` inside (Lewis 1995, "Fast normalized cross-correlation")."""
        height, width = min(part.shape[0], self.pixels.shape[0]), min(part.shape[1], self.pixels.shape[1])
        part = part[:height, :width] - part[:height, :width].mean()
        rows, columns = self.pixels.shape[0] - height + 1, self.pixels.shape[1] - width + 1
        product = fft.irfft2(self._spectrum * np.conj(fft.rfft2(part, self._shape)), self._shape)[:rows, :columns]
        count, own = height * width, float((part**2).sum())
        spread = _windows(self._squares, height, width) - _windows(self._sums, height, width) ** 2 / count
        floor = count * FLAT_DEVIATION**2
        if own < floor:
            return 0.0
        return float(np.where(spread < floor, 0.0, product / np.sqrt(np.maximum(spread, floor) * own)).max())


def _containment(one: _Level, other: _Level, step: float) -> Iterator[float]:
    """Yield the best correlation at each scale at which either picture may be a part of the other."""
    for whole, part in ((one, other), (other, one)):
        picture = Image.fromarray(part.pixels)
        # The largest scale at which the part still lies inside the whole in both directions.
        scale = min(whole.pixels.shape[0] / part.pixels.shape[0], whole.pixels.shape[1] / part.pixels.shape[1])
        smallest = SMALLEST_SHARE * scale
        while scale >= smallest:
            yield whole.best(_scaled(picture, scale))
            scale /= step


def _scaled(picture: Image.Image, factor: float) -> FloatArray:
    width, height = (max(8, math.floor(side * factor + 1e-6)) for side in picture.size)
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR), np.float32)


def _windows(table: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """Sums of all windows of a size, from an integral image."""
    lower, upper = table[height:], table[:-height]
    sums: NDArray[np.float64] = lower[:, width:] - lower[:, :-width] - upper[:, width:] + upper[:, :-width]
    return sums
