"""Push and pull against a Label Studio in memory: what is doubled, lost, stale, taken back, cut short or hostile."""

import datetime as dt
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from nest_builder.annotate.base import Boxes, Outline
from nest_builder.annotate.masks import decode_mask, encode_mask
from nest_builder.config import ReviewSettings
from nest_builder.review.judging import current_decisions, disputed
from nest_builder.review.pull import Pulled, pull
from nest_builder.review.push import Asked, Pushed, doubtful, project_title, push, routed
from nest_builder.review.said import mask_digest
from nest_builder.review.status import read_reviews
from nest_builder.review.tasks import TaskKey
from nest_builder.review.wire import ReviewError
from nest_builder.store.session import Store
from nest_builder.store.tables import Annotation, Decision, ReviewProject, Route, Sample
from tests.builders import NOW, fill_store, new_store
from tests.review.fakes import FakeServer
from tests.review.label_studio import YES, boxed, choice, painted

NO = choice("is_target", "no")
SETTINGS = ReviewSettings(batch_size=5)
N = 18


class Rectangles:
    """A mask model that fills its box."""

    def identity(self) -> str:
        return "rectangles"

    def segment(self, images: list[Any], boxes: list[Boxes]) -> list[list[Outline]]:
        found = []
        for image, rows in zip(images, boxes, strict=True):
            mask = np.zeros((image.height, image.width), bool)
            for x0, y0, x1, y1 in rows.astype(int):
                mask[y0:y1, x0:x1] = True
            found.append([Outline(mask, 1.0, 1.0)])
        return found


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    made = new_store(folder)
    fill_store(made, N)
    made.close()
    return folder


@pytest.fixture
def store(filled: Path, tmp_path: Path) -> Iterator[Store]:
    made = new_store(shutil.copytree(filled, tmp_path / "store"))
    yield made
    made.close()


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


def push_all(store: Store, server: FakeServer) -> Pushed:
    with store.sessions() as session:
        asked = doubtful(session, 1.01)
    return push(store, server, SETTINGS, "e", asked, lambda: NOW)  # type: ignore[arg-type]


def pull_all(store: Store, server: FakeServer, full: bool = False) -> Pulled:
    return pull(store, server, SETTINGS, "e", lambda: NOW, Rectangles, full=full)  # type: ignore[arg-type]


def by_sample(server: FakeServer) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, task in server.tasks.items():
        key = TaskKey.parse(task["meta"]["nest"])
        assert key is not None
        found.setdefault(key.sample, []).append(number)
    return found


def positives(store: Store) -> list[tuple[str, np.ndarray]]:
    with store.sessions() as session:
        rows = session.execute(
            select(Sample.id, Annotation.mask)
            .join(Annotation, Annotation.id == Sample.annotation_id)
            .where(~Sample.negative)
            .order_by(Sample.id)
        )
        return [(key, decode_mask(mask)) for key, mask in rows]


def states(store: Store) -> dict[str, list[tuple[str, str, str]]]:
    found: dict[str, list[tuple[str, str, str]]] = {}
    with store.sessions() as session:
        for row in session.scalars(select(Decision).order_by(Decision.decided_at)):
            found.setdefault(row.sample_id, []).append((row.reviewer.split("@")[0], row.status, row.state))
    return found


def test_pushed_twice(store: Store, server: FakeServer) -> None:
    first = push_all(store, server)
    assert (first.made, first.there, first.removed, first.pictures) == (N, 0, 0, N)
    again = push_all(store, server)
    assert (again.made, again.there, again.removed, again.pictures) == (0, N, 0, 0)
    assert Counter(map(len, by_sample(server).values())) == {1: N}
    with store.sessions() as session:
        (row,) = session.scalars(select(ReviewProject))
        assert (row.name, row.pushed_at, row.pulled_at) == ("e", NOW, None)


@pytest.mark.parametrize("requests", [1, 3, 6, 7, 8, 11, 14])
def test_a_push_that_is_cut_short_goes_on(store: Store, server: FakeServer, requests: int) -> None:
    server.fail_after = requests
    try:
        push_all(store, server)
    except ReviewError:
        server.fail_after = None
        push_all(store, server)
    assert Counter(map(len, by_sample(server).values())) == {1: N}
    assert len(server.files) == N


def test_the_last_batch_of_a_killed_push_comes_late(store: Store, server: FakeServer) -> None:
    """What the server was still making while the next push looked is there twice, and the idle copy goes."""
    push_all(store, server)
    for number in (3, 4):
        late = server.tasks[number] | {"id": number + 100}
        server.tasks[number + 100] = late | {"annotations": []}
    server.say(104, *YES)
    assert push_all(store, server).removed == 2
    assert {3, 104} <= server.tasks.keys()
    assert not {103, 4} & server.tasks.keys()


