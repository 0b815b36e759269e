"""Things are compared with the entity's other pictures, each embedded once."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from nest_builder.review.looks import LookFinder, Seen, compare
from nest_builder.rose.cache import Cache
from nest_builder.store.blobs import Blobs
from nest_builder.store.session import open_store

RED, BLUE = (255, 0, 0), (0, 0, 255)
LEFT, RIGHT = (0.0, 0.0, 20.0, 30.0), (20.0, 0.0, 40.0, 30.0)


class MeanColour:
    """Embeds a picture as the direction of its mean colour."""

    def __init__(self) -> None:
        self.embedded = 0

    def identity(self) -> str:
        return "mean colour"

    def embed(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        self.embedded += len(images)
        rows: NDArray[np.float32] = np.array(
            [np.asarray(image, np.float32).mean((0, 1)) + 1e-6 for image in images], np.float32
        )
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return open_store(f"sqlite:///{tmp_path / 's.sqlite'}", str(tmp_path / "blobs")).blobs


def halves(blobs: Blobs, left: tuple[int, ...], right: tuple[int, ...], mark: int) -> str:
    """Store a picture of two colours; ``mark`` tells pictures of the same ones apart."""
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[:, :20], pixels[:, 20:], pixels[0, mark] = left, right, (9, 9, 9)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return blobs.put(file.getvalue())


def seen(name: str, sha256: str, box: tuple[float, ...], trust: float = 1.0) -> Seen:
    return Seen(name, f"picture-{name}", sha256, (40, 30), "k3", box, (LEFT, RIGHT), trust)


def test_the_odd_one_out_is_told(blobs: Blobs, tmp_path: Path) -> None:
    pictures = [halves(blobs, RED, BLUE, mark) for mark in range(4)]
    all_seen = [*(seen(str(at), sha, LEFT) for at, sha in enumerate(pictures[:3])), seen("odd", pictures[3], RIGHT)]
    embedder = MeanColour()
    cache = Cache(tmp_path / "looks.sqlite")
    looks = LookFinder(embedder, blobs, cache).compare(all_seen)
    assert looks["odd"].own == pytest.approx(0.0, abs=0.02)
    assert looks["odd"].rival == pytest.approx(1.0, abs=0.02)
    assert looks["0"].own == pytest.approx(2 / 3, abs=0.02)
    assert looks["0"].pictures == 3
    before = embedder.embedded
    assert LookFinder(embedder, blobs, cache).compare(all_seen) == looks
    assert embedder.embedded == before  # all of it was in the cache
    cache.close()


def test_who_is_not_trusted_does_not_count(blobs: Blobs, tmp_path: Path) -> None:
    pictures = [halves(blobs, RED, BLUE, mark) for mark in range(3)]
    both = [seen("right", pictures[0], LEFT), seen("wrong", pictures[1], RIGHT, 0.0), seen("asked", pictures[2], LEFT)]
    looks = LookFinder(MeanColour(), blobs, Cache()).compare(both)
    assert looks["asked"].own == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("box", "own", "rival"),
    [(LEFT, None, None), ((), None, None)],
)
def test_without_other_pictures_nothing_is_said(box: tuple[float, ...], own: None, rival: None) -> None:
    features: dict[tuple[str, tuple[float, ...]], NDArray[np.float64]] = {
        ("x", LEFT): np.array([1.0, 0.0]),
        ("x", RIGHT): np.array([0.0, 1.0]),
    }
    look = compare([seen("alone", "x", box)], features)["alone"]
    assert (look.pictures, look.own, look.rival) == (0, own, rival)


def test_a_negative_is_compared_by_what_it_could_have_been(blobs: Blobs) -> None:
    pictures = [halves(blobs, RED, BLUE, mark) for mark in range(2)]
    looks = LookFinder(MeanColour(), blobs, Cache()).compare(
        [seen("shown", pictures[0], LEFT), seen("not", pictures[1], ())]
    )
    assert looks["not"].own is None
    assert looks["not"].rival == pytest.approx(1.0, abs=0.02)
