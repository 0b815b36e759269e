"""The night as a Prefect flow: what the schedule of ``prefect.yaml`` runs. Its work is that of ``nest refresh``; same bytes either way.

A deployment may take part of the stages: they meet in the store only, so those that want a GPU run where there is one.
"""

import datetime as dt
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.blocks.core import Block

from flows.artifacts import show_night
from flows.scale import StaysHere, spread_over_workers, task_runner
from flows.tasks import TaskPerBatch
from nest_builder.config import Settings, load_settings
from nest_builder.notify import Message, NotifyError
from nest_builder.pipeline import build_stages
from nest_builder.progress import Progress
from nest_builder.refresh import Night, Tell, chosen, nightly, run_night, teller, told_of_failure
from nest_builder.stage import Stage
from nest_builder.workspace import Workspace, open_workspace

RETRIES = 2


@flow(name="refresh-nest", persist_result=False, retries=1, retry_delay_seconds=300)
def refresh_nest(
    config: str | None = None,
    profile: str | None = None,
    workdir: str | None = None,
    seed: int | None = None,
    now: dt.datetime | None = None,
    stages: list[str] | None = None,
) -> dict[str, Any]:
    """Collect what is new, process it, fetch reviews, publish what is due, tell people.

    Args:
        config: Settings file (TOML), by a path on the worker's machine.
        profile: embedded or hub.
        workdir: Where the store and the editions live.
        seed: Of the simulated web.
        now: The night's time instead of the clock's, to repeat one.
        stages: Which to run; by default all.

    Returns:
        What `Night.as_dict` says.
    """
    settings = load_settings(
        Path(config) if config else None, profile, workdir=Path(workdir) if workdir else None, now=now
    )
    if seed is not None:
        settings = settings.model_copy(update={"newsworld": settings.newsworld.model_copy(update={"seed": seed})})
    tell = block_teller(settings, teller(settings.notify))
    # Workers of Dask or Ray come with a task runner, which a flow has from its start: there the night is a flow of its own.
    run = night_in_flow if settings.scale.runner == "here" else as_flow
    with (
        told_of_failure(settings, tell),
        open_workspace(nightly(settings)) as workspace,
        Progress(quiet=True) as progress,
    ):
        night = run(workspace, chosen(build_stages(workspace), stages or ()), progress, tell)
    said = night.as_dict()
    log = get_run_logger()
    for what, why in night.notes.items():
        log.warning("%s: %s", what, why)
    log.info("published: %s; %.1f s", ", ".join(night.published) or "nothing", night.seconds)
    return said


def night_in_flow(workspace: Workspace, stages: Sequence[Stage], progress: Progress, tell: Tell) -> Night:
    """Run a night inside a flow run: a task a batch, and its artifacts.

    Args: as of `nest_builder.refresh.run_night`.
    """
    tasks = TaskPerBatch(RETRIES)
    spread = spread_over_workers(workspace, tasks)
    night = run_night(workspace, stages, progress, tell, "refresh", tasks, spread)
    show_night(workspace.store, night.at)
    return night


def as_flow(workspace: Workspace, stages: Sequence[Stage], progress: Progress, tell: Tell) -> Night:
    """Run one of many nights of an open workspace as a flow run of its own, as the schedule's are.

    Args: as of `nest_builder.refresh.run_night`.

    Raises:
        Exception: Whatever a stage raised; the flow run has failed then.
    """
    work = StaysHere(partial(night_in_flow, workspace, stages, progress, tell))
    runner = task_runner(workspace.settings.scale)

    @flow(name="refresh-nest", flow_run_name=f"{workspace.clock():%Y-%m-%d}", task_runner=runner, persist_result=False)
    def one_night() -> Night:
        return work()

    night: Night = one_night()
    return night


def block_teller(settings: Settings, others: Tell) -> Tell:
    """Return what tells the settings' Prefect notification block, and the others.

    Args:
        settings: ``notify.block`` names the block; the secret in it is the Prefect server's.
        others: Tells the addresses of the environment.
    """
    if not settings.notify.block:
        return others

    def tell(message: Message) -> None:
        problem = ""
        try:
            block: Any = Block.load(settings.notify.block)
            block.notify(message.body, message.subject)
        except Exception as error:  # noqa: BLE001 (whatever a block raises: news that does not arrive fails no night)
            # The error's text may hold the address, which is a secret.
            problem = f"the block {settings.notify.block} did not take the message: {type(error).__name__}"
        others(message)
        if problem:
            raise NotifyError(problem)

    return tell
