"""The stage ``export``: what is accepted becomes an edition, a folder that ``datasets.load_dataset`` reads.

What is published is frozen. An item is the name under which something may come out: a month's edition, or a revision of
one, for which another state of the store, a takedown or people's corrections call. An item that turns out to change
nothing is done without an edition.
"""

import hashlib
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nest_builder import __version__
from nest_builder.clock import Clock
from nest_builder.config import ExportSettings, Settings
from nest_builder.digest import digest
from nest_builder.export.amend import amend, decisions_on
from nest_builder.export.edition import partial_folder, point_latest, write_edition
from nest_builder.export.history import compare
from nest_builder.export.manifest import FORMAT, MANIFEST, History, funnel_part
from nest_builder.export.naming import base_of, due, is_month, next_revision, order, split_name, window_of
from nest_builder.export.parquet import Pictures
from nest_builder.export.pictures import EditionPictures
from nest_builder.export.publish import Draft, Recipe, draft_edition
from nest_builder.export.published import (
    Issued,
    last_revisions,
    publish_rows,
    published_digests,
    published_elsewhere,
    published_splits,
    read_issued,
    samples_elsewhere,
)
from nest_builder.export.records import read_records
from nest_builder.export.reviewed import state_of_decisions
from nest_builder.export.shaping import published_settings
from nest_builder.export.size import estimated_bytes
from nest_builder.export.takedown import Takedown, read_takedown, takedown_path
from nest_builder.operations.disk import is_full, lack_of_room
from nest_builder.review.summary import review_summary
from nest_builder.stage import Done, Failed, Item, Outcome, Postponed
from nest_builder.status import StageStatus, read_funnel
from nest_builder.store.blobs import Blobs
from nest_builder.store.tables import (
    Annotation,
    Article,
    Edition,
    Entity,
    Image,
    LedgerEntry,
    Published,
    Route,
    Row,
    Sample,
    Verdict,
)

log = logging.getLogger(__name__)

EDITIONS = Path("editions")
_UPSTREAM: tuple[type[Row], ...] = (Sample, Annotation, Entity, Image, Article, Verdict, Route)


