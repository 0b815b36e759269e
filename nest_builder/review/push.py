"""Sending samples to Label Studio: in batches, such that a second push, or one after a kill, doubles nothing.

Nothing is noted on our side: what is there already is read from the server each time, by the key in a task's ``meta``.
"""

import datetime as dt
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.clock import Clock
from nest_builder.config import ReviewSettings
from nest_builder.digest import short_id
from nest_builder.images.decode import BadImageError
from nest_builder.review.client import FILES_AT_ONCE, Server, TaskLine
from nest_builder.review.tasks import (
    MODEL_VERSION,
    Subject,
    TaskKey,
    labelling_interface,
    make_task,
    picture_file,
    subjects,
)
from nest_builder.store.session import Store
from nest_builder.store.tables import Annotation, Image, ReviewProject, Route, Sample

log = logging.getLogger(__name__)

_PICTURES_CONFIG = '<View><Image name="image" value="$image"/></View>'
_ROWS = 400  # of samples in one query; SQLite allows some thousand values
_UPLOAD_BYTES = 100_000_000  # of pictures in one request; Label Studio refuses 250 MB


@dataclass(frozen=True, slots=True)
class Asked:
    """A sample to be reviewed.

    Attributes:
        sample: Its id.
        p_correct: How probable it is that nothing is wrong with it.
        reviewers: How many people should look at it.
    """

    sample: str
    p_correct: float
    reviewers: int = 1


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did.

    Attributes:
        project: The project's number on the server.
        asked: Samples that should be there.
        made: Tasks made.
        there: Tasks that were there already.
        removed: Tasks without a decision that were deleted: doubled, or of an earlier state of their sample.
        pictures: Pictures sent.
        left_out: Samples that could not be sent, by reason.
    """

    project: int
    asked: int
    made: int = 0
    there: int = 0
    removed: int = 0
    pictures: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        # dataclasses.asdict makes of a counter one of pairs
        return {one.name: getattr(self, one.name) for one in fields(self)} | {"left_out": dict(self.left_out)}


def routed(session: Session) -> list[Asked]:
    """Return what the routing sends to people, the most valuable first."""
    query = (
        select(Route.sample_id, Route.p_correct, Route.reviewers)
        .join(Sample, Sample.id == Route.sample_id)
        .where((Route.action == "review") | Route.audit)
        .order_by(Route.priority.desc(), Route.sample_id)
    )
    return [Asked(sample, p_correct, max(1, reviewers)) for sample, p_correct, reviewers in session.execute(query)]


def doubtful(session: Session, below: float) -> list[Asked]:
    """Return the samples whose annotation is less probably right than ``below``, the most doubtful first."""
    query = (
        select(Sample.id, Annotation.p_correct)
        .join(Annotation, Annotation.id == Sample.annotation_id)
        .where(Annotation.p_correct < below)
        .order_by(Annotation.p_correct, Sample.id)
    )
    return [Asked(sample, p_correct) for sample, p_correct in session.execute(query)]


def push(
    store: Store,
    server: Server,
    settings: ReviewSettings,
    edition: str,
    asked: Sequence[Asked],
    clock: Clock,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Pushed:
    """Bring samples to the edition's project, leaving those that are there.

    Args:
        store: Holds the samples.
        server: Where to.
        settings: Title's prefix and the batch's size.
        edition: Names the project.
        asked: Which samples, in the order in which they should be reviewed.
        clock: The present time, for the project's row.
        progress: Told after each batch how many of how many samples are there.

    Raises:
        ReviewError: The server is not there, or refuses. What was sent until then stays, and another push goes on.
    """
    project, pictures = _projects(server, settings, edition)
    _note(store, server, project, edition, clock())
    lines = list(server.lines(project, settings.batch_size))
    plan = _plan(store, asked, lines)
    for task in plan.surplus:
        server.delete_task(task)
    made, left_out = 0, plan.left_out
    gallery = _Gallery(store, server, pictures)
    progress(plan.there, len(asked))
    for start in range(0, len(plan.new), settings.batch_size):
        batch = plan.new[start : start + settings.batch_size]
        found = _load(store, [one.sample for one in batch])
        paths = gallery.paths([subject.image for subject in found.values()], left_out)
        tasks = []
        for one in batch:
            subject = found[one.sample]
            if subject.image.sha256 not in paths:
                continue
            try:
                tasks.append(make_task(subject, paths[subject.image.sha256], one.p_correct))
            except ValueError as error:
                log.warning("sample %s is not sent: %s", one.sample, error)
                left_out["does not fit the labelling interface"] += 1
        if tasks:
            made += len(server.import_tasks(project, tasks))
        progress(plan.there + made, len(asked))
    removed = len(plan.surplus) + _finish(store, server, settings, project, asked)
    _note(store, server, project, edition, clock(), pushed=True)
    return Pushed(project, len(asked), made, plan.there, removed, gallery.sent, left_out)


def _projects(server: Server, settings: ReviewSettings, edition: str) -> tuple[int, int]:
    """Return the edition's project, and the one that holds pictures.

    Label Studio takes files into a project only where tasks have one field, so pictures have a project of their own. It is shared by
    all editions: a picture is sent once.
    """
    project = server.ensure_project(
        project_title(settings, edition),
        labelling_interface(),
        f"Samples of the edition {edition}, to be reviewed.",
        show_collab_predictions=True,  # the mask of the model is there when a person begins
        model_version=MODEL_VERSION,
        maximum_annotations=1,
        sampling="Sequential sampling",  # the order in which they were sent: the most valuable first
        show_skip_button=True,
    )
    about = "Pictures of the samples under review. Nothing is to be labelled here."
    return project, server.ensure_project(project_title(settings, "pictures"), _PICTURES_CONFIG, about)


def project_title(settings: ReviewSettings, edition: str) -> str:
    """Return the title of an edition's project; Label Studio allows 50 characters."""
    title = f"{settings.project_prefix}{edition}"
    return title if len(title) <= 50 else f"{title[:41]}-{short_id(edition)[:8]}"


