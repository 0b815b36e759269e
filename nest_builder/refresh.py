"""A night: what is new since the last one, from the sources to an edition where one is due, and who is told of it.

``nest refresh`` runs this in one process, ``flows/refresh.py`` as a Prefect flow. A night is a build with three things more: it fetches
what people decided, it publishes on the first night of a month and on no other, and it says what somebody should know.
"""

import datetime as dt
import logging
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nest_builder.config import NotifySettings, Settings, SourceSettings
from nest_builder.export.naming import order
from nest_builder.notify import Message, News, NotifyError, compose, send
from nest_builder.pipeline import build_stages
from nest_builder.progress import Progress
from nest_builder.run import run_stages
from nest_builder.runner import Execute, Spread, here
from nest_builder.stage import Report, Stage
from nest_builder.status import STAGE_ORDER, count_waiting
from nest_builder.store.tables import Edition, Entry, LedgerEntry, ReviewProject, StageRun
from nest_builder.workspace import Workspace, open_workspace

log = logging.getLogger(__name__)

Tell = Callable[[Message], None]
_NEEDS_REVIEWS = frozenset({"review", "export"})


class UnknownStageError(ValueError):
    """A name that no stage has."""


@dataclass(slots=True)
class Night:
    """What a night did.

    Attributes:
        at: The run's clock when it began.
        reports: One a stage.
        pulled: What people decided, by edition: the pull's counts.
        published: Editions that came out, oldest first.
        silent: Sources that gave nothing, and why.
        queue: Samples that waited for people before and after.
        notes: What was left out, and why; no failure of the night.
        seconds: Wall time.
        cpu_seconds: Of this process.
    """

    at: dt.datetime
    reports: list[Report] = field(default_factory=list)
    pulled: dict[str, dict[str, Any]] = field(default_factory=dict)
    published: list[str] = field(default_factory=list)
    silent: dict[str, str] = field(default_factory=dict)
    queue: tuple[int, int] = (0, 0)
    notes: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {
            "at": self.at.isoformat(), "stages": {report.stage: report.as_dict() for report in self.reports},
            "pulled": self.pulled, "published": self.published, "silent": self.silent,
            "queue": {"before": self.queue[0], "after": self.queue[1]}, "notes": self.notes,
            "seconds": round(self.seconds, 3), "cpu_seconds": round(self.cpu_seconds, 3),
        }  # fmt: skip

    def news(self, settings: NotifySettings) -> list[News]:
        """Return what somebody may want to know."""
        found = [News("published", f"edition {name} is published") for name in self.published]
        found += [News("source", f"{source} gave nothing: {why}") for source, why in self.silent.items()]
        before, after = self.queue
        if after - before >= settings.queue_growth:
            found.append(News("queue", f"{after} samples wait for people, {after - before} more than before"))
        return found


def nightly(settings: Settings) -> Settings:
    """Return the settings of a night: editions come out when they are due."""
    return settings.model_copy(update={"export": settings.export.model_copy(update={"publish": "due"})})


def refresh(settings: Settings, progress: Progress, only: Collection[str] = ()) -> Night:
    """Run a night in this process.

    Args:
        settings: The settings; whatever they say of publishing, editions come out when they are due.
        progress: Shows the counts.
        only: Names of stages; by default all.

    Raises:
        UnknownStageError: There is no such stage.
        Exception: Whatever a stage raised; people have been told, and the next night goes on.
    """
    tell = teller(settings.notify)
    with told_of_failure(settings, tell), open_workspace(nightly(settings)) as workspace:
        return run_night(workspace, chosen(build_stages(workspace), only), progress, tell)


def chosen(stages: Sequence[Stage], only: Collection[str]) -> list[Stage]:
    """Return the stages of the given names, in the pipeline's order; all where none is named.

    Stages meet in the store only, so any part of them is a run: a machine with a GPU may do its own. A stage that the settings
    leave out (``validate``) is left out.

    Raises:
        UnknownStageError: There is no such stage.
    """
    if unknown := sorted(set(only) - set(STAGE_ORDER)):
        raise UnknownStageError(f"no stage {', '.join(unknown)}: choose of {', '.join(STAGE_ORDER)}")
    return [stage for stage in stages if not only or stage.name in only]


