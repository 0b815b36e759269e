"""What a worker process is told, and that it opens its workspace once."""

import datetime as dt
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nest_builder import worker
from nest_builder.config import Settings, load_settings
from nest_builder.operations.metrics import RunMetrics
from nest_builder.stage import Batch, Item
from nest_builder.worker import Job, run_job, settings_for_workers, settings_here
from tests.shared_stage import Shared, made

NIGHT = dt.datetime(2025, 11, 2, 3, tzinfo=dt.UTC)


def settings_in(folder: Path, **more: Any) -> Settings:
    return load_settings(workdir=folder / "work", **more)


@pytest.mark.parametrize(
    ("database", "expected"),
    [
        ("postgresql+psycopg://nest:secret@db.example:5432/nest", "postgresql+psycopg://nest@db.example:5432/nest"),
        ("postgresql+psycopg://nest@db.example/nest", "postgresql+psycopg://nest@db.example/nest"),
        ("sqlite:////data/nest.sqlite", "sqlite:////data/nest.sqlite"),
    ],
)
def test_the_database_travels_without_its_password(tmp_path: Path, database: str, expected: str) -> None:
    told = settings_for_workers(settings_in(tmp_path).model_copy(update={"database": database}), {}, None)
    assert Settings.model_validate_json(told).database == expected
    assert "secret" not in told


@pytest.mark.parametrize(("workers", "rate", "per_host"), [(1, 200.0, 4), (2, 100.0, 2), (8, 25.0, 1)])
def test_workers_share_one_web_and_its_rate(tmp_path: Path, workers: int, rate: float, per_host: int) -> None:
    settings = settings_in(tmp_path)
    settings = settings.model_copy(update={"scale": settings.scale.model_copy(update={"workers": workers})})
    told = Settings.model_validate_json(
        settings_for_workers(settings, {"*.newsworld.test": "http://127.0.0.1:4711"}, NIGHT)
    )
    assert told.web.resolve == {"*.newsworld.test": "http://127.0.0.1:4711"}
    assert (told.web.requests_per_second, told.web.per_host) == (rate, per_host)
    assert not told.newsworld.enabled  # the run's own server answers for all
    assert (told.database_url, told.blobs_url) == (settings.database_url, settings.blobs_url)
    assert told.now == NIGHT  # of a clock that moves from night to night


def test_a_worker_s_environment_has_the_database_and_no_other_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A local cluster's workers inherit the run's environment, whose rate is that of all of them together."""
    monkeypatch.setenv("NEST_WEB__REQUESTS_PER_SECOND", "0.2")
    monkeypatch.setenv("NEST_NEWSWORLD__ENABLED", "true")
    settings = settings_in(tmp_path)
    told = settings_for_workers(settings, {}, None)
    secret = "postgresql+psycopg://nest:secret@db.example/nest"
    here = settings_here(told, os.environ | {"NEST_DATABASE": secret})
    assert (here.database, here.web.requests_per_second, here.newsworld.enabled) == (secret, 0.1, False)
    assert settings_here(told, {}).database == settings.database_url


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Collect the work directories that are opened, for a pipeline of one stage."""
    folders: list[Path] = []

    def stages(workspace: Any) -> tuple[Shared, ...]:
        folders.append(workspace.settings.workdir)
        return (Shared(9, True, lambda keys: None),)

    monkeypatch.setattr(worker, "build_stages", stages)
    yield folders
    worker.close()


def test_a_worker_opens_its_workspace_once(tmp_path: Path, opened: list[Path]) -> None:
    settings = settings_in(tmp_path / "a")
    told = settings_for_workers(settings, {}, None)
    for key in ("000", "001", "002"):
        job = Job(told, Batch("shared", (Item(key, ""),), (f"fingerprint {key}",)))
        assert run_job(pickle.loads(pickle.dumps(job))).done == 1
    assert run_job(job).done == 0  # it is settled
    assert set(made(settings.database_url, tmp_path)) == {"000", "001", "002"}
    other = settings_for_workers(settings_in(tmp_path / "b"), {}, None)
    assert run_job(Job(other, job.batch)).done == 1
    assert opened == [tmp_path / "a" / "work", tmp_path / "b" / "work"]


def test_a_batch_brings_home_what_it_asked_of_the_web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stages(workspace: Any) -> tuple[Shared, ...]:
        def ask(keys: Any) -> None:
            for _ in keys:
                workspace.metrics.request("encyclopedia.newsworld.test", "200")

        return (Shared(9, True, ask),)

    monkeypatch.setattr(worker, "build_stages", stages)
    settings = settings_in(tmp_path)
    told = settings_for_workers(settings, {}, None)
    run = RunMetrics(settings)
    try:
        for keys in (("000", "001"), ("002",)):  # a worker keeps its counts from batch to batch
            items, fingerprints = tuple(Item(key, "") for key in keys), tuple(f"fingerprint {key}" for key in keys)
            report = run_job(Job(told, Batch("shared", items, fingerprints)))
            assert report.requests == {("encyclopedia", "200"): len(keys)}
            run.batch(pickle.loads(pickle.dumps(report)))
    finally:
        worker.close()
    assert run.requests() == {("encyclopedia", "200"): 3}
