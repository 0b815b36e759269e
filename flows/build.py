"""The build flow: every stage, a task a batch.

``make build-nest`` and the schedule run this; ``nest build`` runs the same batches without Prefect. Same bytes either way.
"""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from nest_builder.config import Settings
from nest_builder.pipeline import build_stages
from nest_builder.progress import Progress
from nest_builder.stage import Batch, Report, Runner, Stage, merge
from nest_builder.status import read_status
from nest_builder.workspace import Workspace, open_workspace


def build(settings: Settings, progress: Progress) -> list[Report]:
    """Run all stages as one Prefect flow.

    Workspace, stages and models stay in this process and are closed over: Prefect sees stage names, batch sizes and counts, and
    has nothing to pickle.

    Args:
        settings: The run's settings.
        progress: Shows the counts.

    Returns:
        One report a stage, in order.
    """

    @flow(name="build-nest", validate_parameters=False)
    def build_nest(workdir: str) -> list[Report]:
        with open_workspace(settings) as workspace:
            reports = run_stages(workspace, progress)
            create_markdown_artifact(
                funnel(workspace), key="funnel", description="What every stage kept and turned away"
            )
        return reports

    reports: list[Report] = build_nest(str(settings.workdir))
    return reports


def run_stages(workspace: Workspace, progress: Progress) -> list[Report]:
    """Run all stages in order, each batch as a Prefect task. Called inside a flow."""
    runner = Runner(workspace.store.sessions, workspace.clock)
    run = f"flow-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}"
    reports = []
    for stage in build_stages(workspace):
        started, started_at, total = time.perf_counter(), workspace.clock(), Report(stage.name)
        progress.start(stage.name)
        for number, (batch, left) in enumerate(runner.rounds(stage, total), 1):
            merge(total, _batch_task(runner, stage, batch, number)(len(batch.items)))
            progress.advance(total, left)
        runner.finish(stage, run, total, started_at, started)
        progress.finish(total)
        reports.append(total)
    return reports


def _batch_task(runner: Runner, stage: Stage, batch: Batch, number: int) -> Callable[[int], Report]:
    # The default cache policy hashes arguments and results and costs 50 ms a task; our cache is the ledger.
    @task(name=stage.name, task_run_name=f"{stage.name}-{number}", cache_policy=NO_CACHE, persist_result=False)
    def work(items: int) -> Report:
        return runner.run_batch(stage, batch)

    call: Callable[[int], Any] = work
    return call


def funnel(workspace: Workspace) -> str:
    """Return the run's funnel as a Markdown table."""
    lines = ["| stage | done | rejected | reasons |", "|---|---:|---:|---|"]
    for stage in read_status(workspace.store).stages:
        reasons = ", ".join(f"{reason}: {count}" for reason, count in stage.reasons.items())
        lines.append(f"| {stage.stage} | {stage.done} | {stage.rejected} | {reasons} |")
    return "\n".join(lines)
