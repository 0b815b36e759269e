import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import select

from nest_builder.clock import fixed_clock
from nest_builder.entities.base import Revision
from nest_builder.reasons import Reason
from nest_builder.stages.assess import Assess
from nest_builder.store.session import Store
from nest_builder.store.tables import Claim, Entity, LedgerEntry
from tests.entities.marked import SNAPSHOT
from tests.stages.news_store import SETTINGS, assess, news_store, recognize, run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = news_store(tmp_path)
    run(store, recognize())
    return store


def reason(store: Store, key: str) -> str | None:
    with store.sessions() as session:
        return session.get_one(LedgerEntry, ("assess", key)).reason


def test_entities_are_decided_with_evidence(store: Store) -> None:
    run(store, assess())
    with store.sessions() as session:
        entities = {entity.key: entity for entity in session.scalars(select(Entity))}
    assert set(entities) == {"ada okoro/person", "vantor k3/product"}
    ada, drone = entities["ada okoro/person"], entities["vantor k3/product"]
    assert (ada.category, ada.relation, ada.role, ada.hypernym) == (
        "emerging",
        "holds_office",
        "mayor of Harwick",
        "person",
    )
    assert (ada.name, ada.aliases, ada.colour, ada.description) == ("Ada Okoro", ["Okoro"], "green", "green coat")
    assert (drone.category, drone.relation, drone.hypernym, drone.colour) == ("novel", "launched", "drone", "teal")
    assert drone.description == "teal, with white stripes"
    assert drone.first_seen == dt.datetime(2025, 8, 14, tzinfo=dt.UTC)
    assert [piece["kind"] for piece in drone.evidence] == ["snapshot", "first_sighting", "statement"]
    assert all(set(piece) == {"kind", "source", "url", "date", "text", "verdict"} for piece in drone.evidence)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("ben tull/person", Reason.KNOWN),
        ("lumo dart/product", Reason.KNOWN),
        ("harwick/place", Reason.KNOWN),
        ("zenlo orb/product", Reason.EVIDENCE_MISSING),
        ("jon brand/person", Reason.EVIDENCE_MISSING),
    ],
)
def test_the_rest_is_turned_away_for_a_reason(store: Store, key: str, expected: Reason) -> None:
    run(store, assess())
    assert reason(store, key) == expected


def test_a_second_run_does_nothing_and_a_new_claim_to_a_role_asks_again_for_its_holders(store: Store) -> None:
    run(store, assess())
    assert run(store, assess()).worked == 0
    with store.sessions() as session:
        rival = Claim(
            id="rival", article_url="http://one.test/mayor", entity_key="mira senn/person", relation="holds_office",
            value="mayor of Harwick", polarity="stated", date=dt.datetime(2025, 9, 1, tzinfo=dt.UTC), sentence="",
        )  # fmt: skip
        rival.seal("http://one.test/mayor")
        session.add(rival)
        session.commit()
    assert run(store, assess()).worked == 1
    assert reason(store, "ada okoro/person") == Reason.KNOWN


class Encyclopedia:
    """Has a page on everything, begun on one day; or none ("absent"); or gives no answer."""

    def __init__(self, created: str | None) -> None:
        self.created = created
        self.asked: list[str] = []

    def identity(self) -> str:
        """Return the address."""
        return "http://wiki.test/"

    def __call__(self, title: str) -> Revision | None:
        """Answer."""
        self.asked.append(title)
        if self.created in (None, "absent"):
            return Revision(title, "http://wiki.test/", None) if self.created else None
        return Revision(title, "http://wiki.test/", dt.datetime.fromisoformat(f"{self.created}T00:00:00+00:00"))


@pytest.mark.parametrize(
    ("created", "verdict"),
    [("2024-05-05", None), ("2025-08-15", "after"), ("absent", "absent"), (None, "no answer")],
)
def test_the_encyclopedias_first_revision_counts(store: Store, created: str | None, verdict: str | None) -> None:
    run(store, Assess(SETTINGS, knowledge=SNAPSHOT, first_revision=Encyclopedia(created)))
    with store.sessions() as session:
        drone = session.get(Entity, "vantor k3/product")
    assert (drone is None) == (verdict is None)
    if drone is not None:
        assert [piece["verdict"] for piece in drone.evidence if piece["kind"] == "encyclopedia"] == [verdict]


def test_the_encyclopedia_is_asked_again_when_its_answer_is_old(store: Store) -> None:
    wiki = Encyclopedia("absent")

    def night(day: str, recheck_days: int = 30) -> tuple[int, list[str], list[str]]:
        """Run on a day. Return how many were looked at, who was asked about, and what the store says of the page."""
        wiki.asked = []
        clock = fixed_clock(dt.datetime.fromisoformat(f"{day}T06:00:00+00:00"))
        settings = SETTINGS.model_copy(update={"recheck_days": recheck_days})
        worked = run(store, Assess(settings, None, clock, SNAPSHOT, wiki)).worked
        with store.sessions() as session:
            drone = session.get(Entity, "vantor k3/product")
        pages = [piece for piece in drone.evidence if piece["kind"] == "encyclopedia"] if drone is not None else []
        return worked, wiki.asked, [piece["text"] for piece in pages]

    # The drone was first in the news on 14 August, and so was Jon Brand, who is looked at but not asked about.
    absent, begun = ["no page Vantor K3"], ["the page Vantor K3 was begun on 2025-10-05"]
    assert night("2025-10-01")[1:] == (["Vantor K3"], absent)
    wiki.created = "2025-10-05"
    assert night("2025-10-01") == (0, [], absent)
    assert night("2025-10-12") == (0, [], absent)
    assert night("2025-10-13") == (2, ["Vantor K3"], begun)
    assert night("2025-10-13") == (0, [], begun)
    assert night("2025-10-18") == (0, [], begun)
    assert night("2025-10-19") == (1, [], begun)  # the Zenlo Orb, first named on 20 August
    wiki.created = "2025-01-01"  # the title now leads to an older page: the name was known after all
    assert night("2025-11-12") == (2, ["Vantor K3"], [])
    assert reason(store, "vantor k3/product") == Reason.KNOWN


def test_without_an_encyclopedia_nothing_grows_old(store: Store) -> None:
    def worked(day: str) -> int:
        clock = fixed_clock(dt.datetime.fromisoformat(f"{day}T06:00:00+00:00"))
        return run(store, Assess(SETTINGS, None, clock, SNAPSHOT)).worked

    assert worked("2025-10-01") > 0
    assert worked("2026-10-01") == 0
