import json
from pathlib import Path
from typing import Any

import pytest

from nest_builder.export.manifest import Change, History, Tombstone, manifest_bytes, read_manifest, seal
from tests.export.test_validate import whole  # noqa: F401 - a fixture: an edition's folder


@pytest.fixture
def manifest(whole: Path) -> dict[str, Any]:  # noqa: F811
    return read_manifest(whole)


def test_it_has_its_own_hash(manifest: dict[str, Any]) -> None:
    assert seal(manifest) == manifest
    assert seal({**manifest, "models": {"detector": [], "mask_model": []}})["sha256"] != manifest["sha256"]
    assert list(manifest)[-1] == "sha256"


def changed(manifest: dict[str, Any], **values: Any) -> bytes:
    return manifest_bytes({**manifest, **values})


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda manifest: changed(manifest, models={"detector": [], "mask_model": []}), "own hash"),
        (lambda manifest: json.dumps(manifest).encode(), "own hash"),  # as it was, but for white space
        (lambda manifest: manifest_bytes(manifest).replace(b'"format": 2', b'"format": 2, "format": 2'), "own hash"),
        (lambda manifest: manifest_bytes(seal({**manifest, "format": 1})), "format"),
        (lambda manifest: manifest_bytes(seal({**manifest, "window": {"since": "x"}})), "window"),
        (lambda manifest: manifest_bytes(seal({**manifest, "files": {"../../etc/passwd": {}}})), "files"),
        (lambda _: b"\xff", "decode"),
        (lambda _: b"[]", "no JSON object"),
        (lambda _: b"[" * 10**6, "manifest.json"),
    ],
)
def test_what_is_no_manifest(manifest: dict[str, Any], tmp_path: Path, how: Any, message: str) -> None:
    (tmp_path / "manifest.json").write_bytes(how(manifest))
    with pytest.raises(ValueError, match=message):
        read_manifest(tmp_path)


def test_a_history_without_a_change_is_none() -> None:
    assert not History("2025.10", "2025.10", tombstones=[Tombstone("0" * 16, "taken down", "2025-10-01")])
    assert History(removed=[Change("0" * 16, "taken down")])
    assert History(added=["0" * 16]).as_dict()["changes"]["added"] == ["0" * 16]
