"""`nest bench rose` with fakes that know what they know: which figure stands where."""

import json

import numpy as np
import pytest
from PIL import Image

from nest_builder.bench import BENCHMARKS
from nest_builder.bench import rose as bench
from nest_builder.newsworld.questions import Asked
from nest_builder.rose.base import Candidate, Reference, Retrieval, Step
from nest_builder.rose.rose import Rose
from nest_builder.segmenters.base import Segmentation
from nest_builder.validate.control import Known

LEFT = np.arange(24)[None].repeat(16, 0) < 12
FULL = LEFT | True


def picture():
    return Image.new("RGB", (24, 16))


class Words:
    """Finds the left half where the text says so; else everything."""

    def __init__(self, name="words", word="left"):
        self.name, self.word = name, word

    def identity(self):
        return self.name

    def segment(self, images, texts):
        return [Segmentation(LEFT if self.word in text else FULL, "", 1.0) for text in texts]


class Irag:
    """Knows the answer to everything; counts how often it is asked."""

    def __init__(self):
        self.asked = 0

    def retrieve(self, queries):
        self.asked += len(queries)
        answer = Candidate("left", 1.0)
        return [
            Retrieval((answer,), answer, (Reference(one.image, "u", "p"),), Step("irag", "answered", "known")) if "who" in one.text
            else Retrieval((), None, (), Step("irag", "no answer", "nothing found"))
            for one in queries
        ]  # fmt: skip


class Tpe:
    def enhance(self, question, answer):
        return f"{question} {answer.text}"


class Vpe:
    """Mends every mask."""

    def correct(self, cases):
        return [(Segmentation(LEFT, "", 1.0), Step("vpe", "corrected", "like the references")) for _ in cases]


class Sense:
    def decide(self, queries, base):
        return [
            Step("websense", "retrieve", "rule: asks who")
            if "who" in one.text
            else Step("websense", "skip", "rule: nothing new")
            for one in queries
        ]


def asked(text, kind, category):
    return Asked(picture(), text, LEFT, "Left" if kind == "nest" else "", (), kind, category, None)


QUESTIONS = [
    *(asked(f"who is new {number}", "nest", "novel") for number in range(3)),
    *(asked(f"who is mayor {number}", "nest", "emerging") for number in range(4)),
    asked("the left one", "referring", "known"), asked("the thing on the left", "reasoning", "known"),
]  # fmt: skip
KNOWN = [Known(picture(), "the left one", LEFT)] * 30


@pytest.fixture(scope="module")
def measured():
    irag = Irag()
    rose = Rose(Words(), Sense(), irag, Tpe(), Vpe())
    made = bench.measure(rose, {"lisa": rose.segmenter, "own": Words("own", "nothing")}, QUESTIONS, KNOWN, seed=1)
    return made, irag


def test_figures(measured):
    figures = measured[0].figures
    assert figures["static_known_giou"] == 1.0
    assert figures["static_overall_giou"] == figures["static_novel_giou"] == 0.5
    assert figures["search_overall_giou"] == figures["rose_overall_giou"] == 1.0  # the answer says it all
    assert figures["search_acc"] == 1.0
    assert (figures["known_over_novel"], figures["search_gain_novel"], figures["rose_over_search"]) == (0.5, 0.5, 0.0)
    assert (figures["lift_lisa"], figures["lift_own"], figures["own_known_giou"]) == (0.5, 0.5, 0.5)
    assert figures["websense_calls_saved"] == round(2 / 9, 4)
    assert (figures["websense_nest_loss"], figures["websense_rest_loss"]) == (0.0, 0.0)
    missing = {"lift_grounded_sam"}
    assert set(bench.TARGETS) - set(figures) == missing


def test_photographs_as_the_news_shows_them(measured):
    rose = Rose(Words(), Sense(), irag := Irag(), Tpe(), Vpe())
    nest = [one for one in QUESTIONS if one.kind == "nest"]
    added = bench.with_every_picture(measured[0], rose, nest, seed=1)
    new = {name: value for name, value in added.figures.items() if name not in measured[0].figures}
    assert new == {
        "every_picture_static_giou": 0.5,
        "every_picture_search_giou": 1.0,
        "every_picture_rose_giou": 1.0,
        "every_picture_rose_over_search": 0.0,
    }
    assert list(added.tables["every_picture"].rows) == ["static", "search", "rose"]
    assert irag.asked == len(nest)


def test_each_question_is_retrieved_once(measured):
    assert measured[1].asked == len(QUESTIONS)  # whatever the base, the parts and the system


def test_tables(measured):
    tables = measured[0].tables
    assert list(tables["main"].rows) == [
        "lisa, static", "lisa, search-only", "lisa + ROSE", "own, static", "own, search-only", "own + ROSE",
    ]  # fmt: skip
    assert list(tables["ablation"].rows) == list(bench.ABLATION)
    assert list(tables["plus"].rows) == ["static", "ROSE without WebSense", "ROSE"]
    assert tables["main"].rows["own + ROSE"]["novel gIoU"].value == 1.0
    assert measured[0].notes["websense"]["decisions"] == {"retrieve": 7, "skip": 2}


def test_files(measured, tmp_path):
    bench.write(measured[0].tables, tmp_path / "out")
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "tables.md",
        "tables.json",
        "main.svg",
        "ablation.svg",
        "plus.svg",
    }
    content = json.loads((tmp_path / "out" / "tables.json").read_text())
    assert content["ablation"]["rows"]["none"]["overall gIoU"] == [0.5, 0.5, 0.5]
    assert "| lisa + ROSE | 100.0 (100.0–100.0) |" in (tmp_path / "out" / "tables.md").read_text()


def test_without_websense_its_figures_are_missing_and_its_targets_not_met():
    rose = Rose(Words(), None, Irag(), Tpe(), Vpe())
    figures = bench.measure(rose, {"lisa": rose.segmenter}, QUESTIONS, KNOWN, seed=1).figures
    assert "websense_calls_saved" not in figures


def test_the_user_s_own_segmenter_is_the_example():
    assert bench.own_segmenter().identity() == "salient-1"
    assert "rose" in BENCHMARKS
