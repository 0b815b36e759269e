"""The stage ``export``: what is accepted becomes an edition, a folder that ``datasets.load_dataset`` reads."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder import __version__
from nest_builder.clock import Clock
from nest_builder.config import DATA, ExportSettings, Settings
from nest_builder.digest import digest
from nest_builder.export.edition import FORMAT, Recipe, select_records, write_edition
from nest_builder.export.records import read_records
from nest_builder.export.reviewed import state_of_decisions
from nest_builder.export.takedown import Takedown, read_takedown
from nest_builder.review.summary import review_summary
from nest_builder.stage import Done, Failed, Item, Outcome
from nest_builder.status import StageStatus, read_funnel
from nest_builder.store.blobs import Blobs
from nest_builder.store.tables import Annotation, Article, Edition, Entity, Image, Route, Row, Sample, Verdict

log = logging.getLogger(__name__)

_UPSTREAM: tuple[type[Row], ...] = (Sample, Annotation, Entity, Image, Article, Verdict, Route)


class Export:
    """Writes the edition of the settings, or else of the clock's month.

    Args:
        settings: What is chosen, and how it is split and written.
        everything: All settings: the manifest says which ones made the edition, and the work directory is where it
            goes.
        blobs: Holds the pictures.
        clock: Names the edition where the settings do not.
    """

    name = "export"
    batch_size = 1
    tables: tuple[type[Row], ...] = (Edition,)
    keeps_history = True  # last month's edition stays an edition when this month's begins

    def __init__(self, settings: ExportSettings, everything: Settings, blobs: Blobs, clock: Clock) -> None:
        self._settings, self._workdir, self._blobs, self._clock = settings, everything.workdir, blobs, clock
        self._bits = everything.images.near_duplicate_bits
        self._published = published_settings(everything)

    def identity(self) -> Any:
        """Return what shapes an edition besides the store."""
        return {"format": FORMAT, "code": __version__, "settings": self._published}

    def items(self, session: Session) -> Sequence[Item]:
        """List the one edition, once there are samples."""
        if session.scalar(select(Sample.id).limit(1)) is None:
            return []
        edition = self._settings.name_at(self._clock())
        rows = [
            list(
                session.execute(
                    select(*table.__mapper__.primary_key, table.digest).order_by(*table.__mapper__.primary_key)
                ).tuples()
            )
            for table in _UPSTREAM
        ]
        content = digest(
            [[list(row) for row in table] for table in rows],
            _upstream_funnel(session),
            self._takedown_state(),
            state_of_decisions(session),
        )
        written = session.get(Edition, edition)
        if written is not None and not (self._workdir / written.path / "manifest.json").exists():
            content = digest(content, "the folder is gone")
        return [Item(edition, content)]

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        """Write the edition's folder."""
        return [self._export(session, item) for item in batch]

    def _export(self, session: Session, item: Item) -> Outcome:
        recipe = Recipe(
            item.key,
            self._settings.min_p_correct,
            self._settings.test_days,
            self._bits,
            self._settings.rows_per_group,
            self._published,
        )
        path = Path("editions") / item.key
        try:
            takedown = self._takedown()
            records, dropped, problems = select_records(
                list(read_records(session, self._settings.verdict_p_correct)), recipe, takedown
            )
            funnel = _upstream_funnel(session)
            review = review_summary(session, {record.sample["id"] for record in records})
            manifest = write_edition(
                self._workdir / path, recipe, records, dropped, funnel, takedown, self._blobs, review
            )
        except (OSError, ValueError) as error:
            shutil.rmtree(self._workdir / path.parent / f".{path.name}.partial", ignore_errors=True)
            return Failed(item.key, f"{type(error).__name__}: {error}")
        for problem in problems[:20]:
            log.warning("left out: %s", problem)
        return Done(item.key, [Edition(name=item.key, path=path.as_posix(), manifest=manifest)], dropped)

    def _takedown(self) -> Takedown:
        return read_takedown(Path(self._settings.takedown) if self._settings.takedown else None)

    def _takedown_state(self) -> str | None:
        """Return what changes when the list does; that a list is broken is for ``process`` to say."""
        try:
            return self._takedown().sha256
        except (OSError, ValueError) as error:
            return str(error)


def _upstream_funnel(session: Session) -> list[StageStatus]:
    """Return the funnel without what differs from run to run: durations, items to retry, and this stage."""
    return [
        StageStatus(item.stage, item.done, item.rejected, 0, item.reasons, item.dropped)
        for item in read_funnel(session)
        if item.stage != Export.name
    ]


def published_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings that shape an edition, without folders, addresses, pace, devices and the clock."""
    shaping: Any = {
        "sources": True,
        "extract": True,
        "entities": True,
        "images": True,
        "ask": True,
        "validation": True,
        "newsworld": True,
        "web": {"user_agent", "respect_opt_out"},
        "annotate": {"detector", "detector_model", "mask_model", "mask_windows", "box_threshold", "nms_iou"},
        "export": {"min_p_correct", "verdict_p_correct", "test_days", "rows_per_group"},
    }
    published: dict[str, Any] = _without_folders(settings.model_dump(mode="json", include=shaping))
    return published


def _without_folders(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_folders(item) for key, item in value.items()}
        case list():
            return [_without_folders(item) for item in value]
        case str() if value.startswith(f"{DATA.as_posix()}/"):
            return "{data}" + value.removeprefix(DATA.as_posix())
        case str() if Path(value).is_absolute():
            return Path(value).name
    return value
