"""``nest build``, ``status`` and ``report``: running the pipeline and looking at what it made."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from nest_builder.commands.common import (
    ConfigOption,
    JsonOption,
    ProfileOption,
    SeedOption,
    VerboseOption,
    WorkdirOption,
    emit,
    give_up,
    out,
    require_store,
    settings_of,
    start_logging,
)
from nest_builder.config import Settings


def build(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    seed: SeedOption = None,
    prefect: Annotated[bool, typer.Option("--prefect", help="Run as a Prefect flow, a task a batch.")] = False,
    runner: Annotated[
        Literal["here", "dask", "ray"] | None,
        typer.Option("--runner", help="Where a flow's batches run: here, or on Dask's or Ray's workers; else [scale]."),
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Worker processes of dask or ray.", min=1)] = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run every stage, from the sources to an edition and its report. What is done already is not done again."""
    from nest_builder.progress import Progress

    start_logging(verbose)
    settings = settings_of(config, profile, workdir, seed)
    chosen = {name: value for name, value in (("runner", runner), ("workers", workers)) if value is not None}
    settings = settings.model_copy(update={"scale": settings.scale.model_copy(update=chosen)})
    accounting = None
    with Progress(quiet=as_json) as progress:
        if prefect or settings.scale.runner != "here":
            from flows.build import build as build_flow

            reports, accounting = build_flow(settings, progress)
        else:
            from nest_builder.run import build as build_here

            reports = build_here(settings, progress)
    page = write_page(settings)
    if as_json:
        printed = {"stages": {item.stage: item.as_dict() for item in reports}, "report": str(page)}
        emit(printed if accounting is None else printed | {"orchestration": accounting.as_dict()})
        return
    show_status(settings)
    out.print(f"report: [link=file://{page.resolve()}]{page}[/]")
    if accounting is not None:
        out.print(str(accounting))


def status(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the store holds: items by stage, rejections by reason, samples, editions."""
    settings = settings_of(config, profile, workdir, None)
    show_status(settings, as_json)


def report(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    edition: Annotated[str | None, typer.Option("--edition", help="Which edition; by default the newest.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="The site's folder; by default `site` in the work directory.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write an edition's pages of the site, and the list of all editions."""
    settings = settings_of(config, profile, workdir, None)
    require_store(settings)
    try:
        page = write_page(settings, edition, folder)
    except LookupError as error:
        raise give_up(error.args[0]) from error
    if as_json:
        emit({"report": str(page)})
        return
    out.print(f"report: [link=file://{page.resolve()}]{page}[/]")


def show_status(settings: Settings, as_json: bool = False) -> None:
    """Print the store's state."""
    from nest_builder.status import read_status, status_table
    from nest_builder.store.session import open_store

    require_store(settings)
    store = open_store(settings.database_url, settings.blobs_url)
    try:
        state = read_status(store)
    finally:
        store.close()
    if as_json:
        emit(state.as_dict())
    else:
        out.print(status_table(state))


def write_page(settings: Settings, edition: str | None = None, folder: Path | None = None) -> Path:
    """Write the site's pages of an edition, by default of the newest, and return the path of the first.

    Raises:
        LookupError: There is no edition of that name, or it was withdrawn.
    """
    from nest_builder.report import write_report
    from nest_builder.store.session import open_store

    store = open_store(settings.database_url, settings.blobs_url)
    try:
        return write_report(store, settings.workdir, edition, folder)
    finally:
        store.close()
