"""Editions over time: what is due, what is withdrawn or corrected, and that nothing is in two windows or splits."""

import datetime as dt
import shutil
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from sqlalchemy import delete, select

from nest_builder.annotate.masks import decode_mask, encode_mask
from nest_builder.clock import fixed_clock
from nest_builder.config import ExportSettings, Settings
from nest_builder.digest import short_id
from nest_builder.export.naming import base_of, order, window_of
from nest_builder.export.published import read_rows
from nest_builder.export.validate import check_edition, withdrawn_by
from nest_builder.review.said import mask_digest
from nest_builder.stage import Done
from nest_builder.stages import export as stages_export
from nest_builder.stages.export import Export
from nest_builder.store.session import Store
from nest_builder.store.tables import Annotation, Article, Decision, Edition, Entity, Image, Published, Sample
from tests.builders import add_story, new_store
from tests.stages.test_export import export, hashes, manifest_of, names


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = new_store(tmp_path / "store")
    yield made
    made.close()


def night(store: Store, workdir: Path, day: str, **settings: Any) -> list[str]:
    """Publish what is due on a night and return what came out."""
    before = set(names(store))
    export(store, workdir, now=at(day), publish="due", **settings)
    return [name for name in names(store) if name not in before]


def rows_of(workdir: Path, name: str) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in read_rows(workdir / "editions" / name)}


def decide(store: Store, sample_id: str, status: str, pulled: str, **values: Any) -> None:
    with store.sessions() as session:
        sample = session.get_one(Sample, sample_id)
        annotation = session.get_one(Annotation, sample.annotation_id)
        session.add(
            Decision(
                id=f"test:{pulled}:{sample_id}", sample_id=sample_id, annotation_id=annotation.id, status=status,
                reviewer="ann@example.org", decided_at=at(pulled), pulled_at=at(pulled), state="current",
                model_mask_digest=mask_digest(annotation.mask), **({"is_target": True} | values),
            )
        )  # fmt: skip
        session.commit()


def test_editions_come_out_when_months_have_ended(store: Store, tmp_path: Path) -> None:
    assert night(store, tmp_path, "2026-01-01") == []
    add_story(store, 1, "one", at("2026-01-05"))
    assert night(store, tmp_path, "2026-01-31T23:59") == []
    add_story(store, 2, "two", at("2026-02-01T01:00"))
    assert night(store, tmp_path, "2026-02-01T03:00") == ["2026.01"]
    assert night(store, tmp_path, "2026-02-02") == []
    late = add_story(store, 3, "three", at("2026-01-30"))  # found when its month was out already
    assert night(store, tmp_path, "2026-02-28T12:00") == []
    assert night(store, tmp_path, "2026-03-03") == ["2026.02"]
    assert rows_of(tmp_path, "2026.02").keys() == {late, short_id("sample", 2)}
    assert night(store, tmp_path, "2026-05-01") == []  # nothing is new in March and April
    add_story(store, 4, "four", at("2026-04-30"))
    assert night(store, tmp_path, "2026-05-02") == [], "a month that was settled stays so"
    add_story(store, 5, "five", at("2026-06-02"))
    assert night(store, tmp_path, "2026-07-01") == ["2026.05", "2026.06"], "what was missed is made up for, in order"
    assert rows_of(tmp_path, "2026.05").keys() == {short_id("sample", 4)}
    assert export(store, tmp_path, now=at("2026-07-02"), publish="due").worked == 0
    with store.sessions() as session:
        assert session.get_one(Edition, "2026.01").published_at == at("2026-02-01T03:00")


def test_a_window_bounds_how_old_a_sample_may_be(store: Store, tmp_path: Path) -> None:
    for number, day in enumerate(["2026-01-30", "2026-02-03", "2026-02-20", "2026-03-01"]):
        add_story(store, number, f"e{number}", at(day))
    report = export(store, tmp_path, now=at("2026-03-01T05:00"), edition="2026.02", window_days=27)
    assert report.reasons == {"outside the time window": 1, "left for a later edition": 1}
    assert rows_of(tmp_path, "2026.02").keys() == {short_id("sample", 1), short_id("sample", 2)}