def test_what_is_shown_first_and_to_whom(store: Store, server: FakeServer) -> None:
    with store.sessions() as session:
        keys = list(session.scalars(select(Sample.id).order_by(Sample.id)))
        for at, key in enumerate(keys[:6]):
            action = ("review", "accept", "reject")[at % 3]
            row = Route(
                sample_id=key, p_correct=at / 10, action=action, priority=float(at), audit=at == 4, reviewers=at // 3 + 1,
                evidence={}, version="t",
            )  # fmt: skip
            row.seal("review")
            session.add(row)
        session.commit()
        asked = routed(session)
    assert asked == [Asked(keys[4], 0.4, 2), Asked(keys[3], 0.3, 2), Asked(keys[0], 0.0, 1)]
    push(store, server, SETTINGS, "e", asked, lambda: NOW)  # type: ignore[arg-type]
    assert [TaskKey.parse(task["meta"]["nest"]).sample for task in server.tasks.values()] == [keys[4], keys[3], keys[0]]  # type: ignore[union-attr]
    assert [task["overlap"] for task in server.tasks.values()] == [2, 2, 1]


def test_what_cannot_be_sent_is_counted(store: Store, server: FakeServer) -> None:
    with store.sessions() as session:
        broken = session.scalars(select(Annotation).where(~Annotation.negative)).first()
        assert broken is not None
        broken.mask = encode_mask(np.ones((3, 3), bool))
        session.commit()
        asked = [*doubtful(session, 1.01), Asked("0" * 16, 0.5)]
    report = push(store, server, SETTINGS, "e", asked, lambda: NOW)  # type: ignore[arg-type]
    assert report.left_out == {"does not fit the labelling interface": 1, "not in the store": 1}
    assert report.made == N - 1


def test_decisions(store: Store, server: FakeServer) -> None:
    push_all(store, server)
    tasks = by_sample(server)
    (a, mask_a), (b, mask_b), (c, mask_c), (d, mask_d), *_ = positives(store)
    server.say(tasks[a][0], painted(mask_a), *YES)
    server.say(tasks[b][0], painted(np.roll(mask_b, 3)), *YES)
    server.say(tasks[c][0], painted(mask_c), NO)
    server.say(tasks[d][0], painted(mask_d), boxed((10, 20, 110, 90), 240, 180), *YES)
    report = pull_all(store, server)
    assert (report.new, report.unusable) == (4, {})
    with store.sessions() as session:
        rows = {row.sample_id: row for row in session.scalars(select(Decision))}
        digests = {
            key: mask_digest(session.get_one(Annotation, session.get_one(Sample, key).annotation_id).mask)
            for key in rows
        }
    assert {key: row.status for key, row in rows.items()} == {a: "accept", b: "correct", c: "reject", d: "correct"}
    assert rows[a].mask is None
    assert np.array_equal(decode_mask(rows[b].mask or {}), np.roll(mask_b, 3))
    assert (rows[c].reason, rows[c].is_target) == ("not the target", False)
    assert (rows[d].box, rows[d].mask_model) == ([10.0, 20.0, 110.0, 90.0], "rectangles")
    assert int(decode_mask(rows[d].mask or {}).sum()) == 100 * 70
    assert {row.id.rsplit(":", 1)[0] for row in rows.values()} == {"label-studio:fake"}
    assert {key: row.model_mask_digest for key, row in rows.items()} == digests
    (review,) = read_reviews(store, server, SETTINGS)  # type: ignore[arg-type]
    assert (review.decisions, review.tasks, review.open) == ({"accept": 1, "correct": 2, "reject": 1}, N, N - 4)


@pytest.mark.parametrize("requests", [1, 2, 3, 5])
def test_a_pull_that_is_cut_short_goes_on(store: Store, server: FakeServer, requests: int) -> None:
    push_all(store, server)
    masks = dict(positives(store))
    for key, (task,) in by_sample(server).items():
        server.say(task, *([painted(masks[key])] if key in masks else []), *YES)
    server.fail_after = len(server.requests) + requests
    try:
        pull_all(store, server)
    except ReviewError:
        server.fail_after = None
        report = pull_all(store, server)
        assert report.new + report.unchanged == N
    assert Counter(state for rows in states(store).values() for state in rows) == {("ann", "accept", "current"): N}
    assert pull_all(store, server).new == 0


def test_a_pull_asks_only_for_what_changed(store: Store, server: FakeServer) -> None:
    push_all(store, server)
    first, *_ = sorted(server.tasks)
    server.say(first, *YES[:1], NO, was_cancelled=True)
    assert pull_all(store, server).unusable == {"skipped by the reviewer": 1}
    server.now += dt.timedelta(hours=1)
    server.say(first + 1, NO)
    assert pull_all(store, server).tasks == N  # all were made within two minutes of the last change that was seen
    server.now += dt.timedelta(hours=1)
    assert pull_all(store, server).tasks == 1
    assert pull_all(store, server, full=True).tasks == N


