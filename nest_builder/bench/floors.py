"""Pinned floors: what was once reached is not lost unnoticed. They live in `benchmarks/floors.json`.

A floor (or ceiling) belongs to a figure of a benchmark and to what it was measured on; a run on another seed or corpus
is not held against it. It lies under what was measured by the pin's margin, and loosening it takes a reason, which is
kept beside it.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nest_builder.bench.result import Bound, Pin, Result, Sign, meets
from nest_builder.config import DATA

FLOORS = DATA.parent / "benchmarks" / "floors.json"
ABOUT = (
    "Pinned floors (and ceilings) of `nest bench NAME`, each with what it was measured on; another seed or corpus is "
    "not compared. Margin: shares lie 0.01 under what was measured (0.03 in the quick forms, which see few objects), "
    "speeds are ratios and lie 30 % under. `nest bench NAME --update-floors` raises them; loosening one takes "
    "--reason TEXT, which is kept here."
)
_KEYS: dict[str, Sign] = {"floor": ">=", "ceiling": "<="}
Floors = Mapping[str, Mapping[str, "Floor"]]
"""Benchmark -> figure -> floor."""


class LoosenedFloorError(ValueError):
    """A floor would be loosened, and no reason is given."""


@dataclass(frozen=True, slots=True)
class Floor:
    """A pinned bound of one figure.

    Attributes:
        bound: The sign and the limit.
        on: What the figure was measured on.
        measured: The figure then.
        reason: Why it was loosened, where it was.
    """

    bound: Bound
    on: str
    measured: float
    reason: str | None = None

    def __str__(self) -> str:
        return f"{self.bound[0]} {self.bound[1]:g}"

    @classmethod
    def of(cls, pin: Pin, measured: float, reason: str | None = None) -> "Floor":
        """Return the floor that a pin's margin puts under a measured figure."""
        return cls((pin.sign, pin.bound(measured)), pin.on, measured, reason)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Floor":
        """Read one entry of the file.

        Raises:
            ValueError: It has neither a floor nor a ceiling, or both, or does not say what it was measured on.
        """
        kinds = [kind for kind in _KEYS if kind in entry]
        if len(kinds) != 1 or not {"on", "measured"} <= entry.keys():
            raise ValueError(f"a floor needs `floor` or `ceiling`, `on` and `measured`: {dict(entry)}")
        (kind,) = kinds
        return cls((_KEYS[kind], float(entry[kind])), entry["on"], float(entry["measured"]), entry.get("reason"))

    def to_json(self) -> dict[str, Any]:
        """Return the file's entry."""
        (kind,) = (kind for kind, sign in _KEYS.items() if sign == self.bound[0])
        entry: dict[str, Any] = {kind: self.bound[1], "measured": self.measured, "on": self.on}
        return entry if self.reason is None else {**entry, "reason": self.reason}


def load_floors(path: Path) -> dict[str, dict[str, Floor]]:
    """Read the file; one that is not there holds nothing.

    Raises:
        ValueError: It is no file of floors.
    """
    if not path.exists():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: {figure: Floor.from_json(entry) for figure, entry in entries.items()}
        for name, entries in content.items()
        if name != "about"
    }


def save_floors(floors: Floors, path: Path) -> None:
    """Write the file, benchmarks and figures in the order of their names."""
    content: dict[str, Any] = {"about": ABOUT}
    for name in sorted(floors):
        content[name] = {figure: floors[name][figure].to_json() for figure in sorted(floors[name])}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def incomparable(floor: Floor, pin: Pin | None) -> str | None:
    """Return why a run's figure cannot be held against a floor; None if it can."""
    if pin is None:
        return "not part of this run"
    if pin.on != floor.on:
        return f"measured on {floor.on}, this run on {pin.on}"
    return None


def hold(result: Result, floors: Floors) -> Result:
    """Hold a result against the floors of its benchmark.

    Returns:
        The result with its broken floors; ``setup["floors"]`` says which hold and which were not compared, and why.
    """
    held, broken, apart = [], [], {}
    for figure, floor in floors.get(result.name, {}).items():
        why = incomparable(floor, result.pins.get(figure))
        value = result.figures.get(figure)
        if why is not None:
            apart[figure] = why
        elif meets(value, floor.bound):
            held.append(figure)
        else:
            said = "is missing" if value is None else f"= {value:g}"
            broken.append(f"{result.name}: {figure} {said}, pinned {floor} on {floor.on}")
    state = {"held": held, "not_compared": apart}
    return dataclasses.replace(result, broken=tuple(broken), setup={**result.setup, "floors": state})


def update(result: Result, floors: Floors, reason: str | None = None) -> dict[str, dict[str, Floor]]:
    """Return the floors with those of a run: new ones set, others raised, and loosened only for a reason.

    A floor that holds is never loosened, whatever the margin; one of another seed or corpus says nothing of this run, so
    replacing it counts as loosening.

    Raises:
        LoosenedFloorError: A floor is broken or of something else, and there is no reason.
        ValueError: A pinned figure is missing.
    """
    mine, loosened = dict(floors.get(result.name, {})), []
    for figure, pin in result.pins.items():
        if figure not in result.figures:
            raise ValueError(f"{result.name}: the run has no {figure} to pin")
        measured = result.figures[figure]
        old, new = mine.get(figure), Floor.of(pin, measured)
        if old is not None and incomparable(old, pin) is None and meets(measured, old.bound):
            mine[figure] = new if meets(new.bound[1], old.bound) and new.bound != old.bound else old
        elif old is None:
            mine[figure] = new
        else:
            loosened.append(f"{figure}: pinned {old} on {old.on}, measured {measured:g} on {pin.on}")
            mine[figure] = dataclasses.replace(new, reason=reason)
    if loosened and not reason:
        raise LoosenedFloorError(f"{result.name}: loosening takes --reason TEXT: {'; '.join(loosened)}")
    return {**{name: dict(entries) for name, entries in floors.items()}, result.name: mine}