def test_in_a_year_nothing_is_in_two_windows_or_splits(store: Store, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    story, seen, pictures, hidden = 0, 0, [], 0
    for month in range(1, 13):
        for _ in range(10):
            story += 1
            fresh = seen == 0 or random.random() < 0.5
            seen += fresh
            entity = seen if fresh else int(random.integers(max(1, seen - 6), seen + 1))  # recent events come back
            phash, picture = int(random.integers(2**63)), None
            if pictures and random.random() < 0.4:  # a near-duplicate, or the file itself, of any entity
                phash, other = pictures[-int(random.integers(1, min(len(pictures), 12) + 1))]
                picture = other if random.random() < 0.3 else None
                for bit in random.choice(64, int(random.integers(0, 7)), replace=False) if picture is None else ():
                    phash ^= 1 << int(bit)
            day = dt.datetime(2026, month, 1, tzinfo=dt.UTC) + dt.timedelta(hours=int(random.integers(28 * 24)))
            sample = add_story(store, story, f"e{entity}", day, f"{phash:016x}", picture)
            with store.sessions() as session:
                row = session.get_one(Image, session.get_one(Sample, sample).image_id)
                pictures.append((phash, row.sha256))
        end = f"{2026 + month // 12}-{month % 12 + 1:02d}-01"
        assert night(store, tmp_path, f"{end}T02:00", test_days=12) == [f"2026.{month:02d}"]
        if month == 6:
            (tmp_path / "takedown.txt").write_text("citywire.newsworld.test")
            assert len(night(store, tmp_path, f"{end}T03:00", test_days=12)) >= 5

    owner: defaultdict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    shown: dict[str, tuple[int, str, str]] = {}
    reasons: set[str] = set()
    with store.sessions() as session:
        known = {(row.edition, row.sample_id): row for row in session.scalars(select(Published))}
    for name in names(store):
        folder = tmp_path / "editions" / name
        assert check_edition(folder, load=False) == []
        reasons |= manifest_of(tmp_path, name)["counts"]["dropped"].keys()
        rows = rows_of(tmp_path, name)
        assert {key for edition, key in known if edition == name} == rows.keys()
        for key, row in rows.items():
            there = known[name, key]
            assert row["published_at"] < f"{window_of(name).until:%Y-%m-%d}"
            home = (base_of(name), row["split"])
            assert there.split == row["split"]
            for kind, value in (("id", key), ("event", there.entity_key), ("picture", row["image_sha256"])):
                owner[kind, value].add(home)
            shown[row["image_sha256"]] = (int(there.phash, 16), *home)
    assert [what for what, homes in owner.items() if len(homes) > 1] == []
    for (left, *home), (right, *other) in combinations(shown.values(), 2):
        if (left ^ right).bit_count() <= 6:
            assert home == other
            hidden += 1
    assert hidden > 3, "near-duplicates there are"
    assert {home[1] for homes in owner.values() for home in homes} == {"train", "test"}
    assert reasons == {
        "event published in another edition", "picture published in another edition", "taken down",
        "event and picture in different splits",
    }  # fmt: skip
    latest = {base_of(name): name for name in names(store)}
    gone = [rows_of(tmp_path, name).values() for name in latest.values()]
    assert not any("citywire" in row["image_url"] for rows in gone for row in rows)


def two_months(store: Store, workdir: Path) -> list[str]:
    """Publish two months of three samples each; return their ids."""
    keys = [
        add_story(store, number, f"e{number}", at("2026-01-10") + dt.timedelta(hours=number)) for number in (0, 1, 2)
    ]
    keys += [
        add_story(store, number, f"e{number}", at("2026-02-10") + dt.timedelta(hours=number)) for number in (6, 7, 8)
    ]
    assert night(store, workdir, "2026-03-01") == ["2026.01", "2026.02"]
    return keys


def forget(store: Store, tmp_path: Path) -> None:
    """Empty the store of all but what it published, and lose all pictures."""
    with store.sessions() as session:
        for table in (Sample, Annotation, Image, Article, Entity):
            session.execute(delete(table))
        session.commit()
    shutil.rmtree(tmp_path / "store" / "blobs")


@pytest.mark.parametrize("publish", ["due", "now", "withdrawals"])
@pytest.mark.parametrize("remembered", [True, False])
def test_a_withdrawal_makes_a_revision_and_leaves_a_tombstone(
    store: Store, tmp_path: Path, publish: str, remembered: bool
) -> None:
    keys = two_months(store, tmp_path)
    before = hashes(tmp_path / "editions")
    row = rows_of(tmp_path, "2026.01")[keys[1]]
    if not remembered:
        forget(store, tmp_path)
    (tmp_path / "takedown.txt").write_text(row["image_sha256"])
    export(store, tmp_path, now=at("2026-03-09"), publish=publish)
    assert names(store) == ["2026.01", "2026.01.1", "2026.02"]
    after = hashes(tmp_path / "editions")
    assert {name: value for name, value in after.items() if name in before} == before, "what is published is frozen"
    manifest = manifest_of(tmp_path, "2026.01.1")
    assert manifest["tombstones"] == [{"id": keys[1], "reason": "taken down", "date": "2026-03-09"}]
    assert manifest["changes"] == {
        "against": "2026.01", "added": [], "removed": [{"id": keys[1], "reason": "taken down"}], "changed": [],
    }  # fmt: skip
    old, new = rows_of(tmp_path, "2026.01"), rows_of(tmp_path, "2026.01.1")
    assert new == {key: {**old[key], "edition": "2026.01.1"} for key in (keys[0], keys[2])}
    assert check_edition(tmp_path / "editions" / "2026.01.1", load=False) == []
    text = "".join(path.read_text(errors="replace") for path in (tmp_path / "editions" / "2026.01.1").rglob("*.*"))
    assert not any(str(row[name]) in text for name in ("image_url", "article_url", "image_sha256", "question"))
    assert withdrawn_by(tmp_path / "editions" / "2026.01") == "2026.01.1"
    assert withdrawn_by(tmp_path / "editions" / "2026.01.1") is None
    assert (tmp_path / "editions" / "latest").readlink() == Path("2026.02")
    assert export(store, tmp_path, now=at("2026-03-09"), publish=publish).worked == 0
    (tmp_path / "takedown.txt").write_text(f"{row['image_sha256']}\n{keys[0]}\n{keys[5]}")
    export(store, tmp_path, now=at("2026-03-10"), publish=publish)
    assert names(store) == ["2026.01", "2026.01.1", "2026.01.2", "2026.02", "2026.02.1"]
    assert {(one["id"], one["date"]) for one in manifest_of(tmp_path, "2026.01.2")["tombstones"]} == {
        (keys[1], "2026-03-09"), (keys[0], "2026-03-10"),
    }  # fmt: skip
    assert (tmp_path / "editions" / "latest").readlink() == Path("2026.02.1")


def test_what_was_withdrawn_does_not_come_back_elsewhere(store: Store, tmp_path: Path) -> None:
    keys = two_months(store, tmp_path)
    (tmp_path / "takedown.txt").write_text(keys[0])
    assert night(store, tmp_path, "2026-03-02") == ["2026.01.1"]
    (tmp_path / "takedown.txt").write_text("")
    add_story(store, 20, "e0", at("2026-03-10"))
    add_story(store, 21, "e21", at("2026-03-10"))
    assert night(store, tmp_path, "2026-04-01") == ["2026.03"]
    assert rows_of(tmp_path, "2026.03").keys() == {short_id("sample", 21)}


def test_corrections_come_out_with_the_next_edition(store: Store, tmp_path: Path) -> None:
    keys = two_months(store, tmp_path)
    mask = np.roll(decode_mask(rows_of(tmp_path, "2026.01")[keys[0]]["mask"]), 5, axis=1)
    decide(store, keys[0], "correct", "2026-03-05", mask=encode_mask(mask))
    decide(store, keys[1], "reject", "2026-03-06", is_target=False)
    decide(store, keys[2], "accept", "2026-03-06")
    decide(store, keys[3], "accept", "2026-03-06", category="emerging")
    assert night(store, tmp_path, "2026-03-07") == [], "not before the next edition"
    add_story(store, 12, "e12", at("2026-03-20"))
    assert night(store, tmp_path, "2026-04-01") == ["2026.01.1", "2026.02.1", "2026.03"]
    changes = manifest_of(tmp_path, "2026.01.1")["changes"]
    assert changes["changed"] == [{"id": keys[0], "reason": "corrected by people"}]
    assert changes["removed"] == [{"id": keys[1], "reason": "rejected by people"}]
    assert manifest_of(tmp_path, "2026.01.1")["tombstones"] == []
    row = rows_of(tmp_path, "2026.01.1")[keys[0]]
    assert np.array_equal(decode_mask(row["mask"]), mask)
    assert (row["review"]["status"], row["review"]["at"]) == ("corrected", "2026-03-05T00:00:00Z")
    assert rows_of(tmp_path, "2026.01.1")[keys[2]]["review"]["status"] == "unreviewed", "that it is right is no change"
    assert rows_of(tmp_path, "2026.02.1")[keys[3]]["category"] == "emerging"
    assert check_edition(tmp_path / "editions" / "2026.01.1", load=False) == []
    assert night(store, tmp_path, "2026-04-02") == []
    decide(store, keys[4], "reject", "2026-04-03", is_target=False)
    add_story(store, 13, "e13", at("2026-04-20"))
    assert night(store, tmp_path, "2026-05-01") == ["2026.02.2", "2026.04"]


def test_a_late_review_brings_a_sample_into_the_next_edition(store: Store, tmp_path: Path) -> None:
    two_months(store, tmp_path)
    doubtful = add_story(store, 30, "e30", at("2026-02-20"), p_correct=0.1)
    new = add_story(store, 31, "e31", at("2026-03-20"))
    decide(store, doubtful, "accept", "2026-03-25")
    assert night(store, tmp_path, "2026-04-01") == ["2026.03"]
    assert rows_of(tmp_path, "2026.03").keys() == {doubtful, new}


@pytest.mark.parametrize("what", ["edition", "revision"])
def test_killed_between_folder_and_transaction(store: Store, tmp_path: Path, what: str) -> None:
    """The folder is there and the store knows nothing of it: the next run ends with the bytes of an undisturbed one."""
    runs = {}
    for kind in ("undisturbed", "killed"):
        here = new_store(tmp_path / kind)
        workdir = tmp_path / kind / "work"
        if what == "revision":
            keys = two_months(here, workdir)
            (workdir / "takedown.txt").write_text(keys[0])
        else:
            add_story(here, 0, "e0", at("2026-01-10"))
        if kind == "killed":
            everything = Settings(workdir=workdir, export=ExportSettings(publish="due"))
            stage = Export(everything.export, everything, here.blobs, fixed_clock(at("2026-03-05")))
            with here.sessions() as session:
                stage.process(session, stage.items(session))
            assert (workdir / "editions" / ("2026.01.1" if what == "revision" else "2026.01")).exists()
            assert ("2026.01.1" if what == "revision" else "2026.01") not in names(here)
        night(here, workdir, "2026-03-05")
        runs[kind] = hashes(workdir / "editions")
        here.close()
    assert runs["killed"] == runs["undisturbed"]


def test_latest_after_a_copy_that_followed_links(store: Store, tmp_path: Path) -> None:
    add_story(store, 0, "e0", at("2026-01-10"))
    night(store, tmp_path, "2026-02-01")
    (tmp_path / "editions" / "latest").unlink()
    shutil.copytree(tmp_path / "editions" / "2026.01", tmp_path / "editions" / "latest")
    add_story(store, 1, "e1", at("2026-02-10"))
    assert night(store, tmp_path, "2026-03-01") == ["2026.02"]
    assert (tmp_path / "editions" / "latest").readlink() == Path("2026.02")


@pytest.mark.parametrize(
    "break_it",
    [
        lambda folder: shutil.rmtree(folder),
        lambda folder: next((folder / "data").glob("*.parquet")).unlink(),
        lambda folder: next((folder / "data").glob("*.parquet")).write_bytes(b"PAR1"),
        lambda folder: parquet.write_table(pa.table({"id": ["x"]}), next((folder / "data").glob("*.parquet"))),
    ],
)
def test_a_revision_of_a_damaged_edition_is_refused(store: Store, tmp_path: Path, break_it: Any) -> None:
    keys = two_months(store, tmp_path)
    break_it(tmp_path / "editions" / "2026.01")
    (tmp_path / "takedown.txt").write_text(f"{keys[0]}\n{keys[4]}")
    report = export(store, tmp_path, now=at("2026-03-05"), publish="due")
    assert (report.rejected, names(store)) == (1, ["2026.01", "2026.02", "2026.02.1"])
    assert not (tmp_path / "editions" / "2026.01.1").exists()


def test_a_withdrawal_in_between_loses_no_correction(store: Store, tmp_path: Path) -> None:
    keys = two_months(store, tmp_path)
    decide(store, keys[3], "accept", "2026-03-05", category="emerging")
    (tmp_path / "takedown.txt").write_text(keys[4])
    assert night(store, tmp_path, "2026-03-07") == ["2026.02.1"]
    assert rows_of(tmp_path, "2026.02.1")[keys[3]]["category"] == "novel", "it waits for the next edition"
    add_story(store, 12, "e12", at("2026-03-20"))
    assert night(store, tmp_path, "2026-04-01") == ["2026.02.2", "2026.03"]
    assert rows_of(tmp_path, "2026.02.2")[keys[3]]["category"] == "emerging"
    assert export(store, tmp_path, now=at("2026-04-02"), publish="due").worked == 0


def test_a_correction_that_cannot_be_used_holds_no_withdrawal_back(store: Store, tmp_path: Path) -> None:
    keys = two_months(store, tmp_path)
    decide(store, keys[0], "correct", "2026-03-05", mask={"size": [3, 3], "counts": "no run lengths"})
    mask = np.roll(decode_mask(rows_of(tmp_path, "2026.01")[keys[1]]["mask"]), 5, axis=1)
    decide(store, keys[1], "correct", "2026-03-05", mask=encode_mask(mask))
    (tmp_path / "takedown.txt").write_text(keys[2])
    add_story(store, 12, "e12", at("2026-03-20"))
    assert "2026.01.1" in night(store, tmp_path, "2026-04-01")
    night(store, tmp_path, "2026-04-02")
    last = max((name for name in names(store) if base_of(name) == "2026.01"), key=order)
    changes = rows_of(tmp_path, last)
    assert changes.keys() == {keys[0], keys[1]}
    assert changes[keys[0]]["review"]["status"] == "unreviewed", "it stays as it was published"
    assert changes[keys[1]]["review"]["status"] == "corrected"
    assert night(store, tmp_path, "2026-04-03") == []


def test_a_list_that_grows_while_an_edition_is_written_is_applied_next(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = two_months(store, tmp_path)
    (tmp_path / "takedown.txt").write_text(keys[0])
    real = stages_export.amend

    def amend_slowly(*arguments: Any) -> Any:
        found = real(*arguments)
        (tmp_path / "takedown.txt").write_text(f"{keys[0]}\n{keys[1]}")
        return found

    everything = Settings(workdir=tmp_path, export=ExportSettings(publish="withdrawals"))
    stage = Export(everything.export, everything, store.blobs, fixed_clock(at("2026-03-09")))
    with monkeypatch.context() as patch, store.sessions() as session:
        patch.setattr(stages_export, "amend", amend_slowly)
        (item,) = [one for one in stage.items(session) if base_of(one.key) == "2026.01"]
        (done,) = stage.process(session, [item])
        assert isinstance(done, Done)
        session.add_all(row for row in done.rows if not row.seal(item.key))
        session.commit()
    assert rows_of(tmp_path, "2026.01.1").keys() == {keys[1], keys[2]}
    export(store, tmp_path, now=at("2026-03-09"), publish="withdrawals")
    assert rows_of(tmp_path, "2026.01.2").keys() == {keys[2]}


def test_what_was_withdrawn_comes_back_into_its_split(store: Store, tmp_path: Path) -> None:
    def publish() -> None:
        export(store, tmp_path, now=at("2026-03-20"), test_days=10)

    add_story(store, 1, "old", at("2026-03-01"))
    new = add_story(store, 2, "new", at("2026-03-18"))
    publish()
    (tmp_path / "takedown.txt").write_text(new)
    publish()
    older = add_story(store, 3, "new", at("2026-03-02"))  # found late, of an event that test had
    (tmp_path / "takedown.txt").write_text("")
    publish()
    assert names(store) == ["2026.03", "2026.03.1", "2026.03.2"]
    assert [rows_of(tmp_path, name).get(new, {}).get("split") for name in names(store)] == ["test", None, "test"]
    assert rows_of(tmp_path, "2026.03.2")[older]["split"] == "test"
