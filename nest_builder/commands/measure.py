"""``nest score`` and ``nest bench``: figures beside their targets and floors."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from nest_builder.commands.common import (
    ConfigOption,
    JsonOption,
    ProfileOption,
    SeedOption,
    WorkdirOption,
    complain,
    emit,
    give_up,
    out,
    settings_of,
)

if TYPE_CHECKING:
    from nest_builder.bench.floors import Floors
    from nest_builder.bench.result import Result


def score(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    seed: SeedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold what was built against the simulated world's truth; exit status 0 if every target is met."""
    from nest_builder.score import score as score_store
    from nest_builder.store.session import open_store

    settings = settings_of(config, profile, workdir, seed)
    if not settings.newsworld.enabled:
        raise give_up("only the simulated web has a known truth: use the settings that `nest build` ran with", 2)
    store = open_store(settings.database_url, settings.blobs_url)
    try:
        result = score_store(store, settings.workdir, settings.newsworld.seed)
    except LookupError as error:
        raise give_up(error.args[0]) from error
    finally:
        store.close()
    if as_json:
        emit(result.to_json())
    else:
        show(result, {})
    if not result.ok:
        raise typer.Exit(1)


def bench(
    name: Annotated[str, typer.Argument(help="Which benchmark, or `all`.")],
    seed: Annotated[int, typer.Option(help="Seed of what is measured on.", min=0)] = 1,
    data: Annotated[
        Path | None,
        typer.Option(help="A folder of the development data's form; for `all`, of its parts.", file_okay=False),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The short form, where there is one.")] = False,
    update_floors: Annotated[bool, typer.Option("--update-floors", help="Pin what this run reaches.")] = False,
    reason: Annotated[str | None, typer.Option(help="Why a floor may be loosened; kept beside it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a benchmark; exit status 0 if every target is met and every floor holds."""
    from nest_builder.bench import BENCHMARKS, QUICK, floors, run_benchmark

    names = list(QUICK if quick else BENCHMARKS) if name == "all" else [name]
    if name not in (*BENCHMARKS, "all"):
        raise give_up(f"no benchmark {name!r}: choose one of {', '.join(BENCHMARKS)}, all", 2)
    if quick and not set(names) <= set(QUICK):
        raise give_up(f"{name} has no quick form: choose one of {', '.join(QUICK)}, all", 2)
    if reason is not None and not update_floors:
        raise give_up("--reason belongs to --update-floors", 2)
    ok = True
    for each in names:
        try:
            folder = data / BENCHMARKS[each] if data is not None and name == "all" else data
            result = run_benchmark(each, seed, folder, quick)
            if update_floors:
                floors.save_floors(floors.update(result, floors.load_floors(floors.FLOORS), reason), floors.FLOORS)
        except FileNotFoundError as error:
            complain(f"{each}: not measured: {error}")
            ok = False
            continue
        except floors.LoosenedFloorError as error:
            complain(str(error))
            ok = False
        pinned = floors.load_floors(floors.FLOORS)
        result = floors.hold(result, pinned)
        if as_json:
            emit(result.to_json(), one_line=name == "all")
        else:
            show(result, pinned)
        for broken in result.broken:
            complain(f"broken floor: {broken}")
        ok = ok and result.ok
    if not ok:
        raise typer.Exit(1)


def show(result: "Result", floors: "Floors") -> None:
    """Print figures beside targets and floors, and those of the peers."""
    from nest_builder.bench.result import meets

    pinned = floors.get(result.name, {})
    held = result.setup.get("floors", {}).get("held", [])
    apart = result.setup.get("floors", {}).get("not_compared", {})
    table = Table(title=result.name)
    for heading in ("figure", "value", "target", "met", "floor", "held"):
        table.add_column(heading, justify="left" if heading == "figure" else "right")
    for figure in dict.fromkeys([*result.figures, *result.targets, *pinned]):
        value, target = result.figures.get(figure), result.targets.get(figure)
        table.add_row(
            figure,
            "–" if value is None else f"{value:g}",
            "" if target is None else f"{target[0]} {target[1]:g}",
            "" if target is None else _mark(meets(value, target)),
            str(pinned[figure]) if figure in pinned else "",
            "" if figure not in pinned else "[dim]not compared[/]" if figure in apart else _mark(figure in held),
        )
    out.print(table)
    for peer, figures in result.peers.items():
        out.print(f"[dim]{peer}: {', '.join(f'{key} {value:g}' for key, value in figures.items())}[/]")
    for why, count in {why: list(apart.values()).count(why) for why in apart.values()}.items():
        out.print(f"[dim]{count} floors not compared: {why}[/]")


def _mark(good: bool) -> str:
    return "[green]yes[/]" if good else "[red]no[/]"
