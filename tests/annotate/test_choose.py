"""Choosing the instance: two boxes, made-up scores, and what look, place and absence do to the choice."""

import numpy as np
import pytest
from PIL import Image

from nest_builder.annotate.base import Detections, Outline
from nest_builder.annotate.choose import Target, decide, phrases_for, weigh
from nest_builder.annotate.colours import agreement, colour_shares, named_colours, second_agreement
from nest_builder.annotate.positions import Position, caption_position, position_fit
from nest_builder.annotate.uncertainty import Confidence, Logistic, load_confidence

LEFT, RIGHT = (10, 20, 60, 80), (90, 20, 150, 80)


def picture(left: str, right: str) -> Image.Image:
    image = Image.new("RGB", (160, 100), "white")
    image.paste(left, LEFT)
    image.paste(right, RIGHT)
    return image


def outline(box: tuple[int, int, int, int]) -> Outline:
    mask = np.zeros((100, 160), bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return Outline(mask, 0.9, 0.95)


def target(key: str = "zephyr", colour: str = "red", support: str = "caption") -> Target:
    return Target(key, (key.title(),), "car", colour, (), support)


CONFIDENCE = Confidence(
    Logistic(-2.0, {"detector_score": 2.0, "colour_agreement": 3.0, "placed_rivals": 3.0}),
    Logistic(1.0, {"best_agreement": -4.0, "none": 1.0}),
)


@pytest.mark.parametrize(
    ("left", "right", "scores", "caption", "expected"),
    [
        ("red", "blue", [[0.6, 0.6], [0.6, 0.3]], "", 0),
        ("blue", "red", [[0.6, 0.5], [0.6, 0.5]], "", 1),
        ("red", "red", [[0.6, 0.5], [0.6, 0.5]], "The Zephyr (right) at sea", 1),
        ("red", "red", [[0.6, 0.5], [0.6, 0.5]], "The Zephyr is seen at the left of the picture.", 0),
        ("blue", "green", [[0.6, 0.1], [0.6, 0.1]], "", None),
    ],
)
def test_choice(left: str, right: str, scores: list[list[float]], caption: str, expected: int | None) -> None:
    found = Detections(np.array([LEFT, RIGHT], float), np.array(scores))
    targets = [target()]
    phrases = phrases_for(targets)
    assert phrases == ["car", "red car"]
    evidence = weigh(targets, phrases, found, [outline(LEFT), outline(RIGHT)], picture(left, right), caption, 0.2)
    (choice,) = decide(targets, phrases, found, evidence, CONFIDENCE)
    assert choice.index == expected
    assert 0 < choice.p_correct < 1
    assert set(choice.record) >= {"detector_score", "support", "same_hypernym"}


def test_nothing_found_is_a_negative() -> None:
    found = Detections(np.empty((0, 4)), np.empty((0, 2)))
    targets = [target()]
    evidence = weigh(targets, phrases_for(targets), found, [], picture("red", "red"), "", 0.2)
    (choice,) = decide(targets, phrases_for(targets), found, evidence, load_confidence())
    assert (choice.index, choice.candidates) == (None, ())
    assert choice.p_correct > 0.5


def test_one_thing_is_not_given_to_two_entities() -> None:
    targets = [target("zephyr"), target("rival", "blue")]
    phrases = phrases_for(targets)
    found = Detections(np.array([LEFT], float), np.array([[0.8, 0.8, 0.4]]))
    evidence = weigh(targets, phrases, found, [outline(LEFT)], picture("red", "white"), "", 0.2)
    choices = decide(targets, phrases, found, evidence, CONFIDENCE)
    assert [choice.index for choice in choices] == [0, None]


def test_implausible_masks_are_no_candidates() -> None:
    found = Detections(np.array([LEFT], float), np.array([[0.9, 0.9]]))
    empty = Outline(np.zeros((100, 160), bool), 0.9, 0.0)
    assert weigh([target()], ["car", "red car"], found, [empty], picture("red", "red"), "", 0.2) == [[]]


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("Zephyr (left) at the quay.", "left"),
        ("ZEPHYR (far right) at the quay.", "right"),
        ("Zephyr, second from left, in Harwick on Sunday.", "second from left"),
        ("Zephyr, second from the right.", "second from right"),
        ("Zephyr is shown in the centre of the picture.", "centre"),
        ("Rival (left) and Zephyr (right) in Harwick.", "right"),
        ("Zephyr, in the foreground", "foreground"),
        ("Zephyr left the quay.", None),
        ("On the left bank: Zephyr.", None),
        ("Zephyrs (left)", None),
        ("", None),
    ],
)
def test_caption_position(caption: str, expected: str | None) -> None:
    assert caption_position(caption, ["Zephyr", ""]) == expected


@pytest.mark.parametrize(
    ("position", "best"),
    [("left", 0), ("right", 2), ("centre", 1), ("second from right", 1), ("foreground", 2), ("background", 0)],
)
def test_position_fit(position: Position, best: int) -> None:
    boxes = np.array([[0.0, 0, 20, 20], [45, 0, 75, 30], [80, 0, 120, 60]])
    fits = position_fit(position, boxes, 120)
    assert int(np.argmax(fits)) == best
    assert fits[best] == pytest.approx(1, abs=0.3)
    assert position_fit("left", np.empty((0, 4)), 100) == []


@pytest.mark.parametrize(
    "colour", ["red", "blue", "green", "yellow", "orange", "purple", "pink", "teal", "black", "gray", "brown"]
)
def test_colours_are_named_in_light_and_shade(colour: str) -> None:
    value = {"pink": "#f48cb6", "orange": "#f07e16", "teal": "#18a2a4", "brown": "#764a28"}.get(colour, colour)
    image = Image.new("RGB", (160, 100), value)
    for dim in (1.0, 0.75):
        shaded = image.point(lambda level, dim=dim: level * dim)  # type: ignore[misc]
        assert agreement(colour_shares(shaded, outline(LEFT).mask, person=False), colour) == 1.0


def test_a_persons_colour_is_that_of_the_clothes() -> None:
    image = Image.new("RGB", (160, 100), "blue")
    image.paste("green", (10, 20 + 60 * 3 // 10, 60, 20 + 60 * 8 // 10))
    mask = outline(LEFT).mask
    assert agreement(colour_shares(image, mask, person=True), "green") == 1.0
    assert agreement(colour_shares(image, mask, person=False), "mauve") is None
    assert second_agreement(colour_shares(image, mask, person=False), ("blue",)) == 1.0
    assert second_agreement(colour_shares(image, mask, person=False), ("red",)) == 0.0
    assert second_agreement({}, ("red",)) is None
    assert colour_shares(image, np.zeros((100, 160), bool), person=True) == {}


def test_colour_words_of_a_description() -> None:
    assert named_colours("striped white coat with a leaf and golden trousers; grey hat") == ("white", "yellow", "gray")


def test_probabilities_are_bounded_and_the_shipped_file_fits_the_features() -> None:
    assert Logistic(99, {}).probability({}) == 0.999
    assert Logistic(-99, {}).probability({}) == 0.001
    found = Detections(np.array([LEFT], float), np.array([[0.9, 0.9]]))
    (items,) = weigh([target()], ["car", "red car"], found, [outline(LEFT)], picture("red", "white"), "", 0.2)
    shipped = load_confidence()
    assert set(shipped.match.weights) == set(items[0].uncertainty.features())
    assert shipped.match.probability(items[0].uncertainty.features()) > 0.5
