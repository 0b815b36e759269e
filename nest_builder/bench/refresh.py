"""``nest bench refresh``: ninety nights on the simulated web's clock, through the flow that the schedule runs.

The web shows itself as of each night; ``nest_builder.bench.leaks`` checks what is claimed of the editions that come out.
"""

import datetime as dt
import logging
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from sqlalchemy import select, text

from nest_builder.bench.leaks import file_hashes, leaks, read_lines
from nest_builder.bench.result import Bound, Pin, Result, machine
from nest_builder.config import Settings, load_settings
from nest_builder.newsworld.world import World
from nest_builder.pipeline import build_stages
from nest_builder.progress import Progress
from nest_builder.refresh import Night, nightly, run_night
from nest_builder.run import run_stages
from nest_builder.store.session import Store, open_store
from nest_builder.store.tables import Entity
from nest_builder.workspace import Workspace, open_workspace

log = logging.getLogger(__name__)

# The first night finds three weeks' news in the feeds, as who begins does; September's edition is due on the seventy-second, and the rest
# are without news.
FIRST = dt.datetime(2025, 7, 22, 6, tzinfo=dt.UTC)
NIGHTS = 90
# The short form looks back a few days, outlines in one go, and goes past the end of July.
QUICK_NIGHTS = 12
QUICK_WINDOW_DAYS = 3
NEWER = dt.datetime(2025, 8, 15, tzinfo=dt.UTC)  # the cutoff of the newer static model
QUICK_NEWER = dt.datetime(2025, 7, 24, tzinfo=dt.UTC)
TARGETS: dict[str, Bound] = {
    "monthly": (">=", 1.0),
    "duplicates": ("<=", 0),
    "leaks_by_hash": ("<=", 0),
    "leaks_by_cluster": ("<=", 0),
    "leaks_by_event": ("<=", 0),
    "changed_files": ("<=", 0),
    "became_known": (">=", 0.95),
    "still_new": (">=", 0.9),
    "quiet_share": ("<=", 0.05),
    "quiet_share_cpu": ("<=", 0.05),
}
# One feed's first word of something may come after that cutoff, and say nothing of the day on which it began.
QUICK_TARGETS = TARGETS | {"became_known": (">=", 0.7)}


@dataclass(slots=True)
class _Diary:
    """What the nights gave.

    Attributes:
        nights: One a night.
        costs: (wall seconds, CPU seconds of this process) of each, Prefect's share included.
        frozen: Edition -> relative path -> SHA-256, as it came out.
    """

    nights: list[Night] = field(default_factory=list)
    costs: list[tuple[float, float]] = field(default_factory=list)
    frozen: dict[str, dict[str, str]] = field(default_factory=dict)


def run(seed: int, data: Path | None, quick: bool = False) -> Result:
    """Measure on one world.

    Args:
        seed: Of the world.
        data: A folder to work in, left there afterwards; by default one that is removed.
        quick: Twelve nights of one feed, in this process without a Prefect server.
    """
    count, newer = (QUICK_NIGHTS, QUICK_NEWER) if quick else (NIGHTS, NEWER)
    with tempfile.TemporaryDirectory(prefix="nest-bench-") if data is None else nullcontext(data) as folder:
        settings = load_settings(workdir=Path(folder) / str(seed), newsworld={"enabled": True, "seed": seed})
        if quick:
            settings = _smaller(settings)
        started = time.perf_counter()
        diary = _live(settings, FIRST, count, in_flow=not quick)
        wall = time.perf_counter() - started
        figures = _counts(diary) | _costs(diary) | {"wall_s": round(wall, 1)}
        editions = settings.workdir / "editions"
        figures["monthly"] = float(_published(diary) == _expected(FIRST, count))
        figures["changed_files"] = float(
            sum(frozen != file_hashes(editions / name) for name, frozen in diary.frozen.items())
        )
        world = World(seed)
        figures |= leaks(read_lines(editions, diary.frozen), world)
        figures |= _newer_model(settings, newer, world)
    setup = {
        **machine("prefect", "sqlalchemy", "torch"), "seed": seed, "first_night": FIRST.isoformat(), "nights": count,
        "newer_cutoff": newer.isoformat(), "through": "nest refresh" if quick else "the Prefect flow",
        "published": {name: night.at.date().isoformat() for night in diary.nights for name in night.published},
    }  # fmt: skip
    on = f"seed {seed}, {count} nights"
    pins = {
        "samples": Pin(on, margin=0.1, relative=True),
        "became_known": Pin(on),
    }
    if not quick:  # a few hundredths of a second are nothing to pin
        pins["quiet_share_cpu"] = Pin(on, "<=", margin=1.0, relative=True)
    name, targets = ("refresh-quick", QUICK_TARGETS) if quick else ("refresh", TARGETS)
    return Result(name, figures, targets, {}, setup, pins)


def _smaller(settings: Settings) -> Settings:
    few = {"feeds": settings.sources.feeds[:1], "sites": (), "window_days": QUICK_WINDOW_DAYS}
    return settings.model_copy(
        update={
            "sources": settings.sources.model_copy(update=few),
            "annotate": settings.annotate.model_copy(update={"mask_windows": ()}),
        }
    )


