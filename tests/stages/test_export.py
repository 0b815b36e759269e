import datetime as dt
import errno
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import datasets
import pytest
import yaml
from jsonschema import Draft202012Validator
from sqlalchemy import select, update

from nest_builder.clock import fixed_clock
from nest_builder.config import ExportSettings, Settings
from nest_builder.digest import short_id
from nest_builder.export.features import hf_features, load_schema
from nest_builder.export.manifest import read_manifest
from nest_builder.export.naming import order
from nest_builder.export.publish import Draft
from nest_builder.export.records import Record
from nest_builder.export.shaping import published_settings
from nest_builder.export.size import estimated_bytes
from nest_builder.export.validate import check_edition
from nest_builder.runner import Runner
from nest_builder.stage import Report
from nest_builder.stages.export import Export
from nest_builder.store.session import Store
from nest_builder.store.tables import Annotation, Edition, Image, LedgerEntry, Published, Sample
from tests.builders import NOW, add_story, fill_store, new_store


def export(store: Store, workdir: Path, now: dt.datetime = NOW, **settings: Any) -> Report:
    everything = Settings(workdir=workdir, export=ExportSettings(**settings))
    stage = Export(everything.export, everything, store.blobs, fixed_clock(now))
    return Runner(store.sessions, fixed_clock(now)).run(stage, "test")


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = new_store(tmp_path / "store")
    fill_store(store, 48)
    return store


def test_an_edition_is_whole_and_loads(store: Store, tmp_path: Path) -> None:
    report = export(store, tmp_path)
    folder = tmp_path / "editions" / "2025.10"
    assert (report.done, report.rejected, report.failed) == (1, 0, 0)
    assert check_edition(folder, load=False) == []
    manifest = json.loads((folder / "manifest.json").read_text())
    counts = manifest["counts"]
    assert counts["samples"] + counts["dropped"]["confidence under the edition's floor"] == 48
    assert report.reasons == counts["dropped"]
    assert {item["stage"]: item["rejected"] for item in manifest["funnel"]}["collect"] == 6
    assert "export" not in {item["stage"] for item in manifest["funnel"]}
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == counts["by_split"]
    validator = Draft202012Validator(load_schema("sample"))
    for rows in loaded.values():
        assert rows.features == datasets.Features.from_dict(hf_features())
        assert rows[0]["image"].size == (rows[0]["width"], rows[0]["height"])
        for row in rows.cast_column("image", datasets.Image(decode=False)):
            validator.validate({**row, "image": row["image"]["path"]})
            assert row["image"]["bytes"] == store.blobs.get(row["image_sha256"])
            assert row["annotation"]["p_correct"] >= 0.5


def test_a_second_run_does_nothing_and_another_folder_gets_the_same_bytes(store: Store, tmp_path: Path) -> None:
    export(store, tmp_path / "one")
    assert export(store, tmp_path / "one").worked == 0
    other = new_store(tmp_path / "other-store")
    fill_store(other, 48)
    export(other, tmp_path / "two")
    assert hashes(tmp_path / "one" / "editions") == hashes(tmp_path / "two" / "editions")
    assert not list((tmp_path / "one" / "editions").glob(".*")), "temporary folders are gone"


def test_a_killed_export_leaves_no_trace_in_the_next_one(store: Store, tmp_path: Path) -> None:
    export(store, tmp_path / "one")
    partial = tmp_path / "two" / "editions" / ".2025.10.partial"
    (partial / "data").mkdir(parents=True)
    (partial / "data" / "train-00000.partial").write_bytes(b"half")
    export(store, tmp_path / "two")  # the folder is gone as far as this work directory goes, so it is written
    assert hashes(tmp_path / "one" / "editions") == hashes(tmp_path / "two" / "editions")


def names(store: Store) -> list[str]:
    with store.sessions() as session:
        return sorted(session.scalars(select(Edition.name)), key=order)


def manifest_of(workdir: Path, name: str) -> dict[str, Any]:
    return read_manifest(workdir / "editions" / name)


