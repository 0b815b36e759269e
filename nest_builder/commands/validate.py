"""``nest validate``: which samples defeat the static models, and what solves them."""

from collections import Counter
from typing import Any

from rich.table import Table

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


def validate(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    seed: SeedOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Give verdicts on the samples of the store, whether the settings make them a part of every build or not.

    Exit status 1 where samples are left without one because a service is down; what has its verdict keeps it, and the next run goes on.
    """
    from sqlalchemy import select

    from nest_builder.progress import Progress
    from nest_builder.run import run_stages
    from nest_builder.stages.validate import Validate
    from nest_builder.store.tables import Verdict
    from nest_builder.workspace import open_workspace

    start_logging(verbose)
    settings = settings_of(config, profile, workdir, seed)
    require_store(settings)
    with open_workspace(settings) as workspace:
        try:
            stage = Validate(settings, workspace.store, workspace.client, workspace.clock)
            with Progress(quiet=as_json) as progress:
                (report,) = run_stages(workspace, progress, "validate", stages=[stage])
        except (ValueError, OSError) as error:  # a setting names what there is not, or a model is missing
            raise give_up(str(error)) from error
        with workspace.store.sessions() as session:
            rows = session.execute(select(Verdict.label, Verdict.reason, Verdict.controls)).all()
    labels = Counter(label or "no verdict" for label, _, _ in rows)
    reasons = sorted({reason for _, reason, _ in rows if reason})
    controls: list[dict[str, Any]] = rows[0].controls if rows else []
    if as_json:
        emit({**report.as_dict(), "labels": dict(sorted(labels.items())), "no_verdict": reasons, "controls": controls})
    else:
        _show(labels, controls, reasons)
    if report.postponed:
        raise give_up(
            f"{len(report.postponed)} samples wait: {report.waits_for}\nrun `nest validate` again when it is back"
        )


def _show(labels: Counter[str], controls: list[dict[str, Any]], reasons: list[str]) -> None:
    """Print the verdicts, the control set, and why there is no verdict where there is none."""
    table = Table("verdict", "samples", title="verdicts")
    for label, count in sorted(labels.items()):
        table.add_row(label, str(count))
    out.print(table)
    for control in controls:
        figure = "not answered" if control["giou"] is None else f"gIoU {control['giou']['value']:.3f}"
        out.print(
            f"control set, {control['segmenter']}: {figure} on {control['questions']} questions (floor {control['floor']:g})",
            markup=False,
        )
    for reason in reasons:
        out.print(f"no verdict: {reason}", markup=False)
