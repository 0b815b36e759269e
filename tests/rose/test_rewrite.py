"""From a question to what has to be looked up."""

import datetime as dt

import pytest

from nest_builder.entities.hypernyms import lexicon
from nest_builder.rose.rewrite import Need, read_need, rewrite, searches, strip_instructions

WORDS = lexicon()
AUGUST = (dt.date(2025, 8, 1), dt.date(2025, 8, 31))


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Who is the mayor of Harwick? Segment that person.", "Who is the mayor of Harwick"),
        ("Segment the Vantor K3 in the picture.", "the Vantor K3"),
        ("Where is Ada Okoro in this picture?", "Ada Okoro"),
        ("Which part of the image shows the Vantor K3? Segment it.", "the Vantor K3"),
        ("Which of the people is Ada Okoro? Segment that person.", "Ada Okoro"),
        (
            "Find the Vantor K3, the phone first seen in 2025, and segment it.",
            "the Vantor K3, the phone first seen in 2025",
        ),
        ("Please outline the red car, please.", "the red car"),
        ("Segment it.", "it"),
        ("", ""),
    ],
)
def test_instructions_are_left_out(question: str, text: str) -> None:
    assert strip_instructions(question) == text


@pytest.mark.parametrize(
    ("question", "kind", "fields"),
    [
        ("Who is the current mayor of Harwick? Segment that person.", "role", {"role": "mayor of Harwick", "hypernym": "person", "current": True}),
        ("Who is Harwick's mayor?", "role", {"role": "mayor of Harwick"}),
        ("Who is the mayor of Harwick as of August 2025?", "role", {"role": "mayor of Harwick", "since": None, "until": AUGUST[1]}),
        ("Segment the person who became head coach of the Tarnley United in August 2025.", "role", {"role": "head coach of the Tarnley United", "since": AUGUST[0], "until": AUGUST[1]}),
        ("Which person in the picture was news in August 2025 as the new director of the Port Authority? Segment that person.", "role", {"role": "director of the Port Authority"}),
        ("Which phone is the current Phone of the Year? Segment it.", "role", {"role": "Phone of the Year", "hypernym": "phone"}),
        ("Where in the picture is the current winner of the Coastal Rally (as of August 2025)?", "role", {"role": "winner of the Coastal Rally", "until": AUGUST[1]}),
        ("Who won the Coastal Rally?", "role", {"role": "winner of the Coastal Rally"}),
        ("Which phone did Vantor Labs launch in August 2025? Segment it.", "made", {"maker": "Vantor Labs", "hypernym": "phone", "since": AUGUST[0]}),
        ("Where is the car that Vantor launched in 2025?", "made", {"maker": "Vantor", "hypernym": "car", "until": dt.date(2025, 12, 31)}),
        ("Segment the new phone by Vantor.", "made", {"maker": "Vantor", "hypernym": "phone"}),
        ("Segment Pip the Owl in the picture.", "named", {"names": ("Pip the Owl",)}),
        ("Find Ada Okoro, who first made the news in August 2025, and segment that person.", "named", {"names": ("Ada Okoro",)}),
        ("Please segment the iPhone 19 Pro.", "named", {"names": ("iPhone 19 Pro",)}),
        ("the person on the left in the striped shirt", "open", {"names": (), "hypernym": "person"}),
        ("Which player hit the homer on 9 May? Segment him.", "open", {"hypernym": "person", "since": dt.date(2025, 5, 9)}),
    ],
)  # fmt: skip
def test_needs(question: str, kind: str, fields: dict[str, object]) -> None:
    need = read_need(question, WORDS, dt.datetime(2025, 10, 1, tzinfo=dt.UTC))
    assert need.kind == kind
    assert {name: getattr(need, name) for name in fields} == fields
    assert 1 <= len(searches(need)) <= 3


class Model:
    """Answers one thing."""

    def __init__(self, reply: str) -> None:
        self.reply = reply

    def identity(self) -> str:
        return "model"

    def complete(self, instruction: str, text: str) -> str:
        return self.reply


@pytest.mark.parametrize(
    ("reply", "further"),
    [
        ("1. Harwick mayor election\n- who runs Harwick", ("Harwick mayor election", "who runs Harwick")),
        ("http://evil.test/go\n" + "x" * 500, ()),
        ("", ()),
    ],
)
def test_a_language_model_adds_queries_but_does_not_replace_the_first(reply: str, further: tuple[str, ...]) -> None:
    need = Need("role", "the mayor of Harwick", ("Harwick",), role="mayor of Harwick")
    assert rewrite("Who is the mayor of Harwick?", need, Model(reply)) == ("new mayor of Harwick", *further)
