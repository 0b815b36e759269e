"""Batches on the worker processes of Dask or Ray, through Prefect's task runners."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, ParamSpec, TypeVar

from prefect import task
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.tasks import TaskPerBatch
from nest_builder.clock import system_clock
from nest_builder.config import ScaleSettings
from nest_builder.runner import Spread
from nest_builder.stage import Batch, Report
from nest_builder.worker import Job, run_job, settings_for_workers
from nest_builder.workspace import Workspace

P = ParamSpec("P")
T = TypeVar("T")
_AHEAD = 3  # batches a worker that are handed out at a time: none waits for the next, and a stage can still be stopped


class StaysHere(Generic[P, T]):
    """A function that is called in this process only.

    Prefect sends the flow along with each task. What a flow closes over (an open store, models, progress bars) neither can nor should
    travel; wrapped in this, it leaves nothing behind but its name.

    Args:
        function: What is called.
    """

    def __init__(self, function: Callable[P, T]) -> None:
        self._function = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call it."""
        return self._function(*args, **kwargs)

    def __reduce__(self) -> tuple[type["StaysHere[..., Any]"], tuple[Callable[..., Any]]]:
        """Travel as something that refuses to be called."""
        return StaysHere, (_not_here,)


def _not_here(*_args: Any, **_kwargs: Any) -> Any:
    raise RuntimeError("this part of a flow runs in the flow's own process")


@task
def process_elsewhere(job: Job) -> Report:
    """Run a batch wherever the task runner has put this task."""
    return run_job(job)


def task_runner(settings: ScaleSettings) -> TaskRunner[Any]:
    """Return Prefect's task runner for the settings' cluster; a local cluster starts with the flow and ends with it.

    Raises:
        ModuleNotFoundError: The extra ``scale`` is not installed.
    """
    if settings.runner == "dask":
        from dask import config
        from prefect_dask.task_runners import DaskTaskRunner

        # Dask has the allocator give every freed tensor back to the system; taking the next one from there, page by page, took
        # workers a third of their time. None leaves a worker's environment as it is.
        config.set({"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None})
        # Models want a process each: threads would share one interpreter's lock and one model.
        local = {
            "n_workers": settings.workers,
            "threads_per_worker": 1,
            "processes": True,
            "dashboard_address": "127.0.0.1:0",
        }
        dask: TaskRunner[Any] = DaskTaskRunner(
            **({"address": settings.address} if settings.address else {"cluster_kwargs": local})
        )
        return dask
    if settings.runner == "ray":
        from prefect_ray.task_runners import RayTaskRunner

        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no telemetry: a cluster of our own looks for no network
        own = {"num_cpus": settings.workers, "include_dashboard": False, "log_to_driver": False}
        ray: TaskRunner[Any] = RayTaskRunner(settings.address or None, {} if settings.address else own)
        return ray
    return ThreadPoolTaskRunner()


def spread_over_workers(workspace: Workspace, tasks: TaskPerBatch) -> Spread | None:
    """Return how the runner hands batches to the flow's workers; None where the settings keep all in this process.

    Args:
        workspace: The run's; its web is the workers' too.
        tasks: Say how often a batch is tried again, and count it.
    """
    scale = workspace.settings.scale
    if scale.runner == "here":
        return None

    def spread(stage: str, batches: Iterator[tuple[int, Batch]]) -> Iterable[tuple[Batch, Report]]:
        now = None if workspace.clock is system_clock else workspace.clock()
        settings = settings_for_workers(workspace.settings, workspace.resolve, now)
        running: deque[tuple[Batch, PrefectFuture[Report]]] = deque()
        for number, batch in batches:
            tasks.more()
            named = process_elsewhere.with_options(name=stage, task_run_name=f"{stage}-{number}", **tasks.options)
            running.append((batch, named.submit(Job(settings, batch))))
            if len(running) >= _AHEAD * scale.workers:
                first, future = running.popleft()
                yield first, future.result()
        while running:
            first, future = running.popleft()
            yield first, future.result()

    return spread
