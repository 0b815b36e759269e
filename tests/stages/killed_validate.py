"""``nest validate`` for the kill test: the real command and the real search among articles, around a segmenter that takes its time."""

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import spacy  # noqa: F401 - takes long, and forked processes find it imported
from PIL import Image, ImageColor

from nest_builder.cli import app
from nest_builder.rose import load as _rose  # noqa: F401 - likewise
from nest_builder.segmenters.base import Segmentation
from nest_builder.stages.validate import Validate
from nest_builder.validate.control import Known
from tests.builders import COLOURS

SLOWNESS = 0.03  # seconds a call
SETTINGS = """
workdir = "{workdir}"
[rose]
search = "articles"
image_embedder = ""
[validation]
segmenters = ["tests.stages.killed_validate:SlowColours"]
control = "tests.stages.killed_validate:known"
"""


class SlowColours:
    """Outlines the colour that a text names."""

    def identity(self) -> str:
        return "slow colours"

    def segment(self, images: Sequence[Image.Image], texts: Sequence[str]) -> list[Segmentation]:
        time.sleep(SLOWNESS)
        return [Segmentation(_outline(image, text), "", 1.0) for image, text in zip(images, texts, strict=True)]


def _outline(image: Image.Image, text: str) -> np.ndarray:
    pixels = np.asarray(image).astype(int)
    colour = next((name for name in COLOURS if name in text), None)
    if colour is None:
        return np.zeros(pixels.shape[:2], bool)
    return np.abs(pixels - ImageColor.getrgb(colour)).sum(2) < 60


def known() -> list[Known]:
    made = []
    for number in range(30):
        colour = COLOURS[number % len(COLOURS)]
        image = Image.new("RGB", (40, 30), "white")
        image.paste(colour, (0, 0, 20, 30))
        made.append(Known(image, f"the {colour} half", np.arange(40)[None].repeat(30, 0) < 20))
    return made


def validate(folder: Path) -> None:
    """Run the command in this process, in batches of two; what it prints goes to ``out.json``."""
    Validate.batch_size = 2
    config = folder / "nest.toml"
    config.write_text(SETTINGS.format(workdir=folder), encoding="utf-8")
    os.environ["OMP_NUM_THREADS"] = "1"
    with (folder / "out.json").open("w") as out, contextlib.redirect_stdout(out):
        app(["validate", "--config", str(config), "--json"])
