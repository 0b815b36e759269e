"""Figures for Prometheus: of a run, as it goes, and of the store, at any time.

A run's figures (batches, requests) are counted in a registry of its own; nothing is global. At its end they are written, with the
store's, to a text file for node_exporter's textfile collector, and kept in the work directory for ``nest metrics serve``, which reads
the store at each scrape and needs no agent.
"""

import datetime as dt
import logging
import shutil
from collections import Counter as Counts
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter, Histogram, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_fd_to_metric_families
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from nest_builder.clock import Clock
from nest_builder.config import Settings
from nest_builder.operations.disk import Seldom, file_bytes, folder_bytes, standing
from nest_builder.runner import Execute, Spread
from nest_builder.stage import Batch, Report
from nest_builder.status import count_waiting, read_funnel
from nest_builder.store.session import Store
from nest_builder.store.tables import Edition, LedgerEntry, Sample, StageRun

log = logging.getLogger(__name__)

LAST_RUN: Final = "metrics.prom"  # in the work directory
_BUCKETS: Final = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)  # seconds a batch takes
_OF_A_RUN: Final = "nest_run_"
_STATUSES: Final = (200, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 410, 429, 500, 502, 503, 504)


class RunMetrics:
    """What is counted while a run goes.

    Args:
        settings: Say which hosts are whose.
    """

    def __init__(self, settings: Settings) -> None:
        self.registry = CollectorRegistry()
        self._classes = _host_classes(settings)
        self._batches = Histogram(
            f"{_OF_A_RUN}batch_seconds", "How long batches took.", ["stage"], buckets=_BUCKETS, registry=self.registry
        )
        self._items = Counter(
            f"{_OF_A_RUN}items", "Items, by what became of them.", ["stage", "outcome"], registry=self.registry
        )
        self._requests = Counter(
            f"{_OF_A_RUN}http_requests",
            "Requests, by whose host and the answer.",
            ["host", "status"],
            registry=self.registry,
        )

    def batch(self, report: Report) -> None:
        """Count a batch; one that another process works on counts there. Requests of this process are counted as they go."""
        for (host, status), count in report.requests.items():
            self._requests.labels(host, status).inc(count)
        if report.elsewhere:
            return
        self._batches.labels(report.stage).observe(report.batch_seconds)
        counts = {"done": report.done, "rejected": report.rejected, "failed": report.failed}
        for outcome, count in (counts | {"postponed": len(report.postponed)}).items():
            self._items.labels(report.stage, outcome).inc(count)

    def counting(self, execute: Execute) -> Execute:
        """Return what runs a batch as ``execute`` does, and counts it."""

        def counted(batch: Batch, number: int, work: Callable[[], Report]) -> Report:
            report = execute(batch, number, work)
            self.batch(report)
            return report

        return counted

    def counting_spread(self, spread: Spread) -> Spread:
        """Return what hands batches out as ``spread`` does, and counts them as they come back."""

        def counted(stage: str, batches: Iterator[tuple[int, Batch]]) -> Iterator[tuple[Batch, Report]]:
            for batch, report in spread(stage, batches):
                self.batch(report)
                yield batch, report

        return counted

    def request(self, host: str, outcome: str) -> None:
        """Count an exchange. Hosts and statuses are many, and the web's to choose: they are put in few classes."""
        status = outcome if not outcome.isdigit() or int(outcome) in _STATUSES else f"{outcome[0]}xx"
        self._requests.labels(self._classes.get(host, "other"), status).inc()

    def requests(self) -> Counts[tuple[str, str]]:
        """Return how many exchanges there were so far, by whose host and the answer."""
        samples = [sample for family in self._requests.collect() for sample in family.samples]
        return Counts(
            {
                (sample.labels["host"], sample.labels["status"]): int(sample.value)
                for sample in samples
                if sample.name.endswith("_total")
            }
        )


def _host_classes(settings: Settings) -> dict[str, str]:
    named = {
        "search": [settings.rose.search_url, "https://api.search.brave.com"],
        "encyclopedia": [settings.entities.encyclopedia or ""],
        "source": [*settings.sources.feeds, *settings.sources.sites],
    }
    return {(urlsplit(url).hostname or "").lower(): kind for kind, urls in named.items() for url in urls if url}


