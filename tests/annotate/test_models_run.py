"""Both models with random weights, through the same calls as trained ones."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nest_builder.annotate.detect import GroundingDino
from nest_builder.annotate.models import choose_device, load_attribute, model_identity
from nest_builder.annotate.segment import Segmenter
from nest_builder.config import AnnotateSettings
from tests.annotate.models import save_detector
from tests.images.pictures import photograph

PICTURES = [photograph(1, 120, 90), photograph(2, 90, 120), photograph(3, 64, 64)]
PHRASES = [["car", "red car"], ["person in red"], []]


def test_detector_scores_every_phrase(settings: AnnotateSettings) -> None:
    found = GroundingDino(settings).detect(PICTURES, PHRASES)
    assert [one.scores.shape[1] for one in found] == [2, 1, 0]
    assert len(found[2].boxes) == 0
    for picture, one in zip(PICTURES, found, strict=True):
        assert one.boxes.shape == (len(one.scores), 4)
        assert ((one.scores >= 0) & (one.scores <= 1)).all()
        assert (one.boxes >= 0).all()
        assert (one.boxes <= np.tile(picture.size, 2)).all()
        best = one.scores.max(1, initial=0)
        assert (np.diff(best) <= 0).all()


def test_a_phrase_is_scored_by_its_own_tokens_in_any_company(settings: AnnotateSettings) -> None:
    detector = GroundingDino(settings)
    _, tokenizer, _, _ = detector._load()
    (prompt,) = detector._prompts(tokenizer, 0, ["red car", "person in blue"])
    text = tokenizer("red car. person in blue.")["input_ids"]
    assert list(prompt.ids) == text
    words = [[tokenizer.convert_ids_to_tokens(prompt.ids[at]) for at in span] for span in prompt.spans]
    assert words == [["red", "car"], ["person", "in", "blue"]]


def test_long_lists_of_phrases_are_split_and_keep_their_columns(settings: AnnotateSettings) -> None:
    detector = GroundingDino(settings)
    _, tokenizer, _, _ = detector._load()
    phrases = [
        "car",
        "red car",
        "blue car",
        "owl",
        "person",
        "person in red",
        "person in blue",
        "red owl",
        "blue owl",
        "car in red",
    ]
    prompts = detector._prompts(tokenizer, 0, phrases)
    assert [prompt.first for prompt in prompts] == [0, 8]
    assert sum(len(prompt.spans) for prompt in prompts) == len(phrases)
    assert max(len(prompt.ids) for prompt in prompts) <= 32
    assert GroundingDino(settings).detect(PICTURES[:1], [phrases])[0].scores.shape[1] == len(phrases)


def test_batches_make_no_difference(settings: AnnotateSettings) -> None:
    together = GroundingDino(settings).detect(PICTURES[:2], PHRASES[:2])
    single = [GroundingDino(settings).detect([p], [q])[0] for p, q in zip(PICTURES[:2], PHRASES[:2], strict=True)]
    boxes = [np.array([[10.0, 10, 60, 50]]), np.array([[5.0, 5, 40, 80], [30, 20, 80, 110]])]
    masks = Segmenter(settings).segment(PICTURES[:2], boxes)
    alone = [Segmenter(settings).segment([p], [b])[0] for p, b in zip(PICTURES[:2], boxes, strict=True)]
    for one, other in zip(together, single, strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, atol=0.02)
        np.testing.assert_allclose(one.scores, other.scores, atol=2e-4)
    for outlines, others in zip(masks, alone, strict=True):
        assert len(outlines) == len(others)
        for outline, other in zip(outlines, others, strict=True):
            assert (outline.mask == other.mask).mean() > 0.999
            assert abs(outline.predicted_iou - other.predicted_iou) < 1e-3


def test_segmenter_gives_a_mask_of_the_picture_for_each_box(settings: AnnotateSettings) -> None:
    outlines = Segmenter(settings).segment(
        PICTURES, [np.array([[1.0, 1, 50, 50]] * 5), np.empty((0, 4)), np.array([[0.0, 0, 64, 64]])]
    )
    assert [len(found) for found in outlines] == [5, 0, 1]
    assert outlines[0][0].mask.shape == (90, 120)
    assert outlines[0][0].mask.dtype == bool
    assert 0 <= outlines[2][0].stability <= 1


def test_half_precision_files_are_computed_in_single_precision(tmp_path: Path) -> None:
    save_detector(tmp_path / "model")
    from transformers import GroundingDinoForObjectDetection

    GroundingDinoForObjectDetection.from_pretrained(tmp_path / "model").half().save_pretrained(tmp_path / "model")  # type: ignore[arg-type]
    detector = GroundingDino(AnnotateSettings(detector_model=str(tmp_path / "model"), device="cpu"))
    detector.detect([Image.new("RGB", (64, 64))], [["car"]])
    assert {parameter.dtype for parameter in detector._load()[0].parameters()} == {torch.float32}


def test_identity_follows_the_files_that_count(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"1")
    (tmp_path / "config.json").write_text(json.dumps({"a": 1}))
    first = model_identity(str(tmp_path))
    (tmp_path / "README.md").write_text("a card")
    assert model_identity(str(tmp_path)) == first
    (tmp_path / "model.safetensors").write_bytes(b"22")
    assert model_identity(str(tmp_path)) != first
    assert model_identity("org/model", "abc") == "org/model@abc"
    assert model_identity("org/model") == "org/model@main"


@pytest.mark.parametrize("reference", ["nowhere", "nest_builder.nowhere:Thing", "nest_builder.config:Nothing"])
def test_bad_references_say_so(reference: str) -> None:
    with pytest.raises(ValueError, match=r"reference|cannot load"):
        load_attribute(reference)


def test_good_reference_and_device() -> None:
    assert load_attribute("nest_builder.annotate.detect:GroundingDino") is GroundingDino
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") in ("cpu", "cuda")
