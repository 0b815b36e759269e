"""WebSense: what is looked up and what is not, and why."""

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PIL import Image

from nest_builder.config import EntitySettings
from nest_builder.entities.knowledge import SnapshotKnowledge, load_knowledge
from nest_builder.newsworld.canon import build_canon
from nest_builder.newsworld.model import CUTOFF
from nest_builder.newsworld.names import MASCOTS
from nest_builder.newsworld.timeline import build_timeline
from nest_builder.questions.phrasing import Subject, ask
from nest_builder.rose.base import Query
from nest_builder.rose.websense import WebSense
from nest_builder.rose.websense_data import questions
from nest_builder.rose.websense_model import OpenQuestions, train
from nest_builder.segmenters.base import ReferringSegmenter
from tests.entities.marked import SNAPSHOT, MarkedRecognizer
from tests.rose.fakes import FakeSegmenter

PICTURE = Image.new("RGB", (8, 8))
NOTHING = SnapshotKnowledge([])


def query(text: str) -> Query:
    return Query(PICTURE, text)


class Model:
    """Answers one thing, or fails."""

    def __init__(self, reply: str | OSError) -> None:
        self.reply, self.asked = reply, 0

    def identity(self) -> str:
        return "model"

    def complete(self, instruction: str, text: str) -> str:
        self.asked += 1
        if isinstance(self.reply, OSError):
            raise self.reply
        return self.reply


@pytest.mark.parametrize(
    ("text", "decision", "reason"),
    [
        ("Who is the mayor of Harwick? Segment that person.", "retrieve", "may have changed"),
        ("Which car became winner of the Coastal Rally in August 2025?", "retrieve", "may have changed"),
        ("Who became mayor of Harwick in January 2020?", "skip", "before the knowledge cutoff"),
        ("Who became mayor of Norby in January 2020?", "retrieve", "may have changed"),
        ("Find Ada Okoro, who made the news in August 2025.", "retrieve", "August 2025"),
        ("Segment the latest car.", "retrieve", "'latest'"),
        ("Segment the Vantor K3.", "retrieve", "'Vantor K3' is not known"),
        ("Which car did Vantor launch? Segment it.", "retrieve", "'Vantor'"),
        ("Which car did Vantor launch in May 2019? Segment it.", "skip", "known"),
        ("Segment the Vantor Atlas in the picture.", "skip", "Vantor Atlas"),
        ("Which player hit the homer on 9 May? Segment him.", "retrieve", "a day"),
        ("the red car", "skip", "nothing in it"),
        ("Segment the person on the left in the striped shirt.", "skip", "nothing in it"),
        ("second car from the right", "skip", "nothing in it"),
        ("What can be used to tell the time? Segment it.", "skip", "nothing in it"),
        ("Which animal hunts mice at night?", "skip", "nothing in it"),
        ("", "skip", "nothing in it"),
        ("Which player won the match? Segment him.", "retrieve", "in doubt"),
    ],
)
def test_rules(text: str, decision: str, reason: str) -> None:
    step = WebSense(SNAPSHOT, CUTOFF).decide([query(text)])[0]
    assert (step.part, step.decision) == ("websense", decision), step.reason
    assert reason in step.reason


@pytest.mark.parametrize(
    ("reply", "decision"),
    [("KNOWN", "skip"), ("known.", "skip"), ("SEARCH", "retrieve"), ("Ignore that. KNOWN", "retrieve"), ("", "retrieve"), (OSError("down"), "retrieve")],
)  # fmt: skip
def test_a_language_model_settles_what_is_open(reply: str | OSError, decision: str) -> None:
    model = Model(reply)
    sense = WebSense(SNAPSHOT, CUTOFF, language=model)
    steps = sense.decide(
        [query("Which player won the match?"), query("the red car"), query("Who is the mayor of Harwick?")]
    )
    assert [step.decision for step in steps] == [decision, "skip", "retrieve"]
    assert steps[0].lost == ("no decision by the language model: down" if isinstance(reply, OSError) else "")
    assert model.asked == 1
    assert (sense.counts.asked, sense.counts.by_rules, sense.counts.by_level2) == (3, 2, 1)
    assert sense.counts.skipped == (2 if decision == "skip" else 1)


def test_without_a_snapshot_names_are_left_to_the_second_level() -> None:
    assert (
        WebSense(NOTHING, CUTOFF, language=Model("KNOWN")).decide([query("Segment Ada Okoro.")])[0].decision == "skip"
    )
    assert WebSense(NOTHING, CUTOFF).decide([query("Segment Ada Okoro.")])[0].decision == "retrieve"


def test_a_recogniser_finds_names_that_capitals_do_not_show() -> None:
    names = MarkedRecognizer({"Zephyr": "PRODUCT"})
    text = "Segment the zephyr beside Zephyr."
    assert "'Zephyr'" in WebSense(SNAPSHOT, CUTOFF, recognizer=names).decide([query(text)])[0].reason
    assert names.calls == 1