def test_second_thoughts(store: Store, server: FakeServer) -> None:
    push_all(store, server)
    tasks = by_sample(server)
    (a, mask_a), (b, mask_b), (c, mask_c), *_ = positives(store)
    said = {
        key: server.say(tasks[key][0], painted(mask), *YES) for key, mask in ((a, mask_a), (b, mask_b), (c, mask_c))
    }
    pull_all(store, server)
    server.say(tasks[a][0], painted(mask_a), NO, number=said[a])
    server.unsay(tasks[b][0], said[b], quietly=True)
    server.delete_task(tasks[c][0])
    report = pull_all(store, server)
    assert (report.changed, report.deleted, report.new) == (1, 2, 0)
    assert states(store) == {
        a: [("ann", "reject", "current")], b: [("ann", "accept", "deleted")], c: [("ann", "accept", "deleted")],
    }  # fmt: skip
    server.say(tasks[b][0], painted(mask_b), NO)
    later = server.say(tasks[a][0], painted(mask_a), *YES)
    pull_all(store, server)
    assert states(store)[b] == [("ann", "accept", "deleted"), ("ann", "reject", "current")]
    assert states(store)[a] == [("ann", "reject", "superseded"), ("ann", "accept", "current")]
    server.unsay(tasks[a][0], later)
    pull_all(store, server)
    assert states(store)[a] == [("ann", "reject", "current"), ("ann", "accept", "deleted")]
    server.say(tasks[a][0], painted(mask_a), *YES, number=said[a], was_cancelled=True)
    report = pull_all(store, server)
    assert (report.deleted, report.unusable) == (1, {"skipped by the reviewer": 1})


def test_two_people_who_disagree(store: Store, server: FakeServer) -> None:
    push_all(store, server)
    (a, mask), *_ = positives(store)
    (task,) = by_sample(server)[a]
    server.say(task, painted(mask), *YES, by=1)
    server.say(task, painted(mask), NO, by=2)
    pull_all(store, server)
    assert states(store)[a] == [("ann", "accept", "current"), ("bob", "reject", "current")]
    with store.sessions() as session:
        assert disputed(current_decisions(session)[a])
    (review,) = read_reviews(store, None, SETTINGS)
    assert (review.disputed, review.reviewers, review.tasks) == (1, 2, None)


def test_the_models_change_their_mind(store: Store, server: FakeServer) -> None:
    push_all(store, server)
    tasks = by_sample(server)
    (a, mask_a), (b, _), *_ = positives(store)
    with store.sessions() as session:
        for key in (a, b):
            annotation = session.get_one(Annotation, session.get_one(Sample, key).annotation_id)
            annotation.mask = encode_mask(~decode_mask(annotation.mask))
        session.commit()
    server.say(tasks[a][0], painted(mask_a), *YES)
    report = push_all(store, server)
    assert (report.made, report.removed) == (2, 1)  # nobody had decided b's task
    assert tasks[a][0] in server.tasks
    assert tasks[b][0] not in server.tasks
    pulled = pull_all(store, server)
    assert (pulled.new, pulled.stale) == (1, 1)
    assert states(store)[a] == [("ann", "accept", "current")]  # of the mask that was shown, not of today's


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"meta": {"nest": "0" * 16 + ":" + "1" * 16 + ":" + "2" * 16}}, "task not made by us, or its sample is gone"),
        ({"meta": {"nest": "' or 1=1"}}, "task not made by us, or its sample is gone"),
        ({"meta": [1]}, "task not made by us, or its sample is gone"),
        ({"meta": None}, "task not made by us, or its sample is gone"),
        ({}, "malformed"),
    ],
)
def test_hostile_tasks(store: Store, server: FakeServer, change: dict[str, Any], reason: str) -> None:
    push_all(store, server)
    first, second, *_ = sorted(server.tasks)
    server.say(first, {"type": "brushlabels", "from_name": "mask", "value": {"rle": "x" * 10}})
    server.say(second, NO)
    server.tasks[first] |= change
    report = pull_all(store, server)
    assert (report.new, report.unusable) == (1, {reason: 1})


def test_annotations_that_are_no_list_stop_the_pull(store: Store, server: FakeServer) -> None:
    push_all(store, server)
    server.tasks[1]["annotations"] = [{"id": "1"}]
    with pytest.raises(ReviewError, match="no list of objects"):
        pull_all(store, server)


def test_nothing_pushed(store: Store, server: FakeServer) -> None:
    with pytest.raises(ReviewError, match="nest review push"):
        pull_all(store, server)


def test_titles_are_short_and_unlike() -> None:
    names = ["2025.10", "a" * 60, "a" * 59 + "b"]
    titles = [project_title(SETTINGS, name) for name in names]
    assert titles[0] == "NEST 2025.10"
    assert len(set(titles)) == 3
    assert max(map(len, titles)) <= 50
