"""``nest bench brush``: our codec of Label Studio's brush masks beside its SDK's, on random masks with holes and detached parts.

Every mask is coded and decoded by both, and compared bit by bit: 1,000 of random sizes. Speed is measured on masks of 1280 x 720 pixels, as
processor time (both codecs are one thread), of each mask the best of a few runs in turn: what else the machine does touches both alike.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from label_studio_sdk.converter.brush import decode_rle, mask2rle
from PIL import Image, ImageDraw

from nest_builder.annotate.base import Mask
from nest_builder.bench.result import Bound, Pin, Result, machine
from nest_builder.review.brush import decode_mask, decode_values, encode_mask

MASKS, QUICK_MASKS = 1000, 60
TIMED, QUICK_TIMED = 30, 3
RUNS = 3
HEIGHT, WIDTH = 720, 1280
TARGETS: dict[str, Bound] = {"exact": (">=", 1.0), "encode_ms": ("<=", 3.0), "decode_ms": ("<=", 5.0)}


def run(seed: int, data: Path | None, quick: bool = False) -> Result:
    """Compare and measure.

    Args:
        seed: Of the masks.
        data: Not used: the masks are drawn.
        quick: Fewer masks, no targets.
    """
    random = np.random.default_rng(seed)
    count, timed = (QUICK_MASKS, QUICK_TIMED) if quick else (MASKS, TIMED)
    exact = 0
    for _ in range(count):
        height, width = (int(side) for side in np.exp(random.uniform(np.log(2), np.log(320), 2)))
        exact += same(random_mask(random, height, width))
    rows = []
    for _ in range(timed):
        mask = random_mask(random, HEIGHT, WIDTH)
        exact += same(mask)
        rows.append(_times(mask))
    ours_encode, ours_decode, ours_mask, theirs_encode, theirs_decode, size = np.mean(rows, axis=0)
    figures = {
        "exact": exact / (count + timed),
        "masks": count + timed,
        "encode_ms": round(ours_encode, 3),
        "decode_ms": round(ours_decode, 3),
        "decode_mask_ms": round(ours_mask, 3),
        "encode_ratio": round(theirs_encode / ours_encode, 2),
        "decode_ratio": round(theirs_decode / ours_decode, 2),
        "bytes": round(size, 1),
    }
    peers = {"label-studio-sdk": {"encode_ms": round(theirs_encode, 2), "decode_ms": round(theirs_decode, 2)}}
    on = f"seed {seed}"
    ratio = Pin(on, margin=0.3, relative=True)
    pins = {"exact": Pin(on, margin=0.0), "encode_ratio": ratio, "decode_ratio": ratio}
    setup = {**machine("label-studio-sdk", "numpy"), "seed": seed, "timed": f"{timed} masks of {WIDTH} x {HEIGHT}"}
    if quick:
        return Result("brush-quick", figures, {}, peers, setup, pins)  # targets are for the full form
    return Result("brush", figures, TARGETS, peers, setup, pins)


def random_mask(random: np.random.Generator, height: int, width: int) -> Mask:
    """Draw a mask (height, width): a thing of ellipses and polygons with holes, parts of its own, and sometimes specks."""
    picture = Image.new("1", (width, height))
    draw = ImageDraw.Draw(picture)
    for filled in (1, *random.integers(0, 2, int(random.integers(0, 7)))):
        if random.random() < 0.5:
            x, y = (np.sort(random.uniform(-0.1, 1.1, 2)) * side for side in (width, height))
            draw.ellipse((x[0], y[0], x[1], y[1]), fill=int(filled))
        else:
            corners = random.uniform(-0.1, 1.1, (int(random.integers(3, 9)), 2)) * (width, height)
            draw.polygon([(x, y) for x, y in corners.tolist()], fill=int(filled))
    mask: Mask = np.array(picture, bool)
    if random.random() < 0.3:
        mask ^= random.random(mask.shape) < 0.0005
    return mask


def same(mask: Mask) -> bool:
    """Return whether both codecs agree on a mask, each way."""
    theirs = mask2rle((mask * 255).astype(np.uint8))
    ours = encode_mask(mask)
    return (
        ours == theirs
        and np.array_equal(decode_values(ours), decode_rle(ours))
        and np.array_equal(decode_mask(ours, *mask.shape), mask)
    )


def _times(mask: Mask) -> tuple[float, ...]:
    """Return milliseconds of our encoding, decoding, decoding to a mask, the SDK's encoding and decoding; and the size."""
    code, pixels = encode_mask(mask), (mask * 255).astype(np.uint8)
    work: list[Callable[[], object]] = [
        partial(encode_mask, mask),
        partial(decode_values, code),
        partial(decode_mask, code, *mask.shape),
        partial(mask2rle, pixels),
        partial(decode_rle, code),
    ]
    best = [float("inf")] * len(work)
    for _ in range(RUNS):
        for at, step in enumerate(work):
            began = time.process_time()
            step()
            best[at] = min(best[at], 1000 * (time.process_time() - began))
    return (*best, float(len(code)))