class Settled:
    """A glance that sees what it is told."""

    def __init__(self, settled: bool) -> None:
        self.told, self.nouns = settled, []

    def settled(
        self, images: Sequence[Image.Image], questions: Sequence[str], nouns: Sequence[str], base: ReferringSegmenter
    ) -> list[bool]:
        self.nouns += list(nouns)
        return [self.told] * len(images)


@pytest.mark.parametrize(
    ("settled", "base", "decision"),
    [(False, FakeSegmenter(), "retrieve"), (True, FakeSegmenter(), "skip"), (True, None, "retrieve")],
)
def test_what_the_base_finds_by_itself_is_not_looked_up(
    settled: bool, base: ReferringSegmenter | None, decision: str
) -> None:
    glance = Settled(settled)
    sense = WebSense(SNAPSHOT, CUTOFF, glance=glance)
    asked = [
        query("Which car did Vantor launch in August 2025?"),
        query("Segment the Vantor K3."),
        query("the red car"),
    ]
    steps = sense.decide(asked, base)
    assert [step.decision for step in steps] == [decision, "retrieve", "skip"]
    # A product's bare name does not say what to look for, and what is skipped anyway is not looked at.
    assert glance.nouns == (["car"] if base else [])
    assert [step.hypernym for step in steps] == ["car" if decision == "skip" else "", "", ""]
    assert sense.counts.by_glance == (decision == "skip")
    assert sense.counts.saved == (2 / 3 if decision == "skip" else 1 / 3)


@pytest.mark.parametrize(
    ("labels", "nouns"),
    [
        ({"Mira Voss": "PERSON"}, ["person"]),
        ({"Mira Voss": "PERSON", "Vantor K3": "PRODUCT"}, []),
        ({"Vantor K3": "PRODUCT"}, []),
    ],
)
def test_a_person_s_name_says_what_to_look_for(labels: dict[str, str], nouns: list[str]) -> None:
    glance = Settled(True)
    sense = WebSense(SNAPSHOT, CUTOFF, glance=glance, recognizer=MarkedRecognizer(labels))
    (step,) = sense.decide([query("Where is Mira Voss beside the Vantor K3?")], FakeSegmenter())
    assert (glance.nouns, step.hypernym) == (nouns, nouns[0] if nouns else "")


def nest(seed: int) -> Iterator[str]:
    """Every question that could be asked about what is new in a world."""
    timeline = build_timeline(build_canon(), seed)
    changes = {change.new: change for change in timeline.changes}
    for entity in timeline.entities.values():
        if entity.status == "known":
            continue
        change = changes.get(entity.key)
        bare = entity.type == "PERSON" or entity.category in MASCOTS
        day = change.day if change else entity.since
        subject = Subject(
            entity.key, entity.name, entity.aliases, entity.category, entity.status, change.role.plain if change else "",
            "" if bare else entity.maker, entity.since, day, bare,
        )  # fmt: skip
        for pick in range(12):
            for question in ask(subject, day + dt.timedelta(days=20), pick):
                yield question.text


def test_no_true_need_of_a_world_is_missed() -> None:
    sense = WebSense(load_knowledge(EntitySettings().snapshot), CUTOFF, classifier=OpenQuestions())
    texts = [text for seed in (0, 7) for text in dict.fromkeys(nest(seed))]
    missed = [(text, step.reason) for text, step in zip(texts, sense.decide([query(text) for text in texts]), strict=True) if step.decision == "skip"]  # fmt: skip
    assert len(texts) > 500
    assert missed == []


def test_the_classifier_was_trained_by_its_command_and_is_right_on_unseen_templates(tmp_path: Path) -> None:
    classifier = OpenQuestions()
    texts, needs = questions("test", 5)
    said = [classifier.belief(text) >= classifier.threshold for text in texts]
    missed = sum(need and not one for need, one in zip(needs, said, strict=True)) / sum(needs)
    needless = sum(one and not need for need, one in zip(needs, said, strict=True)) / (len(needs) - sum(needs))
    assert missed <= 0.15
    assert needless <= 0.15
    again = tmp_path / "websense.json"
    again.write_text(json.dumps(train(0).model_dump()))
    assert [round(OpenQuestions(again).belief(text), 2) for text in texts[:50]] == pytest.approx([classifier.belief(text) for text in texts[:50]], abs=0.03)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"features": 8, "weights": {"1": "x"}, "bias": 0, "threshold": 2, "trained": {}}',
        '{"features": 8, "weights": {"9": 1}, "bias": 0, "threshold": 0.5, "trained": {}}',
    ],
)
def test_weights_that_are_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "weights.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="no weights of WebSense"):
        OpenQuestions(path)
