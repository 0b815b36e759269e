from dataclasses import dataclass
from pathlib import Path

import pytest

from nest_builder.clock import fixed_clock
from nest_builder.config import Settings
from nest_builder.report import write_report
from nest_builder.runner import Runner
from nest_builder.stages.export import Export
from nest_builder.store.session import Store
from tests.builders import NOW, fill_store, new_store


@dataclass(frozen=True, slots=True)
class Work:
    """A work directory with a store, an edition of it and its report."""

    folder: Path
    store: Store
    page: Path


def export(store: Store, workdir: Path) -> None:
    """Export an edition of everything in the store."""
    settings = Settings(workdir=workdir, export={"min_p_correct": 0.0})
    Runner(store.sessions, fixed_clock(NOW)).run(
        Export(settings.export, settings, store.blobs, fixed_clock(NOW)), "test"
    )


@pytest.fixture(scope="package")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    folder = tmp_path_factory.mktemp("work")
    store = new_store(folder)
    fill_store(store, 30)
    export(store, folder)
    return Work(folder, store, write_report(store, folder))
