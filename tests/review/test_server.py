"""The round trip through a real Label Studio: installed, started and stopped by the test (`make test-review`)."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_studio_sdk import LabelStudio
from label_studio_sdk.converter.brush import decode_rle
from PIL import Image as Pictures
from sqlalchemy import func, select

from nest_builder.annotate.masks import decode_mask, encode_mask, mask_iou
from nest_builder.annotate.segment import Segmenter
from nest_builder.clock import system_clock
from nest_builder.config import AnnotateSettings, ReviewSettings
from nest_builder.review.client import Server
from nest_builder.review.local import LocalServer, Login, environment_folder, install
from nest_builder.review.pull import Pulled, pull
from nest_builder.review.push import Asked, Pushed, doubtful, push
from nest_builder.review.tasks import TaskKey
from nest_builder.review.webhook import SECRET_HEADER, Listener
from nest_builder.review.wire import ReviewError
from nest_builder.store.session import Store
from nest_builder.store.tables import Annotation, Decision, Image, Sample
from tests.builders import fill_store, new_store
from tests.review.label_studio import YES, boxed, browser, choice, label_in_browser, painted

pytestmark = [pytest.mark.server, pytest.mark.slow]
SAMPLES = 300
BATCH = 50


class Running:
    """The server, and a store whose samples it gets."""

    def __init__(self, local: LocalServer, login: Login, environment: Path) -> None:
        self.local, self.login, self.environment = local, login, environment
        self.api = LabelStudio(base_url=login.url, api_key=login.token)

    def open(self, token: str | None = None) -> Server:
        return Server(self.login.url, token or self.login.token)

    def push(
        self,
        store: Store,
        edition: str,
        batch: int = BATCH,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Pushed:
        with self.open() as server, store.sessions() as session:
            return push(
                store,
                server,
                ReviewSettings(batch_size=batch),
                edition,
                doubtful(session, 1.01),
                system_clock,
                progress,
            )

    def pull(
        self, store: Store, edition: str, batch: int = BATCH, progress: Callable[[Pulled], None] = lambda report: None
    ) -> Pulled:
        with self.open() as server:
            settings = ReviewSettings(batch_size=batch)
            return pull(store, server, settings, edition, system_clock, lambda: Segmenter(AnnotateSettings()), progress)

    def tasks(self, edition: str) -> dict[str, list[int]]:
        """Return the tasks of each sample."""
        with self.open() as server:
            project = server.find_project(f"NEST {edition}")
            found: dict[str, list[int]] = {}
            for line in [] if project is None else server.lines(project, 100):
                key = TaskKey.parse(line.key)
                assert key is not None
                found.setdefault(key.sample, []).append(line.id)
            return found

    def say(self, task: int, *regions: dict[str, Any], **values: Any) -> int:
        """Annotate a task through the API."""
        return int(self.api.annotations.create(task, result=list(regions), lead_time=12.5, **values).id)

    def say_all(self, said: dict[int, tuple[list[dict[str, Any]], dict[str, Any]]]) -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda item: self.say(item[0], *item[1][0], **item[1][1]), said.items()))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    environment = environment_folder(ReviewSettings())
    command = install(environment)
    local = LocalServer(command, tmp_path_factory.mktemp("label-studio"), 0)
    login = local.start()
    try:
        yield Running(local, login, environment)
    finally:
        local.stop()


def store_with(folder: Path, samples: int) -> Store:
    """Make a store whose masks have a hole and a part of their own, as nothing but a lossless way keeps them."""
    store = new_store(folder)
    fill_store(store, samples)
    with store.sessions() as session:
        for annotation in session.scalars(select(Annotation).where(~Annotation.negative)):
            mask = decode_mask(annotation.mask)
            x0, y0, x1, y1 = map(int, annotation.box)
            mask[(y0 + y1) // 2 : (y0 + y1) // 2 + 7, (x0 + x1) // 2 : (x0 + x1) // 2 + 5] = False
            mask[-6:-2, -9:-1] = True
            mask[-1, -1] = True
            annotation.mask = encode_mask(mask)
        session.commit()
    return store


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = store_with(tmp_path_factory.mktemp("store"), SAMPLES)
    yield store
    store.close()


def masks_of(store: Store) -> dict[str, tuple[np.ndarray, list[float]]]:
    """Return the mask and the box of each sample; an empty mask for a negative."""
    with store.sessions() as session:
        rows = session.execute(
            select(Sample.id, Annotation.mask, Annotation.box, Image.height, Image.width)
            .join(Annotation, Annotation.id == Sample.annotation_id)
            .join(Image, Image.id == Sample.image_id)
        )
        return {
            key: (decode_mask(mask) if mask else np.zeros((height, width), bool), box)
            for key, mask, box, height, width in rows
        }


def decisions(store: Store) -> list[Decision]:
    with store.sessions() as session:
        return list(session.scalars(select(Decision)))


def test_every_decision_comes_back_and_masks_left_alone_are_the_same_to_the_bit(
    running: Running, shared: Store, tmp_path: Path
) -> None:
    first = running.push(shared, "round-trip")
    assert (first.asked, first.made, first.there, first.left_out) == (SAMPLES, SAMPLES, 0, {})
    assert first.pictures == SAMPLES
    again = running.push(shared, "round-trip")
    assert (again.made, again.there, again.removed, again.pictures) == (0, SAMPLES, 0, 0)
    tasks, known = running.tasks("round-trip"), masks_of(shared)
    assert {key: len(found) for key, found in tasks.items()} == dict.fromkeys(known, 1)

    # What a person does is fixed by the sample's place in the order of the ids.
    said: dict[int, tuple[list[dict[str, Any]], dict[str, Any]]] = {}
    expected: dict[str, str] = {}
    corrected: dict[str, np.ndarray] = {}
    positives = [key for key in sorted(known) if known[key][0].any()]
    kinds = ["box"] * 6 + ["paint"] * 20 + ["reject"] * 20 + ["neither"] * 5 + ["erased"] * 5 + ["skip"] * 5
    for key, kind in zip(positives, kinds + ["accept"] * len(positives), strict=False):
        mask, box = known[key]
        height, width = mask.shape
        if kind == "box":
            regions, expected[key] = [painted(mask), boxed(box, width, height), *YES], "correct"
        elif kind == "paint":
            corrected[key] = np.roll(mask, 9, axis=1) | (np.random.default_rng(int(key, 16)).random(mask.shape) > 0.999)
            regions, expected[key] = [painted(corrected[key]), *YES], "correct"
        elif kind == "reject":
            regions, expected[key] = (
                [painted(mask), choice("is_target", "no"), choice("reject", "several targets")],
                "reject",
            )
        elif kind == "neither":
            regions, expected[key] = (
                [painted(mask), choice("is_target", "yes"), choice("category", "neither")],
                "reject",
            )
        elif kind == "erased":
            regions, expected[key] = [choice("is_target", "no")], "reject"
        elif kind == "skip":
            regions = []
        else:
            regions, expected[key] = [painted(mask), *YES], "accept"
        said[tasks[key][0]] = regions, {"was_cancelled": kind == "skip"}
    for key, (mask, _) in known.items():
        if not mask.any():
            said[tasks[key][0]], expected[key] = ([*YES], {}), "accept"
    running.say_all(said)

    report = running.pull(shared, "round-trip")
    assert (report.new, report.unusable) == (len(expected), {"skipped by the reviewer": 5})
    rows = {row.sample_id: row for row in decisions(shared)}
    assert {key: row.status for key, row in rows.items()} == expected
    assert {row.state for row in rows.values()} == {"current"}
    assert {row.reviewer for row in rows.values()} == {running.login.email}
    assert {row.seconds for row in rows.values()} == {12.5}
    for key, row in rows.items():
        assert (row.mask is not None) == (row.status == "correct"), key
        if key in corrected:
            assert np.array_equal(decode_mask(row.mask), corrected[key])
        elif row.box is not None:
            assert row.box == pytest.approx(known[key][1], abs=0.02)
            assert row.mask_model
            assert (
                mask_iou(decode_mask(row.mask), known[key][0]) > 0.3
            )  # what SAM makes of the box, hole and speck or not
    # By the SDK's own decoder, what stands on the server is the mask that was sent, hole and detached part included.
    untouched = {
        tasks[key][0]: known[key][0] for key, status in expected.items() if status == "accept" and known[key][0].any()
    }
    for task, mask in list(untouched.items())[:: max(1, len(untouched) // 60)]:
        (annotation,) = running.api.annotations.list(task)
        (code,) = [found["value"]["rle"] for found in annotation.result if found["type"] == "brushlabels"]
        assert np.array_equal(decode_rle(code).reshape(*mask.shape, 4)[..., 3] > 0, mask)

    before = {row.id: row.pulled_at for row in decisions(shared)}
    again_pulled = running.pull(shared, "round-trip")
    assert (again_pulled.new, again_pulled.changed, again_pulled.deleted) == (0, 0, 0)
    assert {row.id: row.pulled_at for row in decisions(shared)} == before


def test_the_labelling_page_in_a_browser(running: Running, tmp_path: Path) -> None:
    if browser() is None:
        assert not os.environ.get("CI"), "no Chromium: install one"
        pytest.skip("no Chromium: the part on the labelling page is left out")
    store = store_with(tmp_path, 6)
    with store.sessions() as session:
        # a thing of a colour far from the mask's, so that a drawn mask is seen on it
        query = select(Sample.id).join(Annotation, Annotation.id == Sample.annotation_id)
        sample = session.scalars(query.where(~Sample.negative, Annotation.phrase.startswith("teal"))).first()
    assert sample is not None
    with running.open() as server:
        project = push(store, server, ReviewSettings(), "page", [Asked(sample, 0.5)], system_clock).project
    picture, (task,) = tmp_path / "page.png", running.tasks("page")[sample]
    seen = label_in_browser(running.environment, running.login, project, task, picture)
    mask = masks_of(store)[sample][0]
    height, width = mask.shape
    # The mask of the model is seen: where it lies the page differs from the picture, elsewhere it does not.
    x, y, wide, high = (round(side) for side in seen["stage"])
    with store.sessions() as session:
        row = session.get_one(Image, session.get_one(Sample, sample).image_id)
    with Pictures.open(io.BytesIO(store.blobs.get(row.sha256))) as original:
        plain = np.asarray(original.convert("RGB").resize((wide, high)), float)
    with Pictures.open(picture) as page:
        shown = np.asarray(page.convert("RGB").crop((x, y, x + wide, y + high)), float)
    difference = np.abs(shown - plain).mean(axis=2)
    covered = np.asarray(Pictures.fromarray(mask).resize((wide, high)))
    free = ~covered
    free[:, int(0.85 * wide) :] = False  # the page's own tools float there
    assert difference[covered].mean() > max(25, 2 * difference[free].mean())

    assert running.pull(store, "page").new == 1
    with store.sessions() as session:
        decision = session.scalars(select(Decision).where(Decision.sample_id == sample)).one()
    assert (decision.status, decision.is_target, decision.category, decision.question_good) == (
        "correct",
        True,
        "novel",
        True,
    )
    new = decode_mask(decision.mask or {})
    assert np.array_equal(new & mask, mask)  # the page drew the model's mask and gave it back unharmed
    # The stroke runs through the upper left: about a third of the width, and nowhere else.
    rows, columns = np.nonzero(new & ~mask)
    assert rows.max() < height / 4
    assert width / 5 < columns.max() - columns.min() < width / 2
    store.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Store]:
    store = store_with(tmp_path, 40)
    yield store
    store.close()


def accept_all(running: Running, store: Store, edition: str) -> int:
    known = masks_of(store)
    said: dict[int, tuple[list[dict[str, Any]], dict[str, Any]]] = {}
    for key, (task,) in running.tasks(edition).items():
        mask = known[key][0]
        said[task] = ([*([painted(mask)] if mask.any() else []), *YES], {})
    running.say_all(said)
    return len(said)


def command(running: Running, workdir: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a `nest review` command as a process of its own, that can be killed."""
    environment = {
        **os.environ,
        "LABEL_STUDIO_API_KEY": running.login.token,
        "NEST_REVIEW__URL": running.login.url,
        "NEST_REVIEW__BATCH_SIZE": "4",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [Path(sys.executable).with_name("nest"), "review", *arguments, "--workdir", str(workdir), "--json"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def kill_when(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    """Kill a process as soon as something is so."""
    end = time.monotonic() + 120
    while not ready():
        assert process.poll() is None, (
            f"ended too early: {process.stderr.read().decode()[-800:] if process.stderr else ''}"
        )
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_killed_while_pushing_and_while_pulling(running: Running, small: Store, tmp_path: Path) -> None:
    kill_when(
        command(running, tmp_path, "push", "--edition", "killed", "--below", "1.01"),
        lambda: len(running.tasks("killed")) >= 4,
    )
    assert len(running.tasks("killed")) < 40
    running.push(small, "killed", batch=10)  # at once, while the server may still be at the batch of the killed one
    time.sleep(2)
    running.push(small, "killed")
    assert Counter(map(len, running.tasks("killed").values())) == {1: 40}

    assert accept_all(running, small, "killed") == 40

    def written() -> int:
        with small.sessions() as session:
            return session.scalar(select(func.count()).select_from(Decision)) or 0

    kill_when(command(running, tmp_path, "pull", "--edition", "killed"), lambda: written() >= 4)
    assert 4 <= written() < 40
    report = running.pull(small, "killed")
    assert report.new + report.unchanged == 40
    assert written() == 40
    assert {row.status for row in decisions(small)} == {"accept"}
    assert running.pull(small, "killed").new == 0


def test_the_server_stops_midway(running: Running, small: Store) -> None:
    def stop_push(done: int, _total: int) -> None:
        if done >= 8:
            running.local.stop()

    with pytest.raises(ReviewError, match="does not answer"):
        running.push(small, "stopped", 8, stop_push)
    running.local.start()
    report = running.push(small, "stopped", 8)
    assert (report.made + report.there, report.there >= 8) == (40, True)
    assert Counter(map(len, running.tasks("stopped").values())) == {1: 40}
    accept_all(running, small, "stopped")

    def stop_pull(report: Pulled) -> None:
        if report.tasks >= 8:
            running.local.stop()

    with pytest.raises(ReviewError, match="does not answer"):
        running.pull(small, "stopped", 8, stop_pull)
    running.local.start()
    running.pull(small, "stopped", 8)
    assert Counter(row.state for row in decisions(small)) == {"current": 40}
    assert len({row.sample_id for row in decisions(small)}) == 40


def test_second_thoughts(running: Running, small: Store) -> None:
    """Decisions that are changed, deleted, made again, or whose task is deleted; masks that the models replaced meanwhile."""
    running.push(small, "thoughts")
    tasks, known = running.tasks("thoughts"), masks_of(small)
    first, second, third, fourth, fifth, *_ = [key for key in sorted(known) if known[key][0].any()]
    made = {key: running.say(tasks[key][0], painted(known[key][0]), *YES) for key in (first, second, third, fourth)}
    assert running.pull(small, "thoughts").new == 4
    api = running.api
    api.annotations.update(made[first], result=[painted(known[first][0]), choice("is_target", "no")])
    api.annotations.delete(made[second])
    api.tasks.delete(str(tasks[third][0]))
    report = running.pull(small, "thoughts")
    assert (report.new, report.changed, report.deleted) == (0, 1, 2)
    state = {row.sample_id: (row.status, row.state) for row in decisions(small)}
    assert state == {
        first: ("reject", "current"), second: ("accept", "deleted"), third: ("accept", "deleted"), fourth: ("accept", "current"),
    }  # fmt: skip
    # The re-opened task is decided again; the same person's second annotation counts instead of the first.
    running.say(tasks[second][0], choice("is_target", "no"))
    running.say(tasks[fourth][0], painted(known[fourth][0]), choice("is_target", "no"))
    assert running.pull(small, "thoughts").new == 2
    found = Counter((row.sample_id, row.status, row.state) for row in decisions(small))
    assert found[second, "reject", "current"] == found[fourth, "reject", "current"] == 1
    assert found[fourth, "accept", "superseded"] == 1
    # The models change their mind: the task nobody decided is replaced, a decided one stays, and a new one is made for it.
    with small.sessions() as session:
        for key in (first, fifth):
            annotation = session.get_one(Annotation, session.get_one(Sample, key).annotation_id)
            annotation.mask = encode_mask(~decode_mask(annotation.mask))
        session.commit()
    report_push = running.push(small, "thoughts")
    # the third sample's deleted task is made again too
    assert (report_push.made, report_push.removed) == (3, 1)
    assert (len(running.tasks("thoughts")[first]), len(running.tasks("thoughts")[fifth])) == (2, 1)
    api.annotations.update(made[first], result=[painted(known[first][0]), *YES])
    report = running.pull(small, "thoughts")
    assert (report.changed, report.stale) == (1, 1)


def test_tokens(running: Running) -> None:
    kept = json.loads((running.local._folder / "login.json").read_text())
    for token in (running.login.token, kept["first_token"]):  # a personal access token, and a legacy token
        with running.open(token) as server:
            assert server.whoami() == running.login.email
    with running.open("0" * 40) as server, pytest.raises(ReviewError, match="token is not accepted"):
        server.whoami()


def test_webhooks(running: Running, small: Store) -> None:
    running.push(small, "webhooks")
    key, (task, *_) = next(iter(running.tasks("webhooks").items()))
    with Listener("right") as listener, running.open() as server:
        project = server.find_project("NEST webhooks")
        assert project is not None
        for _ in range(2):  # the second time it replaces the first
            server.ensure_webhook(project, f"http://127.0.0.1:{listener.port}/", {SECRET_HEADER: "right"})
        running.say(task, choice("is_target", "no"))
        assert listener.woken.wait(60)
    assert running.pull(small, "webhooks").new == 1
    assert {row.sample_id for row in decisions(small)} == {key}
