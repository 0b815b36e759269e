import datetime as dt
import time

import pytest

from nest_builder.entities.claims import Rules, statements
from nest_builder.entities.hypernyms import lexicon
from nest_builder.entities.linking import link
from nest_builder.entities.roles import RoleBook
from tests.entities.marked import SNAPSHOT, parts

RULES = Rules(lexicon(), RoleBook(SNAPSHOT))
SAID = dt.date(2025, 8, 20)
ADA, BEN, K3, DART = "ada okoro/person", "ben tull/person", "vantor k3/product", "lumo dart/product"


def claims(*texts: str, captions: tuple[str, ...] = ()) -> set[tuple[str, str, str, str]]:
    found = statements(link(parts(*texts, captions=captions), SNAPSHOT), SAID, RULES)
    return {(one.key, one.relation, one.value, one.polarity) for one in found}


ADA_, BEN_, K3_ = "[Ada Okoro|PERSON]", "[Ben Tull|PERSON]", "[Vantor K3|PRODUCT]"
H, V = "[Harwick|GPE]", "[Vantor|ORG]"


@pytest.mark.parametrize(
    ("sentence", "key", "polarity"),
    [
        (f"{ADA_} was sworn in as mayor of {H} on Monday.", ADA, "stated"),
        (f"{ADA_}, a lawyer, was elected mayor of {H}, succeeding {BEN_}.", ADA, "stated"),
        (f"{ADA_} succeeds {BEN_} as {H}'s mayor.", ADA, "stated"),
        (f"{ADA_} took over as mayor of {H}.", ADA, "stated"),
        (f"The mayor of {H} is now {ADA_}.", ADA, "stated"),
        (f"{H}'s new mayor, {ADA_}, spoke.", ADA, "stated"),
        (f"{H} mayor {ADA_} cut a ribbon.", ADA, "stated"),
        (f"{BEN_} is no longer mayor of {H}. On Monday {ADA_} took over.", ADA, "stated"),
        (f"{ADA_} is said to be considering a bid to become mayor of {H}.", ADA, "rumoured"),
        (f"Will {ADA_} be the next mayor of {H}?", ADA, "rumoured"),
        (f"{ADA_} could become mayor of {H}.", ADA, "rumoured"),
        (f"{ADA_} will not become mayor of {H}.", ADA, "denied"),
        (f"An earlier version of this article said that {ADA_} had become mayor of {H}.", ADA, "denied"),
        (f"{BEN_} remains mayor of {H}, denying reports that {ADA_} would take over.", BEN, "stated"),
    ],
)
def test_offices_find_their_holder(sentence: str, key: str, polarity: str) -> None:
    held = {
        (k, p)
        for k, relation, value, p in claims("", sentence)
        if (relation, value) == ("holds_office", "mayor of Harwick")
    }
    assert (key, polarity) in held
    assert {k for k, p in held if p == "stated"} <= {key}


@pytest.mark.parametrize(
    "sentence",
    [
        f"{ADA_} met the former mayor of {H}.",
        f"“It is early,” said {ADA_} of the port authority. The mayor of {H} was absent.",
        f"{ADA_} added that she had followed the mayor of {H} on foot.",
    ],
)
def test_offices_of_others_are_not_claimed(sentence: str) -> None:
    assert not [claim for claim in claims("", sentence) if claim[0] == ADA and claim[1].startswith("holds")]


def test_the_day_since_which_a_role_is_held_is_kept() -> None:
    found = claims("", f"{ADA_} has been mayor of {H} since 12 August.")
    assert (ADA, "held_since", "2025-08-12 mayor of Harwick", "stated") in found


@pytest.mark.parametrize(
    "sentence",
    [
        "The [Lumo Dart|PRODUCT] was named winner of the [Coastal Rally|EVENT], ahead of [Vantor Atlas|PRODUCT].",
        "The winner of the [Coastal Rally|EVENT] is no longer [Vantor Atlas|PRODUCT]: "
        "[Lumo Dart|PRODUCT] won on 3 August.",
        "Cheers rang out: [Lumo Dart|PRODUCT], the car from [Lumo|ORG], "
        "is now the winner of the [Coastal Rally|EVENT].",
    ],
)
def test_titles_go_to_the_winner_and_not_to_the_beaten(sentence: str) -> None:
    held = {key for key, relation, _, _ in claims("", sentence) if relation == "holds_title"}
    assert held == {DART}


