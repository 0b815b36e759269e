"""What a check is given, and what it says."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from nest_builder.clock import Clock
from nest_builder.config import Settings

State = Literal["ok", "warning", "problem"]
Found = Iterator[tuple[State, str, str]]
"""State, what is found, and what to do about it ("" where all is well)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination: which check, its state, what is found, and what to do about it."""

    check: str
    state: State
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined.

    Attributes:
        settings: Those that a run would have.
        clock: The machine's; the settings' fixed one, where they have one, is looked at as well.
        deep: Models are loaded and used.
        network: Sources are asked, politely.
    """

    settings: Settings
    clock: Clock
    deep: bool = False
    network: bool = False
