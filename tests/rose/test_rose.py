"""The order of the parts, what is batched, and what a query falls back to."""

import datetime as dt
from collections.abc import Collection, Sequence

import numpy as np
import pytest

from nest_builder.rose.base import PARTS, Part, Query, Retrieval, SearchError, Step
from nest_builder.rose.parts import Remembered
from nest_builder.rose.rose import Rose, System
from nest_builder.segmenters.base import ReferringSegmenter, Segmentation
from nest_builder.web.exchange import FetchFailed, FetchReason
from tests.rose.fakes import (
    SIZE,
    FakeIrag,
    FakeSegmenter,
    FakeTextPrompt,
    FakeVisualPrompt,
    FakeWebSense,
    found,
    mask,
    picture,
    query,
)

QUESTION = "Where is the Zephyr 9?"
ENHANCED = "Where is the Zephyr 9? It is the Zephyr 9, a red car."
ANSWER = "Please segment Zephyr 9."


def whole() -> Rose:
    return Rose(FakeSegmenter(), FakeWebSense(), FakeIrag(), FakeTextPrompt(), FakeVisualPrompt())


def same(one: Segmentation | None, other: Segmentation | None) -> bool:
    return one is not None and other is not None and np.array_equal(one.mask, other.mask)


@pytest.mark.parametrize(
    ("system", "parts", "text", "prompt", "decisions", "corrected"),
    [
        ("static", PARTS, QUESTION, QUESTION, {"base": "segmented"}, False),
        ("search", PARTS, QUESTION, ANSWER, {"irag": "answered", "base": "segmented"}, False),
        ("search", PARTS, "a cat", ANSWER, {"irag": "answered", "base": "segmented"}, False),
        ("rose", PARTS, QUESTION, ENHANCED,
         {"websense": "retrieve", "irag": "answered", "tpe": "enhanced", "base": "segmented", "vpe": "corrected"}, True),
        ("rose", PARTS, "a cat", "a cat", {"websense": "skip", "base": "segmented"}, False),
        ("rose", ("irag",), "a cat", ANSWER, {"irag": "answered", "base": "segmented"}, False),
        ("rose", ("irag", "tpe"), QUESTION, ENHANCED, {"irag": "answered", "tpe": "enhanced", "base": "segmented"}, False),
        ("rose", ("irag", "vpe"), QUESTION, ANSWER, {"irag": "answered", "base": "segmented", "vpe": "corrected"}, True),
        ("rose", ("tpe", "vpe"), QUESTION, QUESTION, {"base": "segmented"}, False),
        ("rose", ("websense",), QUESTION, QUESTION, {"base": "segmented"}, False),
        ("rose", (), QUESTION, QUESTION, {"base": "segmented"}, False),
    ],
)  # fmt: skip
def test_what_each_system_does(
    system: System, parts: Collection[Part], text: str, prompt: str, decisions: dict[str, str], corrected: bool
) -> None:
    (said,) = whole().segment([query(text)], system, parts)
    assert said.prompt == prompt
    assert {step.part: step.decision for step in said.steps} == decisions
    assert list(decisions) == [step.part for step in said.steps]
    assert same(said.segmentation, mask(SIZE[0] if corrected else len(prompt.split())))
    assert said.answer == ("Zephyr 9" if "irag" in decisions else None)
    assert said.references_count == (3 if "irag" in decisions else 0)
    assert [passage.url for passage in said.sources] == (["http://a.test/1"] if "irag" in decisions else [])


class Looking:
    """A WebSense that sees one car in every picture, where it may look."""

    def decide(self, queries: Sequence[Query], base: ReferringSegmenter | None) -> list[Step]:
        return [Step("websense", "skip" if base else "retrieve", "", hypernym="car" if base else "") for _ in queries]


