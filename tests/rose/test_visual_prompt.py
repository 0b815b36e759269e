import numpy as np
import pytest

from nest_builder.rose.base import Candidate, Retrieval, Step
from nest_builder.rose.embed import CachedImages
from nest_builder.rose.parts import Case, call_part
from nest_builder.rose.regions import Prototypes, RegionFinder, crop, make_prototype
from nest_builder.rose.visual_prompt import Answer, VisualPrompt, VisualPromptSettings, as_answer
from nest_builder.segmenters.base import Segmentation
from tests.rose.visuals import SIZE, BoxMasks, ColourEmbedder, PlateDetector, picture, plate_mask, references

RED = (("red",), ("", "red", "green"), ("blue", "", "red"))
EMPTY = np.zeros(SIZE[::-1], bool)


def visual(**parts):
    made = {"detector": PlateDetector(), "masks": BoxMasks(), "embedder": CachedImages(ColourEmbedder())} | parts
    limits = VisualPromptSettings(
        reach=0.35, verify=0.7, margin=0.05, accept=0.55
    )  # those of plates, not of an embedder
    return VisualPrompt(made["detector"], made["masks"], made["embedder"], limits)


def verify(part, shown, mask, pictures=RED, hypernym=""):
    return part.verify([picture(*shown)], [mask], [Answer("Zephyr", hypernym)], [references(*pictures)])[0]


@pytest.mark.parametrize(
    ("shown", "mask", "pictures", "hypernym", "decision", "place", "reason"),
    [
        (("red", "green"), plate_mask(0), RED, "", "refined", 0, "the mask is of it"),
        (("red", "green"), plate_mask(1), RED, "", "corrected", 0, "the best of 2 boxes 1.00"),
        (("red", "green"), EMPTY, RED, "", "corrected", 0, "the mask is empty"),
        (("dark red", "green", "red"), plate_mask(0), RED, "", "refined", 0, "verified"),
        (("blue", "green"), plate_mask(1), (("red",),), "", "kept", 1, "too little to go by"),
        ((), plate_mask(1), (("red",),), "", "kept", 1, "no box is found"),
        (("red", "green"), plate_mask(1), (), "", "kept", 1, "no reference picture"),
        # What two of three pictures have in common, though none shows it alone or first.
        (("red", "green"), plate_mask(1), (("blue", "red"), ("green", "red"), ("green", "blue")), "car", "corrected", 0, "2 of 3"),
        (("red", "green"), plate_mask(0), (("blue", "green"), ("green", "green"), ("blue",)), "phone", "corrected", 1, "2 of 3"),
    ],
)  # fmt: skip
def test_decisions(shown, mask, pictures, hypernym, decision, place, reason):
    found = verify(visual(), shown, mask, pictures, hypernym)
    assert found.step.part == "vpe"
    assert found.step.decision == decision
    assert reason in found.step.reason
    assert np.array_equal(found.mask, plate_mask(place))
    assert (found.box is not None) == (decision != "kept")
    if decision == "corrected":
        assert found.similarity_after > (found.similarity_before or 0)
    elif decision == "kept":
        assert found.similarity_after == found.similarity_before


@pytest.mark.parametrize(("cut", "decision"), [(0, "refined"), (10, "refined"), (22, "kept")])
def test_a_mask_of_the_right_thing_is_outlined_anew_unless_the_outlines_disagree(cut, decision):
    """The base's mask lacks the upper rows of the plate, or all but its edges: its box then no longer says what is in it."""
    mask = plate_mask(0)
    top, left, right = int(mask.any(1).argmax()), *(int(column) for column in np.flatnonzero(mask.any(0))[[0, -1]])
    mask[top + 2 : top + 2 + cut, left + 2 : right - 1] = False
    found = verify(visual(), ("red", "green"), mask)
    assert found.step.decision == decision
    assert np.array_equal(found.mask, plate_mask(0) if decision == "refined" else mask)


@pytest.mark.parametrize("shown", [("blue", "green"), ()])
def test_what_several_pictures_agree_on_and_the_picture_does_not_show_is_not_outlined(shown):
    found = verify(visual(), shown, plate_mask(1))
    assert (found.step.decision, found.mask.any(), found.box) == ("emptied", False, None)
    assert "does not show it" in found.step.reason
    (unsure,) = visual().verify([picture(*shown)], [plate_mask(1)], [Answer("Zephyr", "", 0.3)], [references(*RED)])
    assert unsure.mask.any()


def test_a_kind_keeps_other_things_out():
    """The red plate is a car: a phone cannot be meant by it, however alike."""
    part = visual()
    assert verify(part, ("green", "red"), EMPTY, (("green",),), "phone").box == (2, 5, 28, 35)
    found = verify(part, ("green", "red"), EMPTY, (("red",),), "gramophone")
    assert (found.box, "no box is found" in found.step.reason) == (None, True)


def test_a_box_in_which_nothing_is_outlined_leaves_the_mask():
    found = verify(visual(masks=BoxMasks(empty=True)), ("red", "green"), plate_mask(1))
    assert found.step.decision == "kept"
    assert "finds nothing" in found.step.reason
    assert np.array_equal(found.mask, plate_mask(1))


def test_references_without_boxes_count_as_a_whole():
    pictures = references(("red",), ())
    pictures[1].image.paste((40, 0, 0), (0, 0, 90, 10))  # no plate, but reddish
    found = visual().verify([picture("red", "green")], [plate_mask(1)], [Answer("Zephyr")], [pictures])[0]
    assert found.step.decision == "corrected"
    assert "2 of 2 pictures" in found.step.reason


