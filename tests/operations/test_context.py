"""Every log line below a batch says which run, stage, batch and item it is of, in threads and through a runner."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from nest_builder.clock import fixed_clock
from nest_builder.operations import logs
from nest_builder.operations.context import Place, place
from nest_builder.runner import Runner
from nest_builder.stage import Done, Failed, Item, Outcome
from nest_builder.store.tables import Row
from tests.builders import NOW, new_store

log = logging.getLogger("nest_builder.tests.context")


class Talking:
    """A stage that says what it does, and fails once on ``b``."""

    name = "talk"
    batch_size = 2
    tables: tuple[type[Row], ...] = ()
    keeps_history = True

    def __init__(self) -> None:
        self.seen: list[Place] = []

    def identity(self) -> Any:
        return 1

    def items(self, session: Session) -> Sequence[Item]:
        return [Item(key, key) for key in "abc"]

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        log.warning("a batch of %d", len(batch))
        return [self._one(item) for item in batch]

    def _one(self, item: Item) -> Outcome:
        self.seen.append(place())
        return Failed(item.key, "no\nluck") if item.key == "b" and len(self.seen) < 4 else Done(item.key)


@pytest.fixture
def lines(tmp_path: Path) -> list[dict[str, Any]]:
    """Return what a run of the talking stage logs, as JSON."""
    formatter, found = logs.JsonLines(logs.Redactor({})), []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(json.loads(formatter.format(record)))

    handler, ours = Keep(), logging.getLogger("nest_builder")
    ours.addHandler(handler)
    level = ours.level
    ours.setLevel(logging.INFO)
    store = new_store(tmp_path)
    stage = Talking()
    try:
        Runner(store.sessions, fixed_clock(NOW)).run(stage, "build-7")
    finally:
        ours.removeHandler(handler)
        ours.setLevel(level)
        store.close()
    assert [(one.batch, one.item) for one in stage.seen] == [(1, "a"), (1, "b"), (2, "c"), (3, "b")]
    assert {(one.run, one.stage) for one in stage.seen} == {("build-7", "talk")}
    return found


def test_a_runs_lines_say_where_they_are_from(lines: list[dict[str, Any]]) -> None:
    assert {(line["run"], line["stage"]) for line in lines} == {("build-7", "talk")}
    said = [(line["message"], line.get("batch"), line.get("item")) for line in lines[:-1]]
    assert said == [
        ("a batch of 2", 1, None), ("failed: no\nluck", 1, "b"), ("a batch of 1", 2, None), ("a batch of 1", 3, None),
    ]  # fmt: skip
    assert lines[-1]["message"].startswith("stage talk: ")
    assert place() == Place()
