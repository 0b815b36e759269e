"""``nest doctor``."""

import dataclasses
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from nest_builder.commands.common import ConfigOption, JsonOption, ProfileOption, WorkdirOption, emit, out, settings_of

STYLES = {"ok": "green", "warning": "yellow", "problem": "red"}


def doctor(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    deep: Annotated[bool, typer.Option("--deep", help="Load the models and use them once.")] = False,
    network: Annotated[bool, typer.Option("--network", help="Ask the sources and services, politely.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look for what would stop a run or spoil it; exit status 1 if there is a problem."""
    from nest_builder.clock import system_clock
    from nest_builder.doctor import Patient, examine

    findings = examine(Patient(settings_of(config, profile, workdir, None), system_clock, deep, network))
    ok = all(finding.state != "problem" for finding in findings)
    if as_json:
        emit({"ok": ok, "findings": [dataclasses.asdict(finding) for finding in findings]})
    else:
        table = Table(box=box.SIMPLE_HEAD)
        for heading in ("check", "", "found", "what to do"):
            table.add_column(heading, overflow="fold")
        previous = ""
        for finding in findings:
            check = "" if finding.check == previous else finding.check
            # Paths and errors may hold square brackets: they are no markup.
            state = Text(finding.state, style=STYLES[finding.state])
            table.add_row(check, state, Text(finding.found), Text(finding.remedy))
            previous = finding.check
        out.print(table)
    if not ok:
        raise typer.Exit(1)
