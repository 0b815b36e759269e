"""Content-addressed bytes."""

import hashlib
import resource
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fsspec.core import url_to_fs

from nest_builder.store.blobs import Blobs


@pytest.mark.parametrize("data", [b"", b"page", bytes(range(256)) * 300])
def test_what_is_put_is_got(blobs_url: str, data: bytes) -> None:
    blobs = Blobs(blobs_url)
    name = blobs.put(data)
    assert name == hashlib.sha256(data).hexdigest()
    assert name in blobs
    assert blobs.put(data) == name
    assert blobs.get(name) == data
    files, root = url_to_fs(blobs_url)
    assert [path.rpartition("/")[2] for path in files.find(root)] == [name]


def test_an_unknown_name_is_an_error(blobs_url: str) -> None:
    blobs = Blobs(blobs_url)
    assert "0" * 64 not in blobs
    with pytest.raises(FileNotFoundError):
        blobs.get("0" * 64)


def test_damage_is_noticed(blobs_url: str) -> None:
    blobs = Blobs(blobs_url)
    name = blobs.put(b"page")
    url_to_fs(blobs_url)[0].pipe_file(blobs.path(name), b"pag")
    with pytest.raises(ValueError, match="is damaged"):
        blobs.get(name)


def test_half_a_write_is_no_blob(tmp_path: Path) -> None:
    """A writer that was killed leaves a partial file: the name stays free, and another writer takes no notice."""
    blobs = Blobs(str(tmp_path))
    name = hashlib.sha256(b"page").hexdigest()
    partial = Path(f"{blobs.path(name)}.0123abcd.partial")
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"pa")
    assert name not in blobs
    assert blobs.put(b"page") == name
    assert blobs.get(name) == b"page"
    assert partial.read_bytes() == b"pa"  # it may be somebody's who is still writing


def test_a_full_disk_keeps_no_half_of_a_blob(tmp_path: Path) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    blobs, heard = Blobs(str(tmp_path)), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))  # as on a full disk, some of it is written
    try:
        with pytest.raises(OSError, match="File too large"):
            blobs.put(b"page" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, heard)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_many_may_write_the_same_bytes_at_once(blobs_url: str) -> None:
    blobs = Blobs(blobs_url)
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(blobs.put, [b"page" * 50_000] * 24))
    assert [blobs.get(name) for name in names] == [b"page" * 50_000]
