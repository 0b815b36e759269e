from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from nest_builder.clock import fixed_clock
from nest_builder.config import Settings
from nest_builder.report import write_report
from nest_builder.runner import Runner
from nest_builder.stages.export import Export
from nest_builder.store.session import Store
from nest_builder.store.tables import Entity, Image, LedgerEntry, Sample
from tests.builders import NOW, fill_store, new_store

HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(1)>" onmouseover="alert(1)\' {{ 7 * 7 }} <!--'


@dataclass(frozen=True, slots=True)
class Work:
    """A work directory with a store, an edition of it and its report."""

    folder: Path
    store: Store
    page: Path


def export(store: Store, workdir: Path, **options: Any) -> None:
    """Export an edition of everything in the store."""
    settings = Settings(workdir=workdir, export={"min_p_correct": 0.0, **options})
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


@pytest.fixture(scope="package")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Work:
    """Return the report of an edition whose every text from outside tries to be more than a text."""
    folder = tmp_path_factory.mktemp("hostile")
    store = new_store(folder)
    fill_store(store, 6)
    with store.sessions() as session:
        for image in session.scalars(select(Image)):
            image.caption, image.credit, image.image_url = HOSTILE, HOSTILE, "javascript:alert(1)"
        for sample in session.scalars(select(Sample)):
            sample.question, sample.answer = HOSTILE, HOSTILE
        for entity in session.scalars(select(Entity)):
            entity.name, entity.aliases, entity.hypernym = HOSTILE, [HOSTILE], HOSTILE
            entity.evidence = [
                {"kind": HOSTILE, "source": HOSTILE, "url": url, "date": HOSTILE, "text": HOSTILE, "verdict": HOSTILE}
                for url in ("JavaScript:alert(1)", " data:text/html,x", "http://[broken", HOSTILE)
            ]
        for entry in session.scalars(select(LedgerEntry).where(LedgerEntry.status == "rejected")):
            entry.detail = HOSTILE
        session.commit()
    export(store, folder)
    return Work(folder, store, write_report(store, folder))
