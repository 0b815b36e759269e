"""Fetching what people decided: by what changed since the last time, such that a kill at any moment loses and doubles nothing.

Decisions are written a batch at a time, each under the annotation's number on the server; how far the pull came is noted at the very
end, so that what was killed is simply asked for again. Deletions are seen by comparing numbers, since nothing that is gone changes.
"""

import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.annotate.base import MODEL_ERRORS, Mask, MaskModel
from nest_builder.annotate.masks import decode_mask, encode_mask
from nest_builder.clock import Clock
from nest_builder.config import ReviewSettings
from nest_builder.images.decode import BadImageError, decode_rgb
from nest_builder.review.answers import Answer, Unusable, UnusableError, read_answer
from nest_builder.review.brush import decode_mask as decode_brush
from nest_builder.review.client import Server, TaskLine, key_of
from nest_builder.review.judging import judge, settle
from nest_builder.review.push import project_title
from nest_builder.review.said import mask_digest
from nest_builder.review.tasks import MAX_PIXELS, Subject, TaskKey, subjects
from nest_builder.review.wire import ReviewError, read_time
from nest_builder.store.session import Store
from nest_builder.store.tables import Decision, ReviewProject, Sample

log = logging.getLogger(__name__)

# Writes on the server that are under way get their time before they can be seen; they are asked for again the next time.
_OVERLAP = dt.timedelta(minutes=2)


@dataclass(slots=True)
class Pulled:
    """What a pull did.

    Attributes:
        project: The project's number on the server.
        tasks: Tasks that had changed.
        new: Decisions that were not known.
        changed: Decisions that a person changed.
        unchanged: Decisions that were known.
        deleted: Decisions that are no longer on the server, or that were taken back. They stay in the store, marked.
        stale: New or changed decisions about a mask that the models have since replaced.
        unusable: Annotations that are no decisions, by reason.
    """

    project: int
    tasks: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    stale: int = 0
    unusable: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        # dataclasses.asdict makes of a counter one of pairs
        return {one.name: getattr(self, one.name) for one in fields(self)} | {"unusable": dict(self.unusable)}


def pull(
    store: Store,
    server: Server,
    settings: ReviewSettings,
    edition: str,
    clock: Clock,
    mask_model: Callable[[], MaskModel],
    progress: Callable[[Pulled], None] = lambda report: None,
    full: bool = False,
) -> Pulled:
    """Bring an edition's decisions into the store.

    Args:
        store: Gets the decisions.
        server: Where from.
        settings: Title's prefix and the batch's size.
        edition: Names the project.
        clock: The present time.
        mask_model: Opens the model that makes masks of boxes, when there is a box.
        progress: Told after each batch.
        full: Look at everything again, not only at what changed since the last time.

    Raises:
        ReviewError: The server or the project is not there. What was fetched until then stays, and another pull goes on.
    """
    project = server.find_project(project_title(settings, edition))
    if project is None:
        raise ReviewError(
            f"no project {project_title(settings, edition)!r} on {server.url}: `nest review push` makes it"
        )
    row_id = f"{server.key}:{project}"
    with store.sessions() as session:
        row = session.get(ReviewProject, row_id)
        cursor = row.cursor if row is not None else None
    report = Pulled(project)
    reader = _Reader(store, server, edition, clock, mask_model, report)
    newest = cursor
    since = cursor - _OVERLAP if cursor is not None and not full else None
    for batch in _batches(server.changed(project, since, settings.batch_size), settings.batch_size):
        for task in batch:
            moment = _moment(task)
            newest = moment if newest is None else max(newest, moment)
        reader.read(batch)
        progress(report)
    reader.forget(list(server.lines(project, settings.batch_size)))
    with store.sessions() as session:
        row = session.get(ReviewProject, row_id)
        if row is None:  # the store was made anew, and the project is from before
            row = ReviewProject(id=row_id, url=server.url, name=edition, made_at=clock(), pushed_at=None)
            session.add(row)
        row.cursor, row.pulled_at = newest, clock()
        session.commit()
    progress(report)
    return report


