"""``nest evaluate`` and ``nest leaderboard``: anyone's predictions held against an edition, and many such results."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from nest_builder.commands.common import (
    ConfigOption,
    JsonOption,
    ProfileOption,
    WorkdirOption,
    complain,
    emit,
    give_up,
    out,
    settings_of,
)

if TYPE_CHECKING:
    from nest_builder.evaluation.evaluate import Evaluation


def evaluate(
    predictions: Annotated[Path, typer.Argument(help="JSON lines, or a folder of PNG masks.")],
    edition: Annotated[str | None, typer.Option(help="Name or folder of the edition; by default the latest.")] = None,
    split: Annotated[str, typer.Option(help="Which samples.")] = "test",
    system: Annotated[str, typer.Option(help="What the system is called; by default the file's name.")] = "",
    save: Annotated[
        Path | None, typer.Option(help="Write the result there, for a leaderboard.", dir_okay=False)
    ] = None,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score predictions: gIoU, cIoU and Acc with 95 % bootstrap intervals, overall and by category.

    A line of predictions is {"id": SAMPLE, "mask": {"size": [HEIGHT, WIDTH], "counts": RUNS}, "answer": TEXT}; RUNS are COCO's run
    lengths, "mask": null is an empty mask, "answer" may be left out. In a folder, SAMPLE.png has one channel, not zero where the
    target is. What is missing or cannot be used counts as an empty mask and is reported.
    """
    from nest_builder.evaluation import evaluate as score

    folder = find_edition(edition, settings_of(config, profile, workdir, None).workdir)
    try:
        result = score(folder, predictions, system, split)
    except (OSError, ValueError) as error:
        raise give_up(str(error)) from error
    if save is not None:
        save.parent.mkdir(parents=True, exist_ok=True)
        save.write_text(json.dumps(result.to_json(), ensure_ascii=False) + "\n", encoding="utf-8")
    if as_json:
        emit(result.to_json())
    else:
        _show(result)


def leaderboard(
    folder: Annotated[Path, typer.Argument(help="Results, as `nest evaluate --save` writes them.", file_okay=False)],
    as_json: JsonOption = False,
) -> None:
    """Print results as tables (Markdown), one for each split of each edition, best first; exit status 1 if a file is no result."""
    from nest_builder.evaluation.leaderboard import leaderboards, read_results

    try:
        results, problems = read_results(folder)
    except (OSError, ValueError) as error:
        raise give_up(str(error)) from error
    boards = leaderboards(results)
    if as_json:
        emit({"boards": [board.to_json() for board in boards], "problems": problems})
    else:
        typer.echo("\n".join(board.to_markdown() for board in boards), nl=False)
    for problem in problems:
        complain(problem)
    if problems or not boards:
        raise typer.Exit(1) if problems else give_up(f"no results in {folder}")


def find_edition(name: str | None, workdir: Path) -> Path:
    """Return an edition's folder by its name or path, or the latest one's."""
    from nest_builder.export.naming import newest

    editions = workdir / "editions"
    if name is not None:
        for folder in (Path(name), editions / name):
            if (folder / "manifest.json").is_file():
                return folder
        raise give_up(f"no edition {name}: neither a folder with a manifest.json nor a name in {editions}")
    names = [path.parent.name for path in editions.glob("[!.]*/manifest.json")]
    latest = newest(name for name in names if name != "latest")
    if latest is None:
        raise give_up(f"no edition in {editions}: name one with --edition")
    return editions / latest


def _show(result: "Evaluation") -> None:
    """Print the figures in points, and what was wrong with the predictions."""
    table = Table(
        "figure",
        "value",
        "95 % interval",
        title=f"{result.system} on NEST {result.truth.edition}, split {result.truth.split}",
    )
    for name, one in result.figures().items():
        table.add_row(name, f"{100 * one.value:.1f}", f"{100 * one.low:.1f} – {100 * one.high:.1f}")
    out.print(table)
    if result.missing:
        out.print(
            f"{result.missing} of {len(result.truth.samples)} samples have no prediction: they count as empty masks"
        )
    for problem, count in sorted(result.predictions.problems.items()):
        out.print(f"{count} {problem.replace('_', ' ')}")
    for problem_text in result.predictions.named:
        out.print(problem_text, markup=False)
