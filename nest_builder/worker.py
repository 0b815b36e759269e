"""What a worker process of a cluster does: it opens its own workspace once, and runs the batches that it is given.

What travels is a stage's name, a batch (keys and hashes) and the settings; pictures, texts and models do not. Models load when a worker
first has work for them and stay as long as it does.
"""

import atexit
import datetime as dt
import os
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from sqlalchemy import make_url

from nest_builder.config import Settings
from nest_builder.operations import logs
from nest_builder.operations.metrics import RunMetrics
from nest_builder.pipeline import build_stages
from nest_builder.runner import Runner
from nest_builder.stage import Batch, Report
from nest_builder.workspace import open_workspace


@dataclass(frozen=True, slots=True)
class Job:
    """A batch for a worker.

    Attributes:
        settings: The worker's settings as JSON.
        batch: What to do.
    """

    settings: str
    batch: Batch


def settings_for_workers(settings: Settings, resolve: Mapping[str, str], now: dt.datetime | None) -> str:
    """Return the settings under which workers do together what one process does alone.

    Hosts must not notice how many they are, so each gets its share of the rate. The database's password stays behind: a worker's own
    environment has it (``NEST_DATABASE`` or ``PGPASSWORD``).

    Args:
        settings: The run's.
        resolve: The run's origins of hosts, the simulated web's among them: there is one for all.
        now: What the run's clock says, where it is not the system's.
    """
    workers, web = settings.scale.workers, settings.web
    shared = web.model_copy(
        update={
            "resolve": dict(resolve),
            "requests_per_second": web.requests_per_second / workers,
            "per_host": max(1, web.per_host // workers),
        }
    )
    database = make_url(settings.database_url)._replace(password=None).render_as_string()
    return settings.model_copy(
        update={
            "workdir": settings.workdir.resolve(),
            "database": database,
            "blobs": settings.blobs_url,
            "web": shared,
            "now": now,
            "newsworld": settings.newsworld.model_copy(update={"enabled": False}),
        }
    ).model_dump_json()


def settings_here(told: str, environment: Mapping[str, str]) -> Settings:
    """Return the settings that a worker works with: what it is told, and its own environment's database.

    Args:
        told: What `settings_for_workers` made.
        environment: The worker's.
    """
    settings, database = Settings.model_validate_json(told), environment.get("NEST_DATABASE")
    return settings.model_copy(update={"database": database}) if database else settings


class _Worker:
    """This process's workspace, kept from batch to batch."""

    def __init__(self, settings: str) -> None:
        self.settings = settings
        known = settings_here(settings, os.environ)
        logs.start(logs.level_of(known.log.level), known.log.format)
        with ExitStack() as stack:
            workspace = stack.enter_context(open_workspace(known))
            self._stages = {stage.name: stage for stage in build_stages(workspace)}
            self._runner = Runner(workspace.store.sessions, workspace.clock)
            self._metrics = workspace.metrics or RunMetrics(known)
            self._open = stack.pop_all()

    def run(self, batch: Batch) -> Report:
        before = self._metrics.requests()
        report = self._runner.run_batch(self._stages[batch.stage], batch)
        report.requests = self._metrics.requests() - before  # the run counts them with its own
        return report

    def close(self) -> None:
        self._open.close()


_worker: _Worker | None = None
_one_at_a_time = threading.Lock()


def run_job(job: Job) -> Report:
    """Run a batch in this process and commit it, as the run's own process would."""
    global _worker
    with _one_at_a_time:
        if _worker is None or _worker.settings != job.settings:
            close()
            _worker = _Worker(job.settings)
        return _worker.run(job.batch)


@atexit.register
def close() -> None:
    """Close this process's workspace, if it has one."""
    global _worker
    if _worker is not None:
        _worker.close()
        _worker = None
