"""Batches as Prefect tasks."""

from collections.abc import Callable
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from sqlalchemy.exc import OperationalError

from nest_builder.stage import Batch, Report

_PASSING = (OSError, OperationalError)  # a disk that is full, a service or a database that is away: it may be back soon


class TaskPerBatch:
    """Runs each batch as a task of the flow that is running, in this process; an ``Execute`` of the runner.

    A batch is one transaction, so it may be tried again whatever happened to the first try.

    Args:
        retries: How often a batch is tried again that failed for a reason that may pass.
        delay_s: Before each of these.

    Attributes:
        count: Tasks so far.
        options: Of each task, wherever it runs.
    """

    def __init__(self, retries: int = 0, delay_s: float = 30.0) -> None:
        self.count = 0
        # The default cache policy hashes arguments and results and costs 50 ms a task; our cache is the ledger.
        self.options: dict[str, Any] = {
            "cache_policy": NO_CACHE, "persist_result": False,
            "retries": retries, "retry_delay_seconds": delay_s, "retry_condition_fn": _may_pass,
        }  # fmt: skip

    def more(self) -> None:
        """Count a task that somebody else made."""
        self.count += 1

    def __call__(self, batch: Batch, number: int, work: Callable[[], Report]) -> Report:
        """Run a batch as a task and return its counts."""

        @task(name=batch.stage, task_run_name=f"{batch.stage}-{number}", **self.options)
        def process(items: int) -> Report:
            return work()

        self.more()
        report: Report = process(len(batch.items))
        return report


def _may_pass(task: Any, run: Any, state: Any) -> bool:
    """Tell whether it is worth to try again; Prefect asks with the task, its run and the failed state."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, _PASSING)
