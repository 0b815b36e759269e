"""What several test modules share."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import nights
from tests.receiver import Receiver
from tests.small_build import edition_bytes, finish, worked

if TYPE_CHECKING:
    from tests.servers import Postgres

on_postgres = pytest.param("postgresql", marks=pytest.mark.scale)
on_s3 = pytest.param("s3", marks=pytest.mark.scale)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small whole build that nobody disturbed; read it, leave it as it is."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert "export" in worked(finish(folder))
    assert any(name.endswith(".parquet") for name in edition_bytes(folder))
    return folder


@pytest.fixture(scope="session")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of two nights by ``nest refresh`` that nobody disturbed; in ``first`` is what it was after the first."""
    folder = tmp_path_factory.mktemp("two-nights")
    assert nights.run(folder, nights.NIGHTS[0]) == 0, nights.errors(folder)
    assert json.loads((folder / "out.json").read_text())["published"] == []
    shutil.copytree(folder / "work", folder / "first" / "work")
    assert nights.run(folder, nights.NIGHTS[1]) == 0, nights.errors(folder)
    assert json.loads((folder / "out.json").read_text())["published"] == [nights.EDITION]
    return folder


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a web hook that keeps what it is sent."""
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="session")
def postgres() -> "Iterator[Postgres]":
    """Return a real PostgreSQL server; whoever stops it starts it again."""
    from tests.servers import postgres_server

    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """Return the address of a real service that speaks S3."""
    from tests.servers import object_storage

    with object_storage() as address:
        yield address


@pytest.fixture
def s3(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return an fsspec URL of an empty bucket, with the environment that leads there."""
    import uuid

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nest")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nest-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return f"s3://nest-{uuid.uuid4().hex[:12]}/blobs"


@pytest.fixture(params=["sqlite", on_postgres])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'nest.sqlite'}"
    url: str = request.getfixturevalue("postgres").new_database()
    return url


@pytest.fixture(params=["folder", on_s3])
def blobs_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where blobs can live, in each way in turn."""
    if request.param == "folder":
        return str(tmp_path / "blobs")
    url: str = request.getfixturevalue("s3")
    return url
