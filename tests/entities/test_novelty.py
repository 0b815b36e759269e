import datetime as dt
from collections.abc import Sequence

import pytest

from nest_builder.entities.base import Revision
from nest_builder.entities.names import entity_key
from nest_builder.entities.novelty import Decision, World, decide
from nest_builder.entities.profile import Naming, Profile, Saying
from nest_builder.entities.roles import role_key
from nest_builder.reasons import Reason
from tests.entities.marked import SNAPSHOT

CUTOFF = dt.datetime(2025, 6, 30, tzinfo=dt.UTC)
MAYOR = "mayor of Harwick"
ROLES = frozenset({role_key(MAYOR), role_key("winner of the Coastal Rally")})


def day(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def saying(relation: str, value: str, polarity: str, date: str, key: str = "ada okoro/person") -> Saying:
    return Saying(key, f"http://a.test/{date}", relation, value, polarity, day(date), f"{key} {relation} {value}")


def profile(
    name: str, label: str, sayings: Sequence[Saying], field: str = "title", date: str = "2025-08-01"
) -> Profile:
    url = f"http://a.test/{date}"
    return Profile(entity_key(name, label), (Naming(url, field, name, label, name),), tuple(sayings), {url: day(date)})


def decided(subject: Profile, others: Sequence[Saying] = (), created: str | None = None) -> Decision:
    rivals: dict[str, list[Saying]] = {}
    for one in (*subject.sayings, *others):
        if one.relation.startswith("holds_"):
            rivals.setdefault(role_key(one.value), []).append(one)

    def first_revision(title: str) -> Revision | None:
        return Revision(title, "http://wiki.test/", day(created) if created else None)

    known = SNAPSHOT.find(subject.name)
    hypernym = "person" if subject.label == "PERSON" else "car" if subject.label == "PRODUCT" else None
    return decide(subject, known, hypernym, World(CUTOFF, rivals, ROLES, first_revision))


TOOK = saying("holds_office", MAYOR, "stated", "2025-08-01")


@pytest.mark.parametrize(
    ("sayings", "others", "category"),
    [
        ([TOOK], [], "emerging"),
        ([], [], ""),
        ([saying("holds_office", MAYOR, "rumoured", "2025-08-01")], [], ""),
        ([TOOK, saying("holds_office", MAYOR, "denied", "2025-08-05")], [], ""),
        ([saying("holds_office", MAYOR, "denied", "2025-07-20"), TOOK], [], "emerging"),
        ([saying("holds_office", MAYOR, "stated", "2025-05-01")], [], ""),  # before the cutoff
        ([TOOK, saying("held_since", f"2021-01-01 {MAYOR}", "stated", "2025-08-01")], [], ""),
        ([TOOK], [saying("holds_office", MAYOR, "stated", "2025-09-01", "mira senn/person")], ""),  # handed on
        ([TOOK], [saying("holds_office", MAYOR, "stated", "2025-07-05", "ben tull/person")], "emerging"),
        ([saying("holds_office", "head of the pier", "stated", "2025-08-01")], [], ""),  # no change is told of
        ([saying("holds_office", "head of the pier", p, "2025-08-01") for p in ("stated",)]
         + [saying("took", "head of the pier", "stated", "2025-08-01")], [], "emerging"),
        ([saying("won", "winner of the Coastal Rally", "stated", "2025-08-01")], [], "emerging"),
    ],
)  # fmt: skip
def test_the_newest_stated_change_makes_a_known_person_emerging(
    sayings: list[Saying], others: list[Saying], category: str
) -> None:
    decision = decided(profile("Ada Okoro", "PERSON", sayings), others)
    assert decision.category == category
    assert (decision.reason is Reason.KNOWN) == (category == "")
    if category:
        assert decision.evidence[0].kind == "snapshot"
        assert decision.evidence[-1].verdict == "stated"


def test_who_held_the_office_all_along_is_known() -> None:
    held = saying("holds_office", MAYOR, "stated", "2025-08-01", "ben tull/person")
    assert decided(profile("Ben Tull", "PERSON", [held])).reason is Reason.KNOWN


K3 = "vantor k3/product"


@pytest.mark.parametrize(
    ("sayings", "field", "date", "created", "outcome"),
    [
        ([saying("launched", "2025-07-28", "stated", "2025-08-01", K3)], "text", "2025-08-01", None, "novel"),
        ([], "caption", "2025-08-01", None, "novel"),
        ([], "text", "2025-08-01", None, Reason.EVIDENCE_MISSING),  # named in passing
        ([saying("launched", "", "rumoured", "2025-08-01", K3)], "title", "2025-08-01", None, Reason.EVIDENCE_MISSING),
        ([saying("launched", "2021-03-01", "stated", "2025-08-01", K3)], "title", "2025-08-01", None, Reason.KNOWN),
        ([saying("since", "2019-01-01", "stated", "2025-08-01", K3)], "title", "2025-08-01", None, Reason.KNOWN),
        ([saying("launched", "", "stated", "2025-08-01", K3)], "title", "2025-08-01", "2024-01-01", Reason.KNOWN),
        ([saying("launched", "", "stated", "2025-08-01", K3)], "title", "2025-08-01", "2025-08-02", "novel"),
        (
            [saying("launched", "", "stated", "2025-06-01", K3)],
            "title",
            "2025-06-01",
            None,
            Reason.KNOWN,
        ),  # first sighting
    ],
)
def test_what_the_snapshot_lacks_is_novel_on_evidence(
    sayings: list[Saying], field: str, date: str, created: str | None, outcome: str | Reason
) -> None:
    decision = decided(profile("Vantor K3", "PRODUCT", sayings, field, date), created=created)
    assert (decision.category or decision.reason) == outcome
    if outcome == "novel":
        assert {piece.kind for piece in decision.evidence} >= {"snapshot", "encyclopedia", "first_sighting"}
        assert decision.first_seen == day(date)


def test_what_cannot_be_seen_and_what_is_mostly_something_else() -> None:
    assert decided(profile("Zenlo", "ORG", [])).reason is Reason.NOT_DEPICTABLE
    seen = profile("Zenlo", "PERSON", [saying("debut", "", "stated", "2025-08-01", "zenlo/person")])
    assert decided(seen).category == "novel"
    other = Profile(seen.key, seen.namings, seen.sayings, seen.published, mentions_elsewhere=5)
    assert decided(other).reason is Reason.EVIDENCE_MISSING


def test_without_a_date_there_is_no_evidence() -> None:
    subject = profile("Vantor K3", "PRODUCT", [])
    undated = Profile(subject.key, subject.namings, (), dict.fromkeys(subject.published))
    assert decided(undated).reason is Reason.EVIDENCE_MISSING