class Export:
    """Publishes what is to be published, now or when it is due; see ``export.naming``.

    Args:
        settings: What is chosen, when it comes out, and how it is split and written.
        everything: All settings: the manifest says which ones made the edition, and the work directory is where it
            goes.
        blobs: Holds the pictures.
        clock: Says which month it is.
    """

    name = "export"
    batch_size = 1
    tables: tuple[type[Row], ...] = (Edition, Published)
    keeps_history = True  # what is published stays

    def __init__(self, settings: ExportSettings, everything: Settings, blobs: Blobs, clock: Clock) -> None:
        self._settings, self._workdir, self._blobs, self._clock = settings, everything.workdir, blobs, clock
        self._bits, self._min_free = everything.images.near_duplicate_bits, everything.disk.min_free_bytes
        self._published = published_settings(everything)

    def identity(self) -> Any:
        """Return what shapes an edition besides the store."""
        return {"format": FORMAT, "code": __version__, "settings": self._published}

    def items(self, session: Session) -> Sequence[Item]:
        """List what may come out: revisions that a takedown or a correction calls for, and the edition of now or due."""
        issued = read_issued(session)
        current = last_revisions(issued)
        name = self._wanted(session, issued)
        inputs = None if name is None else digest(self.identity(), self._state(session), self._takedown_state())
        recomputed = base_of(name) if name is not None and inputs is not None and base_of(name) in current else None
        items = []
        for base, one in current.items():
            if base != recomputed and (why := self._calls(session, one, issued)) is not None:
                items.append(Item(next_revision(base, [other.name for other in issued]), digest(one.name, why)))
        if name is None or inputs is None:
            return items
        last = current.get(name)
        if last is None or last.inputs != inputs:
            return [*items, Item(next_revision(name, [one.name for one in issued]), inputs)]
        if not (self._workdir / last.path / MANIFEST).exists():
            inputs = digest(inputs, "the folder is gone")
        return [*items, Item(last.name, inputs)]

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        """Write the editions' folders."""
        return [self._export(session, item) for item in batch]

    def _wanted(self, session: Session, issued: Sequence[Issued]) -> str | None:
        """Return the window whose edition is to come out or to be looked at again, by its name."""
        if self._settings.publish == "withdrawals" or session.scalar(select(Sample.id).limit(1)) is None:
            return None
        if (now := self._now()) is not None:
            return now
        # A month with nothing to publish was settled without an edition, once it had ended.
        settled = session.execute(
            select(LedgerEntry.item, LedgerEntry.finished_at).where(
                LedgerEntry.stage == self.name, LedgerEntry.status == "done"
            )
        ).tuples()
        empty = [item for item, at in settled if is_month(item) and at >= window_of(item).until]
        day = func.coalesce(Article.published_at, Image.published_at)
        first = session.scalar(
            select(func.min(day))
            .select_from(Sample)
            .join(Image, Image.id == Sample.image_id)
            .outerjoin(Article, Article.url == Image.article_url)
        )
        # One at a time: what a month holds depends on what the months before it hold.
        return next(iter(due([*(one.name for one in issued), *empty], self._clock(), first)), None)

    def _calls(self, session: Session, last: Issued, issued: Sequence[Issued]) -> Any:
        """Return what calls for a revision of an edition that is not recomputed; None where nothing does.

        A withdrawal does at once. Corrections wait until an edition of a later window has come out.
        """
        takedown = self._takedown_state()
        first = next(one for one in issued if base_of(one.name) == base_of(last.name))
        decisions = decisions_on(session, last, first.published_at, self._corrections_until(last.name, issued))
        return None if takedown == last.takedown and decisions is None else [takedown, decisions]

    def _corrections_until(self, name: str, issued: Sequence[Issued]) -> Any:
        if self._settings.publish == "withdrawals":
            return None
        later = [
            one.published_at
            for one in issued
            if one.published_at is not None and not split_name(one.name)[1] and order(one.name) > order(base_of(name))
        ]
        return max(later, default=None)

    def _state(self, session: Session) -> str:
        """Return a digest of all that an edition made from the store depends on."""
        state = hashlib.sha256()
        for table in _UPSTREAM:
            keys = table.__mapper__.primary_key
            for row in session.execute(select(*keys, table.digest).order_by(*keys)).tuples():
                state.update("\t".join(map(str, row)).encode())
                state.update(b"\n")
        return digest(state.hexdigest(), _upstream_funnel(session), state_of_decisions(session))

    def _export(self, session: Session, item: Item) -> Outcome:
        folder = self._workdir / EDITIONS / item.key
        try:
            takedown = self._takedown()  # read once: somebody may add to it meanwhile
            issued = read_issued(session)
            base = base_of(item.key)
            before = [one for one in issued if base_of(one.name) == base and order(one.name) < order(item.key)]
            if before and base != self._now():
                plan = self._amended(session, item.key, takedown, before[-1], issued)
            else:
                plan = self._drafted(session, item.key, takedown, issued, before)
            known = session.get(Edition, item.key)
            if known is None and not plan.history:
                log.info("edition %s: nothing to publish", item.key)
                return Done(item.key, [], plan.draft.dropped)
            shutil.rmtree(partial_folder(folder), ignore_errors=True)  # what a killed run left takes no room
            if why := lack_of_room(folder, self._min_free, plan.bytes):
                return Postponed(item.key, why)
            manifest = write_edition(
                folder, plan.recipe, plan.draft, takedown, plan.pictures, plan.funnel, plan.review, plan.history,
                None if known is None else known.manifest,
            )  # fmt: skip
            point_latest(folder.parent, max([item.key, *(one.name for one in issued)], key=order))
        except (OSError, ValueError) as error:
            shutil.rmtree(partial_folder(folder), ignore_errors=True)
            if isinstance(error, OSError) and is_full(error):
                return Postponed(item.key, f"disk: full while {item.key} was written ({error.strerror}): make room")
            return Failed(item.key, f"{type(error).__name__}: {error}; once that is mended, run `nest export`")
        edition = Edition(
            name=item.key,
            path=(EDITIONS / item.key).as_posix(),
            manifest=manifest,
            inputs=item.inputs if known is None else known.inputs,
            published_at=self._clock() if known is None else known.published_at,
        )
        return Done(item.key, [edition, *publish_rows(item.key, plan.draft)], plan.draft.dropped)

    def _drafted(
        self, session: Session, name: str, takedown: Takedown, issued: Sequence[Issued], before: Sequence[Issued]
    ) -> "_Plan":
        """Choose from the store what an edition holds."""
        last = session.get_one(Edition, before[-1].name) if before else None
        recipe = self._recipe(name)
        others = samples_elsewhere(session, issued, name)
        found = (
            record
            for record in read_records(session, self._settings.verdict_p_correct)
            if isinstance(record, str) or record.id not in others
        )
        revisions = [one.name for one in before]
        pinned = None if last is None else published_splits(session, revisions, last.manifest["period"]["test_from"])
        draft = draft_edition(found, recipe, takedown, published_elsewhere(session, issued, name), pinned)
        for problem in draft.problems[:20]:
            log.warning("left out: %s", problem)
        if last is not None:
            published = published_digests(session, last.name)
            history = compare(last.name, published, draft, last.manifest.get("tombstones", ()), self._clock())
        else:
            against = next((one.name for one in reversed(issued) if order(one.name) < order(name)), None)
            history = History(against=against, added=[record.id for record in draft.records])
        review = review_summary(session, {record.id for record in draft.records})
        size = estimated_bytes(draft, self._blobs.size if recipe.images == "embedded" else None)
        return _Plan(recipe, draft, history, size, self._blobs, funnel_part(_upstream_funnel(session)), review)

    def _amended(
        self, session: Session, name: str, takedown: Takedown, last: Issued, issued: Sequence[Issued]
    ) -> "_Plan":
        """Take an edition's own records, without what is withdrawn, with what was corrected."""
        manifest = session.get_one(Edition, last.name).manifest
        folder, until = self._workdir / last.path, self._corrections_until(last.name, issued)
        draft, history = amend(session, last, folder, manifest, takedown, until, self._clock())
        recipe = replace(self._recipe(name), settings=manifest["settings"], images=manifest.get("images", "embedded"))
        size = sum(one["bytes"] for one in manifest["files"].values())
        return _Plan(recipe, draft, history, size, EditionPictures(folder), manifest["funnel"], manifest.get("review"))

    def _recipe(self, name: str) -> Recipe:
        return Recipe(
            name,
            self._settings.min_p_correct,
            self._settings.test_days,
            self._bits,
            self._settings.rows_per_group,
            self._published,
            self._settings.images,
            window_of(name) if is_month(name) else None,
            self._settings.window_days,
        )

    def _now(self) -> str | None:
        """Return the edition that comes out whenever it is another than before; None where editions wait until due."""
        if self._settings.publish == "withdrawals":
            return None
        if self._settings.publish == "now" or self._settings.edition is not None:
            return self._settings.name_at(self._clock())
        return None

    def _takedown(self) -> Takedown:
        return read_takedown(takedown_path(self._settings.takedown, self._workdir))

    def _takedown_state(self) -> str | None:
        """Return what changes when the list does; that a list is broken is for ``process`` to say."""
        try:
            return self._takedown().sha256
        except (OSError, ValueError) as error:
            return str(error)


@dataclass(frozen=True, slots=True)
class _Plan:
    """An edition before it is written; ``bytes`` is about how large it will be."""

    recipe: Recipe
    draft: Draft
    history: History
    bytes: int
    pictures: Pictures
    funnel: Sequence[dict[str, Any]]
    review: dict[str, Any] | None


def _upstream_funnel(session: Session) -> list[StageStatus]:
    """Return the funnel without what differs from run to run: durations, items to retry, and this stage."""
    return [
        StageStatus(item.stage, item.done, item.rejected, 0, item.reasons, item.dropped)
        for item in read_funnel(session)
        if item.stage != Export.name
    ]
