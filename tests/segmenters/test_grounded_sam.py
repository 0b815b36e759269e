"""Grounded-SAM: which box, which phrase, what where nothing is found; and with real models of random weights."""

import numpy as np
import pytest
from PIL import Image

from nest_builder.annotate.base import Detections
from nest_builder.annotate.masks import mask_iou
from nest_builder.config import AnnotateSettings
from nest_builder.newsworld.scenes import random_training_scene
from nest_builder.segmenters.grounded_sam import GroundedSam, noun_phrases
from tests.annotate.models import fill_boxes, save_detector, save_mask_model

BLACK = Image.new("RGB", (20, 10))


class FakeDetector:
    """Finds given boxes with given scores in every picture, and notes what it was asked."""

    def __init__(self, boxes, scores):
        self.boxes, self.scores, self.asked = boxes, scores, []

    def identity(self):
        return "fake detector"

    def detect(self, images, phrases):
        self.asked += [list(one) for one in phrases]
        shape = [
            np.array(self.scores, np.float64).reshape(len(self.boxes), -1)[:, : len(one)]
            if self.boxes
            else np.empty((0, len(one)))
            for one in phrases
        ]
        return [Detections(np.array(self.boxes, np.float64).reshape(-1, 4), scores) for scores in shape]


class FillsBoxes:
    """A mask model whose masks are the boxes."""

    def __init__(self):
        self.encoded = 0

    def identity(self):
        return "fills boxes"

    def segment(self, images, boxes):
        self.encoded += len(images)
        return fill_boxes(images, boxes)


TWO = [[0, 0, 4, 5], [10, 0, 20, 10]]


@pytest.mark.parametrize(
    ("boxes", "scores", "options", "area", "score"),
    [
        (TWO, [0.3, 0.6], {}, 100, 0.6),
        (TWO, [0.6, 0.3], {}, 20, 0.6),
        (TWO, [0.5, 0.5], {}, 20, 0.5),  # a tie: the detector's order
        (TWO, [0.0, 0.0], {}, 20, 0.0),  # a guess all the same
        (TWO, [0.3, 0.2], {"min_score": 0.31}, 0, 0.0),
        ([], [], {}, 0, 0.0),
    ],
)
def test_the_best_box_is_outlined(boxes, scores, options, area, score):
    model = GroundedSam(detector=FakeDetector(boxes, scores), mask_model=FillsBoxes(), **options)
    (said,) = model.segment([BLACK], ["a car"])
    assert said.mask.shape == (10, 20)
    assert (int(said.mask.sum()), said.score, said.text) == (area, score, "")


def test_the_question_is_one_phrase():
    detector = FakeDetector(TWO, [0.3, 0.6])
    GroundedSam(detector=detector, mask_model=FillsBoxes()).segment(
        [BLACK], ["Which car did Vantor launch?  Segment it."]
    )
    assert detector.asked == [["Which car did Vantor launch Segment it"]]


def test_noun_phrases_are_asked_where_wanted():
    detector = FakeDetector(TWO, [[0.1, 0.7], [0.6, 0.0]])
    model = GroundedSam(detector=detector, mask_model=FillsBoxes(), noun_phrases=2)
    (said,) = model.segment([BLACK], ["Where is the red car that Vantor launched?"])
    assert detector.asked == [["red car", "vantor launched"]]
    assert said.score == 0.7
    model.segment([BLACK], ["Where is it?"])
    assert detector.asked[-1] == ["Where is it"]


@pytest.mark.parametrize(
    ("text", "most", "phrases"),
    [
        ("Where is the red car?", 3, ["red car"]),
        ("the person in blue", 3, ["person", "blue"]),
        ("Segment the red car and the red car.", 3, ["red car"]),
        ("one two three four five six", 1, ["three four five six"]),
        ("red car, blue boat, owl", 2, ["red car", "blue boat"]),
        ("Where is it?", 3, []),
        ("", 3, []),
    ],
)
def test_noun_phrases(text, most, phrases):
    assert noun_phrases(text, most) == phrases


def test_a_picture_asked_about_twice_is_encoded_once():
    masks = FillsBoxes()
    model = GroundedSam(detector=FakeDetector(TWO, [0.3, 0.6]), mask_model=masks)
    said = model.segment([BLACK, Image.new("RGB", (30, 30)), BLACK], ["a", "b", "c"])
    assert masks.encoded == 2
    assert [one.mask.shape for one in said] == [(10, 20), (30, 30), (10, 20)]
    assert (said[0].mask == said[2].mask).all()


def test_identity_tells_settings_apart():
    parts = {"detector": FakeDetector([], []), "mask_model": FillsBoxes()}
    names = {GroundedSam(**parts).identity(), GroundedSam(**parts, min_score=0.2).identity()}
    assert len(names | {GroundedSam(**parts, noun_phrases=2).identity()}) == 3
    assert all("fake detector" in name and "fills boxes" in name for name in names)


def test_as_many_texts_as_pictures():
    with pytest.raises(ValueError, match="1 pictures with 2 texts"):
        GroundedSam(detector=FakeDetector([], []), mask_model=FillsBoxes()).segment([BLACK], ["a", "b"])


@pytest.fixture(scope="module")
def random_models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return AnnotateSettings(
        detector_model=str(save_detector(folder / "detector")),
        mask_model=str(save_mask_model(folder / "masks")),
        device="cpu",
    )


def test_unknown_words_give_the_same_guess_every_time(random_models):
    scenes = [random_training_scene(np.random.default_rng(seed), 96, 80) for seed in range(3)]
    images = [scene.image for scene in scenes]
    texts = ["Which gizmo did Zorblax unveil in Quuxtown? Segment it."] * 3
    together = GroundedSam(random_models).segment(images, texts)
    alone = [GroundedSam(random_models).segment([image], [text])[0] for image, text in zip(images, texts, strict=True)]
    for one, other, image in zip(together, alone, images, strict=True):
        assert one.mask.shape == (image.height, image.width)
        assert one.score == other.score
        assert mask_iou(one.mask, other.mask) == 1.0
    assert any(one.mask.any() for one in together)


def test_the_embedded_models_find_what_they_know():
    """A plain phrase, on a scene of things whose words the detector has: better than any fixed guess."""
    model = GroundedSam()
    rng = np.random.default_rng(77)
    images, texts, true = [], [], []
    while len(images) < 5:
        scene = random_training_scene(rng, 320, 240)
        target = max(scene.instances, key=lambda instance: instance.mask.sum())
        if [instance.look.category for instance in scene.instances].count(target.look.category) == 1:
            images.append(scene.image)
            texts.append(f"Segment the {target.look.category}.")
            true.append(target.mask)
    said = model.segment(images, texts)
    assert np.mean([mask_iou(one.mask, mask) for one, mask in zip(said, true, strict=True)]) > 0.6
