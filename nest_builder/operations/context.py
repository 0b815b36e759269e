"""Which run, stage, batch and item the present code works on, so that a log line written anywhere below can say so."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol, TypeVar


class Keyed(Protocol):
    """What has a key: an item of a stage."""

    @property
    def key(self) -> str:
        """Return the key."""


Thing = TypeVar("Thing", bound=Keyed)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the work is. Empty fields: not in a run, a stage, a batch, an item."""

    run: str = ""
    stage: str = ""
    batch: int = 0  # from 1
    item: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that say something."""
        return {name: value for name, value in asdict(self).items() if value}


_NOWHERE = Place()
_place: ContextVar[Place] = ContextVar("nest_place", default=_NOWHERE)


def place() -> Place:
    """Return where the present code works."""
    return _place.get()


@contextmanager
def at(**fields: Any) -> Iterator[None]:
    """Say where the block works, such as ``at(run="build-1", stage="collect")``; what is not named stays as it is."""
    before = _place.get()
    _place.set(replace(before, **fields))
    try:
        yield
    finally:
        _place.set(before)


class _Followed(tuple[Thing, ...]):
    """Items, each of which is the place's item while a loop works on it, and not after the loop."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Thing]:
        before = last = _place.get()
        try:
            for item in super().__iter__():
                last = replace(before, item=item.key)
                _place.set(last)
                yield item
        finally:  # after an error that may be long afterwards, when its traceback goes: the work is elsewhere by then
            if _place.get() is last:
                _place.set(before)


def followed(items: Sequence[Thing]) -> Sequence[Thing]:
    """Return the items so that whoever iterates over them works, to the logs, on the one it has in hand.

    A stage thus says nothing about its items and its log lines still carry them; where it takes a batch as a whole, they carry the
    batch alone, which is the truth.
    """
    return _Followed(items)