def test_what_makes_a_revision_and_what_does_not(store: Store, tmp_path: Path) -> None:
    export(store, tmp_path)
    first = hashes(tmp_path / "editions" / "2025.10")
    assert export(store, tmp_path, now=NOW + dt.timedelta(hours=5)).worked == 0
    export(store, tmp_path, rows_per_group=50)  # other bytes, but the same samples
    assert names(store) == ["2025.10"]
    assert export(store, tmp_path, rows_per_group=50).worked == 0
    assert export(store, tmp_path, min_p_correct=0.7).worked == 1
    assert export(store, tmp_path, min_p_correct=0.7).worked == 0
    with store.sessions() as session:
        samples = session.execute(select(Published.sample_id, Published.edition)).tuples().all()
        annotation = session.scalars(
            select(Annotation)
            .join(Published, Published.annotation_id == Annotation.id)
            .where(Published.edition == "2025.10.1")
        ).first()
        assert annotation is not None
        annotation.p_correct = 0.99
        annotation.seal(annotation.origin)
        session.commit()
    assert export(store, tmp_path, min_p_correct=0.7).worked == 1
    assert names(store) == ["2025.10", "2025.10.1", "2025.10.2"]
    assert hashes(tmp_path / "editions" / "2025.10") == first, "what is published is frozen"
    assert (tmp_path / "editions" / "latest").readlink() == Path("2025.10.2")
    second, third = manifest_of(tmp_path, "2025.10.1"), manifest_of(tmp_path, "2025.10.2")
    gone = {key for key, edition in samples if edition == "2025.10"} - {
        key for key, edition in samples if edition == "2025.10.1"
    }
    assert (second["supersedes"], second["changes"]["against"]) == ("2025.10", "2025.10")
    assert {one["id"] for one in second["changes"]["removed"]} == gone
    assert {one["reason"] for one in second["changes"]["removed"]} == {"confidence under the edition's floor"}
    assert third["supersedes"] == "2025.10.1"
    assert [one["reason"] for one in third["changes"]["changed"]] == ["made anew"]
    assert (third["changes"]["added"], third["changes"]["removed"], third["tombstones"]) == ([], [], [])
    for name in names(store):
        assert check_edition(tmp_path / "editions" / name, load=False) == []


def test_the_next_month_has_what_no_month_before_it_has(store: Store, tmp_path: Path) -> None:
    export(store, tmp_path, now=NOW, min_p_correct=0)
    export(store, tmp_path, now=NOW + dt.timedelta(days=31), min_p_correct=0)
    assert names(store) == ["2025.10"], "nothing is new, so nothing comes out"
    assert export(store, tmp_path, now=NOW + dt.timedelta(days=31), min_p_correct=0).worked == 0
    add_story(store, 100, entity_key="new-thing", at=NOW + dt.timedelta(days=10))
    add_story(store, 101, entity_key=None, at=NOW + dt.timedelta(days=11))  # of an entity that October has
    add_story(store, 102, entity_key="new-too", at=NOW + dt.timedelta(days=12), phash=short_id("phash", 3))
    report = export(store, tmp_path, now=NOW + dt.timedelta(days=31), min_p_correct=0)
    assert report.reasons == {"event published in another edition": 1, "picture published in another edition": 1}
    manifest = manifest_of(tmp_path, "2025.11")
    assert manifest["window"] == {"since": "2025-11-01T00:00:00Z", "until": "2025-12-01T00:00:00Z"}
    assert manifest["changes"]["added"] == [short_id("sample", 100)]
    assert (manifest["supersedes"], manifest["changes"]["against"]) == (None, "2025.10")
    assert (tmp_path / "editions" / "latest" / "manifest.json").exists()
    assert (tmp_path / "editions" / "latest").readlink() == Path("2025.11")
    assert check_edition(tmp_path / "editions" / "2025.10", load=False) == []


def test_takedowns_are_left_out_and_counted(store: Store, tmp_path: Path) -> None:
    with store.sessions() as session:
        images = list(session.scalars(select(Image).order_by(Image.id)))
    takedown = tmp_path / "takedown.txt"  # where it lies by default
    host = "citywire.newsworld.test"
    gone = [image for image in images if host in image.image_url]
    rest = [image for image in images if image not in gone]
    takedown.write_text(f"# on request\n{host}\n{rest[0].sha256}\n{rest[1].image_url}\n{rest[2].article_url}\n")
    report = export(store, tmp_path, min_p_correct=0)
    assert report.reasons == {"taken down": len(gone) + 3}
    text = "".join(path.read_text(errors="replace") for path in (tmp_path / "editions").rglob("*") if path.is_file())
    assert rest[0].sha256 not in text
    assert host not in text
    takedown.write_text("\n".join(image.sha256 for image in images))
    export(store, tmp_path, min_p_correct=0)
    assert check_edition(tmp_path / "editions" / "2025.10.1") == [], "an empty edition is one still"
    assert len(manifest_of(tmp_path, "2025.10.1")["tombstones"]) == 48 - len(gone) - 3


