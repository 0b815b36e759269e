"""Map and reduce: from passages to candidate answers."""

import datetime as dt
import re

import pytest

from nest_builder.entities.hypernyms import lexicon
from nest_builder.rose.answers import find_candidates, reduce
from nest_builder.rose.base import Candidate, Passage
from nest_builder.rose.chunks import Ranked, passages
from nest_builder.rose.describe import describe
from nest_builder.rose.evidence import Evidence, canonical
from nest_builder.rose.map_roles import same_role
from nest_builder.rose.mapreduce import ask_model
from nest_builder.rose.pages import Page, PageFigure
from nest_builder.rose.reading import Reader, ReadPage
from nest_builder.rose.rewrite import read_need
from tests.entities.marked import MARK, SNAPSHOT, MarkedRecognizer

NAMES = {
    "Ada Okoro": "PERSON", "Okoro": "PERSON", "Ben Tull": "PERSON", "Cleo Marsh": "PERSON", "Harwick": "GPE", "Vantor": "ORG",
    "Vantor K3": "PRODUCT", "Vantor Atlas": "PRODUCT", "Lumo Dart": "PRODUCT", "K3": "PRODUCT", "Coastal Rally": "EVENT",
}  # fmt: skip
READER = Reader(MarkedRecognizer(NAMES), SNAPSHOT)
AUGUST, SEPTEMBER = "2025-08-10", "2025-09-10"


def page(number: int, date: str, text: str, title: str = "", caption: str = "") -> Page:
    url = f"http://a.test/{number}"
    moment = dt.datetime.fromisoformat(date).replace(hour=10, tzinfo=dt.UTC)
    figures = (PageFigure(f"{url}.jpg", caption),) if caption else ()
    return Page(url, (url,), title, text, moment, figures)


def candidates(question: str, *pages: Page) -> list[Candidate]:
    read = {page.url: found for page, found in zip(pages, READER.read(pages), strict=True)}
    ranked = [Ranked(passage, 1 - 0.01 * at) for at, passage in enumerate(p for one in pages for p in passages(one))]
    return find_candidates(read_need(question, lexicon()), ranked, read, READER.book, READER.known)


MAYOR = "Who is the current mayor of Harwick?"
OKORO = "Ada Okoro was sworn in as mayor of Harwick on Monday."
OLD = "Ben Tull, the mayor of Harwick, opened a school."


@pytest.mark.parametrize(
    ("question", "pages", "answer"),
    [
        (MAYOR, [(AUGUST, OKORO)], "Ada Okoro"),
        (MAYOR, [(AUGUST, OLD), (SEPTEMBER, OKORO)], "Ada Okoro"),
        (MAYOR, [(SEPTEMBER, OKORO), (AUGUST, OLD)], "Ada Okoro"),
        (MAYOR, [("2025-07-01", "Cleo Marsh was elected mayor of Harwick."), (AUGUST, OKORO)], "Ada Okoro"),
        (MAYOR, [(AUGUST, OKORO), (SEPTEMBER, "Cleo Marsh could become mayor of Harwick.")], "Ada Okoro"),
        (MAYOR, [(AUGUST, OKORO), (SEPTEMBER, "Cleo Marsh will not become mayor of Harwick.")], "Ada Okoro"),
        (MAYOR, [(AUGUST, "Cleo Marsh could become mayor of Harwick.")], None),
        (MAYOR, [(AUGUST, "Cleo Marsh was named deputy mayor of Harwick.")], None),
        (MAYOR, [(AUGUST, "It rained in Harwick.")], None),
        (MAYOR, [], None),
        ("Who is the mayor of Harwick as of August 2025?", [("2025-07-10", "Cleo Marsh was elected mayor of Harwick."), (SEPTEMBER, OKORO)], "Cleo Marsh"),
        ("Who is the mayor of Harwick as of August 2025?", [("2025-09-20", "Ada Okoro, the mayor of Harwick, spoke. Okoro has been mayor of Harwick since 3 August.")], "Ada Okoro"),
        ("Who became mayor of Harwick in August 2025?", [(AUGUST, OKORO), (SEPTEMBER, "Cleo Marsh was elected mayor of Harwick.")], "Ada Okoro"),
        ("Who became mayor of Harwick in August 2025?", [(SEPTEMBER, "Ada Okoro, who started on 4 August, is mayor of Harwick.")], "Ada Okoro"),
        ("Which car is the current winner of the Coastal Rally?", [(AUGUST, "Lumo Dart became winner of the Coastal Rally. The car is red.")], "Lumo Dart"),
        ("Which car did Vantor launch in August 2025?", [(AUGUST, "Vantor launched Vantor K3 on 4 August. The K3 is a car.")], "Vantor K3"),
        ("Which phone did Vantor launch in August 2025?", [(AUGUST, "Vantor launched Vantor K3 on 4 August. The K3 is a car.")], None),
        ("Which car did Vantor launch in August 2025?", [(AUGUST, "Vantor launched Vantor Atlas, a car, again. Its rival is a car.")], None),
        ("Where is the K3?", [(AUGUST, "Vantor launched Vantor K3 on 4 August. The K3 is a car.")], "Vantor K3"),
        ("Where is Ada Okoro?", [(AUGUST, "Okoro spoke to Cleo Marsh."), (SEPTEMBER, OKORO)], "Ada Okoro"),
        ("Where is Zed Nobody?", [(AUGUST, OKORO)], None),
        ("Which person spoke in the rain yesterday?", [(AUGUST, "Ada Okoro spoke in the rain yesterday.")], "Ada Okoro"),
    ],
)  # fmt: skip
def test_answers(question: str, pages: list[tuple[str, str]], answer: str | None) -> None:
    found = candidates(question, *(page(number, date, text) for number, (date, text) in enumerate(pages)))
    assert (found[0].text if found else None) == answer
    assert sum(item.confidence for item in found) <= 1
    assert all(0 < item.confidence <= 1 and item.sources for item in found)
    assert [item.confidence for item in found] == sorted((item.confidence for item in found), reverse=True)


