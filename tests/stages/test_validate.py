"""The stage `validate`: verdicts in the store, dated and without their own article; none where they would prove nothing."""

import datetime as dt
import io
import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures
from sqlalchemy import select
from typer.testing import CliRunner

from nest_builder.annotate.masks import decode_mask, encode_mask
from nest_builder.cli import app
from nest_builder.clock import fixed_clock
from nest_builder.config import Settings, ValidationSettings
from nest_builder.export.records import read_records
from nest_builder.reasons import Reason
from nest_builder.review.said import mask_digest
from nest_builder.rose.base import Retrieval, Step
from nest_builder.rose.rose import Rose
from nest_builder.runner import Runner
from nest_builder.segmenters.base import Segmentation
from nest_builder.segmenters.loading import load_segmenter
from nest_builder.stage import Report
from nest_builder.stages.export import Export
from nest_builder.stages.validate import Validate
from nest_builder.store.session import Store, open_store
from nest_builder.store.tables import Annotation, Article, Entity, Image, LedgerEntry, Sample, Verdict
from nest_builder.validate.control import Known
from nest_builder.validate.run import Validator
from tests.builders import add_story

DAY = dt.datetime(2025, 8, 2, tzinfo=dt.UTC)
LEFT = np.arange(40)[None].repeat(30, 0) < 20
QUESTIONS = {"a-left": "the left half", "b-other": "what Vantor made", "c-absent": "the left half"}


class KnowsLeft:
    """Finds the left half where the text names it."""

    def __init__(self, name="knows left", knows=True):
        self.name, self.knows, self.asked, self.batches = name, knows, 0, []

    def identity(self):
        return self.name

    def segment(self, images, texts):
        self.asked += len(texts)
        self.batches.append(len(texts))
        return [Segmentation(LEFT if self.knows and "left" in text else ~LEFT & False, "", 1.0) for text in texts]


class Finds:
    """A retrieval that never finds anything, and notes what it was asked."""

    def __init__(self, lost=""):
        self.lost, self.asked = lost, []

    def retrieve(self, queries):
        self.asked += queries
        return [Retrieval((), None, (), Step("irag", "no answer", "0 pages", lost=self.lost)) for _ in queries]


def known():
    return [Known(Pictures.new("RGB", (40, 30)), "the left half", LEFT)] * 30


