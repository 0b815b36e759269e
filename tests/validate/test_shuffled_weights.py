"""A real static model with shuffled weights fails the control set, so that its failures prove nothing."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from nest_builder.annotate.base import Outline
from nest_builder.config import DATA, AnnotateSettings
from nest_builder.newsworld.looks import CATEGORIES, anonymous_look
from nest_builder.newsworld.scenes import compose, render
from nest_builder.rose.rose import Rose
from nest_builder.segmenters.grounded_sam import GroundedSam
from nest_builder.validate.control import SMALLEST, Known
from nest_builder.validate.run import Case, Validator

DETECTOR = DATA / "models" / "grounding-dino-tiny"


class Ellipses:
    """Outlines a box by the ellipse inside it: what is tested is the detector, and SAM takes its time."""

    def identity(self):
        return "ellipses"

    def segment(self, images, boxes):
        return [
            [Outline(ellipse(image, box), 1.0, 1.0) for box in found]
            for image, found in zip(images, boxes, strict=True)
        ]


def ellipse(image, box):
    x0, y0, x1, y1 = box
    rows, columns = np.mgrid[: image.height, : image.width] + 0.5
    return ((columns - (x0 + x1) / 2) / (x1 - x0) * 2) ** 2 + ((rows - (y0 + y1) / 2) / (y1 - y0) * 2) ** 2 <= 1


def shuffled(folder: Path) -> Path:
    """Copy the embedded detector, each of its weights with its numbers in another order."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for file in DETECTOR.iterdir():
        if file.suffix in (".json", ".txt"):
            (folder / file.name).write_bytes(file.read_bytes())
    weights = load_file(DETECTOR / "model.safetensors")
    mixed = {name: rng.permutation(value.ravel()).reshape(value.shape) for name, value in weights.items()}
    save_file(mixed, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def known():
    """Make questions that name one of two things of different kinds."""
    made = []
    for number in range(SMALLEST):
        rng = np.random.default_rng([11, number])
        kinds = [CATEGORIES[at] for at in rng.permutation(len(CATEGORIES) - 1)[:2]]
        scene = render(compose(rng, [(anonymous_look(rng, kind), None) for kind in kinds], 160, 120))
        made.append(Known(scene.image, f"Segment the {scene.instances[0].look.category}.", scene.instances[0].mask))
    return made


@pytest.mark.parametrize("broken", [False, True])
def test_shuffled_weights_give_no_verdict(known, tmp_path, broken):
    settings = AnnotateSettings(
        detector_model=str(shuffled(tmp_path / "detector") if broken else DETECTOR), device="cpu"
    )
    base = GroundedSam(settings, mask_model=Ellipses())
    (verdict,) = Validator([Rose(base)], known, ways=1, floor=0.4).validate(
        [Case(known[0].image, known[0].text, known[0].mask)]
    )
    if broken:
        assert verdict.label is None
        assert "known entities, under the floor of 0.4: it is loaded wrongly or too weak" in verdict.reason
    else:
        assert verdict.label is not None
        assert verdict.reason == ""
