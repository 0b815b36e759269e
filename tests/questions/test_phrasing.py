import dataclasses
import datetime as dt

import pytest

from nest_builder.questions.phrasing import Subject, ask, signatures

K3 = Subject(
    key="vantor k3/product", name="Vantor K3", aliases=("K3",), hypernym="drone", category="novel", role="",
    maker="Vantor",
    launched=dt.date(2025, 8, 12), first_seen=dt.date(2025, 8, 14), bare=False,
)  # fmt: skip
ADA = Subject(
    key="ada okoro/person", name="Ada Okoro", aliases=("Okoro",), hypernym="person", category="emerging",
    role="mayor of Harwick",
    maker="", launched=dt.date(2025, 8, 1), first_seen=dt.date(2025, 8, 1), bare=True,
)  # fmt: skip
ATLAS = dataclasses.replace(K3, category="emerging", hypernym="car", role="winner of the Coastal Rally", maker="")
AS_OF = dt.date(2025, 9, 3)
PICKS = range(0, 120, 7)


@pytest.mark.parametrize("pick", PICKS)
def test_a_novel_thing_is_asked_for_by_name_and_by_what_is_new_about_it(pick: int) -> None:
    named, described = ask(K3, AS_OF, pick)
    assert named.names_target
    assert "the Vantor K3" in named.text
    assert not described.names_target
    assert "K3" not in described.text
    assert all(word in described.text for word in ("drone", "Vantor", "August 2025"))


@pytest.mark.parametrize("pick", PICKS)
@pytest.mark.parametrize("subject", [ADA, ATLAS])
def test_an_emerging_ones_holder_is_asked_for_without_a_name(subject: Subject, pick: int) -> None:
    questions = ask(subject, AS_OF, pick)
    assert len({question.text for question in questions}) == 2
    for question in questions:
        assert subject.role in question.text
        assert subject.name not in question.text
        assert not question.names_target
        assert ("person" in question.text) or subject.hypernym in question.text or "Where" in question.text


def test_phrasings_vary_and_are_chosen_by_the_pick_alone() -> None:
    texts = [ask(ADA, AS_OF, pick)[0].text for pick in PICKS]
    assert len(set(texts)) >= 3
    assert texts == [ask(ADA, AS_OF, pick)[0].text for pick in PICKS]
    assert any("September 2025" in text for text in texts)


def test_signatures_say_what_a_question_could_mean() -> None:
    assert ("role", "mayor of harwick", "True") in signatures(ADA)
    assert ("made", "vantor", "drone", "August 2025") in signatures(K3)
    assert {kind for kind, *_ in signatures(dataclasses.replace(K3, maker=""))} == {"name"}
