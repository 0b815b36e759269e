import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import select

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
    """Has a page on everything, begun on one day; or gives no answer."""

    def __init__(self, created: str | None) -> None:
        self.created = created

    def identity(self) -> str | None:
        """Return the day."""
        return self.created

    def __call__(self, title: str) -> Revision | None:
        """Answer."""
        begun = dt.datetime.fromisoformat(self.created).replace(tzinfo=dt.UTC) if self.created else None
        return Revision(title, "http://wiki.test/", begun) if begun else None


@pytest.mark.parametrize(("created", "verdict"), [("2024-05-05", None), ("2025-08-15", "after"), (None, "no answer")])
def test_the_encyclopedias_first_revision_counts(store: Store, created: str | None, verdict: str | None) -> None:
    run(store, Assess(SETTINGS, knowledge=SNAPSHOT, first_revision=Encyclopedia(created)))
    with store.sessions() as session:
        drone = session.get(Entity, "vantor k3/product")
    assert (drone is None) == (verdict is None)
    if drone is not None:
        assert [piece["verdict"] for piece in drone.evidence if piece["kind"] == "encyclopedia"] == [verdict]
