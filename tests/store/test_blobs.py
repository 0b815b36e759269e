"""Content-addressed bytes."""

import hashlib
from pathlib import Path

import pytest

from nest_builder.store.blobs import Blobs


@pytest.mark.parametrize("data", [b"", b"page", bytes(range(256)) * 300])
def test_what_is_put_is_got(tmp_path: Path, data: bytes) -> None:
    blobs = Blobs(str(tmp_path))
    name = blobs.put(data)
    assert name == hashlib.sha256(data).hexdigest()
    assert name in blobs
    assert blobs.put(data) == name
    assert blobs.get(name) == data
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [name]


def test_an_unknown_name_is_an_error(tmp_path: Path) -> None:
    blobs = Blobs(str(tmp_path))
    assert "0" * 64 not in blobs
    with pytest.raises(FileNotFoundError):
        blobs.get("0" * 64)


def test_damage_is_noticed(tmp_path: Path) -> None:
    blobs = Blobs(str(tmp_path))
    name = blobs.put(b"page")
    Path(blobs.path(name)).write_bytes(b"pag")
    with pytest.raises(ValueError, match="is damaged"):
        blobs.get(name)


def test_half_a_write_is_no_blob(tmp_path: Path) -> None:
    """A writer that was killed leaves a partial file: the name stays free, and the next writer goes over it."""
    blobs = Blobs(str(tmp_path))
    name = hashlib.sha256(b"page").hexdigest()
    partial = Path(f"{blobs.path(name)}.partial")
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"pa")
    assert name not in blobs
    assert blobs.put(b"page") == name
    assert blobs.get(name) == b"page"
    assert not partial.exists()