def test_nothing_to_publish_is_no_edition(store: Store, tmp_path: Path) -> None:
    (tmp_path / "takedown.txt").write_text("newsworld.test")
    report = export(store, tmp_path)
    assert (report.done, report.reasons, names(store)) == (1, {"taken down": 48}, [])
    assert not (tmp_path / "editions").exists()
    assert export(store, tmp_path).worked == 0


@pytest.mark.parametrize(("content", "message"), [(None, "no takedown list"), ("what is this?", "line 1")])
def test_a_takedown_list_that_cannot_be_read_stops_the_export(
    store: Store, tmp_path: Path, content: str | None, message: str
) -> None:
    takedown = tmp_path / "takedown.txt"
    if content is not None:
        takedown.write_text(content)
    report = export(store, tmp_path, takedown=str(takedown))
    assert (report.done, report.rejected) == (0, 1)
    assert not (tmp_path / "editions" / "2025.10").exists()
    with store.sessions() as session:
        assert message in session.scalars(select(LedgerEntry.detail).where(LedgerEntry.stage == "export")).one()
    takedown.write_text("mended.test")
    assert export(store, tmp_path, takedown=str(takedown)).done == 1


def test_samples_that_break_the_schema_are_left_out_and_counted(store: Store, tmp_path: Path) -> None:
    with store.sessions() as session:
        first, second, third = session.scalars(select(Sample).where(~Sample.negative).order_by(Sample.id).limit(3))
        first.question = ""
        annotation = session.get(Annotation, second.annotation_id)
        assert annotation is not None
        annotation.mask = {"size": [1, 1], "counts": "1"}
        other = session.get(Annotation, third.annotation_id)
        assert other is not None
        other.box = [1.0]
        session.commit()
    report = export(store, tmp_path, min_p_correct=0)
    assert report.reasons == {"schema violated": 3}
    assert check_edition(tmp_path / "editions" / "2025.10", load=False) == []


def test_a_lost_picture_fails_the_edition_and_keeps_the_old_one(store: Store, tmp_path: Path) -> None:
    export(store, tmp_path)
    before = hashes(tmp_path / "editions")
    with store.sessions() as session:
        image = session.scalars(select(Image).limit(1)).one()
    Path(store.blobs.path(image.sha256)).write_bytes(b"damaged")
    report = export(store, tmp_path, min_p_correct=0)
    assert (report.done, report.rejected) == (0, 1)
    assert hashes(tmp_path / "editions") == before


def test_a_deleted_folder_is_written_again(store: Store, tmp_path: Path) -> None:
    export(store, tmp_path)
    before = hashes(tmp_path / "editions")
    (tmp_path / "editions" / "2025.10").rename(tmp_path / "elsewhere")
    assert export(store, tmp_path).worked >= 1
    assert hashes(tmp_path / "editions") == before
    assert export(store, tmp_path).worked == 0
    assert names(store) == ["2025.10"]


def test_a_folder_that_cannot_be_made_again_is_not_made_up(store: Store, tmp_path: Path) -> None:
    export(store, tmp_path)
    (tmp_path / "editions" / "2025.10").rename(tmp_path / "elsewhere")
    with store.sessions() as session:
        session.execute(update(Edition).values(manifest={**read_manifest(tmp_path / "elsewhere"), "models": {}}))
        session.commit()
    report = export(store, tmp_path)
    assert (report.done, report.rejected) == (0, 1)
    assert not (tmp_path / "editions" / "2025.10").exists()
    assert names(store) == ["2025.10"]


def test_no_samples_no_edition(tmp_path: Path) -> None:
    assert export(new_store(tmp_path), tmp_path).worked == 0


@pytest.mark.parametrize("name", ["../escape", "", "a/b", ".hidden", "x" * 65])
def test_names_that_are_no_folder(store: Store, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="edition"):
        export(store, tmp_path, edition=name)


