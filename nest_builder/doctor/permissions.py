"""Who may read and write what: the store's places, secrets' files, and settings, in which no secret may stand."""

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from nest_builder.doctor.base import Found, Patient
from nest_builder.operations.disk import Room, standing
from nest_builder.operations.secrets import find_secrets

_PROBE = ".nest-doctor"


def check_disk(patient: Patient) -> Found:
    """What is free and what is taken are within the bounds of [disk]."""
    settings = patient.settings
    try:
        problem = Room(settings.disk, settings.workdir, settings.blobs_url).problem()
    except (OSError, ValueError, ImportError) as error:
        yield "problem", f"{settings.blobs_url}: {type(error).__name__}: {error}", "correct `blobs`"
        return
    found, _, remedy = problem.partition(": make room")
    if problem:
        yield "problem", found, f"make room{remedy}" if remedy else "run `nest gc`, or raise [disk] max_bytes"
    else:
        yield "ok", "within [disk] min_free_bytes and max_bytes", ""


def check_permissions(patient: Patient) -> Found:
    """Blobs, database, editions and the metrics' file can be written."""
    settings = patient.settings
    places: dict[str, Path] = {"editions": settings.workdir / "editions"}
    if (database := _sqlite_file(settings.database_url)) is not None:
        places["database"] = database.parent
        if standing(database) == database.absolute() and not os.access(database, os.W_OK):
            yield "problem", f"{database} cannot be written", f"chown or chmod it for user {_user()}"
    if settings.metrics.textfile:
        places["metrics.textfile"] = Path(settings.metrics.textfile).parent
    try:
        fs, root = fsspec.core.url_to_fs(settings.blobs_url)
        if isinstance(fs, LocalFileSystem):
            places["blobs"] = Path(root)
        elif patient.network:
            fs.pipe_file(f"{root}/{_PROBE}", b"")
            fs.rm_file(f"{root}/{_PROBE}")
            yield "ok", f"blobs at {settings.blobs_url} can be written", ""
        else:
            yield "ok", f"blobs at {settings.blobs_url} (write there with --network)", ""
    except Exception as error:  # noqa: BLE001 - each object store's library has errors of its own
        yield (
            "problem",
            f"blobs at {settings.blobs_url}: {type(error).__name__}: {error}",
            "correct `blobs` or its AWS_* variables",
        )
    for what, folder in places.items():
        existing = standing(folder)
        try:
            with tempfile.TemporaryFile(dir=existing):
                pass
        except OSError as error:
            yield "problem", f"{what}: {existing}: {error.strerror}", f"chown or chmod it for user {_user()}"
        else:
            yield "ok", f"{what} can be written in {existing}", ""


def check_secrets(patient: Patient) -> Found:
    """No setting holds a secret, and files that do are their owner's alone."""
    settings = patient.settings
    wrong = list(find_secrets(settings.model_dump(exclude={"database"})))
    for name, why in wrong:
        yield (
            "problem",
            f"{name}: {why}",
            "take it out of the settings and give it in the environment; then change the secret",
        )
    if not wrong:
        yield "ok", "no setting holds a secret", ""
    for file in _secret_files(settings.workdir):
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & 0o077:
            ours = file.is_relative_to(settings.workdir)
            said = f"{file} holds a secret and others may read it ({mode:04o})"
            yield "problem" if ours else "warning", said, f"chmod 600 {file}"
        else:
            yield "ok", f"{file} is its owner's alone", ""


def _secret_files(workdir: Path) -> Iterator[Path]:
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    places = (workdir / "label-studio" / "login.json", home / "token", Path.home() / ".pgpass", Path(".env"))
    return (file for file in places if standing(file) == file.absolute() and file.is_file())


def _sqlite_file(database: str) -> Path | None:
    try:
        url = make_url(database)
    except ArgumentError:
        return None  # the store's check says so
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def _user() -> str:
    return str(os.geteuid())
