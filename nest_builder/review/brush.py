"""Label Studio's brush format: run lengths over the four channels of a picture, packed into bits; with numpy instead of a loop over bits.

The format is that of rle-pack (github.com/thi-ng/umbrella), which Label Studio's page and SDK use. A header: 32 bits, how many
values follow; 5 bits, the width of a value less one; four times 4 bits, the widths of a length less one. Then tokens: one bit,
1 for a run and 0 for literal values; 2 bits, which of the four widths the length has; the length less one; one value (a run) or
as many as the length says. Bits are most significant first, and the SDK closes with 1 to 8 zeros.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nest_builder.annotate.base import Mask

WIDTHS = np.array([3, 4, 8, 16])  # bits of a length; what every writer of Label Studio chooses
HEADER_BITS = 32 + 5 + 4 * 4
CHANNELS = 4
SOLID = 128  # a pixel belongs to the mask where the brush covers half of it
MAX_BYTES = 16_000_000  # of one mask's code; a picture of 40 megapixels painted by hand has less than 2,000,000
_WINDOW = 1 << 13  # bytes in which the starts of tokens are looked for at once
_HEAD = 3 + 16  # bits of a token before its values, at most

Bytes = NDArray[np.uint8]
Longs = NDArray[np.int64]


def encode_mask(mask: Mask) -> list[int]:
    """Return the code of a mask (height, width), as the SDK's ``mask2rle`` does for zeros and 255.

    Raises:
        ValueError: The mask has no two dimensions, or no pixel.
    """
    if mask.ndim != 2 or not mask.size:
        raise ValueError(f"a mask is (height, width), not {mask.shape}")
    flat = np.ascontiguousarray(mask, dtype=bool).ravel()
    lengths, starts = _runs(flat)
    return _pack(flat[starts].astype(np.int64) * 255, lengths * CHANNELS)


def encode_values(values: Bytes) -> list[int]:
    """Return the code of any values (n,), as the SDK's ``encode_rle`` does.

    Raises:
        ValueError: There are none.
    """
    if values.ndim != 1 or not values.size:
        raise ValueError(f"values are (n,), not {values.shape}")
    lengths, starts = _runs(values)
    return _pack(values[starts].astype(np.int64), lengths)


def decode_values(code: Sequence[int]) -> Bytes:
    """Return the values (n,) of a code, as the SDK's ``decode_rle`` does.

    Raises:
        ValueError: It is no code, or it ends too early, or is too long.
    """
    values, ends = _unpack(code)
    out = np.zeros(int(ends[-1]), np.uint8)
    at = np.flatnonzero(values)
    starts = np.concatenate(([0], ends[:-1]))
    if at.size > out.size // 64:  # short runs: filling one by one would take longer than repeating all
        return np.repeat(values, np.diff(ends, prepend=0))
    for value, start, end in zip(values[at].tolist(), starts[at].tolist(), ends[at].tolist(), strict=True):
        out[start:end] = value
    return out


def decode_mask(code: Sequence[int], height: int, width: int) -> Mask:
    """Return the mask (height, width) of a code: where the fourth channel, opacity, is at least half.

    Raises:
        ValueError: It is no code, or that of a picture of another size.
    """
    values, ends = _unpack(code, expected=height * width * CHANNELS)
    pixels = np.diff(ends // CHANNELS, prepend=0)  # opacities in each run: of the positions 3, 7, 11 ...
    return np.repeat(values >= SOLID, pixels).reshape(height, width)


def _runs(values: NDArray[np.generic]) -> tuple[Longs, Longs]:
    """Return lengths and starts of the runs of equal values."""
    starts = np.concatenate(([0], np.flatnonzero(values[1:] != values[:-1]) + 1))
    return np.diff(starts, append=values.size), starts


def _pack(values: Longs, lengths: Longs) -> list[int]:
    """Return header, tokens and padding as bytes; ``lengths`` (n,) of the runs of ``values`` (n,)."""
    total = int(lengths.sum())
    if total >= 1 << 32:
        raise ValueError(f"{total} values: the header has room for fewer than 2^32")
    longest = 1 << int(WIDTHS[-1])
    parts = (lengths - 1) // longest + 1  # the longest tokens first, then what is left
    if int(parts.max()) > 1:
        last = np.cumsum(parts) - 1
        rest = lengths - (parts - 1) * longest
        values, lengths = np.repeat(values, parts), np.full(int(parts.sum()), longest)
        lengths[last] = rest
    width_at = np.searchsorted(1 << WIDTHS, lengths)
    widths = WIDTHS[width_at]
    tokens = ((((lengths > 1) << 2 | width_at) << widths | (lengths - 1)) << 8) | values
    sizes = widths + 11
    header = total
    for bits, value in ((5, 8 - 1), *((4, int(width) - 1) for width in WIDTHS)):
        header = header << bits | value
    ends = HEADER_BITS + np.cumsum(sizes)
    end = int(ends[-1])
    # Each token, 32 bits at most, is laid into the two 32-bit words that it touches. No two tokens share a bit.
    words = np.zeros((end + 8) // 32 + 3, np.int64)
    words[:2] = (header << 11) >> 32, (header << 11) & 0xFFFFFFFF
    first = (ends - sizes) >> 5
    shifted = tokens << (64 - sizes - ((ends - sizes) & 31))
    _add(words, first, shifted >> 32 & 0xFFFFFFFF)
    _add(words, first + 1, shifted & 0xFFFFFFFF)
    packed = words.astype(">u4").view(np.uint8)
    return list(packed[: end // 8 + 1].tolist())


def _add(words: Longs, at: Longs, parts: Longs) -> None:
    """Add parts to the words they belong to; bits of different parts never meet, so sums are unions. ``at`` ascends."""
    starts = np.flatnonzero(np.diff(at, prepend=-1))
    words[at[starts]] += np.add.reduceat(parts, starts)


def _unpack(code: Sequence[int], expected: int | None = None) -> tuple[Bytes, Longs]:
    """Return the value of each run and the position after it; the last one is how many values there are."""
    if len(code) > MAX_BYTES:
        raise ValueError(f"a code of {len(code)} bytes")
    data = _bytes(code)
    if data.size * 8 < HEADER_BITS:
        raise ValueError(f"a code of {data.size} bytes has no header")
    header = int.from_bytes(data[:7].tobytes(), "big") >> 3
    total, value_bits = header >> 21, (header >> 16 & 31) + 1
    widths = np.array([(header >> shift & 15) + 1 for shift in (12, 8, 4, 0)])
    if value_bits != 8:
        raise ValueError(f"values of {value_bits} bits; a picture's have 8")
    if expected is not None and total != expected:
        raise ValueError(f"{total} values where the picture has {expected}")
    if not total:
        raise ValueError("a code of no values")
    padded = np.concatenate((data, np.zeros(8, np.uint8)))
    starts = _token_starts(padded, data.size * 8, widths, total)
    runs, lengths, heads = _heads(padded, starts, widths)
    if runs.all():
        return _read(padded, starts + heads, 8).astype(np.uint8), np.cumsum(lengths)
    # Literal values are runs of one; they follow each other every 8 bits.
    count = np.where(runs, 1, lengths)
    within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    values = _read(padded, np.repeat(starts + heads, count) + 8 * within, 8)
    return values.astype(np.uint8), np.cumsum(np.repeat(np.where(runs, lengths, 1), count))


def _bytes(code: Sequence[int]) -> Bytes:
    try:
        return np.frombuffer(bytes(code), np.uint8)
    except (TypeError, ValueError) as error:
        raise ValueError(f"a code is a list of whole numbers from 0 to 255: {error}") from error


def _read(padded: Bytes, at: Longs, bits: int) -> Longs:
    """Return the numbers of so many bits (24 at most) at bit positions; ``padded`` goes on for 8 bytes after the last one."""
    first = at >> 3
    word = padded[first].astype(np.int64)
    for step in (1, 2, 3):
        word = word << 8 | padded[first + step]
    found: Longs = word >> (32 - bits - (at & 7)) & ((1 << bits) - 1)
    return found


def _heads(padded: Bytes, at: Longs, widths: Longs) -> tuple[NDArray[np.bool_], Longs, Longs]:
    """Return of the tokens at bit positions: whether it is a run, its length, and the bits before its values."""
    head = _read(padded, at, _HEAD)
    width = widths[head >> 16 & 3]
    return head >> 18 == 1, (head >> (16 - width) & ((1 << width) - 1)) + 1, width + 3


def _token_starts(padded: Bytes, end: int, widths: Longs, total: int) -> Longs:
    """Return the bit positions of the tokens.

    Where a token ends is only known at its start. So what a token at *every* bit of a window would be is computed at once, and
    then followed from the first one, which is one look-up a token.
    """
    starts: list[int] = []
    position, done = HEADER_BITS, 0
    while done < total:
        base = position & ~7
        stop = min(base + _WINDOW * 8, end)
        if position >= end:
            raise ValueError(f"the code ends after {done} of {total} values")
        runs, lengths, heads = _heads(padded, np.arange(base, stop), widths)
        after = np.where(runs, heads + 8, heads + 8 * lengths).data
        length = lengths.data
        position -= base
        while position < len(after) and done < total:
            starts.append(base + position)
            done += length[position]
            position += after[position]
        position += base
    if position > end or done != total:
        raise ValueError(f"the last token goes past the end: {done} of {total} values, {position} of {end} bits")
    return np.array(starts, np.int64)