class _Reader:
    """Turns tasks into decisions.

    Args: as of `pull`; ``report`` is counted up.
    """

    def __init__(
        self,
        store: Store,
        server: Server,
        edition: str,
        clock: Clock,
        mask_model: Callable[[], MaskModel],
        report: Pulled,
    ) -> None:
        self._store, self._server, self._edition, self._clock = store, server, edition, clock
        self._open_model, self._report = mask_model, report
        self._model: MaskModel | None = None
        self._people = server.people()

    def read(self, tasks: Sequence[dict[str, Any]]) -> None:
        """Write the decisions of a batch of tasks, in one transaction."""
        keys = {task["id"]: TaskKey.parse(key_of(task)) for task in tasks}
        counts = Pulled(self._report.project, tasks=len(tasks))
        with self._store.sessions() as session:
            wanted = sorted({key.sample for key in keys.values() if key is not None})
            found = {row[0].id: Subject(*row) for row in session.execute(subjects().where(Sample.id.in_(wanted)))}
            for task in tasks:
                key = keys[task["id"]]
                subject = found.get(key.sample) if key is not None else None
                for annotation in _annotations(task):
                    if key is None or subject is None:
                        counts.unusable[Unusable.NOT_OURS] += 1
                    else:
                        self._take(session, subject, key, task, annotation, counts)
            settle(session, wanted)
            session.commit()
        self._add(counts)

    def _take(
        self,
        session: Session,
        subject: Subject,
        key: TaskKey,
        task: Mapping[str, Any],
        annotation: dict[str, Any],
        counts: Pulled,
    ) -> None:
        """Write the decision of one annotation, or count why it is none."""
        known = session.get(Decision, f"{self._server.key}:{annotation['id']}")
        try:
            answer = read_answer(annotation, subject.image.height, subject.image.width, self._people)
            if known is not None and known.state != "deleted" and known.decided_at == answer.decided_at:
                counts.unchanged += 1
                return
            values = self._decide(subject, key, task, answer)
        except UnusableError as error:
            log.info("annotation %s of task %s is no decision: %s", annotation["id"], task["id"], error)
            counts.unusable[error.reason] += 1
            if known is not None and known.state != "deleted":  # it was one, and was taken back
                known.state = "deleted"
                counts.deleted += 1
            return
        if known is None:
            known = Decision(id=f"{self._server.key}:{annotation['id']}")
            session.add(known)
            counts.new += 1
        else:
            counts.changed += 1
        counts.stale += key.mask != mask_digest(subject.annotation.mask)
        for name, value in values.items():
            setattr(known, name, value)

    def _decide(self, subject: Subject, key: TaskKey, task: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
        """Return the columns of a decision."""
        meaning = judge(answer, _shown(subject, key, task))
        mask, model = meaning.mask, ""
        if meaning.from_box:
            mask, model = self._outline(subject, answer)
        return {
            "sample_id": subject.sample.id,
            "annotation_id": subject.annotation.id,
            "project": self._edition,
            "reviewer": answer.reviewer,
            "decided_at": answer.decided_at,
            "pulled_at": self._clock(),
            "status": meaning.status,
            "is_target": answer.is_target,
            "category": answer.category,
            "question_good": answer.question_good,
            "reason": meaning.reason,
            "mask": encode_mask(mask) if mask is not None else None,
            "box": list(answer.box) if answer.box is not None else None,
            "mask_model": model,
            "seconds": answer.seconds,
            "model_mask_digest": key.mask,
            "state": "current",
        }

    def _outline(self, subject: Subject, answer: Answer) -> tuple[Mask, str]:
        """Return what the mask model finds in the box, and the model's name."""
        if self._model is None:
            self._model = self._open_model()
        try:
            picture = decode_rgb(self._store.blobs.get(subject.image.sha256), max_pixels=MAX_PIXELS)
            ((outline,),) = self._model.segment([picture], [np.array([answer.box], np.float64)])
        except (OSError, BadImageError, *MODEL_ERRORS) as error:
            raise UnusableError(Unusable.NO_OUTLINE, f"{type(error).__name__}: {error}") from error
        if not outline.mask.any():
            raise UnusableError(Unusable.EMPTY_BOX, str(answer.box))
        return outline.mask, self._model.identity()

    def forget(self, lines: Sequence[TaskLine]) -> None:
        """Mark the decisions whose annotations are no longer on the server."""
        there = {f"{self._server.key}:{number}" for line in lines for number in line.annotations}
        with self._store.sessions() as session:
            query = select(Decision).where(
                Decision.id.startswith(f"{self._server.key}:", autoescape=True),
                Decision.project == self._edition,
                Decision.state != "deleted",
            )
            gone = [row for row in session.scalars(query) if row.id not in there]
            for row in gone:
                row.state = "deleted"
            settle(session, {row.sample_id for row in gone})
            session.commit()
        self._report.deleted += len(gone)

    def _add(self, counts: Pulled) -> None:
        """Count a batch once it is written."""
        report = self._report
        for name in ("tasks", "new", "changed", "unchanged", "deleted", "stale"):
            setattr(report, name, getattr(report, name) + getattr(counts, name))
        report.unusable.update(counts.unusable)


def _shown(subject: Subject, key: TaskKey, task: Mapping[str, Any]) -> Mask:
    """Return the mask that the person saw: the annotation's, or where the models replaced it since, the task's prediction."""
    height, width = subject.image.height, subject.image.width
    empty: Mask = np.zeros((height, width), bool)
    if key.mask == mask_digest(subject.annotation.mask):
        return empty if subject.sample.negative or not subject.annotation.mask else decode_mask(subject.annotation.mask)
    try:
        for prediction in task.get("predictions") or ():
            for region in prediction["result"]:
                if region.get("id") == "model" and region.get("type") == "brushlabels":
                    return decode_brush(region["value"]["rle"], height, width)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnusableError(Unusable.MALFORMED, f"prediction: {type(error).__name__}: {error}") from error
    return empty


def _annotations(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a task's annotations, in the order of their numbers.

    Raises:
        ReviewError: They are no list of objects with numbers.
    """
    found = task.get("annotations")
    if not isinstance(found, list) or not all(isinstance(one, dict) and type(one.get("id")) is int for one in found):
        raise ReviewError(f"task {task.get('id')}: its annotations are no list of objects with numbers")
    return sorted(found, key=lambda one: int(one["id"]))


def _moment(task: Mapping[str, Any]) -> dt.datetime:
    try:
        return read_time(task.get("updated_at"))
    except ValueError as error:
        raise ReviewError(f"task {task.get('id')}: {error}") from error


def _batches(tasks: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for task in tasks:
        batch.append(task)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
