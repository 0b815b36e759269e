"""A table of results, best first; results of different editions or splits, or of NEST and NEST+, are never put side by side.

Two systems are told apart by a paired bootstrap of their IoUs on the same samples (`validate.metrics.difference`): where
its 95 % interval holds zero, the table says that they are not.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nest_builder.export.card import table_cell
from nest_builder.export.checks import breaks
from nest_builder.validate.metrics import Interval, difference

MAX_FILES: Final = 1_000
MAX_BYTES: Final = 64 << 20  # of a result file
COLUMNS: Final = ("overall gIoU", "novel gIoU", "emerging gIoU", "overall cIoU", "Acc", "negatives gIoU")
PLUS_COLUMNS: Final = ("overall gIoU", "nest gIoU", "reasoning gIoU", "referring gIoU", *COLUMNS[3:])
_RANKED_BY: Final = "overall gIoU"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row.

    Attributes:
        result: The result, as its file has it.
        behind: By how much the row's gIoU lies behind that of the row above; None in the first row, and where the two
            were not asked the same samples.
    """

    result: Mapping[str, Any]
    behind: Interval | None

    @property
    def tied(self) -> bool | None:
        """Return whether the row cannot be told from the one above; None where that is not known."""
        return None if self.behind is None else self.behind.low <= 0.0 <= self.behind.high


@dataclass(frozen=True, slots=True)
class Board:
    """The table of one split of one edition.

    Attributes:
        edition: Its name.
        manifest_sha256: Of its manifest.
        split: Name of the split.
        entries: Rows, best first.
        plus: Whether it is of the edition's NEST+.
    """

    edition: str
    manifest_sha256: str
    split: str
    entries: tuple[Entry, ...]
    plus: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the figures that it may show."""
        return PLUS_COLUMNS if self.plus else COLUMNS

    def to_json(self) -> dict[str, Any]:
        """Return JSON types."""
        return {
            "edition": self.edition,
            "plus": self.plus,
            "manifest_sha256": self.manifest_sha256,
            "split": self.split,
            "ranked_by": _RANKED_BY,
            "rows": [
                {
                    "rank": rank,
                    "system": entry.result["system"],
                    "figures": {name: entry.result["figures"].get(name) for name in self.columns},
                    "behind": None
                    if entry.behind is None
                    else [round(side, 6) for side in (entry.behind.value, entry.behind.low, entry.behind.high)],
                    "tied": entry.tied,
                    "missing": entry.result["counts"]["missing"],
                    "predictions_sha256": entry.result["predictions_sha256"],
                }
                for rank, entry in enumerate(self.entries, 1)
            ],
        }

    def to_markdown(self) -> str:
        """Return the table in points (hundredths), each figure with its 95 % interval."""
        shown = [name for name in self.columns if any(name in entry.result["figures"] for entry in self.entries)]
        samples = self.entries[0].result["counts"]["samples"]
        title = f"NEST{'+' * self.plus} {table_cell(self.edition)}, split {table_cell(self.split)}"
        lines = [
            f"**{title}** ({samples:,} samples; manifest `{self.manifest_sha256[:12]}`)",
            "",
            f"| # | system | {' | '.join(shown)} | behind the row above | missing | predictions |",
            "|---:|---|" + "---|" * (len(shown) + 3),
        ]
        for rank, entry in enumerate(self.entries, 1):
            figures = " | ".join(_cell(entry.result["figures"].get(name)) for name in shown)
            lines.append(
                f"| {rank} | {table_cell(entry.result['system'])} | {figures} | {_behind(entry)} "
                f"| {entry.result['counts']['missing']} | `{entry.result['predictions_sha256'][:12]}` |"
            )
        lines += [
            "",
            "Figures in points with 95 % bootstrap intervals; ≈: not told apart from the row above by a paired bootstrap.",
        ]
        return "\n".join(lines) + "\n"


def read_results(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Read the result files of a folder (``*.json``).

    Returns:
        The results in the order of their names, and what is wrong with the files that are none.

    Raises:
        NotADirectoryError: There is no such folder.
        ValueError: It holds too many files.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"no folder {folder}")
    files = sorted(folder.glob("*.json"))
    if len(files) > MAX_FILES:
        raise ValueError(f"{folder} holds {len(files)} results, at most {MAX_FILES} are read")
    results, problems = [], []
    for file in files:
        try:
            if file.stat().st_size > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES} bytes")
            content = json.loads(file.read_text(encoding="utf-8"))
            if problem := breaks("evaluation", content):
                raise ValueError(problem)
            results.append(content)
        except (ValueError, OSError, RecursionError) as broken:
            problems.append(f"{file.name}: {broken}")
    return results, problems


def leaderboards(results: Iterable[Mapping[str, Any]], seed: int = 0) -> list[Board]:
    """Sort results into one table for each split of each edition.

    Args:
        results: As `Evaluation.to_json` gives them; those without a figure to rank by (no positive samples) come last.
        seed: Of the resamples that tell systems apart.
    """
    apart: dict[tuple[str, bool, str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for result in results:
        apart[result["edition"], result.get("plus", False), result["manifest_sha256"], result["split"]].append(result)
    boards = []
    for (edition, plus, manifest, split), rows in sorted(apart.items(), key=lambda item: item[0]):
        rows.sort(
            key=lambda row: (-row["figures"].get(_RANKED_BY, [-1.0])[0], row["system"], row["predictions_sha256"])
        )
        entries = tuple(Entry(row, _difference(rows[at - 1], row, seed) if at else None) for at, row in enumerate(rows))
        boards.append(Board(edition, manifest, split, entries, plus))
    return boards


def _difference(above: Mapping[str, Any], row: Mapping[str, Any], seed: int) -> Interval | None:
    first, second = above["ious"], row["ious"]
    negatives = set(above["negatives"])
    ids = [name for name in first if name not in negatives]
    if not ids or first.keys() != second.keys():
        return None
    return difference([first[name] for name in ids], [second[name] for name in ids], seed)


def _cell(figure: list[float] | None) -> str:
    return "–" if figure is None else f"{100 * figure[0]:.1f} ({100 * figure[1]:.1f}–{100 * figure[2]:.1f})"


def _behind(entry: Entry) -> str:
    if entry.behind is None:
        return "–"
    one = entry.behind
    return f"{'≈ ' if entry.tied else ''}{100 * one.value:.1f} ({100 * one.low:.1f}–{100 * one.high:.1f})"
