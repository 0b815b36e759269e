"""Running the pipeline: the stages in order, in this process or wherever ``execute`` takes their batches."""

import datetime as dt
from collections.abc import Sequence

from nest_builder.config import Settings
from nest_builder.operations.metrics import RunMetrics, write_metrics
from nest_builder.pipeline import build_stages
from nest_builder.progress import Progress
from nest_builder.runner import Execute, Runner, Spread, here
from nest_builder.stage import Report, Stage
from nest_builder.workspace import Workspace, open_workspace


def build(settings: Settings, progress: Progress) -> list[Report]:
    """Run all stages in this process and return a report for each."""
    with open_workspace(settings) as workspace:
        return run_stages(workspace, progress, "build")


def run_stages(
    workspace: Workspace,
    progress: Progress,
    name: str,
    execute: Execute = here,
    stages: Sequence[Stage] | None = None,
    spread: Spread | None = None,
) -> list[Report]:
    """Run stages in order and return a report for each.

    Args:
        workspace: What they work with.
        progress: Shows the counts.
        name: What the run is called in ``stage_run``, before its time.
        execute: How a batch is run.
        stages: Which; by default all.
        spread: How batches are run by several processes, of stages that allow it; by default they are run as all others.
    """
    reports = []
    run = f"{name}-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}"
    runner = Runner(workspace.store.sessions, workspace.clock)
    metrics = workspace.metrics or RunMetrics(workspace.settings)
    counted, counted_spread = metrics.counting(execute), None if spread is None else metrics.counting_spread(spread)
    try:
        for stage in build_stages(workspace) if stages is None else stages:
            progress.start(stage.name)
            reports.append(runner.run(stage, run, progress.advance, counted, counted_spread))
            progress.finish(reports[-1])
    finally:  # a run that fails is the one whose figures somebody wants
        write_metrics(metrics, workspace.store, workspace.settings, workspace.clock)
    return reports
