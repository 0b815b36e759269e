"""Tables of systems by parts of a benchmark, with intervals: as Markdown, as JSON types, and as a plot (SVG)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import escape

import numpy as np

from nest_builder.validate.metrics import Interval, Overlap, accuracy, ciou_of, giou_of

_COLOURS: Final = (
    "#4477aa",
    "#66ccee",
    "#228833",
    "#ccbb44",
    "#ee6677",
    "#aa3377",
    "#bbbbbb",
)  # told apart by all eyes
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 900, 360, 50, 80  # pixels of the plot


@dataclass(frozen=True, slots=True)
class Scores:
    """What a system reached on n samples.

    Attributes:
        counted: Pixels of each sample.
        groups: (n,) names of the parts that samples belong to, such as novel and emerging.
        right: (n,) whether the text answer is right; None where the system gives none.
    """

    counted: Overlap
    groups: tuple[str, ...]
    right: tuple[bool, ...] | None = None

    def of(self, *groups: str) -> "Scores":
        """Return the samples of some parts."""
        kept = np.flatnonzero([group in groups for group in self.groups])
        right = None if self.right is None else tuple(self.right[at] for at in kept)
        return Scores(self.counted.take(kept), tuple(self.groups[at] for at in kept), right)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of figures.

    Attributes:
        title: What it shows.
        columns: Names of the figures, in order.
        rows: A system's name -> its figures; a figure may be missing.
    """

    title: str
    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, Interval]]

    def to_json(self) -> dict[str, Any]:
        """Return JSON types: {title, columns, rows: {name: {column: [value, low, high]}}}, shares with four digits."""
        rows = {
            name: {column: [round(x, 4) for x in (one.value, one.low, one.high)] for column, one in row.items()}
            for name, row in self.rows.items()
        }
        return {"title": self.title, "columns": list(self.columns), "rows": rows}

    def to_markdown(self) -> str:
        """Return the table in points (hundredths), as papers print them, each figure with its interval."""
        lines = [f"**{self.title}**", "", f"| | {' | '.join(self.columns)} |", "|---" * (len(self.columns) + 1) + "|"]
        for name, row in self.rows.items():
            cells = [_cell(row.get(column)) for column in self.columns]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        return "\n".join(lines) + "\n"


def score_table(title: str, systems: Mapping[str, Scores], groups: Sequence[str], seed: int = 0) -> Table:
    """Make the paper's table: gIoU by part and overall, cIoU, and Acc where systems give answers.

    Raises:
        ValueError: A system has no sample of a part.
    """
    rows: dict[str, dict[str, Interval]] = {}
    for name, scores in systems.items():
        row = {f"{group} gIoU": giou_of(scores.of(group).counted, seed) for group in groups}
        row |= {"overall gIoU": giou_of(scores.counted, seed), "overall cIoU": ciou_of(scores.counted, seed)}
        if scores.right is not None:
            row["Acc"] = accuracy(scores.right, seed)
        rows[name] = row
    columns = (*(f"{group} gIoU" for group in groups), "overall gIoU", "overall cIoU")
    answers = any("Acc" in row for row in rows.values())
    return Table(title, (*columns, "Acc") if answers else columns, rows)


def plot(table: Table) -> str:
    """Return grouped bars with interval whiskers as an SVG document: a group a column, a bar a system."""
    inner, tall = _WIDTH - _LEFT - 10, _HEIGHT - _BOTTOM - 30
    group = inner / len(table.columns)
    bar = 0.8 * group / max(1, len(table.rows))

    def height(share: float) -> float:
        return 30 + tall * (1 - share)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="18" font-size="14">{escape(table.title)}</text>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = height(share)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{100 * share:g}</text>')
    for at, column in enumerate(table.columns):
        left = _LEFT + group * (at + 0.1)
        parts.append(
            f'<text x="{left + 0.4 * group:.1f}" y="{height(0) + 16:.1f}" text-anchor="middle">{escape(column)}</text>'
        )
        for number, (name, row) in enumerate(table.rows.items()):
            if (one := row.get(column)) is None:
                continue
            x, middle = left + number * bar, left + (number + 0.5) * bar
            colour = _COLOURS[number % len(_COLOURS)]
            parts.append(
                f'<rect x="{x:.1f}" y="{height(one.value):.1f}" width="{0.9 * bar:.1f}" height="{tall * one.value:.1f}" '
                f'fill="{colour}"><title>{escape(name)}: {_cell(one)}</title></rect>'
            )
            parts.append(
                f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{height(one.low):.1f}" y2="{height(one.high):.1f}" stroke="black"/>'
            )
    for number, name in enumerate(table.rows):
        x, y = _LEFT + (number % 4) * inner / 4, _HEIGHT - 36 + 18 * (number // 4)
        parts.append(
            f'<rect x="{x:.1f}" y="{y - 10}" width="11" height="11" fill="{_COLOURS[number % len(_COLOURS)]}"/>'
        )
        parts.append(f'<text x="{x + 16:.1f}" y="{y}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _cell(one: Interval | None) -> str:
    return "–" if one is None else f"{100 * one.value:.1f} ({100 * one.low:.1f}–{100 * one.high:.1f})"