def test_card_and_coco(store: Store, tmp_path: Path) -> None:
    export(store, tmp_path, edition="trial")
    folder = tmp_path / "editions" / "trial"
    card = (folder / "README.md").read_text()
    head = yaml.safe_load(card.split("---\n")[1])
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {item["name"]: item["num_examples"] for item in head["dataset_info"]["splits"]} == manifest["counts"][
        "by_split"
    ]
    assert "| collect | 48 | 6 | robots disallow 4, not found 2 |" in card
    assert "Licence and consent" in card
    annotations = json.loads((folder / "annotations.json").read_text())
    assert len(annotations["annotations"]) + len(annotations["negatives"]) == manifest["counts"]["samples"]
    from pycocotools.coco import COCO

    coco = COCO()
    coco.dataset = annotations
    coco.createIndex()
    mask = coco.annToMask(annotations["annotations"][0])
    assert mask.sum() == annotations["annotations"][0]["area"]


def test_published_settings_say_nothing_of_the_machine(tmp_path: Path) -> None:
    settings = Settings(
        workdir=tmp_path, database="postgresql://user:secret@host/db", web={"resolve": {"*.test": "http://127.0.0.1:5"}},
        entities={"snapshot": str(tmp_path / "mine.json")}, export={"takedown": str(tmp_path / "t")},
    )  # fmt: skip
    text = json.dumps(published_settings(settings))
    assert "secret" not in text
    assert "127.0.0.1" not in text
    assert str(tmp_path) not in text
    assert '"snapshot": "mine.json"' in text
    assert "{data}/models/" in text


def free(monkeypatch: pytest.MonkeyPatch, left: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**12, 0, left))  # type: ignore[attr-defined]


def test_an_edition_that_does_not_fit_waits_for_room(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(workdir=tmp_path)
    size = sum(path.stat().st_size for path in (tmp_path / "store" / "blobs").rglob("*") if path.is_file())
    leftover = tmp_path / "editions" / ".2025.10.partial"
    leftover.mkdir(parents=True)
    free(monkeypatch, settings.disk.min_free_bytes + size // 2)
    report = export(store, tmp_path)
    assert (report.worked, list(report.postponed)) == (0, ["2025.10"])
    assert "MB are to be written" in report.waits_for
    assert not leftover.exists(), "what a killed run left takes no room"
    assert names(store) == []
    free(monkeypatch, settings.disk.min_free_bytes + 3 * size)
    assert export(store, tmp_path).done == 1
    assert check_edition(tmp_path / "editions" / "2025.10", load=False) == []


def test_a_withdrawal_waits_for_room_too(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export(store, tmp_path)
    with store.sessions() as session:
        (tmp_path / "takedown.txt").write_text(session.scalars(select(Published.sample_id).limit(1)).one())
    free(monkeypatch, Settings(workdir=tmp_path).disk.min_free_bytes)
    assert list(export(store, tmp_path, publish="withdrawals").postponed) == ["2025.10.1"]
    free(monkeypatch, 10**12)
    assert export(store, tmp_path, publish="withdrawals").done == 1
    assert names(store) == ["2025.10", "2025.10.1"]


@pytest.mark.parametrize("where", ["shard", "annotations"])
def test_a_disk_that_fills_meanwhile_is_a_wait(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*(("os.pwrite", full) if where == "shard" else ("nest_builder.export.edition.write_coco", full)))
        report = export(store, tmp_path)
    assert (report.worked, list(report.postponed)) == (0, ["2025.10"])
    assert "No space left" in report.waits_for
    assert list((tmp_path / "editions").iterdir()) == []
    assert export(store, tmp_path).done == 1
    assert check_edition(tmp_path / "editions" / "2025.10", load=False) == []


@pytest.mark.parametrize(("count", "linked"), [(0, False), (5, False), (5, True), (2_500, False)])
def test_the_size_of_an_edition_is_known_before(count: int, linked: bool) -> None:
    asked: list[str] = []

    def size_of(sha256: str) -> int:
        asked.append(sha256)
        return 100_000

    records = [Record({"image_sha256": str(n), "text": "x" * 972}, "e", None, 0) for n in range(count)]
    size = estimated_bytes(Draft(records, ["test"] * count), None if linked else size_of)
    assert size == pytest.approx(count * ((0 if linked else 100_000) + 2_000), rel=0.02)
    assert len(asked) == (0 if linked else min(count, 834))  # every third of many
