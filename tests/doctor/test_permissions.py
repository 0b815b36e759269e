"""Disk, permissions and secrets: each on a case that is wrong."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import fsspec
import pytest

from nest_builder.clock import fixed_clock
from nest_builder.config import Settings
from nest_builder.doctor import Patient, inputs, machine, permissions
from tests.builders import new_store
from tests.doctor.test_doctor import NOW, of, only


def patient(folder: Path, network: bool = False, **values: Any) -> Patient:
    return Patient(Settings(workdir=folder, **values), fixed_clock(NOW), network=network)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home of its own."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("HF_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_disk_below_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**12, 0, 400_000_000))  # type: ignore[attr-defined]
    only(permissions.check_disk(patient(tmp_path)), "problem", "min_free_bytes", "nest gc")


def test_a_work_directory_over_its_bound(tmp_path: Path) -> None:
    new_store(tmp_path).close()
    only(permissions.check_disk(patient(tmp_path, disk={"max_bytes": 100})), "problem", "max_bytes")
    only(permissions.check_disk(patient(tmp_path, blobs="nosuch://x")), "problem", "blobs")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"blobs": "/proc/blobs"}, "blobs"),
        ({"database": "sqlite:////proc/nest.sqlite"}, "database"),
        ({"metrics": {"textfile": "/proc/nest.prom"}}, "metrics.textfile"),
        ({"blobs": "nosuch://x"}, "nosuch"),
    ],
)
def test_places_that_cannot_be_written(tmp_path: Path, values: dict[str, Any], said: str) -> None:
    only(permissions.check_permissions(patient(tmp_path, **values)), "problem", said)


def test_a_work_directory_that_nobody_lets_us_look_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor says so, rather than to fall ill itself."""
    stat, locked = os.stat, tmp_path / "locked"
    locked.mkdir()

    def refuse(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        if isinstance(path, str | Path) and locked in Path(path).parents:
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, *arguments, **options)

    def temporary(dir: Path) -> None:
        raise PermissionError(13, "Permission denied", str(dir)) if dir == locked else AssertionError(dir)

    monkeypatch.setattr(os, "stat", refuse)
    monkeypatch.setattr(tempfile, "TemporaryFile", temporary)
    inside = patient(locked / "work")
    only(machine.check_workdir(inside), "problem", f"{locked}: Permission denied")
    found = of(permissions.check_permissions(inside))
    assert [state for state, _ in found] == ["problem"] * 3
    assert all(f"{locked}: Permission denied" in text for _, text in found)
    only(inputs.check_store(inside), "problem", "Permission denied")
    assert of(permissions.check_disk(inside)) == []
    assert of(permissions.check_secrets(inside)) == []


def test_a_database_that_is_another_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_store(tmp_path).close()
    monkeypatch.setattr(permissions.os, "access", lambda path, mode: False)
    only(permissions.check_permissions(patient(tmp_path)), "problem", "nest.sqlite cannot be written", "chmod")


def test_object_storage_is_written_to_with_network_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fs = fsspec.filesystem("memory")
    asked = patient(tmp_path, blobs="memory://doctor")
    assert any("--network" in said for _, said, _ in permissions.check_permissions(asked))
    asked = patient(tmp_path, network=True, blobs="memory://doctor")
    assert of(permissions.check_permissions(asked)) == []
    assert fs.find("/doctor") == []

    def refuse(*_: Any) -> None:
        raise PermissionError("denied by the bucket's policy")

    monkeypatch.setattr(type(fs), "pipe_file", refuse)
    only(permissions.check_permissions(asked), "problem", "bucket's policy", "AWS_*")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sources": {"feeds": ["https://me:hunter22@a.example/f"]}}, "sources.feeds[0]"),
        ({"rose": {"segmenter_options": {"api_key": "hunter22"}}}, "rose.segmenter_options.api_key"),
    ],
)
def test_a_secret_in_the_settings(tmp_path: Path, values: dict[str, Any], said: str) -> None:
    found = of(permissions.check_secrets(patient(tmp_path, **values)))
    ((state, text),) = found
    assert state == "problem"
    assert said in text
    assert "environment" in text
    assert "hunter22" not in text


def test_a_password_of_the_database_may_stand_in_the_environment(tmp_path: Path) -> None:
    assert of(permissions.check_secrets(patient(tmp_path, database="postgresql://nest:hunter22@db/nest"))) == []


@pytest.mark.parametrize(
    ("file", "mode", "state"),
    [
        ("work/label-studio/login.json", 0o644, "problem"),
        ("work/label-studio/login.json", 0o600, None),
        ("home/.cache/huggingface/token", 0o640, "warning"),
        ("home/.pgpass", 0o604, "warning"),
        (".env", 0o666, "warning"),
        (".env", 0o400, None),
    ],
)
def test_files_with_secrets_are_their_owners_alone(tmp_path: Path, file: str, mode: int, state: str | None) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("secret")
    path.chmod(mode)
    found = of(permissions.check_secrets(patient(tmp_path / "work")))
    assert [got for got, _ in found] == ([] if state is None else [state])
    assert all("chmod 600" in text for _, text in found)