def _live(settings: Settings, first: dt.datetime, count: int, in_flow: bool) -> _Diary:
    """Go through the nights in one process: models load once, as in a worker that lives on."""
    now = [first]
    diary = _Diary()
    with open_workspace(nightly(settings), lambda: now[0]) as workspace, Progress(quiet=True) as progress:
        stages = build_stages(workspace)

        def here() -> Night:
            return run_night(workspace, stages, progress, lambda message: log.info("%s", message.subject))

        if not in_flow:
            _each_night(diary, workspace, now, count, here)
            return diary
        from flows.refresh import as_flow
        from flows.server import prefect_server

        logging.getLogger("prefect").setLevel(logging.WARNING)
        with prefect_server(settings.workdir / "prefect"):
            _each_night(
                diary, workspace, now, count,
                lambda: as_flow(workspace, stages, progress, lambda message: log.info("%s", message.subject)),
            )  # fmt: skip
    return diary


def _each_night(
    diary: _Diary, workspace: Workspace, now: list[dt.datetime], count: int, night_of: Callable[[], Night]
) -> None:
    first = now[0]
    for number in range(count):
        now[0] = first + dt.timedelta(days=number)
        wall, cpu = time.perf_counter(), time.process_time()
        night = night_of()
        diary.costs.append((time.perf_counter() - wall, time.process_time() - cpu))
        diary.nights.append(night)
        for name in night.published:
            diary.frozen[name] = file_hashes(workspace.settings.workdir / "editions" / name)
        log.info("%s: %.1f s, published %s", night.at.date(), diary.costs[-1][0], night.published)


def _counts(diary: _Diary) -> dict[str, float]:
    nights = diary.nights
    return {
        "nights": float(len(nights)),
        "articles": float(sum(map(_new_pages, nights))),
        "editions": float(len(diary.frozen)),
    }


def _costs(diary: _Diary) -> dict[str, float]:
    """Return what the first night took, and one on which every source is asked and has no new article, all with Prefect's share.

    Where no night was quiet there is no such figure, and its target is missed.
    """
    wall, cpu = diary.costs[0]
    nights = zip(diary.nights, diary.costs, strict=True)
    quiet = [cost for night, cost in nights if not _new_pages(night) and not night.published]
    work = sum(night.seconds for night in diary.nights)
    figures = {
        "first_night_s": round(wall, 2),
        "first_night_cpu_s": round(cpu, 2),
        "quiet_nights": float(len(quiet)),
        "nights_cpu_s": round(sum(cost[1] for cost in diary.costs), 1),
        "orchestration_share": round(1 - work / sum(cost[0] for cost in diary.costs), 4),
    }
    if quiet:
        quiet_wall, quiet_cpu = median(cost[0] for cost in quiet), median(cost[1] for cost in quiet)
        figures |= {
            "quiet_night_s": round(quiet_wall, 3),
            "quiet_night_cpu_s": round(quiet_cpu, 3),
            "quiet_share": round(quiet_wall / wall, 4),
            "quiet_share_cpu": round(quiet_cpu / cpu, 4),
        }
    return figures


def _new_pages(night: Night) -> int:
    return sum(report.worked for report in night.reports if report.stage == "extract")


def _published(diary: _Diary) -> list[tuple[str, dt.date]]:
    return [(name, night.at.date()) for night in diary.nights for name in night.published]


def _expected(first: dt.datetime, count: int) -> list[tuple[str, dt.date]]:
    """Return the months that end within the nights, each with the day after its last."""
    days = [(first + dt.timedelta(days=number)).date() for number in range(count)]
    return [(f"{day - dt.timedelta(days=1):%Y.%m}", day) for day in days if day.day == 1]


def _newer_model(settings: Settings, cutoff: dt.datetime, world: World) -> dict[str, float]:
    """Assess a copy of the store for a static model that knows more: what was new before its cutoff is new no longer.

    Returns:
        ``became_known``: the share of the entities that were new, in the world before that cutoff, and are not now; ``still_new``: of
        those that came after it and still are; and how many these were. What came on the very day is not counted.
    """
    folder = settings.workdir / "newer"
    folder.mkdir(exist_ok=True)
    copy = folder / "nest.sqlite"
    copy.unlink(missing_ok=True)
    with closing(open_store(settings.database_url, settings.blobs_url)) as store:
        before = _entities(store)
        with store.engine.connect() as connection:
            connection.execute(text("VACUUM INTO :path"), {"path": str(copy)})
    later = settings.model_copy(
        update={
            "workdir": folder, "blobs": settings.blobs_url,
            "entities": settings.entities.model_copy(update={"cutoff": cutoff}),
        }
    )  # fmt: skip
    with open_workspace(later) as workspace, Progress(quiet=True) as progress:
        assess = [stage for stage in build_stages(workspace) if stage.name == "assess"]
        run_stages(workspace, progress, "newer", stages=assess)
        after = _entities(workspace.store)
    began = {entity.name: entity.since for entity in world.timeline.having("novel")}
    began |= {world.entities[change.new].name: change.day for change in world.timeline.changes}
    old = {name for name in before if name in began and began[name] < cutoff.date()}
    new = {name for name in before if name in began and began[name] > cutoff.date()}
    return {
        "new_before_newer_cutoff": float(len(old)),
        "became_known": _share(len(old - after), len(old)),
        "new_after_newer_cutoff": float(len(new)),
        "still_new": _share(len(new & after), len(new)),
    }


def _entities(store: Store) -> set[str]:
    """Return the names of what is novel or emerging."""
    with store.sessions() as session:
        return set(session.scalars(select(Entity.name)))


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
