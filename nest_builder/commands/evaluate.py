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
    edition_folder,
    emit,
    give_up,
    out,
    settings_of,
)

if TYPE_CHECKING:
    from nest_builder.evaluation.evaluate import Evaluation


def evaluate(
    predictions: Annotated[Path, typer.Argument(help="JSON lines, or a folder of PNG masks.")],
    edition: Annotated[
        str | None,
        typer.Option(help="Name or folder of the edition, or the folder of its NEST+; by default the latest."),
    ] = None,
    plus: Annotated[bool, typer.Option("--plus", help="Against the edition's NEST+.")] = False,
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
    """Score predictions: gIoU, cIoU and Acc with 95 % bootstrap intervals, overall and by part.

    A line of predictions is {"id": SAMPLE, "mask": {"size": [HEIGHT, WIDTH], "counts": RUNS}, "answer": TEXT}; RUNS are COCO's run
    lengths, "mask": null is an empty mask, "answer" may be left out. In a folder, SAMPLE.png has one channel, not zero where the
    target is; a sample of NEST+ whose id has slashes is a file in a folder. What is missing or cannot be used counts as an empty mask
    and is reported.
    """
    from nest_builder.evaluation import evaluate as score

    folder = _asked(edition, plus, settings_of(config, profile, workdir, None).workdir)
    try:
        result = score(folder, predictions, system, split)
        if save is not None:
            save.parent.mkdir(parents=True, exist_ok=True)
            save.write_text(json.dumps(result.to_json(), ensure_ascii=False) + "\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        raise give_up(str(error)) from error
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


def _asked(edition: str | None, plus: bool, workdir: Path) -> Path:
    """Return the folder of an edition, or of its NEST+."""
    from nest_builder.export.manifest import PLUS_MANIFEST

    if edition is not None and (Path(edition) / PLUS_MANIFEST).is_file():
        return Path(edition)
    folder = edition_folder(edition, workdir)
    if not plus:
        return folder
    if not (workdir / "plus" / folder.name / PLUS_MANIFEST).is_file():
        raise give_up(f"no NEST+ of {folder.name}: run `nest edition plus {folder.name}` first")
    return workdir / "plus" / folder.name


def _show(result: "Evaluation") -> None:
    """Print the figures in points, and what was wrong with the predictions."""
    table = Table(
        "figure",
        "value",
        "95 % interval",
        title=f"{result.system} on {result.truth.name}, split {result.truth.split}",
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
