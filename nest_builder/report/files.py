"""Writing folders and files so that a reader sees the old ones or the new ones, never half of either."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_STATE = "state.json"
_ENDINGS = (".partial", ".outdated")  # of a folder that is being written, and of the one whose place it takes


@dataclass(frozen=True, slots=True)
class State:
    """What a folder of the site says of itself.

    Attributes:
        state: Digest of what it was written from.
        pictures: Names of the pool's pictures that it shows.
    """

    state: str
    pictures: tuple[str, ...]


def read_state(folder: Path) -> State | None:
    """Return what a folder says; None where it is no folder of the site, or a broken one."""
    try:
        found = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        return State(str(found["state"]), tuple(map(str, found["pictures"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_state(folder: Path, state: State) -> None:
    """Write what a folder says, the last of its files."""
    content = json.dumps({"state": state.state, "pictures": state.pictures})
    (folder / _STATE).write_text(f"{content}\n", encoding="utf-8")


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Give an empty folder to be filled, which then takes the place of ``folder``; after an error that one stays."""
    partial, outdated = (folder.parent / f".{folder.name}{ending}" for ending in _ENDINGS)
    for left in (partial, outdated):
        shutil.rmtree(left, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if folder.exists():
        folder.rename(outdated)
    partial.rename(folder)
    shutil.rmtree(outdated, ignore_errors=True)


def remove_leftovers(root: Path) -> None:
    """Remove what killed writers left of folders: it may be of an edition that was withdrawn since, and is written never again."""
    for left in root.iterdir():
        if left.name.startswith(".") and left.name.endswith(_ENDINGS) and left.is_dir():
            shutil.rmtree(left)


def write_changed(file: Path, text: str) -> None:
    """Write a text, unless it stands there already."""
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)
