"""What a benchmark says: one type for `nest bench` and `nest score`, and the one object that both print."""

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

Sign = Literal[">=", "<="]
Bound = tuple[Sign, float]


def meets(value: float | None, bound: Bound) -> bool:
    """Return whether a figure keeps to a bound; one that is missing or not a number does not."""
    sign, limit = bound
    if value is None:
        return False
    return value >= limit if sign == ">=" else value <= limit


@dataclass(frozen=True, slots=True)
class Pin:
    """A figure that `benchmarks/floors.json` may hold.

    Attributes:
        on: What it was measured on, such as ``seed 1`` or a corpus's hash; only figures of the same thing compare.
        sign: Whether more is better (``>=``, a floor) or less (``<=``, a ceiling).
        margin: How far the bound lies from the measured figure.
        relative: The margin is a share of the figure; for speeds, which differ from machine to machine.
    """

    on: str
    sign: Sign = ">="
    margin: float = 0.01
    relative: bool = False

    def bound(self, measured: float) -> float:
        """Return the floor or ceiling for a measured figure, rounded to four digits."""
        distance = abs(measured) * self.margin if self.relative else self.margin
        return round(measured - distance if self.sign == ">=" else measured + distance, 4)


@dataclass(frozen=True, slots=True)
class Result:
    """Figures of one run.

    Attributes:
        name: The benchmark's name.
        figures: What was measured.
        targets: What must be reached, by figure.
        peers: The same figures of others, measured in the same run.
        setup: Machine, versions, and the seed or the data's hash.
        pins: Which figures can be held against floors.
        broken: Floors that do not hold, in words.

    Raises:
        ValueError: A target's sign is unknown.
    """

    name: str
    figures: Mapping[str, float]
    targets: Mapping[str, Bound]
    peers: Mapping[str, Mapping[str, float]]
    setup: Mapping[str, Any]
    pins: Mapping[str, Pin] = field(default_factory=dict)
    broken: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for key, (sign, _) in self.targets.items():
            if sign not in get_args(Sign):
                raise ValueError(f"target {key}: {sign!r} is none of {', '.join(get_args(Sign))}")

    @property
    def ok(self) -> bool:
        """Return whether every target is met, by a figure that is there, and no floor is broken."""
        return not self.broken and all(meets(self.figures.get(key), bound) for key, bound in self.targets.items())

    def to_json(self) -> dict[str, Any]:
        """Return the object of design.md: name, ok, figures, targets, peers, setup."""
        return {
            "name": self.name,
            "ok": self.ok,
            "figures": dict(self.figures),
            "targets": {key: list(bound) for key, bound in self.targets.items()},
            "peers": {name: dict(figures) for name, figures in self.peers.items()},
            "setup": {**self.setup, **({"broken_floors": list(self.broken)} if self.broken else {})},
        }


def machine(*packages: str) -> dict[str, Any]:
    """Return the part of a setup that says where it ran, with the versions of the packages that matter."""
    return {
        "machine": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in packages},
    }


def corpus_hash(folder: Path) -> str:
    """Return a folder's name and the SHA-256 (first 16 digits) of its files, names and contents."""
    whole = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        whole.update(f"{file.relative_to(folder).as_posix()}:{content}\n".encode())
    return f"{folder.name}@{whole.hexdigest()[:16]}"
