"""Figures: what a run and a store say, in a form that Prometheus reads."""

import datetime as dt
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
from prometheus_client import generate_latest, start_http_server
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from nest_builder.cli import app
from nest_builder.clock import fixed_clock
from nest_builder.config import load_settings
from nest_builder.operations.metrics import LAST_RUN, RunMetrics, serving_registry, write_metrics
from nest_builder.progress import Progress
from nest_builder.run import run_stages
from nest_builder.runner import here
from nest_builder.stage import Batch, Item, Report
from nest_builder.store.session import Store
from nest_builder.store.tables import Decision, Edition, LedgerEntry, Route, Sample
from nest_builder.workspace import Workspace
from tests.builders import NOW, fill_store, new_store
from tests.operations.test_disk import Taking

LATER = fixed_clock(NOW + dt.timedelta(days=3))
Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = new_store(tmp_path)
    fill_store(made, 6)
    yield made
    made.close()


def read(text: str) -> Figures:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(figures: Figures, name: str, **labels: str) -> float | None:
    return figures.get((name, frozenset(labels.items())))


def test_the_stores_figures(store: Store, tmp_path: Path) -> None:
    (tmp_path / "editions" / "2025.10").mkdir(parents=True)
    (tmp_path / "editions" / "2025.10" / "manifest.json").write_bytes(b"x" * 1000)
    with store.sessions() as session:
        first, second, *_ = session.query(Sample).order_by(Sample.id)
        for sample in (first, second):
            route = Route(
                sample_id=sample.id, p_correct=0.5, action="review", priority=1.0, audit=False, reviewers=1, evidence={}, version="1"
            )  # fmt: skip
            route.seal("all")
            session.add(route)
        session.add(
            Decision(
                id="d", sample_id=first.id, annotation_id="a", reviewer="r", decided_at=NOW, pulled_at=NOW, status="accept",
                state="current",
            )
        )  # fmt: skip
        edition = Edition(name="2025.10", path="editions/2025.10", manifest={})
        edition.seal("2025.10")
        done = LedgerEntry(stage="export", item="2025.10", fingerprint="0" * 64, status="done", finished_at=NOW)
        session.add_all([edition, done])
        session.commit()
    figures = read(generate_latest(serving_registry(store, tmp_path, LATER)).decode())
    assert of(figures, "nest_items", stage="ask", outcome="done") == 7
    assert of(figures, "nest_items_turned_away", stage="collect", reason="robots disallow") == 4
    assert of(figures, "nest_items_turned_away", stage="ask", reason="several targets fit") == 3
    assert of(figures, "nest_stage_seconds_total", stage="gather") == 1.5
    assert of(figures, "nest_stage_last_pass_timestamp_seconds", stage="gather") == NOW.timestamp()
    assert of(figures, "nest_review_queue") == 1
    assert of(figures, "nest_editions") == 1
    assert of(figures, "nest_edition_age_seconds") == 3 * 86400
    assert of(figures, "nest_disk_bytes", what="editions") == 1000
    assert (of(figures, "nest_disk_bytes", what="blobs") or 0) > 1000
    assert (of(figures, "nest_disk_bytes", what="rest") or 0) >= (tmp_path / "nest.sqlite").stat().st_size
    assert of(figures, "nest_disk_free_bytes") is not None


def test_an_empty_store_has_figures_even_where_there_is_no_work_directory(tmp_path: Path) -> None:
    empty = new_store(tmp_path)
    figures = read(generate_latest(serving_registry(empty, tmp_path / "absent", LATER)).decode())
    assert of(figures, "nest_disk_bytes", what="rest") == 0
    empty.close()
    assert of(figures, "nest_editions") == 0
    assert of(figures, "nest_edition_age_seconds") is None


@pytest.mark.parametrize(
    ("host", "outcome", "labels"),
    [
        ("feeds.example", "200", ("source", "200")),
        ("search.example", "503", ("search", "503")),
        ("wiki.example", "304", ("encyclopedia", "304")),
        ("pictures.example", "200", ("other", "200")),
        ("pictures.example", "599", ("other", "5xx")),
        ("pictures.example", "418", ("other", "4xx")),
        ("pictures.example", "too_slow", ("other", "too_slow")),
    ],
)
def test_requests_are_counted_by_whose_host_and_what_came(
    tmp_path: Path, host: str, outcome: str, labels: tuple[str, str]
) -> None:
    settings = load_settings(
        workdir=tmp_path,
        sources={"feeds": ["https://Feeds.example/rss"], "sites": []},
        entities={"encyclopedia": "https://wiki.example/w/api.php"},
        rose={"search_url": "https://search.example"},
    )
    metrics = RunMetrics(settings)
    metrics.request(host, outcome)
    figures = read(generate_latest(metrics.registry).decode())
    assert of(figures, "nest_run_http_requests_total", host=labels[0], status=labels[1]) == 1