def _note(store: Store, server: Server, project: int, edition: str, now: dt.datetime, pushed: bool = False) -> None:
    with store.sessions() as session:
        row = session.get(ReviewProject, f"{server.key}:{project}")
        if row is None:
            row = ReviewProject(
                id=f"{server.key}:{project}", url=server.url, name=edition, made_at=now,
                pushed_at=None, pulled_at=None, cursor=None,
            )  # fmt: skip
            session.add(row)
        if pushed:
            row.pushed_at = now
        session.commit()


@dataclass(frozen=True, slots=True)
class _Plan:
    new: list[Asked]
    there: int
    surplus: list[int]
    left_out: Counter[str]


def _plan(store: Store, asked: Sequence[Asked], lines: Sequence[TaskLine]) -> _Plan:
    """Compare what should be there with what is."""
    parsed = [TaskKey.parse(line.key) for line in lines]
    keys = _keys(store, {one.sample for one in asked} | {key.sample for key in parsed if key is not None})
    present = {key.sample for key in parsed if key is not None and keys.get(key.sample) == key}
    unique = list(dict.fromkeys(asked))
    new = [one for one in unique if one.sample not in present]
    unknown = [one for one in new if one.sample not in keys]
    return _Plan(
        [one for one in new if one.sample in keys],
        len(unique) - len(new),
        _surplus(lines, keys),
        Counter({"not in the store": len(unknown)} if unknown else {}),
    )


def _surplus(lines: Sequence[TaskLine], keys: Mapping[str, TaskKey]) -> list[int]:
    """Return the tasks of ours that nobody decided and that are doubled, or of a state that their sample is no longer in.

    Tasks are doubled where a push was killed while the server was still at its last batch, and the next one came at once.
    """
    groups: dict[str, list[TaskLine]] = defaultdict(list)
    for line in lines:
        groups[line.key].append(line)
    surplus = []
    for text, group in groups.items():
        key = TaskKey.parse(text)
        if key is None:
            continue
        idle = [line.id for line in group if not line.annotations]
        outdated = keys.get(key.sample) != key
        surplus += idle if outdated or len(idle) < len(group) else idle[1:]
    return sorted(surplus)


def _finish(store: Store, server: Server, settings: ReviewSettings, project: int, asked: Sequence[Asked]) -> int:
    """Look at what is there in the end: remove what is doubled, and show shared tasks to as many people as asked for."""
    lines = list(server.lines(project, settings.batch_size))
    people = {one.sample: one.reviewers for one in asked}
    surplus = set(_plan(store, asked, lines).surplus)
    for line in lines:
        key = TaskKey.parse(line.key)
        if line.id in surplus:
            server.delete_task(line.id)
        elif key is not None and line.overlap < people.get(key.sample, 1):
            server.show_to(line.id, people[key.sample])
    return len(surplus)


def _keys(store: Store, samples: Iterable[str]) -> dict[str, TaskKey]:
    wanted = sorted(samples)
    found: dict[str, TaskKey] = {}
    for start in range(0, len(wanted), _ROWS):
        found |= {sample: one.key for sample, one in _load(store, wanted[start : start + _ROWS]).items()}
    return found


def _load(store: Store, samples: Sequence[str]) -> dict[str, Subject]:
    with store.sessions() as session:
        rows = session.execute(subjects().where(Sample.id.in_(samples)))
        return {row[0].id: Subject(*row) for row in rows}


class _Gallery:
    """The pictures on the server: each is sent once.

    Args:
        store: Holds the files.
        server: Where to.
        project: The project of the pictures.
    """

    def __init__(self, store: Store, server: Server, project: int) -> None:
        self._blobs, self._server, self._project = store.blobs, server, project
        self._there = {name.split(".")[0]: path for name, path in server.uploads(project).items()}
        self.sent = 0

    def paths(self, images: Sequence[Image], left_out: Counter[str]) -> dict[str, str]:
        """Return the address of each picture on the server by its SHA-256, sending those that are not there."""
        files: dict[str, tuple[bytes, str]] = {}
        waiting = 0
        for image in {image.sha256: image for image in images}.values():
            if image.sha256 in self._there:
                continue
            try:
                name, data, kind = picture_file(image, self._blobs)
            except (OSError, BadImageError) as error:
                log.warning("picture %s is not sent: %s", image.id, error)
                left_out["picture missing or broken"] += 1
                continue
            if files and (waiting + len(data) > _UPLOAD_BYTES or len(files) == FILES_AT_ONCE):
                self._send(files)
                files, waiting = {}, 0
            files[name] = data, kind
            waiting += len(data)
        if files:
            self._send(files)
        return {image.sha256: self._there[image.sha256] for image in images if image.sha256 in self._there}

    def _send(self, files: Mapping[str, tuple[bytes, str]]) -> None:
        made = self._server.upload(self._project, files)
        self.sent += len(files)
        self._there |= {name.split(".")[0]: path for name, path in made.items()}
