"""``nest validate``, killed again and again, ends with the verdicts of a run that nobody disturbed."""

import json
import multiprocessing
import os
import random
import signal
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from nest_builder.store.tables import LedgerEntry, Verdict
from tests.builders import fill_store, new_store
from tests.stages.killed_validate import validate

SAMPLES = 24
KILLS = 6

pytestmark = pytest.mark.slow


def start(folder: Path) -> ForkServerProcess:
    """Start ``nest validate`` in a process of its own; the server that it is forked from has imported everything once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.stages.killed_validate"])
    process = context.Process(target=validate, args=(folder,))
    process.start()
    return process


def finish(folder: Path) -> dict[str, Any]:
    """Run it to its end, and return what it printed."""
    process = start(folder)
    process.join(120)
    assert process.exitcode == 0
    printed: dict[str, Any] = json.loads((folder / "out.json").read_text())
    return printed


def filled(folder: Path) -> Path:
    folder.mkdir()
    store = new_store(folder)
    fill_store(store, SAMPLES)
    store.close()
    return folder


def outcome(folder: Path) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return the verdicts, and what the ledger says of their samples."""
    store = new_store(folder)
    with store.sessions() as session:
        verdicts = session.execute(
            select(Verdict.sample_id, Verdict.label, Verdict.digest).order_by(Verdict.sample_id)
        ).all()
        ledger = session.execute(
            select(LedgerEntry.item, LedgerEntry.fingerprint, LedgerEntry.status, LedgerEntry.attempts)
            .where(LedgerEntry.stage == "validate")
            .order_by(LedgerEntry.item)
        ).all()
    store.close()
    return [tuple(row) for row in verdicts], [tuple(row) for row in ledger]


def test_killed_again_and_again(tmp_path: Path) -> None:
    undisturbed, killed = filled(tmp_path / "undisturbed"), filled(tmp_path / "killed")
    printed = finish(undisturbed)
    assert printed["done"] == SAMPLES
    chance, deaths = random.Random(7), 0
    for _ in range(KILLS):
        process = start(killed)
        process.join(chance.uniform(0.0, printed["seconds"]))
        if process.is_alive():
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join()
        deaths += process.exitcode == -signal.SIGKILL
    assert deaths >= 2  # later runs may find everything done already
    finish(killed)
    verdicts, ledger = outcome(undisturbed)
    assert len(verdicts) == SAMPLES
    assert len({label for _, label, _ in verdicts}) > 1
    assert outcome(killed) == (verdicts, ledger)
    assert finish(killed)["done"] == 0
