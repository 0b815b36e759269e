"""Running the pipeline in this process, without Prefect: the same batches in the same order."""

import datetime as dt

from nest_builder.config import Settings
from nest_builder.pipeline import build_stages
from nest_builder.progress import Progress
from nest_builder.stage import Report, Runner
from nest_builder.workspace import open_workspace


def build(settings: Settings, progress: Progress) -> list[Report]:
    """Run all stages in order and return a report for each."""
    reports = []
    run = f"build-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}"
    with open_workspace(settings) as workspace:
        runner = Runner(workspace.store.sessions, workspace.clock)
        for stage in build_stages(workspace):
            progress.start(stage.name)
            reports.append(runner.run(stage, run, progress.advance))
            progress.finish(reports[-1])
    return reports