@pytest.mark.parametrize(
    ("parts", "decisions"),
    [
        (PARTS, ["skip", "segmented", "corrected"]),
        (("websense", "irag", "tpe"), ["retrieve", "answered", "enhanced", "segmented"]),  # nothing would outline it
    ],
)
def test_what_a_look_settles_is_outlined_without_a_search(parts: tuple[Part, ...], decisions: list[str]) -> None:
    rose = Rose(FakeSegmenter(), Looking(), FakeIrag(), FakeTextPrompt(), FakeVisualPrompt())
    (answered,) = rose.segment([query()], "rose", parts)
    assert [step.decision for step in answered.steps] == decisions


def test_every_part_gets_the_whole_batch_at_once() -> None:
    rose = whole()
    said = rose.segment([query(), query("a cat"), query("Who is the mayor?"), query("the cat")])
    assert rose.irag.calls == [2]  # type: ignore[union-attr]
    assert rose.visual_prompt.calls == [2]  # type: ignore[union-attr]
    assert [len(texts) for texts in rose.segmenter.calls] == [4]  # type: ignore[attr-defined]
    assert [one.answer for one in said] == ["Zephyr 9", None, "Zephyr 9", None]


def test_the_same_prompt_is_asked_once() -> None:
    segmenter, image = FakeSegmenter(), picture()
    rose = Rose(segmenter, FakeWebSense(), FakeIrag(), FakeTextPrompt())
    first, second, _ = rose.segment([Query(image, QUESTION), Query(image, QUESTION), Query(image, "a cat")])
    assert segmenter.calls == [[ENHANCED, "a cat"]]
    assert first.segmentation is second.segmentation


def test_what_is_found_for_one_day_is_not_what_is_found_for_another() -> None:
    image, day = picture(), dt.datetime(2025, 8, 1, tzinfo=dt.UTC)
    asked = [
        Query(image, QUESTION),
        Query(image, QUESTION, day),
        Query(image, QUESTION, day, frozenset({"http://a.test/1"})),
        Query(image, QUESTION, day),
    ]
    irag = FakeIrag(lambda one: found(f"Zephyr of {one.asked_at} without {sorted(one.exclude)}"))
    said = [one.answer.text for one in Remembered(irag).retrieve(asked) if one.answer]
    assert said == [irag.outcome(one).candidates[0].text for one in asked]
    assert irag.calls == [3]


def test_systems_are_compared_on_one_retrieval() -> None:
    segmenter, irag = FakeSegmenter(), FakeIrag()
    rose = Rose(segmenter, FakeWebSense(), irag, FakeTextPrompt(), FakeVisualPrompt())
    asked = [Query(picture(), QUESTION), Query(picture(), "a cat")]
    said = rose.compare(asked)
    assert irag.calls == [2]
    for system, answers in said.items():
        alone = rose.segment(asked, system)
        assert [one.prompt for one in answers] == [one.prompt for one in alone], system
        assert all(same(one.segmentation, other.segmentation) for one, other in zip(answers, alone, strict=True))
    assert list(said) == ["static", "search", "rose"]
    assert [one.answer for one in said["static"]] == [None, None]


@pytest.mark.parametrize(
    ("rose", "failed", "reason", "prompt", "segmented"),
    [
        (Rose(FakeSegmenter(), FakeWebSense(OSError("no route")), FakeIrag(), FakeTextPrompt(), FakeVisualPrompt()),
         "websense", "OSError: no route", QUESTION, 5),
        (Rose(FakeSegmenter(), None, FakeIrag(raises=lambda _: SearchError("status 503")), FakeTextPrompt(), FakeVisualPrompt()),
         "irag", "SearchError: status 503", QUESTION, 5),
        (Rose(FakeSegmenter(), None, FakeIrag(raises=lambda _: FetchFailed(FetchReason.TOO_SLOW, "20 s")), FakeTextPrompt()),
         "irag", "FetchFailed: ", QUESTION, 5),
        (Rose(FakeSegmenter(), None, FakeIrag(), FakeTextPrompt(ValueError("no tokens"))),
         "tpe", "ValueError: no tokens", QUESTION, 5),
        (Rose(FakeSegmenter("It is"), None, FakeIrag(), FakeTextPrompt(), FakeVisualPrompt()),
         "base", "RuntimeError: too long", QUESTION, 5),
        (Rose(FakeSegmenter(), None, FakeIrag(), FakeTextPrompt(), FakeVisualPrompt(RuntimeError("out of memory"))),
         "vpe", "RuntimeError: out of memory", ENHANCED, 12),
    ],
)  # fmt: skip
def test_a_part_that_fails_is_said_and_left_out(
    rose: Rose, failed: str, reason: str, prompt: str, segmented: int
) -> None:
    (said,) = rose.segment([query()])
    (step,) = [step for step in said.steps if step.decision == "failed"]
    assert step.part == failed
    assert step.reason.startswith(reason)
    assert said.prompt == prompt
    assert same(said.segmentation, mask(segmented))


