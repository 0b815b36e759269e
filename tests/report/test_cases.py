from typing import Any

import pytest

from nest_builder.report.cases import CASES, cases_of, find_groups


def row(
    label: str | None = "solved_by_rose",
    p: float = 0.95,
    status: str = "unreviewed",
    negative: bool = False,
    name: str = "a",
    **ious: float,
) -> dict[str, Any]:
    verdict = {f"{system}_iou": ious.get(system) for system in ("static", "search", "rose")} | {"label": label}
    return {"id": f"{name}{p}", "verdict": verdict, "annotation": {"p_correct": p}, "review": {"status": status}, "negative": negative, "entity": {"name": name}}  # fmt: skip


@pytest.mark.parametrize(
    ("sample", "kinds"),
    [
        (row(static=0.0, rose=0.9), set()),
        (row("unsolved", static=0.0, rose=0.0), {"unsolved"}),
        (row("solved_by_static", static=0.9, rose=0.1), {"lost"}),
        (row("unsolved", static=0.0, rose=0.0, negative=True), {"unsolved", "false-alarm"}),
        (row(None, static=0.4, rose=0.52), {"close"}),
        (row(None), set()),
        (row(p=0.3), {"doubtful"}),
        (row(p=0.3, status="accepted"), set()),
        (row(p=0.3, status="corrected"), {"corrected"}),
    ],
)
def test_kinds(sample: dict[str, Any], kinds: set[str]) -> None:
    assert {name for bit, name in enumerate(CASES) if cases_of(sample) >> bit & 1} == kinds


def test_examples_are_of_different_entities_and_the_worst_first() -> None:
    rows = [row(p=0.1 * at, name="ab"[at % 2]) for at in range(1, 7)] + [row(p=0.65, name="c")]
    (group,) = find_groups(rows, examples=4)
    assert (group.kind.name, group.count, group.examples) == ("doubtful", 7, (0, 1, 6, 2))
    assert find_groups([]) == []
