import datetime as dt
from pathlib import Path

import pytest
from pycocotools import mask as coco
from sqlalchemy import delete

from nest_builder.export.records import Record, read_records, utc_text
from nest_builder.store.tables import Annotation, Image
from tests.builders import fill_store, new_store


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        (dt.datetime(2025, 7, 1, 12, tzinfo=dt.UTC), "2025-07-01T12:00:00Z"),
        ("2025-07-01T14:00:00+02:00", "2025-07-01T12:00:00Z"),
        ("2025-07-01T12:00:00.5Z", "2025-07-01T12:00:00Z"),
    ],
)
def test_utc_text(value: dt.datetime | str | None, expected: str | None) -> None:
    assert utc_text(value) == expected


@pytest.mark.parametrize("value", ["yesterday", "2025-07-01T12:00:00", dt.datetime(2025, 7, 1)])
def test_utc_text_refuses_what_is_no_aware_time(value: dt.datetime | str) -> None:
    with pytest.raises(ValueError, match=r"naive|Invalid isoformat"):
        utc_text(value)


def test_records_join_every_part(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    fill_store(store, 7)
    with store.sessions() as session:
        records = [record for record in read_records(session) if isinstance(record, Record)]
    store.close()
    assert len(records) == 7
    assert [record.sample["id"] for record in records] == sorted(record.sample["id"] for record in records)
    negative = next(record.sample for record in records if record.sample["negative"])
    positive = next(record.sample for record in records if not record.sample["negative"])
    assert negative["box"] == []
    assert coco.area(negative["mask"]) == 0
    assert negative["mask"]["size"] == [negative["height"], negative["width"]]
    assert coco.area(positive["mask"]) > 0
    assert positive["image"] == positive["image_sha256"] + ".jpg"
    assert positive["consent"] == {"robots": "allowed", "opt_out": False, "checked_at": "2025-10-01T06:00:00Z"}
    assert positive["annotation"]["predicted_iou"] == 0.91
    assert negative["annotation"]["predicted_iou"] is None
    assert [item["kind"] for item in positive["entity"]["evidence"]] == ["article", "encyclopedia"]


def test_a_sample_without_its_parts_is_told_of(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    fill_store(store, 3)
    with store.sessions() as session:
        session.execute(delete(Annotation))
        assert all("not in the store" in str(record) for record in read_records(session))
        session.rollback()
        image = session.query(Image).first()
        assert image is not None
        image.consent = {"checked_at": "no time"}
        assert sum(isinstance(record, str) and "ValueError" in record for record in read_records(session)) == 1
    store.close()