def test_a_run_leaves_its_figures_for_the_server_and_for_the_collector(store: Store, tmp_path: Path) -> None:
    textfile = tmp_path / "collector" / "nest.prom"
    textfile.parent.mkdir()
    settings = load_settings(workdir=tmp_path, metrics={"textfile": str(textfile)})
    workspace = Workspace(settings, store, fixed_clock(NOW), None)
    for _ in range(2):  # a process may see many nights
        with Progress(quiet=True) as progress:
            run_stages(workspace, progress, "test", stages=[Taking()])
    figures = read(textfile.read_text())
    assert of(figures, "nest_items", stage="take", outcome="done") == 3
    assert len([key for key in figures if key[0] == "nest_review_queue"]) == 1
    served = read(generate_latest(serving_registry(store, tmp_path, LATER)).decode())
    assert of(served, "nest_items", stage="take", outcome="done") == 3
    (tmp_path / LAST_RUN).write_text("nonsense {")
    read(generate_latest(serving_registry(store, tmp_path, LATER)).decode())  # the store's are there all the same


def test_a_file_that_goes_while_it_is_counted_spoils_no_figure(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nest.sqlite-journal").write_bytes(b"x" * 1000)
    lstat = os.lstat

    def gone(path: Any, **options: Any) -> os.stat_result:
        if str(path).endswith("-journal"):
            raise FileNotFoundError(path)
        return lstat(path, **options)

    monkeypatch.setattr(os, "lstat", gone)
    figures = read(generate_latest(serving_registry(store, tmp_path, LATER)).decode())
    assert (of(figures, "nest_disk_bytes", what="rest") or 0) >= (tmp_path / "nest.sqlite").stat().st_size


def batch(*items: str) -> Batch:
    return Batch("take", tuple(Item(item, "") for item in items), items)


def test_batches_are_counted_wherever_they_run(tmp_path: Path) -> None:
    metrics = RunMetrics(load_settings(workdir=tmp_path))
    report = Report("take", done=2, rejected=1, batches=1, batch_seconds=0.5, postponed={"d": "why"})
    away = Report("take", elsewhere=1)
    assert metrics.counting(here)(batch("a"), 1, lambda: report) is report
    spread = metrics.counting_spread(
        lambda stage, batches: [(each, report) for _, each in batches] + [(batch("z"), away)]
    )
    assert len(list(spread("take", iter([(2, batch("b"))])))) == 2
    figures = read(generate_latest(metrics.registry).decode())
    assert of(figures, "nest_run_batch_seconds_count", stage="take") == 2
    assert of(figures, "nest_run_batch_seconds_sum", stage="take") == 1.0
    assert of(figures, "nest_run_items_total", stage="take", outcome="done") == 4
    assert of(figures, "nest_run_items_total", stage="take", outcome="postponed") == 2


def test_nothing_is_global(tmp_path: Path) -> None:
    before = generate_latest(prometheus_client.REGISTRY)
    settings = load_settings(workdir=tmp_path)
    RunMetrics(settings).request("a", "200")
    assert read(generate_latest(RunMetrics(settings).registry).decode()) == {}
    assert b"nest_" not in before + generate_latest(prometheus_client.REGISTRY)


def test_a_text_file_that_cannot_be_written_spoils_no_run(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load_settings(workdir=tmp_path, metrics={"textfile": str(tmp_path / "absent" / "nest.prom")})
    write_metrics(RunMetrics(settings), store, settings, LATER)
    assert "metrics are not written" in caplog.text
    assert (tmp_path / LAST_RUN).exists()


def test_a_run_that_fails_has_figures_and_its_own_error(store: Store, tmp_path: Path) -> None:
    workspace = Workspace(load_settings(workdir=tmp_path), store, fixed_clock(NOW), None)
    with Progress(quiet=True) as progress, pytest.raises(PermissionError):
        run_stages(workspace, progress, "test", stages=[Taking(PermissionError("denied"))])
    assert of(read((tmp_path / LAST_RUN).read_text()), "nest_run_items_total", stage="take", outcome="done") == 1


def test_a_lost_database_hides_no_other_error(store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE ledger")
    settings = load_settings(workdir=tmp_path)
    write_metrics(RunMetrics(settings), store, settings, LATER)
    assert "no such table" in caplog.text


def test_they_are_served(store: Store, tmp_path: Path) -> None:
    settings = load_settings(workdir=tmp_path)
    run = RunMetrics(settings)
    run.request("x", "200")
    write_metrics(run, store, settings, LATER)
    server, thread = start_http_server(0, "127.0.0.1", serving_registry(store, tmp_path, LATER))
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=60) as answer:
            figures = read(answer.read().decode())
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert of(figures, "nest_items", stage="ask", outcome="done") == 7
    assert of(figures, "nest_run_http_requests_total", host="other", status="200") == 1


def test_the_command_shows_them(store: Store, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["metrics", "show", "--workdir", str(tmp_path)])
    assert of(read(result.stdout), "nest_items", stage="ask", outcome="done") == 7
    result = CliRunner().invoke(app, ["metrics", "show", "--workdir", str(tmp_path / "none")])
    assert result.exit_code == 1


def test_the_client_tells_of_each_exchange(tmp_path: Path) -> None:
    from nest_builder.config import WebSettings
    from nest_builder.web import FetchError, PoliteClient

    seen: list[Any] = []
    settings = WebSettings(allow_hosts=("127.0.0.1",), retries=0, timeout_seconds=2)
    with PoliteClient(settings, watch=lambda *what: seen.append(what)) as client, pytest.raises(FetchError):
        client.fetch("http://127.0.0.1:1/x", service=True)
    assert seen == [("127.0.0.1", "connection")]
