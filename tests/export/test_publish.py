"""Which samples an edition holds, reason by reason."""

import datetime as dt
from typing import Any

import pytest

from nest_builder.export.naming import window_of
from nest_builder.export.publish import Elsewhere, Recipe, draft_edition
from nest_builder.export.records import Record, read_records
from nest_builder.export.takedown import Takedown
from nest_builder.reasons import Reason
from tests.builders import fill_store, new_store

NEAR, FAR = 0b111, 0xFFFF_FFFF_0000_0000


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Return a record that nothing speaks against."""
    store = new_store(tmp_path_factory.mktemp("publish"))
    fill_store(store, 3)
    with store.sessions() as session:
        found = next(one for one in read_records(session) if isinstance(one, Record) and not one.sample["negative"])
    store.close()
    return found


def record(whole: Record, **values: Any) -> Record:
    known = {
        "sample": whole.sample | values.pop("sample", {}), "entity_key": "event", "phash": 0,
        "published_at": dt.datetime(2025, 10, 20, tzinfo=dt.UTC),
    }  # fmt: skip
    return Record(**(known | values))


def recipe(days: int = 0, month: bool = True) -> Recipe:
    return Recipe("2025.10", 0.5, 0, 6, 100, {}, "embedded", window_of("2025.10") if month else None, days)


@pytest.mark.parametrize(
    ("values", "how", "reason"),
    [
        ({}, recipe(), None),
        ({"sample": {"review": {"status": "rejected", "by": "r", "at": None}}}, recipe(), Reason.REJECTED_IN_REVIEW),
        ({"sample": {"review": {"status": "disputed", "by": "r", "at": None}}}, recipe(), Reason.DISPUTED_IN_REVIEW),
        ({"sample": {"question": ""}}, recipe(), Reason.SCHEMA),
        ({"published_at": dt.datetime(2025, 11, 1, tzinfo=dt.UTC)}, recipe(), Reason.LATER_EDITION),
        ({"published_at": dt.datetime(2025, 11, 1, tzinfo=dt.UTC)}, recipe(month=False), None),
        ({"published_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, recipe(), None),
        ({"published_at": dt.datetime(2025, 10, 1, tzinfo=dt.UTC)}, recipe(31), None),
        ({"published_at": dt.datetime(2025, 10, 1, tzinfo=dt.UTC)}, recipe(30), Reason.STALE),
        ({"published_at": None}, recipe(), None),
        ({"published_at": None}, recipe(30), Reason.STALE),
        ({"entity_key": "old"}, recipe(), Reason.EVENT_PUBLISHED),
        ({"sample": {"image_sha256": "ab" * 32}}, recipe(), Reason.IMAGE_PUBLISHED),
        ({"phash": FAR ^ NEAR}, recipe(), Reason.IMAGE_PUBLISHED),
        ({"phash": FAR ^ 0x7F}, recipe(), None),  # seven bits away
    ],
)
def test_each_reason(whole: Record, values: dict[str, Any], how: Recipe, reason: Reason | None) -> None:
    elsewhere = Elsewhere({"old"}, {"ab" * 32}, [FAR])
    draft = draft_edition([record(whole, **values)], how, Takedown(), elsewhere)
    assert draft.dropped == ({} if reason is None else {reason: 1})
    assert [len(draft.records), *draft.reasons.values()] == ([1] if reason is None else [0, reason])


def test_a_cluster_reaches_over_pictures_that_are_left_out(whole: Record) -> None:
    """The second is near to a published one, the third only to the second: all are of one cluster."""
    samples = [record(whole, sample={"id": f"{n:016x}", "image_sha256": f"{n:064x}"}, phash=p) for n, p in
               enumerate([0, FAR ^ 0b111, FAR ^ 0b111_111_111])]  # fmt: skip
    draft = draft_edition(samples, recipe(), Takedown(), Elsewhere(hashes=[FAR]))
    assert [one.phash for one in draft.records] == [0]
    assert draft.dropped == {Reason.IMAGE_PUBLISHED: 2}


def test_what_has_no_record_is_counted_too(whole: Record) -> None:
    draft = draft_edition(["sample x: it is broken", record(whole)], recipe(), Takedown())
    assert (draft.dropped, draft.problems, len(draft.records)) == ({Reason.SCHEMA: 1}, ["sample x: it is broken"], 1)
