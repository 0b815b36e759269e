import dataclasses

import pytest

from nest_builder.entities.hypernyms import lexicon
from nest_builder.questions.checks import fault, giveaways, mentions
from nest_builder.questions.phrasing import Question, Subject
from nest_builder.reasons import Reason
from tests.questions.test_phrasing import ADA, K3

ROLE = ("role", "mayor of harwick", "True")
TEXT = "Ada Okoro was elected mayor of Harwick."


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("They tested the K-3, a drone.", ["K3"], True),
        ("Okoro's speech was short.", ["Ada Okoro", "Okoro"], True),
        ("The Okoros came.", ["Okoro"], False),
        ("An okra soup", ["Ok"], False),
        ("Anything", [""], False),
    ],
)
def test_names_are_looked_for_as_whole_words(text: str, names: list[str], expected: bool) -> None:
    assert mentions(text, names) is expected


TOWER = dataclasses.replace(K3, name="Kestrel Tower", aliases=("Kestrel", "Tower"), hypernym="tower")


@pytest.mark.parametrize(
    ("subject", "label", "expected"),
    [
        (K3, "PRODUCT", {"Vantor K3", "K3"}),
        (ADA, "PERSON", {"Ada Okoro", "Okoro", "Ada"}),
        (TOWER, "FAC", {"Kestrel Tower", "Kestrel"}),
    ],
)
def test_plain_words_give_nothing_away(subject: Subject, label: str, expected: set[str]) -> None:
    assert set(giveaways(subject, label, lexicon())) == expected


@pytest.mark.parametrize(
    ("question", "names_target", "support", "others", "expected"),
    [
        ("Who is the current mayor of Harwick?", False, TEXT, (), None),
        ("Who is the current mayor of Harwick?", False, "She was elected.", (), Reason.ANSWER_NOT_IN_ARTICLE),
        ("Which Okoro is the mayor of Harwick?", False, TEXT, (), Reason.NAMED_IN_QUESTION),
        ("Segment Ada Okoro.", True, TEXT, (), None),
        ("Who is the current mayor of Harwick?", False, TEXT, ("ben tull/person",), Reason.SEVERAL_TARGETS),
    ],
)
def test_faulty_questions_are_named(
    question: str, names_target: bool, support: str, others: tuple[str, ...], expected: Reason | None
) -> None:
    holders = {ROLE: frozenset({ADA.key, *others})}
    assert fault(Question(question, ROLE, names_target), ADA, ["Ada Okoro", "Okoro"], support, holders) is expected