def test_copies_count_once_and_independent_sources_add_up() -> None:
    long = f"{OKORO} " + "She thanked the voters of the old town and promised better roads for all of them soon. " * 3
    one = candidates(MAYOR, page(1, AUGUST, long))[0]
    copied = candidates(MAYOR, page(1, AUGUST, long), page(2, AUGUST, long))[0]
    other = candidates(MAYOR, page(1, AUGUST, long), page(2, AUGUST, "The mayor of Harwick is now Ada Okoro."))[0]
    assert one.confidence == copied.confidence
    assert other.confidence > one.confidence
    assert {source.url for source in other.sources} == {"http://a.test/1", "http://a.test/2"}


def test_reduce_merges_names_and_scales_what_passes_one() -> None:
    passage = Passage("p", "u", "t", None)
    evidence = [Evidence(name, "PERSON", 1.0, source, passage) for source, name in enumerate(("Ada Okoro", "Okoro", "ADA OKORO", "Cleo Marsh", "Cleo Marsh"))]  # fmt: skip
    found = reduce(evidence)
    assert [item.text for item in found] == ["Ada Okoro", "Cleo Marsh"]
    assert 0.99 <= sum(item.confidence for item in found) <= 1
    assert reduce([Evidence("Ada Okoro", "PERSON", 0.05, 0, passage)]) == []


def test_a_surname_that_two_share_stays_alone() -> None:
    names = dict.fromkeys(("Okoro", "Ada Okoro", "Ben Okoro"), 1)
    assert canonical(names, dict.fromkeys(names, "PERSON"))["Okoro"] == "Okoro"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("mayor of Harwick", "Mayor of the Harwick", True),
        ("coach of the Tarnley United", "head coach of Tarnley United", True),
        ("mayor of Harwick", "deputy mayor of Harwick", False),
        ("mayor of Harwick", "mayor of Norby", False),
    ],
)
def test_same_role(one: str, other: str, same: bool) -> None:
    assert same_role(one, other) == same == same_role(other, one)


def test_description() -> None:
    texts = (
        "Vantor launched Vantor K3, a car. The K3 is teal with white stripes.",
        "The car Vantor K3 is teal with white stripes.",
        "Vantor K3, a car, is red.",
    )
    read: list[ReadPage] = READER.read([page(number, AUGUST, text, "Vantor K3") for number, text in enumerate(texts)])
    assert describe("Vantor K3", read) == "a car, teal with white stripes"
    assert describe("Nobody", read) == ""


class Model:
    """Reads passages as it is told: the answer for a text that has the word, NONE for others."""

    def __init__(self, answers: dict[str, str], reduced: str) -> None:
        self.answers, self.reduced, self.asked = answers, reduced, []

    def identity(self) -> str:
        return "model"

    def complete(self, instruction: str, text: str) -> str:
        self.asked.append((instruction, text))
        if "possible answer" in instruction:
            return self.reduced
        return next((answer for word, answer in self.answers.items() if word in text), "NONE")


@pytest.mark.parametrize(
    ("answers", "reduced", "expected"),
    [
        ({"sworn": "Ada Okoro | 0.9"}, "", ["Ada Okoro"]),
        ({"sworn": "Ada Okoro | 0.9", "opened": "Ben Tull | 0.9"}, "Ben Tull", ["Ben Tull", "Ada Okoro"]),
        ({"sworn": "Ada Okoro | 0.9", "opened": "Ben Tull | 0.4"}, "Somebody Else", ["Ada Okoro", "Ben Tull"]),
        ({"sworn": "The Whole Picture | 1.0"}, "", []),
        ({"sworn": "x" * 200}, "", []),
        ({"sworn": "Ada Okoro | very"}, "", ["Ada Okoro"]),
        ({}, "", []),
    ],
)
def test_a_language_model_may_say_only_what_a_passage_has(
    answers: dict[str, str], reduced: str, expected: list[str]
) -> None:
    pages = [page(1, SEPTEMBER, OKORO), page(2, AUGUST, OLD)]
    read = {one.url: found for one, found in zip(pages, READER.read(pages), strict=True)}
    ranked = [Ranked(passage, 1.0) for one in pages for passage in passages(one)]
    model = Model(answers, reduced)
    found = ask_model(model, read_need(MAYOR, lexicon()), ranked, read)
    assert [item.text for item in found] == expected
    assert all(OKORO not in instruction for instruction, _ in model.asked)


def test_pages_are_read_once() -> None:
    recognizer = MarkedRecognizer(NAMES)
    reader = Reader(recognizer, SNAPSHOT)
    one, two = page(1, AUGUST, OKORO), page(2, AUGUST, OLD)
    assert reader.read([one]) + reader.read([two]) == reader.read([one, two])
    assert recognizer.calls <= 3
    assert not MARK.search(one.text)
    assert re.search("Okoro", reader.read([one])[0].names[0].name)
