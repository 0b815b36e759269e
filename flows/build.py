"""The build flow: every stage, a task a batch.

``make build-nest`` and the schedule run this; ``nest build`` runs the same batches without Prefect. Same bytes either way.
"""

import logging
import time

from prefect import State, flow

from flows.accounting import Accounting
from flows.artifacts import show_funnel
from flows.scale import StaysHere, spread_over_workers, task_runner
from flows.server import prefect_server, wait_until_recorded
from flows.tasks import TaskPerBatch
from nest_builder.config import Settings
from nest_builder.progress import Progress
from nest_builder.run import run_stages
from nest_builder.stage import Report
from nest_builder.workspace import open_workspace


def build(settings: Settings, progress: Progress) -> tuple[list[Report], Accounting | None]:
    """Run all stages as one Prefect flow, on a local server unless another is configured.

    Workspace, stages and models stay in this process and are closed over: Prefect sees stage names, batch sizes and counts, and
    has nothing to pickle. Where ``[scale]`` says so, batches that do not depend on each other go to Dask's or Ray's workers.

    Args:
        settings: The run's settings.
        progress: Shows the counts.

    Returns:
        One report a stage, in order, and where the time went; None for the latter where workers ran batches at the same time, whose
        times add up to more than the flow's.

    Raises:
        Exception: Whatever a stage raised; the flow run has failed then, and the next one goes on.
    """
    tasks = TaskPerBatch()

    def stages() -> list[Report]:
        with open_workspace(settings) as workspace:
            reports = run_stages(workspace, progress, "flow", tasks, spread=spread_over_workers(workspace, tasks))
            show_funnel(workspace.store)
        return reports

    run = StaysHere(stages)

    @flow(name="build-nest", validate_parameters=False, task_runner=task_runner(settings.scale))
    def build_nest(workdir: str) -> list[Report]:
        return run()

    # Prefect tells of each task's state; where our own progress is shown, that is noise.
    logging.getLogger("prefect").setLevel(logging.getLogger("nest_builder").getEffectiveLevel())
    called = time.perf_counter()
    with prefect_server(settings.workdir / "prefect"):
        started = time.perf_counter()
        state: State[list[Report]] = build_nest(str(settings.workdir), return_state=True)
        ended = time.perf_counter()
        assert state.state_details.flow_run_id is not None
        wait_until_recorded(state.state_details.flow_run_id, tasks.count)
    reports = state.result()  # raises what a stage raised
    if settings.scale.runner != "here":
        return reports, None
    return reports, Accounting.of(reports, ended - started, started - called, time.perf_counter() - ended)