def jpeg():
    buffer = io.BytesIO()
    Pictures.new("RGB", (40, 30), "gray").save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store with one picture of one article and three samples: two with the left half as mask, one negative."""
    store = open_store(f"sqlite:///{tmp_path / 'nest.sqlite'}", str(tmp_path / "blobs"))
    sha256 = store.blobs.put(jpeg())
    rows = [
        Article(
            url="http://one.test/a", site="one", title="t", text="x", authors=[], published_at=DAY, language="en", text_hash="h", signature="",
        ),
        Entity(
            key="k3", name="Vantor K3", aliases=[], type="PRODUCT", hypernym="phone", colour="", description="", category="novel", relation="",
            role="", first_seen=DAY - dt.timedelta(days=3), evidence=[], article_urls=["http://one.test/a"],
        ),
        Image(
            id="i1", figure_id="f1", image_url="http://one.test/a.jpg", article_url="http://one.test/a", sha256=sha256, width=40, height=30,
            format="JPEG", phash="0" * 16, caption="", credit="", published_at=DAY, fetched_at=DAY, consent={},
        ),
    ]  # fmt: skip
    for name, question in QUESTIONS.items():
        absent = name == "c-absent"
        rows += [
            Annotation(
                id=f"n-{name}", image_id="i1", entity_key="k3", phrase="x", negative=absent, box=[] if absent else [0, 0, 20, 30], boxes=[],
                mask={} if absent else encode_mask(LEFT), uncertainty={}, p_correct=0.9, detector="d", mask_model="m",
            ),
            Sample(
                id=name, annotation_id=f"n-{name}", image_id="i1", entity_key="k3", question=question, answer="Vantor K3", category="novel",
                negative=absent, support_text="",
            ),
        ]  # fmt: skip
    with store.sessions() as session:
        for row in rows:
            row.seal("test")
        session.add_all(rows)
        session.commit()
    return store


def stage(store: Store, base: KnowsLeft, irag: Finds | None = None, **more: float) -> Validate:
    settings = Settings(
        validation=ValidationSettings(segmenters=("tests.stages.test_validate:KnowsLeft",), control="x:y", **more)
    )
    return Validate(settings, store, None, fixed_clock(DAY), Validator([Rose(base, irag=irag)], known()))  # type: ignore[arg-type]


def run(store: Store, one: Validate) -> Report:
    return Runner(store.sessions, fixed_clock(DAY)).run(one, "test")


def verdicts(store: Store) -> dict[str, Verdict]:
    with store.sessions() as session:
        return {row.sample_id: row for row in session.scalars(select(Verdict))}


def ledger(store: Store) -> dict[str, str]:
    with store.sessions() as session:
        return {entry.item: entry.status for entry in session.scalars(select(LedgerEntry))}


def test_verdicts_and_a_second_run(store):
    irag, base = Finds(), KnowsLeft()
    assert run(store, stage(store, base, irag)).done == 3
    assert len(irag.asked) == 9  # once for search and ROSE, three paraphrases of three samples
    assert base.asked == 30 + 3 * 9  # the control set, then each system
    rows = verdicts(store)
    assert {key: row.label for key, row in rows.items()} == {
        "a-left": "solved_by_static",
        "b-other": "unsolved",
        "c-absent": "unsolved",
    }
    assert (rows["a-left"].static_iou, rows["b-other"].rose_iou, rows["c-absent"].static_iou) == (1.0, 0.0, 0.0)
    row = rows["a-left"]
    assert len(row.attempts) == 9
    assert {one["segmenter"] for one in row.attempts} == {"knows left"}
    assert (decode_mask(row.attempts[0]["mask"]) == LEFT).all()
    rule = {"iou": 0.5, "defeated": "all", "slack": 0.0, "paraphrases": 3, "control_floor": 0.6}
    assert row.thresholds == {**rule, "mask": mask_digest(encode_mask(LEFT))}
    assert row.controls[0]["giou"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    again = KnowsLeft()
    assert run(store, stage(store, again)).worked == 0
    assert again.asked == 0


def test_nothing_of_its_own_article_helps_and_nothing_newer(store):
    irag = Finds()
    run(store, stage(store, KnowsLeft(), irag))
    assert {query.exclude for query in irag.asked} == {frozenset({"http://one.test/a", "http://one.test/a.jpg"})}
    assert {query.asked_at for query in irag.asked} == {DAY + dt.timedelta(days=30)}


def test_a_broken_static_model_gives_no_verdict_and_says_why(store):
    assert run(store, stage(store, KnowsLeft("shuffled", knows=False))).done == 3
    rows = verdicts(store)
    assert {row.label for row in rows.values()} == {None}
    assert all("shuffled reaches a gIoU of 0.000" in row.reason and row.attempts == [] for row in rows.values())


@pytest.mark.parametrize(
    ("knows", "said"), [(False, " would prove nothing: 3 samples."), (True, " would prove nothing. A verdict")]
)
def test_the_card_says_where_the_control_set_failed(store, tmp_path, knows, said):
    settings = Settings(workdir=tmp_path)
    report = run(store, stage(store, KnowsLeft("static", knows=knows)))
    assert report.reasons == ({} if knows else {Reason.CONTROL_SET.value: 3})
    add_story(store, 0, at=DAY)  # those above have no ids of samples, and an edition holds something
    Runner(store.sessions, fixed_clock(DAY)).run(
        Export(settings.export, settings, store.blobs, fixed_clock(DAY)), "export"
    )
    (card,) = tmp_path.glob("editions/2025.08/README.md")
    (line,) = (line for line in card.read_text().splitlines() if line.startswith("- `verdict` is null until"))
    assert "failed the control set (under a gIoU of 0.6 on entities" in line
    assert said in line


def test_a_search_that_stays_down_costs_no_attempt_and_nothing_stored(store):
    for _ in range(4):  # more often than a sample may fail
        irag = Finds("no picture search: status 503")
        report = run(store, stage(store, KnowsLeft(), irag))
        assert (report.worked, set(report.postponed)) == (0, set(QUESTIONS))
        assert report.waits_for == "the search gives nothing: irag: no picture search: status 503"
    assert len(irag.asked) == 2 * 9  # together, then one by one; three paraphrases of three samples
    assert (verdicts(store), ledger(store)) == ({}, {})
    assert run(store, stage(store, KnowsLeft(), Finds())).done == 3
    before = {key: row.digest for key, row in verdicts(store).items()}
    assert len(before) == 3
    # Another model asks for new verdicts; until there are any, the old ones stay.
    report = run(store, stage(store, KnowsLeft(), Finds("down"), iou=0.6))
    assert (report.worked, len(report.postponed)) == (0, 3)
    assert {key: row.digest for key, row in verdicts(store).items()} == before
    assert run(store, stage(store, KnowsLeft())).worked == 0


class Moody(Finds):
    """A retrieval that gives up a batch with Vantor in it, and fails on Vantor alone, as one that has had two bad answers does."""

    def retrieve(self, queries):
        self.lost = "down" if any("Vantor" in query.text for query in queries) else ""
        return super().retrieve(queries)


def test_a_service_that_fails_on_one_sample_does_not_stop_the_rest(store):
    report = run(store, stage(store, KnowsLeft(), Moody()))
    assert (report.done, report.failed, report.rejected, list(report.postponed)) == (2, 0, 0, ["b-other"])
    assert set(verdicts(store)) == {"a-left", "c-absent"}
    assert run(store, stage(store, KnowsLeft(), Finds())).done == 1


class Away(KnowsLeft):
    """A static model on a machine that cannot be reached."""

    def segment(self, images, texts):
        raise ConnectionError("no route to gpu-box")


def test_a_static_model_that_cannot_be_reached_is_no_broken_one(store):
    report = run(store, stage(store, Away()))
    assert report.waits_for == "a static model cannot be asked: no route to gpu-box"
    assert (len(report.postponed), verdicts(store), ledger(store)) == (3, {}, {})


class Picky(KnowsLeft):
    """Cannot work on one of the texts."""

    def segment(self, images, texts):
        if any("Vantor" in text for text in texts):
            raise RuntimeError("no memory left")
        return super().segment(images, texts)


def test_one_sample_does_not_stop_the_rest(store):
    report = run(store, stage(store, Picky()))
    assert (report.done, report.rejected) == (2, 1)
    assert set(verdicts(store)) == {"a-left", "c-absent"}


@pytest.mark.parametrize("size", [1, 2, 64])
def test_results_do_not_depend_on_batches(store, size):
    one = stage(store, KnowsLeft(), Finds())
    one.batch_size = size
    run(store, one)
    assert [row.digest for row in verdicts(store).values()] == [row.digest for row in _whole(store)]


@pytest.mark.parametrize(("pixels", "pictures"), [(1, 1), (40 * 30 * 2, 2), (40 * 30 * 3, 3)])
def test_large_pictures_are_asked_about_a_few_at_a_time(store, monkeypatch, pixels, pictures):
    monkeypatch.setattr("nest_builder.stages.validate._TOGETHER", pixels)
    base = KnowsLeft()
    run(store, stage(store, base, Finds()))
    assert max(base.batches[1:]) == 3 * pictures  # the first is the control set; three paraphrases of each
    monkeypatch.undo()
    assert [row.digest for row in verdicts(store).values()] == [row.digest for row in _whole(store)]


@pytest.mark.parametrize(("patience", "asked"), [(1, 3), (2, 6), (3, 9)])
def test_a_service_that_is_down_is_not_waited_for_again_with_every_picture(store, monkeypatch, patience, asked):
    monkeypatch.setattr("nest_builder.stages.validate._TOGETHER", 1)
    monkeypatch.setattr("nest_builder.stages.validate._PATIENCE", patience)
    irag = Finds("down")
    report = run(store, stage(store, KnowsLeft(), irag))
    assert (len(irag.asked), len(report.postponed)) == (asked, 3)
    assert set(report.postponed.values()) == {"the search gives nothing: irag: down"}


def _whole(store):
    with store.sessions() as session:
        before = list(session.scalars(select(Verdict)))
        for table in (Verdict, LedgerEntry):
            session.query(table).delete()
        session.commit()
    run(store, stage(store, KnowsLeft(), Finds()))
    assert len(before) == 3
    return verdicts(store).values()


def test_what_a_verdict_depends_on(store):
    with store.sessions() as session:
        before = {item.key: item.inputs for item in stage(store, KnowsLeft()).items(session)}
        session.query(Sample).filter_by(id="a-left").update({"digest": "another"})
        after = {item.key: item.inputs for item in stage(store, KnowsLeft()).items(session)}
    assert [key for key in before if before[key] != after[key]] == ["a-left"]


def test_an_edition_tells_the_verdicts(store):
    run(store, stage(store, KnowsLeft(), Finds()))
    with store.sessions() as session:
        records = {record.sample["id"]: record.sample["verdict"] for record in read_records(session)}
    assert records["a-left"] == {"static_iou": 1.0, "search_iou": 1.0, "rose_iou": 1.0, "label": "solved_by_static"}


def test_a_verdict_on_another_mask_is_not_told(store):
    """The annotation's mask changes while the search is down: what is stored stays, but it says nothing of this mask."""

    def told():
        with store.sessions() as session:
            return {record.sample["id"]: record.sample["verdict"]["static_iou"] for record in read_records(session)}

    run(store, stage(store, KnowsLeft(), Finds()))
    assert told() == {"a-left": 1.0, "b-other": 0.0, "c-absent": 0.0}
    with store.sessions() as session:
        row = session.get(Annotation, "n-a-left")
        row.mask = encode_mask(np.arange(40)[None].repeat(30, 0) < 10)
        row.seal(row.origin)
        session.commit()
    assert list(run(store, stage(store, KnowsLeft(), Finds("down"))).postponed) == ["a-left"]
    assert verdicts(store)["a-left"].static_iou == 1.0
    assert told() == {"a-left": None, "b-other": 0.0, "c-absent": 0.0}
    run(store, stage(store, KnowsLeft(), Finds()))
    assert told() == {"a-left": 0.5, "b-other": 0.0, "c-absent": 0.0}