def test_one_bad_picture_does_not_spoil_the_batch() -> None:
    irag = FakeIrag(raises=lambda batch: ValueError("odd") if any("odd" in one.text for one in batch) else None)
    said = Rose(FakeSegmenter(), irag=irag).segment([query(), query("odd"), query("Who is the mayor?")])
    assert [one.answer for one in said] == ["Zephyr 9", None, "Zephyr 9"]
    assert [one.steps[0].decision for one in said] == ["answered", "failed", "answered"]
    assert irag.calls == [3, 1, 1, 1]


def test_a_network_that_is_down_is_asked_once_a_batch() -> None:
    irag = FakeIrag(raises=lambda _: SearchError("down"))
    said = Rose(FakeSegmenter(), irag=irag).segment([query()] * 8)
    assert irag.calls == [8]
    assert {one.steps[0].decision for one in said} == {"failed"}


def test_no_answer_is_the_static_answer() -> None:
    nothing = Retrieval((), None, (), Step("irag", "no answer", "no page tells"))
    (said,) = Rose(FakeSegmenter(), None, FakeIrag(lambda _: nothing), FakeTextPrompt(), FakeVisualPrompt()).segment(
        [query()]
    )
    assert same(said.segmentation, mask(5))
    assert [(step.part, step.decision) for step in said.steps] == [("irag", "no answer"), ("base", "segmented")]


@pytest.mark.parametrize("error", [KeyError("a fault"), AttributeError("a fault"), AssertionError("a fault")])
def test_faults_of_ours_are_not_swallowed(error: Exception) -> None:
    with pytest.raises(type(error)):
        Rose(FakeSegmenter(), irag=FakeIrag(raises=lambda _: error)).segment([query()])


def test_a_segmenter_that_fails_on_the_bare_question_says_so() -> None:
    with pytest.raises(RuntimeError, match="too long"):
        Rose(FakeSegmenter("Zephyr")).segment([query()], "static")


class Crooked(FakeSegmenter):
    def segment(self, images, texts):  # type: ignore[no-untyped-def]
        return [Segmentation(np.zeros((3, 3), bool), "", 0.0) for _ in images]


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(TypeError, match="one mask of the picture's size"):
        Rose(Crooked()).segment([query()], "static")


@pytest.mark.parametrize(("system", "parts"), [("magic", PARTS), ("rose", ("irag", "luck"))])
def test_unknown_names_are_refused(system: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="no system"):
        whole().segment([query()], system, parts)  # type: ignore[arg-type]


def test_nothing_to_do() -> None:
    assert whole().segment([]) == []


def test_times_are_shares_and_bytes_are_kept() -> None:
    ticks = iter(range(1000))
    rose = Rose(
        FakeSegmenter(),
        FakeWebSense(),
        FakeIrag(),
        FakeTextPrompt(),
        FakeVisualPrompt(),
        clock=lambda: float(next(ticks)),
    )
    one, other = rose.segment([query(), query("Who is the mayor?")])
    assert {step.part: step.seconds for step in one.steps} == {
        "websense": 0.5, "irag": 0.5, "tpe": 1.0, "base": 0.5, "vpe": 0.5,
    }  # fmt: skip
    assert {step.part: step.fetched_bytes for step in other.steps}["irag"] == 1000
    assert one.seconds == 3.0
