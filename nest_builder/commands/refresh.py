"""``nest refresh``: a night, without a server."""

from typing import Annotated

import typer

from nest_builder.commands.build import write_page
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
    settings_of,
    start_logging,
)


def refresh(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    seed: SeedOption = None,
    stage: Annotated[
        list[str] | None, typer.Option("--stage", help="Only this one; may be given several times. By default all.")
    ] = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Collect what is new, process it, fetch reviews, publish the editions that are due, and tell people."""
    from nest_builder.progress import Progress
    from nest_builder.refresh import UnknownStageError
    from nest_builder.refresh import refresh as refresh_now

    start_logging(verbose)
    settings = settings_of(config, profile, workdir, seed)
    try:
        with Progress(quiet=as_json) as progress:
            night = refresh_now(settings, progress, stage or ())
    except UnknownStageError as error:
        raise give_up(str(error), 2) from error
    page = write_page(settings) if night.published else None
    if as_json:
        emit(night.as_dict() | {"report": str(page) if page else None})
        return
    worked = ", ".join(f"{report.stage} {report.worked}" for report in night.reports if report.worked)
    out.print(f"{night.at:%Y-%m-%d}: {worked or 'nothing new'} ({night.seconds:.1f} s)", soft_wrap=True)
    for edition in night.published:
        out.print(f"edition {edition} is published", markup=False)
    for source, why in night.silent.items():
        out.print(f"{source} gave nothing: {why}", markup=False, soft_wrap=True)
    for what, why in night.notes.items():
        out.print(f"{what}: {why}", markup=False, soft_wrap=True)
    if page is not None:
        out.print(f"report: [link=file://{page.resolve()}]{page}[/]", soft_wrap=True)
