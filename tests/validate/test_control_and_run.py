"""The control set, and samples through every system with fakes that know what they know."""

import datetime as dt

import numpy as np
import pytest
from PIL import Image

from nest_builder.rose.base import Query, Retrieval, SearchError, Step
from nest_builder.rose.rose import Rose
from nest_builder.segmenters.base import Segmentation
from nest_builder.validate.control import Known, check
from nest_builder.validate.run import Case, Validator
from nest_builder.validate.verdicts import Rule
from tests.rose.test_retrieval import GREY, MARSH, MAYOR, NOW, OKORO, DeadModel, Matching, SmallWeb, irag

RED, BLUE = (220, 20, 20), (20, 20, 220)


def picture(width=24, height=16):
    """Return a picture with a red and a blue half, and the masks of both."""
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (0, 0, width // 2, height))
    red = np.asarray(image)[..., 0] > 100
    return image, {"red": red, "blue": ~red, "green": red & False}


class KnowsColours:
    """Segments the colour that a text names, as far as it knows it."""

    def __init__(self, *known, name="knows colours"):
        self.known, self.name, self.calls = known, name, 0

    def identity(self):
        return self.name

    def segment(self, images, texts):
        self.calls += 1
        return [self._one(image, text) for image, text in zip(images, texts, strict=True)]

    def _one(self, image, text):
        pixels = np.asarray(image)
        found = {"red": pixels[..., 0] > 100, "blue": pixels[..., 2] > 100}
        mask = next((found[colour] for colour in self.known if colour in text), np.zeros(pixels.shape[:2], bool))
        return Segmentation(mask, "", 1.0)


class Broken(KnowsColours):
    def segment(self, images, texts):
        raise RuntimeError("size mismatch for mm_projector")


class Missing(KnowsColours):
    def segment(self, images, texts):
        raise OSError("no file model.safetensors")


class WrongSize(KnowsColours):
    def segment(self, images, texts):
        return [Segmentation(np.ones((3, 3), bool), "", 1.0) for _ in images]


def known(count=40):
    return [
        Known(image, f"the {colour} half", masks[colour])
        for image, masks in [picture()] * (count // 2)
        for colour in ("red", "blue")
    ]


@pytest.mark.parametrize(
    ("segmenter", "floor", "giou", "reason"),
    [
        (KnowsColours("red", "blue"), 0.6, 1.0, ""),
        (KnowsColours("red"), 0.4, 0.5, ""),
        (KnowsColours("red"), 0.6, 0.5, "gIoU of 0.500 on 40 questions about known entities, under the floor of 0.6"),
        (Broken(), 0.6, None, "RuntimeError: size mismatch for mm_projector"),
        (WrongSize(), 0.6, None, "cannot answer the control set"),
    ],
)
def test_control(segmenter, floor, giou, reason):
    control = check(segmenter, known(), floor)
    assert (control.giou.value if control.giou else None) == giou
    assert reason in control.reason
    assert control.passed is (reason == "")


def test_a_small_control_set_is_none():
    with pytest.raises(ValueError, match="at least 30 questions, not 10"):
        check(KnowsColours("red"), known(10))


class TellsColour:
    """Stands for ROSE: the search puts a colour into the question; ROSE also finds what the base cannot."""

    def __init__(self, segmenter, searched, found):
        self.segmenter, self.searched, self.found = segmenter, searched, found
        self.inner = Rose(segmenter)
        self.asked = []

    def compare(self, queries, systems):
        self.asked += queries
        words = {"search": self.searched, "rose": self.found}
        return {
            system: self.inner.segment(
                [Query(one.image, words.get(system, one.text), one.asked_at, one.exclude) for one in queries], "static"
            )
            for system in systems
        }


@pytest.mark.parametrize(
    ("question", "searched", "found", "label"),
    [
        ("the red one", "blue", "blue", "solved_by_static"),
        ("what Vantor made", "red", "red", "solved_by_search"),
        ("what Vantor made", "blue", "red", "solved_by_rose"),
        ("what Vantor made", "blue", "blue", "unsolved"),
    ],
)
def test_who_solves_a_sample(question, searched, found, label):
    image, masks = picture()
    rose = TellsColour(KnowsColours("red", "blue"), searched, found)
    when, own = dt.datetime(2025, 8, 1, tzinfo=dt.UTC), frozenset({"http://a.test/own"})
    (verdict,) = Validator([rose], known()).validate([Case(image, question, masks["red"], when, own)])
    assert verdict.label == label
    assert len(verdict.attempts) == 9  # three systems, three paraphrases
    assert {(one.asked_at, one.exclude) for one in rose.asked} == {(when, own)}


def test_a_negative_is_right_when_nothing_is_found():
    image, masks = picture()
    rose = TellsColour(KnowsColours("red", "blue"), "green", "green")
    cases = [Case(image, "the green half", masks["green"]), Case(image, "the red half", masks["green"])]
    assert [one.label for one in Validator([rose], known()).validate(cases)] == ["solved_by_static", "solved_by_search"]


@pytest.mark.parametrize("broken", [Broken(name="shuffled"), KnowsColours(name="shuffled")])
def test_a_broken_static_model_gives_no_verdict(broken):
    image, masks = picture()
    good = TellsColour(KnowsColours("red", "blue"), "red", "red")
    validator = Validator([good, TellsColour(broken, "red", "red")], known())
    verdicts = validator.validate([Case(image, "x", masks["red"])] * 3)
    assert {one.label for one in verdicts} == {None}
    assert all("shuffled" in one.reason and one.attempts == () for one in verdicts)
    assert good.asked == []  # nothing is spent on samples
    assert [control.passed for control in validator.controls()] == [True, False]


def test_the_control_set_is_asked_once():
    image, masks = picture()
    base = KnowsColours("red", "blue")
    validator = Validator([TellsColour(base, "red", "red")], known(), Rule(), ways=1)
    validator.validate([Case(image, "red", masks["red"])])
    calls = base.calls
    validator.validate([Case(image, "red", masks["red"])])
    assert base.calls == calls + 3


@pytest.mark.parametrize(("systems", "count", "why"), [(0, 40, "at least one base"), (1, 28, "at least 30 questions")])
def test_what_is_no_sample_s_fault_is_said_before_any_is_asked(systems, count, why):
    with pytest.raises(ValueError, match=why):
        Validator([TellsColour(KnowsColours("red"), "red", "red")] * systems, known(count))


DOWN = Step("irag", "failed", "no answer in 3 s", lost="no search: no answer in 3 s")
HALF = Step("irag", "no answer", "0 pages", lost="no picture search: status 503")
STEPS = {
    "none": (Step("irag", "no answer", "nothing found"), "unsolved", "", ""),
    "down": (DOWN, None, "irag: no search: no answer in 3 s", "service"),
    "half": (HALF, None, "irag: no picture search: status 503", "service"),
    "odd": (Step("irag", "failed", "RuntimeError: no tokens"), None, "irag: RuntimeError: no tokens", "sample"),
}


class Each:
    """A retrieval that does with each question what it names."""

    def retrieve(self, queries):
        return [Retrieval((), None, (), STEPS[one.text][0]) for one in queries]


def test_what_a_part_did_not_do_proves_nothing_and_whose_fault_it_is():
    image, masks = picture()
    validator = Validator([Rose(KnowsColours("red", "blue"), irag=Each())], known(), ways=1)
    verdicts = validator.validate([Case(image, question, masks["red"]) for question in STEPS])
    said = [(one.label, one.reason, one.failure) for one in verdicts]
    assert said == [(label, reason, failure) for _, label, reason, failure in STEPS.values()]


class NoPictures(SmallWeb):
    """A search service that finds pages, but whose picture search is down."""

    def pictures(self, query, until, limit):
        raise SearchError("status 503")


class OnceOnly(SmallWeb):
    """A search service that goes down after its first answer."""

    def pages(self, query, until, limit):
        self.fails = self.asked > 0
        return super().pages(query, until, limit)


SHOWN = [OKORO, MARSH]


@pytest.mark.parametrize(
    ("web", "parts", "failure", "why"),
    [
        (SmallWeb([OKORO]), {}, "", ""),
        (SmallWeb([OKORO], fails=True), {}, "service", "the service is down"),
        (NoPictures([OKORO]), {}, "service", "status 503"),
        (OnceOnly([OKORO]), {}, "service", "no search: the service is down"),
        (SmallWeb([OKORO]), {"language": DeadModel()}, "service", "no model there"),
        (SmallWeb(SHOWN), {"visual": Matching(OSError("no route"))}, "service", "not compared with the picture"),
        # A model that cannot work on this picture will not the next time either: the most confident answer stands.
        (SmallWeb(SHOWN), {"visual": Matching(RuntimeError("shapes"))}, "", ""),
    ],
)
def test_half_a_retrieval_proves_nothing(web, parts, failure, why):
    rose = Rose(KnowsColours("red", "blue"), irag=irag(web, **parts))
    nothing = np.zeros((GREY.height, GREY.width), bool)
    (verdict,) = Validator([rose], known(), ways=1).validate([Case(GREY, MAYOR, nothing, NOW)])
    assert verdict.failure == failure
    assert (verdict.label is None) is bool(failure)
    assert why in verdict.reason
