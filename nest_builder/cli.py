"""The ``nest`` command."""

import json
import logging
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from nest_builder.config import Settings, load_settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Build NEST: novel and emerging entities, from the news, with masks.",
)
newsworld = typer.Typer(no_args_is_help=True, help="The simulated web with known truth.")
app.add_typer(newsworld, name="newsworld")
out = Console()
err = Console(stderr=True)

ConfigOption = Annotated[Path | None, typer.Option("--config", help="Settings file (TOML).", dir_okay=False)]
ProfileOption = Annotated[str | None, typer.Option("--profile", help="embedded (default) or hub.")]
WorkdirOption = Annotated[
    Path | None, typer.Option("--workdir", help="Where the store and the editions live.", file_okay=False)
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Seed of the simulated web (Newsworld).", min=0)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens.")]


def settings_of(config: Path | None, profile: str | None, workdir: Path | None, seed: int | None) -> Settings:
    """Read the settings of a command line; what is wrong with them is said in one line and ends the command."""
    try:
        settings = load_settings(config, profile, workdir=workdir)
    except FileNotFoundError as error:
        err.print(f"[red]{error}[/]")
        raise typer.Exit(2) from error
    except ValidationError as error:
        for problem in error.errors():
            err.print(f"[red]settings: {'.'.join(map(str, problem['loc']))}: {problem['msg']}[/]")
        raise typer.Exit(2) from error
    if seed is None:
        return settings
    if not settings.newsworld.enabled:
        err.print(
            "[red]--seed is the simulated web's; these settings use the real one: leave it out, or choose --profile embedded[/]"
        )
        raise typer.Exit(2)
    return settings.model_copy(update={"newsworld": settings.newsworld.model_copy(update={"seed": seed})})


def start_logging(verbose: bool) -> None:
    """Log to standard error: warnings, or with ``verbose`` everything of ours."""
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", handlers=[RichHandler(console=err, show_path=False)]
    )
    logging.getLogger("nest_builder").setLevel(logging.INFO if verbose else logging.WARNING)


def emit(data: Any) -> None:
    """Print one JSON object on standard output."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


@app.command()
def build(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    seed: SeedOption = None,
    prefect: Annotated[bool, typer.Option("--prefect", help="Run as a Prefect flow, a task a batch.")] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run every stage, from the sources to an edition and its report. What is done already is not done again."""
    from nest_builder.progress import Progress

    start_logging(verbose)
    settings = settings_of(config, profile, workdir, seed)
    accounting = None
    with Progress(quiet=as_json) as progress:
        if prefect:
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


@app.command()
def status(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the store holds: items by stage, rejections by reason, samples, editions."""
    settings = settings_of(config, profile, workdir, None)
    show_status(settings, as_json)


@app.command()
def report(config: ConfigOption = None, profile: ProfileOption = None, workdir: WorkdirOption = None) -> None:
    """Write the HTML report of the newest edition."""
    page = write_page(settings_of(config, profile, workdir, None))
    out.print(f"report: [link=file://{page.resolve()}]{page}[/]")


@app.command("score")
def score_command(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    seed: SeedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold what was built against the simulated world's truth; exit status 0 if every target is met."""
    from nest_builder.score import score
    from nest_builder.store.session import open_store

    settings = settings_of(config, profile, workdir, seed)
    if not settings.newsworld.enabled:
        err.print("[red]only the simulated web has a known truth: use the settings that `nest build` ran with[/]")
        raise typer.Exit(2)
    store = open_store(settings.database_url, settings.blobs_url)
    try:
        result = score(store, settings.workdir, settings.newsworld.seed)
    except LookupError as error:
        err.print(f"[red]{error.args[0]}[/]")
        raise typer.Exit(1) from error
    finally:
        store.close()
    show_figures(result, as_json)


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="Which benchmark, or `all`.")],
    seed: Annotated[int, typer.Option(help="Seed of what is measured on.", min=0)] = 1,
    data: Annotated[Path | None, typer.Option(help="A folder of the development data's form.", file_okay=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a benchmark; exit status 0 if every target is met."""
    from nest_builder.bench import BENCHMARKS, run_benchmark

    if name != "all" and name not in BENCHMARKS:
        err.print(f"[red]no benchmark {name!r}: choose one of {', '.join(BENCHMARKS)}, all[/]")
        raise typer.Exit(2)
    results = [run_benchmark(each, seed, data) for each in (BENCHMARKS if name == "all" else (name,))]
    for result in results[:-1]:
        show_figures(result, as_json, leave=False)
    show_figures(results[-1], as_json, leave=all(result["ok"] for result in results[:-1]))
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)


@newsworld.command("serve")
def newsworld_serve(
    seed: Annotated[int, typer.Option(help="Which world.", min=0)] = 0,
    port: Annotated[int, typer.Option(help="Port on loopback; 0 takes a free one.", min=0, max=65535)] = 8765,
    truth: Annotated[Path | None, typer.Option(help="Write the world's truth there.", dir_okay=False)] = None,
) -> None:
    """Serve the simulated web on loopback, until interrupted. Every host is told apart by its Host header."""
    from nest_builder.newsworld.server import serve_forever

    serve_forever(seed, port, truth)


def show_figures(result: dict[str, Any], as_json: bool, leave: bool = True) -> None:
    """Print a score's or benchmark's figures beside their targets.

    Args:
        result: The object that `nest score` and `nest bench` print.
        as_json: Print it as it is.
        leave: End the command with status 1 where a target is missed.
    """
    if as_json:
        emit(result)
    else:
        table = Table(title=result["name"])
        for heading in ("figure", "value", "target", ""):
            table.add_column(heading, justify="left" if heading == "figure" else "right")
        for key, value in result["figures"].items():
            sign, bound = result["targets"].get(key, ("", ""))
            met = (value >= bound if sign == ">=" else value <= bound) if sign else None
            mark = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[met]
            table.add_row(key, f"{value:g}", f"{sign} {bound}".strip(), mark)
        out.print(table)
        for peer, figures in result["peers"].items():
            out.print(f"[dim]{peer}: {', '.join(f'{key} {value:g}' for key, value in figures.items())}[/]")
    if leave and not result["ok"]:
        raise typer.Exit(1)


def show_status(settings: Settings, as_json: bool = False) -> None:
    """Print the store's state."""
    from nest_builder.status import read_status, status_table
    from nest_builder.store.session import open_store

    if not settings.database and not (settings.workdir / "nest.sqlite").exists():
        err.print(f"[red]nothing built yet in {settings.workdir}: run `nest build` first[/]")
        raise typer.Exit(1)
    store = open_store(settings.database_url, settings.blobs_url)
    try:
        state = read_status(store)
    finally:
        store.close()
    if as_json:
        emit(state.as_dict())
    else:
        out.print(status_table(state))


def write_page(settings: Settings) -> Path:
    """Write the report of the newest edition and return its path."""
    from nest_builder.report import write_report
    from nest_builder.store.session import open_store

    store = open_store(settings.database_url, settings.blobs_url)
    try:
        return write_report(store, settings.workdir)
    finally:
        store.close()