def test_a_batch_is_decided_as_each_alone_and_computes_nothing_twice():
    shown = [("red", "green"), ("green", "red"), ("blue", "red"), ("red", "green")]
    detector, embedder, masks = PlateDetector(), ColourEmbedder(), BoxMasks()
    part = visual(detector=detector, embedder=CachedImages(embedder), masks=masks)
    answers, pictures = [Answer("Zephyr")] * 4, [references(*RED)] * 4
    together = part.verify([picture(*one) for one in shown], [plate_mask(0)] * 4, answers, pictures)
    alone = [verify(visual(), one, plate_mask(0)) for one in shown]
    assert [(one.step.decision, one.box) for one in together] == [(one.step.decision, one.box) for one in alone]
    assert detector.calls == [3 + 3], "three pictures that differ and three references, in one call"
    assert masks.calls == [4]
    seen = embedder.seen
    part.verify([picture(*one) for one in shown], [plate_mask(0)] * 4, answers, pictures)
    assert embedder.seen == seen
    assert detector.calls == [6]


def test_one_broken_picture_does_not_cost_the_others_their_correction():
    broken = picture("blue", "blue")
    part = visual(detector=PlateDetector(fails_on=broken))
    cases = [case(picture("red", "green")), case(broken)]
    (mended, step), (left, failed) = call_part("vpe", part.correct, cases, lambda pair: pair[1])
    assert (step.decision, mended is not None) == ("corrected", True)
    assert (failed.decision, failed.lost, left) == ("failed", "", None)
    assert "cannot digest" in failed.reason


class Missing:
    def identity(self):
        return "missing"

    def embed(self, images):
        raise OSError("no such model")


def test_a_model_that_is_not_there_is_said():
    ((left, step),) = call_part("vpe", visual(embedder=Missing()).correct, [case(picture("red"))], lambda pair: pair[1])
    assert (left, step.decision, step.lost) == (None, "failed", "OSError: no such model")


def case(image):
    answer = Candidate("Zephyr", 0.9, (), "a car, red all over")
    retrieval = Retrieval((answer,), answer, tuple(references(*RED)), Step("irag", "answered", ""))
    return Case(image, Segmentation(plate_mask(1), "It is [SEG].", 0.7), retrieval)


def test_cases_of_rose_come_back_with_new_masks_and_their_words():
    ((mended, step),) = visual().correct([case(picture("red", "green"))])
    assert step.decision == "corrected"
    assert np.array_equal(mended.mask, plate_mask(0))
    assert (mended.text, mended.score) == ("It is [SEG].", 0.7)


@pytest.mark.parametrize(
    ("only", "decision", "place", "reason"),
    [("phone", "corrected", 1, "one phone only"), ("gramophone", "kept", 0, "no reference picture")],
)
def test_the_only_thing_of_its_kind_needs_no_references(only, decision, place, reason):
    shown = picture("red", "green")
    unsearched = Case(shown, Segmentation(plate_mask(0), "It is [SEG].", 0.7), None, only)
    ((mended, step),) = visual().correct([unsearched])
    assert (step.decision, reason in step.reason) == (decision, True)
    assert np.array_equal(mended.mask, plate_mask(place))


@pytest.mark.parametrize(
    ("candidate", "asked_for", "expected"),
    [
        (Candidate("Zephyr", 1, (), "a car, red"), "", Answer("Zephyr", "car")),
        (Candidate("Zephyr", 1, (), "an electric saloon, red"), "", Answer("Zephyr", "car")),
        (Candidate("Zephyr", 1, (), "red all over"), "", Answer("Zephyr", "")),
        (Candidate("Zephyr", 1, (), "a car, red"), "plane", Answer("Zephyr", "plane")),
        (None, "plane", Answer("", "plane")),
    ],
)
def test_question_or_description_tells_the_kind(candidate, asked_for, expected):
    retrieval = Retrieval((), candidate, (), Step("irag", "answered", ""), hypernym=asked_for)
    assert as_answer(retrieval) == expected


def unit(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)


@pytest.mark.parametrize(
    ("features", "weights", "expected"),
    [
        (([10], [12, 90], [14, 95]), None, (12, 3, 3)),
        (([10, 11, 12], [90], [92]), None, (91, 2, 3)),  # three of one picture are one picture
        (([10], [90]), ([0.2], [0.5]), (90, 1, 2)),  # a tie goes to what is larger in its picture
        (([10, 20], [10]), None, (10, 2, 2)),  # the nearest crop of each picture
        (([], [30]), None, (30, 1, 1)),
    ],
)
def test_prototypes(features, weights, expected):
    rows = [unit(*one) for one in features]
    given = [np.array(one) for one in weights] if weights else [np.ones(len(one)) for one in features]
    found = make_prototype(rows, given, 0.3)
    angle, pictures, shown = expected
    assert np.degrees(np.arctan2(found.feature[1], found.feature[0])) == pytest.approx(angle, abs=2.6)
    assert (found.pictures, found.shown) == (pictures, shown)
    assert 0.9 < found.cohesion <= 1.0001


def test_no_crops_no_prototype():
    assert make_prototype([unit(), unit()], [np.empty(0), np.empty(0)], 0.3) is None
    with pytest.raises(ValueError, match="no pictures"):
        Prototypes(RegionFinder(PlateDetector(), ColourEmbedder()), 0.3).of([("", [])])


@pytest.mark.parametrize(
    ("box", "margin", "size"),
    [
        ((10, 10, 30, 30), 0.0, (20, 20)),
        ((10, 10, 30, 30), 0.25, (30, 30)),
        ((0, 0, 20, 20), 0.5, (30, 30)),
        ((80, 30, 90, 40), 1.0, (20, 20)),
        ((50, 20, 50, 20), 0.1, (1, 1)),
    ],
)
def test_crops_stay_in_the_picture(box, margin, size):
    assert crop(picture("red"), np.array(box, float), margin).size == size