class StoreMetrics(Collector):
    """The store's figures, read when they are asked for.

    Args:
        store: The open store.
        workdir: The work directory, whose disk is looked at.
        clock: Says how old the newest edition is.
    """

    def __init__(self, store: Store, workdir: Path, clock: Clock) -> None:
        self._store, self._workdir, self._clock = store, workdir, clock
        self._taken = Seldom(lambda: _taken(workdir))

    def describe(self) -> Iterable[Metric]:
        """Return nothing: what the store holds is not looked at before it is asked for."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield each family of figures."""
        with self._store.sessions() as session:
            yield from _items(session)
            yield from _time(session)
            yield _gauge("nest_review_queue", "Samples that wait for people.", count_waiting(session))
            samples = GaugeMetricFamily("nest_samples", "Samples in the store.", labels=["category"])
            for category, count in session.execute(select(Sample.category, func.count()).group_by(Sample.category)):
                samples.add_metric([category], count)
            yield samples
            yield from _editions(session, self._clock())
        yield from self._disk()

    def _disk(self) -> Iterator[Metric]:
        taken = GaugeMetricFamily(
            "nest_disk_bytes", "What the work directory takes, by what takes it.", labels=["what"]
        )
        for what, size in self._taken().items():
            taken.add_metric([what], size)
        yield taken
        yield _gauge(
            "nest_disk_free_bytes",
            "Free on the work directory's disk.",
            shutil.disk_usage(standing(self._workdir)).free,
        )


class _OfRegistry(Collector):
    """What another registry holds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        return self._registry.collect()


class LastRun(Collector):
    """A run's own figures as the last run left them.

    Args:
        path: Its text file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the file may come later."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the families that are a run's and not the store's."""
        if not self._path.exists():
            return
        try:
            with self._path.open(encoding="utf-8") as file:
                families = list(text_fd_to_metric_families(file))
        except ValueError as error:
            log.warning("%s cannot be read: %s", self._path, error)
            return
        yield from (family for family in families if family.name.startswith(_OF_A_RUN))


def write_metrics(run: RunMetrics, store: Store, settings: Settings, clock: Clock) -> None:
    """Write a run's figures and the store's: into the work directory, and where settings want them.

    Each file is whole at any time. One that cannot be written spoils no run, and is said.
    """
    registry = CollectorRegistry()
    registry.register(StoreMetrics(store, settings.workdir, clock))
    registry.register(_OfRegistry(run.registry))
    paths = [settings.workdir / LAST_RUN, *([Path(settings.metrics.textfile)] if settings.metrics.textfile else [])]
    for path in paths:
        try:
            write_to_textfile(str(path), registry)
        except (OSError, SQLAlchemyError) as error:  # a lost database has its own error, which this must not hide
            log.warning("metrics are not written to %s: %s", path, error)


def serving_registry(store: Store, workdir: Path, clock: Clock) -> CollectorRegistry:
    """Return what ``nest metrics serve`` shows: the store as it is, and the last run."""
    registry = CollectorRegistry()
    registry.register(StoreMetrics(store, workdir, clock))
    registry.register(LastRun(workdir / LAST_RUN))
    return registry


def _items(session: Session) -> Iterator[Metric]:
    items = GaugeMetricFamily("nest_items", "Items in the ledger.", labels=["stage", "outcome"])
    away = GaugeMetricFamily(
        "nest_items_turned_away", "Items, or parts of them, that were turned away.", labels=["stage", "reason"]
    )
    for stage in read_funnel(session):
        for outcome, count in (("done", stage.done), ("rejected", stage.rejected), ("failed", stage.failed)):
            items.add_metric([stage.stage, outcome], count)
        for reason, count in sorted((Counts(stage.reasons) + Counts(stage.dropped)).items()):
            away.add_metric([stage.stage, reason], count)
    yield items
    yield away


def _time(session: Session) -> Iterator[Metric]:
    seconds = CounterMetricFamily("nest_stage_seconds", "Time that all passes of a stage took.", labels=["stage"])
    passes = CounterMetricFamily("nest_stage_passes", "Passes of a stage.", labels=["stage"])
    last = GaugeMetricFamily("nest_stage_last_pass_timestamp_seconds", "When a stage last began.", labels=["stage"])
    query = select(StageRun.stage, func.sum(StageRun.seconds), func.count(), func.max(StageRun.started_at))
    for stage, took, count, started in session.execute(query.group_by(StageRun.stage).order_by(StageRun.stage)):
        seconds.add_metric([stage], took)
        passes.add_metric([stage], count)
        last.add_metric([stage], started.timestamp())
    yield from (seconds, passes, last)


def _editions(session: Session, now: dt.datetime) -> Iterator[Metric]:
    yield _gauge("nest_editions", "Published editions.", session.scalar(select(func.count()).select_from(Edition)) or 0)
    newest = session.scalar(
        select(func.max(LedgerEntry.finished_at)).where(
            LedgerEntry.stage == "export", LedgerEntry.status == "done", LedgerEntry.item.in_(select(Edition.name))
        )
    )
    if newest is not None:
        yield _gauge("nest_edition_age_seconds", "Since the newest edition came out.", (now - newest).total_seconds())


def _taken(workdir: Path) -> dict[str, int]:
    """Return the bytes of the blobs, the editions and the rest of the work directory."""
    taken = Counts({"rest": 0})
    for place in workdir.iterdir() if workdir.exists() else ():
        what = place.name if place.name in ("blobs", "editions") else "rest"
        taken[what] += folder_bytes(place) if place.is_dir() else file_bytes(place)
    return taken


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)
