"""A stage that several processes run on one store at the same time, and a program that runs it.

``python -m tests.shared_stage DATABASE FOLDER ITEMS ORDER`` appends a line to ``FOLDER/log`` for each item that it processes. An item
whose key is in ``FOLDER/hang`` keeps it for as long as that file is there. Before its first item it makes ``FOLDER/ready.<its number>``, and waits
while there is a ``FOLDER/hold``.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.clock import system_clock
from nest_builder.runner import Runner
from nest_builder.stage import Done, Item, Outcome
from nest_builder.store.session import open_store
from nest_builder.store.tables import Edition, Row


class Shared:
    """Items ``000``, ``001``, ...; each row says how many rows stood before its own, where the order counts."""

    name = "shared"
    batch_size = 3
    tables: tuple[type[Row], ...] = (Edition,)
    keeps_history = False

    def __init__(self, items: int, spread: bool, work: Callable[[Sequence[str]], None]) -> None:
        self.spread, self._work = spread, work
        self._keys = [f"{number:03}" for number in range(items)]

    def identity(self) -> Any:
        return 1

    def items(self, session: Session) -> list[Item]:
        return [Item(key, "") for key in self._keys]

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        before = "" if self.spread else str(len(session.scalars(select(Edition.name)).all()))
        self._work([item.key for item in batch])
        return [Done(item.key, [Edition(name=item.key, path=before, manifest={})]) for item in batch]


def made(database: str, folder: Path) -> dict[str, str]:
    """Return what the stage has made."""
    store = open_store(database, str(folder / "blobs"))
    try:
        with store.sessions() as session:
            return {row.name: row.path for row in session.scalars(select(Edition))}
    finally:
        store.close()


def _main(database: str, folder: Path, items: int, spread: bool) -> None:
    def work(keys: Sequence[str]) -> None:
        log = os.open(folder / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        for key in keys:
            os.write(log, f"{key} {os.getpid()}\n".encode())
        os.close(log)
        time.sleep(0.03)
        hang = folder / "hang"
        while hang.exists() and hang.read_text(encoding="utf-8") in keys:
            time.sleep(0.05)

    store = open_store(database, str(folder / "blobs"))
    (folder / f"ready.{os.getpid()}").touch()
    while (folder / "hold").exists():
        time.sleep(0.01)
    Runner(store.sessions, system_clock).run(Shared(items, spread, work), "test")
    store.close()


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "any")
