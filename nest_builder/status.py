"""What the store holds, as counts: items by stage, rejections by reason, samples, entities, editions."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from sqlalchemy import Text, cast, func, select
from sqlalchemy.orm import Session

from nest_builder.export.naming import order
from nest_builder.store.session import Store
from nest_builder.store.tables import (
    Article,
    Decision,
    Edition,
    Entity,
    Image,
    LedgerEntry,
    Page,
    Route,
    Sample,
    StageRun,
)

# The order in which stages are shown; one that is not listed here comes last.
STAGE_ORDER = (
    "collect",
    "extract",
    "recognize",
    "assess",
    "gather",
    "annotate",
    "ask",
    "validate",
    "review",
    "export",
)


@dataclass(frozen=True, slots=True)
class StageStatus:
    """What became of a stage's items.

    Attributes:
        stage: Its name.
        done: Items that are done.
        rejected: Items that were turned away for good.
        failed: Items that will be tried again.
        reasons: Rejected items by reason.
        dropped: Parts of done items that were turned away, by reason.
        seconds: How long its last pass with something to do took; None where it has not run.
    """

    stage: str
    done: int = 0
    rejected: int = 0
    failed: int = 0
    reasons: dict[str, int] = dataclasses.field(default_factory=dict)
    dropped: dict[str, int] = dataclasses.field(default_factory=dict)
    seconds: float | None = None

    @property
    def items(self) -> int:
        """Return how many items the stage has looked at."""
        return self.done + self.rejected + self.failed


@dataclass(frozen=True, slots=True)
class SampleStatus:
    """Samples in the store, before an edition's own selection."""

    total: int
    negatives: int
    by_category: dict[str, int]


@dataclass(frozen=True, slots=True)
class EditionStatus:
    """An exported edition: its name, folder (relative to the work directory) and the counts of its manifest."""

    name: str
    path: str
    counts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a store."""

    stages: tuple[StageStatus, ...]
    pages: int
    articles: int
    images: int
    entities: dict[str, int]  # by category
    samples: SampleStatus
    editions: tuple[EditionStatus, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return dataclasses.asdict(self)


def read_status(store: Store) -> Status:
    """Count what the store holds."""
    with store.sessions() as session:
        categories = _counts(session, select(Sample.category, func.count()).group_by(Sample.category))
        return Status(
            stages=read_funnel(session),
            pages=_count(session, Page),
            articles=_count(session, Article),
            images=_count(session, Image),
            entities=_counts(session, select(Entity.category, func.count()).group_by(Entity.category)),
            samples=SampleStatus(
                total=sum(categories.values()),
                negatives=session.scalar(select(func.count()).select_from(Sample).where(Sample.negative)) or 0,
                by_category=categories,
            ),
            editions=tuple(
                EditionStatus(edition.name, edition.path, edition.manifest["counts"])
                for edition in sorted(session.scalars(select(Edition)), key=lambda edition: order(edition.name))
            ),
        )


def read_funnel(session: Session) -> tuple[StageStatus, ...]:
    """Return what became of each stage's items, in the pipeline's order."""
    status: defaultdict[str, Counter[str]] = defaultdict(Counter)
    reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)
    dropped: defaultdict[str, Counter[str]] = defaultdict(Counter)
    entry = LedgerEntry
    query = select(entry.stage, entry.status, entry.reason, func.count()).group_by(
        entry.stage, entry.status, entry.reason
    )
    for stage, state, reason, count in session.execute(query):
        status[stage][state] += count
        if state == "rejected" and reason:
            reasons[stage][reason] += count
    # Most items lose no part: their empty records stay in the database, however many they are.
    some = (entry.status == "done") & (cast(entry.dropped, Text) != "{}")
    for stage, parts in session.execute(select(entry.stage, entry.dropped).where(some)):
        dropped[stage].update(parts)
    last: dict[str, float] = {}
    for run in session.scalars(select(StageRun).order_by(StageRun.id)):
        if run.stage not in last or any(run.counts.get(name) for name in ("done", "rejected", "failed")):
            last[run.stage] = run.seconds
    return tuple(
        StageStatus(
            stage,
            status[stage]["done"],
            status[stage]["rejected"],
            status[stage]["failed"],
            by_count(reasons[stage].items()),
            by_count(dropped[stage].items()),
            last.get(stage),
        )
        for stage in sorted(status.keys() | last.keys(), key=_order)
    )


def count_waiting(session: Session) -> int:
    """Return how many samples the routing sends to people who have not decided about them."""
    decided = select(Decision.sample_id).where(Decision.state == "current")
    query = select(func.count()).select_from(Route).where(Route.action == "review", Route.sample_id.not_in(decided))
    return session.scalar(query) or 0


def by_count(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return counts as a dict, the largest first, equals by name."""
    return dict(sorted(counts, key=lambda pair: (-pair[1], pair[0])))


def status_table(status: Status) -> RenderableType:
    """Return the state of a store for the terminal."""
    stages = Table(box=box.SIMPLE_HEAD, title="Stages", title_justify="left")
    for heading in ("stage", "done", "rejected", "to retry", "seconds"):
        stages.add_column(heading, justify="left" if heading == "stage" else "right")
    stages.add_column("turned away, by reason", overflow="fold")
    for stage in status.stages:
        reasons = Counter(stage.reasons) + Counter(stage.dropped)
        stages.add_row(
            stage.stage,
            f"{stage.done:,}",
            f"{stage.rejected:,}",
            f"[yellow]{stage.failed:,}[/]" if stage.failed else "0",
            "–" if stage.seconds is None else f"{stage.seconds:.1f}",
            ", ".join(f"{reason} {count:,}" for reason, count in by_count(reasons.items()).items())
            or "[dim]nothing[/]",
        )
    held = Table(box=box.SIMPLE_HEAD, title="Store", title_justify="left", show_header=False)
    held.add_row("pages, articles, images", f"{status.pages:,}, {status.articles:,}, {status.images:,}")
    held.add_row("entities", _listed(status.entities))
    held.add_row(
        "samples",
        f"{status.samples.total:,} ({_listed(status.samples.by_category)}; {status.samples.negatives:,} negative)",
    )
    for edition in status.editions:
        counts = edition.counts
        held.add_row(
            f"edition {edition.name}", f"{counts['samples']:,} samples ({_listed(counts['by_split'])}), {edition.path}"
        )
    return Group(stages, held)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"


def _order(stage: str) -> tuple[int, str]:
    return (STAGE_ORDER.index(stage) if stage in STAGE_ORDER else len(STAGE_ORDER), stage)


def _count(session: Session, table: type[Page | Article | Image]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def _counts(session: Session, query: Any) -> dict[str, int]:
    return by_count((name, count) for name, count in session.execute(query))