def test_a_control_set_is_required(store):
    with pytest.raises(ValueError, match=r"validation\.control"):
        Validate(Settings(), store, None, fixed_clock(DAY))  # type: ignore[arg-type]


SETTINGS = """
workdir = "{workdir}"
[validation]
segmenters = ["tests.stages.test_validate:KnowsLeft"{more}]
control = "tests.stages.test_validate:known"
"""


@pytest.mark.parametrize(
    ("more", "labels", "status"),
    [
        ("", {"solved_by_static": 1, "unsolved": 2}, 0),
        (', "tests.stages.test_validate:knows_too"', {"solved_by_static": 1, "unsolved": 2}, 0),
        (', "tests.stages.test_validate:knows_nothing"', {"no verdict": 3}, 0),
        (', "no.such.module:Thing"', None, 1),
    ],
)
def test_the_command(store, tmp_path, monkeypatch, more, labels, status):
    @contextmanager
    def load(settings, client, store, *, clock):
        yield Rose(load_segmenter(settings.rose.segmenter), irag=Finds())

    monkeypatch.setattr("nest_builder.rose.load.load_rose", load)
    config = tmp_path / "nest.toml"
    config.write_text(SETTINGS.format(workdir=tmp_path, more=more))
    result = CliRunner().invoke(app, ["validate", "--config", str(config), "--json"])
    assert result.exit_code == status
    if labels is not None:
        said = json.loads(result.stdout)
        assert said["labels"] == labels
        assert bool(said["no_verdict"]) is ("no verdict" in labels)
        names = {tuple(sorted({one["segmenter"] for one in row.attempts})) for row in verdicts(store).values()}
        assert names == {()} if "no verdict" in labels else {tuple(one["segmenter"] for one in said["controls"])}
        assert said["controls"][0]["giou"]["value"] == 1.0
    else:
        assert "no.such.module" in result.output


def knows_too():
    return KnowsLeft("knows left too")


def knows_nothing():
    return KnowsLeft("knows nothing", knows=False)