def test_winning_an_event_and_an_award() -> None:
    assert (ADA, "won", "winner of the Coastal Rally", "stated") in claims("", f"{ADA_} won the [Coastal Rally|EVENT].")
    award = claims("", "[Kestrel Tower|FAC] was named Landmark of the Year.")
    assert ("kestrel tower/building", "holds_title", "Landmark of the Year", "stated") in award


def test_a_hasty_caption_does_not_turn_a_rumour_into_a_fact() -> None:
    found = claims(f"{ADA_} said to be in line as mayor of {H}", captions=(f"Mayor of {H} {ADA_} in town.",))
    assert {p for key, relation, _, p in found if key == ADA and relation == "holds_office"} == {"rumoured"}


@pytest.mark.parametrize(
    ("sentence", "hypernym"),
    [
        (f"{K3_}, a small drone with four arms, flew.", "drone"),
        (f"The handset {K3_} is cheap.", "phone"),
        (f"{V} showed a new electric car on Monday: {K3_}.", "car"),
        (f"{K3_} is {V}'s new sailing yacht.", "boat"),
        (f"The first to see {K3_} on Saturday, a small bag with which {V} hopes to win, were many.", "bag"),
        (f"{V} launched {K3_}, describing it as the most practical shoe it has ever built.", "shoe"),
    ],
)
def test_what_a_thing_is(sentence: str, hypernym: str) -> None:
    assert (K3, "is_a", hypernym, "stated") in claims("", sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        f"{V} showed {K3_} on Monday, a day after a rival's new phone came out.",
        f"{V} showed {K3_} and called off the party for its camera.",
    ],
)
def test_what_a_thing_is_not_said_to_be(sentence: str) -> None:
    assert not [claim for claim in claims("", sentence) if claim[:2] == (K3, "is_a")]


@pytest.mark.parametrize(
    ("sentence", "value"),
    [
        (f"{V} on Monday unveiled the {K3_}.", ""),
        (f"The {K3_} was launched on 12 August.", "2025-08-12"),
        (f"{V} launched the {K3_} in March 2021.", "2021-03-01"),
        (f"{K3_} makes its debut in {H}.", ""),
        (f"Meet {K3_}, the new drone.", ""),
        (f"{K3_} is made in {H}, where a second hall was opened in 2017.", None),
    ],
)
def test_launches_and_their_days(sentence: str, value: str | None) -> None:
    found = {v for key, relation, v, _ in claims("", sentence) if (key, relation) == (K3, "launched")}
    assert found == (set() if value is None else {value})


def test_makers_and_rumoured_launches() -> None:
    assert (K3, "made_by", "Vantor", "stated") in claims("", f"{V} has unveiled the {K3_}.")
    assert (K3, "launched", "", "rumoured") in claims("", f"The {K3_} will reportedly be unveiled soon.")


@pytest.mark.parametrize(
    ("texts", "key", "value"),
    [
        ((f"{K3_} tested", "The drone itself is teal, with white stripes and marked with a star."), K3,
         "teal, with white stripes and marked with a star"),
        (("", f"{ADA_}, in a green coat, smiled."), ADA, "green coat"),
        (("", f"{ADA_} spoke. She wore a striped red jacket and white trousers."), ADA,
         "striped red jacket and white trousers"),
        (("", f"{BEN_} stayed away. {ADA_} (in blue) waved."), ADA, "blue"),
        (("", f"{K3_} came to the [Golden Cup|EVENT]."), K3, None),
        (("", f"{ADA_} spoke about green energy."), ADA, None),
    ],
)  # fmt: skip
def test_looks_go_to_whom_they_describe(texts: tuple[str, ...], key: str, value: str | None) -> None:
    looks = {(k, v) for k, relation, v, _ in claims(*texts) if relation == "looks"}
    assert looks == (set() if value is None else {(key, value)})


def test_newcomers() -> None:
    found = claims("", "Nobody had heard of [Mira Senn|PERSON] a month ago.")
    assert ("mira senn/person", "debut", "", "stated") in found


@pytest.mark.parametrize(
    "text",
    [
        "in " * 6000, "A-" * 9000, "the new " * 2500, "x" * 20_000, "Will " * 4000, "a green " * 2500,
        "⟨0p⟩ is mayor of ⟨99g⟩. ⟦7⟧",
        "[Ada Okoro|PERSON] " * 900, "[Ada Okoro|PERSON] is the " * 700,
        "1 August " * 2000, "[Vantor|ORG] launched " * 800,
    ],
)  # fmt: skip
def test_hostile_texts_are_read_in_bounded_time(text: str) -> None:
    started = time.perf_counter()
    statements(link(parts("[Ada Okoro|PERSON]", text), SNAPSHOT), SAID, RULES)
    assert time.perf_counter() - started < 5
