"""Room on the disk: looked at before each batch of the stages that take bytes in, and before an edition is written.

So a full disk is a wait and not a crash.
"""

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem
from sqlalchemy.orm import Session

from nest_builder.config import DiskSettings, Settings
from nest_builder.runner import spreads
from nest_builder.stage import Item, Outcome, Postponed, Stage
from nest_builder.store.tables import Row

Thing = TypeVar("Thing")
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_SHARE: Final = 0.02  # of the time may go into measuring what is taken


class Seldom(Generic[Thing]):
    """Measures something again only when that is cheap beside the time since it was last done.

    Args:
        measure: Does it.
        monotonic: Seconds of a clock that never goes back.
    """

    def __init__(self, measure: Callable[[], Thing], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._measure, self._monotonic = measure, monotonic
        self._found: Thing | None = None
        self._again = 0.0

    def __call__(self) -> Thing:
        """Return what was found last, or now."""
        started = self._monotonic()
        if self._found is None or started >= self._again:
            self._found = self._measure()
            ended = self._monotonic()
            self._again = ended + (ended - started) / _SHARE
        return self._found


class Room:
    """Whether there is room for more.

    Args:
        settings: The bounds.
        workdir: The work directory.
        blobs_url: Where blobs live; only what is on this machine's disks is looked at for free space.
        monotonic: Seconds of a clock that never goes back.
    """

    def __init__(
        self, settings: DiskSettings, workdir: Path, blobs_url: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings, self._workdir, self._blobs_url = settings, workdir, blobs_url
        self._taken = Seldom(lambda: taken_bytes(workdir, blobs_url), monotonic)

    def problem(self) -> str:
        """Return why nothing more should be taken in, and what to do; "" where there is room."""
        for place in self._places():
            if why := lack_of_room(place, self._settings.min_free_bytes):
                return why
        limit = self._settings.max_bytes
        if limit is not None and (taken := self._taken()) > limit:
            return (
                f"disk: {taken / 1e6:,.0f} MB are taken, [disk] max_bytes allows {limit / 1e6:,.0f} MB: "
                "run `nest gc`, set keep_bodies_days, or raise it"
            )
        return ""

    def _places(self) -> Iterator[Path]:
        """Yield the places that are on this machine."""
        fs, root = fsspec.core.url_to_fs(self._blobs_url)
        yield self._workdir
        if isinstance(fs, LocalFileSystem):
            yield Path(root)


def lack_of_room(place: Path, min_free: int, needed: int = 0) -> str:
    """Return why a disk has no room, and what to do; "" where it has.

    Args:
        place: A folder on the disk, which need not be there yet.
        min_free: Bytes that must stay free.
        needed: Bytes that are about to be written.
    """
    folder = standing(place)
    free = shutil.disk_usage(folder).free
    if free - needed >= min_free:
        return ""
    wanted = f"about {needed / 1e6:,.0f} MB are to be written, and " if needed else ""
    return (
        f"disk: {free / 1e6:,.0f} MB are free beside {folder}, {wanted}[disk] min_free_bytes asks for "
        f"{min_free / 1e6:,.0f} MB: make room, or run `nest gc`"
    )


def standing(place: Path) -> Path:
    """Return what is there of a path, as far as we may look: itself, or the nearest folder above it that is."""
    absolute = place.absolute()
    return next(one for one in (absolute, *absolute.parents) if os.path.exists(one))  # noqa: PTH110 - Path's raises where we may not


def is_full(error: OSError) -> bool:
    """Return whether a write failed for want of room."""
    return error.errno in _FULL


def taken_bytes(workdir: Path, blobs_url: str) -> int:
    """Return the bytes of all files of the work directory, and of the blobs where they live elsewhere."""
    fs, root = fsspec.core.url_to_fs(blobs_url)
    taken = folder_bytes(workdir)
    local = isinstance(fs, LocalFileSystem)
    if local and not Path(root).resolve().is_relative_to(workdir.resolve()):
        taken += folder_bytes(Path(root))
    elif not local and fs.exists(root):
        taken += int(fs.du(root))
    return taken


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files under a folder; what goes while it is counted does not count."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            total += file_bytes(os.path.join(place, name))  # noqa: PTH118 - a million paths are slow as objects
    return total


def file_bytes(file: str | Path) -> int:
    """Return a file's bytes; 0 where it has gone meanwhile, as a database's journal does."""
    try:
        return os.lstat(file).st_size
    except FileNotFoundError:
        return 0


class Bounded:
    """A stage that works only while there is room; else its items are left for another run, and counted as such.

    Args:
        stage: Takes bytes in from outside.
        room: Says whether there is room.
    """

    def __init__(self, stage: Stage, room: Room) -> None:
        self._stage, self._room = stage, room
        self.name: str = stage.name
        self.batch_size: int = stage.batch_size
        self.tables: tuple[type[Row], ...] = stage.tables
        self.keeps_history: bool = stage.keeps_history
        self.spread: bool = spreads(stage)

    def identity(self) -> Any:
        """Return the stage's own."""
        return self._stage.identity()

    def items(self, session: Session) -> Sequence[Item]:
        """Return the stage's own."""
        return self._stage.items(session)

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        """Have the stage process the batch, or leave it for another run."""
        why = self._room.problem()
        if not why:
            try:
                return self._stage.process(session, batch)
            except OSError as error:
                if not is_full(error):
                    raise
                why = f"disk: full while {self.name} wrote ({error.strerror}): make room, or run `nest gc`"
        return [Postponed(item.key, why) for item in batch]


def bounded(stage: Stage, settings: Settings) -> Stage:
    """Return the stage within the settings' bounds."""
    return Bounded(stage, Room(settings.disk, settings.workdir, settings.blobs_url))