def run_night(
    workspace: Workspace,
    stages: Sequence[Stage],
    progress: Progress,
    tell: Tell,
    name: str = "refresh",
    execute: Execute = here,
    spread: Spread | None = None,
) -> Night:
    """Run the stages of a night in an open workspace, which may see many nights.

    Args:
        workspace: What the stages work with, opened with the settings of `nightly`.
        stages: Which, in order.
        progress: Shows the counts.
        tell: Sends the message.
        name: What the run is called.
        execute: How a batch is run.
        spread: How batches are run by several processes, of stages that allow it.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    night = Night(workspace.clock())
    with workspace.store.sessions() as session:
        last = session.scalar(select(func.max(StageRun.started_at)).where(StageRun.stage == "collect"))
        editions, waiting = set(session.scalars(select(Edition.name))), count_waiting(session)
    if any(stage.name in _NEEDS_REVIEWS for stage in stages):
        _pull(workspace, night)
    night.reports = run_stages(workspace, progress, name, execute, stages, spread)
    with workspace.store.sessions() as session:
        night.queue = (waiting, count_waiting(session))
        made = sorted(session.scalars(select(Edition.name)), key=order)
        night.published = [edition for edition in made if edition not in editions]
        if any(stage.name == "collect" for stage in stages):
            days = workspace.settings.notify.silent_days
            night.silent = silent_sources(session, workspace.settings.sources, night.at, last, days)
    message = compose(night.news(workspace.settings.notify), workspace.settings.notify, f"{night.at:%Y-%m-%d}")
    if message is not None:
        try:
            tell(message)
        except NotifyError as error:
            night.notes["notify"] = str(error)
            log.warning("%s", error)
    night.seconds, night.cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    return night


def teller(settings: NotifySettings) -> Tell:
    """Return what sends a message to the addresses of the environment."""

    def tell(message: Message) -> None:
        send(message, settings)

    return tell


@contextmanager
def told_of_failure(settings: Settings, tell: Tell) -> Iterator[None]:
    """Tell people of an exception that ends the night, and let it go on.

    Args:
        settings: The night's.
        tell: Sends the message.
    """
    try:
        yield
    except Exception as error:
        news = [News("failed", f"the night failed: {type(error).__name__}: {error}")]
        message = compose(news, settings.notify, f"{settings.now or dt.datetime.now(dt.UTC):%Y-%m-%d}")
        if message is not None:
            try:
                tell(message)
            except NotifyError as problem:
                log.warning("%s", problem)  # the night's own error is the one to be raised
        raise


def silent_sources(
    session: Session, sources: SourceSettings, at: dt.datetime, last: dt.datetime | None, days: int
) -> dict[str, str]:
    """Return the sources that gave nothing, and why.

    One that cannot be read is named each time that it was asked in vain; one that can, but has no new article, on the night on which that
    has been so for ``days``: nobody wants to read the same line every morning.

    Args:
        session: A session.
        sources: Which there are.
        at: When the night began.
        last: When the one before it did.
        days: Without a new article.
    """
    keys = [f"feed:{url}" for url in sources.feeds] + [f"site:{url}" for url in sources.sites]
    entries = {
        entry.item: entry
        for entry in session.scalars(
            select(LedgerEntry).where(LedgerEntry.stage == "collect", LedgerEntry.item.in_(keys))
        )
    }
    newest = dict(
        session.execute(
            select(Entry.origin, func.max(Entry.published_at)).where(Entry.origin.in_(keys)).group_by(Entry.origin)
        )
        .tuples()
        .all()
    )
    found: dict[str, str] = {}
    for key in keys:
        source, entry = key.partition(":")[2], entries.get(key)
        if entry is None or entry.finished_at < at:
            continue  # not asked tonight
        if entry.status != "done":
            found[source] = entry.detail or entry.reason or entry.status
        elif key not in newest:
            if last is None:
                found[source] = "it names no article"
        elif (date := newest[key]) is not None:
            silent_at = date + dt.timedelta(days=days)
            if silent_at <= at and (last is None or silent_at > last):
                found[source] = f"nothing new since {date:%Y-%m-%d}"
    return found


def _pull(workspace: Workspace, night: Night) -> None:
    """Fetch what people decided on the projects that were pushed; what cannot be had is a note, and waits for the next night."""
    settings = workspace.settings.review
    with workspace.store.sessions() as session:
        projects = list(
            session.scalars(
                select(ReviewProject.name)
                .where(ReviewProject.url == settings.url.rstrip("/"))
                .order_by(ReviewProject.name)
                .distinct()
            )
        )
    if not projects:
        return
    if not os.environ.get(settings.token_variable, "").strip():
        night.notes["reviews"] = f"not fetched: no token in {settings.token_variable}"
        return
    from nest_builder.annotate.segment import Segmenter
    from nest_builder.review.client import connect
    from nest_builder.review.pull import pull
    from nest_builder.review.wire import ReviewError

    try:
        with connect(settings) as server:
            for edition in projects:
                report = pull(
                    workspace.store, server, settings, edition, workspace.clock,
                    lambda: Segmenter(workspace.settings.annotate),
                )  # fmt: skip
                night.pulled[edition] = report.as_dict()
    except ReviewError as error:
        night.notes["reviews"] = f"not fetched: {error}"
        log.warning("reviews are not fetched: %s", error)
