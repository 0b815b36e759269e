"""What a run shows while it works: a bar a stage, with counts and rejections."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from nest_builder.stage import Report


class Progress:
    """Progress bars on standard error; ``quiet`` shows nothing.

    Args:
        quiet: No bars.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet)
        self._bars = Bars(
            TextColumn("[bold]{task.description:<10}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"), console=self._console, disable=quiet,
        )  # fmt: skip
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def start(self, stage: str) -> None:
        """Open a stage's bar."""
        self._task = self._bars.add_task(stage, total=None, note="")

    def advance(self, report: Report, left: int) -> None:
        """Show the counts so far and how much this round still has to do."""
        assert self._task is not None
        self._bars.update(self._task, completed=report.worked, total=report.worked + left, note=_note(report))

    def finish(self, report: Report) -> None:
        """Close the stage's bar with its final counts."""
        assert self._task is not None
        total = max(1, report.worked + report.unchanged)
        self._bars.update(self._task, completed=total, total=total, note=_note(report))
        self._bars.stop_task(self._task)


def _note(report: Report) -> str:
    parts = [f"{report.done} done"]
    if report.rejected:
        worst, count = report.reasons.most_common(1)[0]
        parts.append(f"{report.rejected} rejected (most: {worst} {count})")
    if report.failed:
        parts.append(f"[yellow]{report.failed} to retry[/]")
    if report.postponed:
        parts.append(f"[yellow]{len(report.postponed)} left for another run[/]")
    if report.unchanged:
        parts.append(f"[dim]{report.unchanged} unchanged[/]")
    return ", ".join(parts)
