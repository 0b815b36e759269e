import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from nest_builder.config import Settings
from nest_builder.export.edition import write_edition
from nest_builder.export.manifest import manifest_bytes, seal
from nest_builder.export.publish import Recipe, draft_edition
from nest_builder.export.records import read_records
from nest_builder.export.shaping import published_settings
from nest_builder.export.takedown import Takedown
from nest_builder.export.validate import check_edition
from tests.builders import fill_store, new_store


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    store = new_store(folder)
    fill_store(store, 12)
    recipe = Recipe("e", 0.0, 30, 6, 100, published_settings(Settings()))
    with store.sessions() as session:
        draft = draft_edition(read_records(session), recipe, Takedown())
    write_edition(folder / "e", recipe, draft, Takedown(), store.blobs)
    store.close()
    return folder / "e"


@pytest.fixture
def edition(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "e"))


def test_a_whole_edition_has_no_problems(whole: Path) -> None:
    assert check_edition(whole) == []


def edit_rows(edition: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the first row of the train split, and put the file's new hash into the manifest."""
    path = next((edition / "data").glob("train-*.parquet"))
    table = parquet.read_table(path)
    rows = table.to_pylist()
    change(rows[0])
    parquet.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    refresh_hash(edition, path)


def refresh_hash(edition: Path, path: Path) -> None:
    import hashlib

    manifest = json.loads((edition / "manifest.json").read_text())
    manifest["files"][path.relative_to(edition).as_posix()]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (edition / "manifest.json").write_bytes(manifest_bytes(seal(manifest)))


def other_picture(row: dict[str, Any]) -> None:
    import hashlib

    file = io.BytesIO()
    Image.new("RGB", (20, 20)).save(file, "PNG")
    row["image"]["bytes"] = file.getvalue()
    row["image_sha256"] = hashlib.sha256(file.getvalue()).hexdigest()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda row: row.update(question=""), "$.question"),
        (lambda row: row.update(width=row["width"] + 1), "mask of"),
        (lambda row: row["mask"].update(counts="zzzz"), "mask"),
        (lambda row: row["mask"].update(counts=""), "no compressed run lengths"),
        (lambda row: row["mask"].update(counts=row["mask"]["counts"][:-3]), "mask"),
        (lambda row: row.update(width=10**6, height=10**6, mask={"size": [10**6] * 2, "counts": "1"}), "more than"),
        (lambda row: row.update(box=[500.0, 500.0, 600.0, 600.0]), "does not lie in the picture"),
        (lambda row: row.update(box=[]), "in the box of a positive"),
        (lambda row: row.update(negative=True), "of a negative"),
        (lambda row: row["image"].update(bytes=b"no picture"), "image_sha256"),
        (lambda row: row["image"].update(bytes=None), "image_sha256"),
        (other_picture, "the picture is (20, 20)"),
        (lambda row: row.update(split="test"), "says split 'test'"),
    ],
)
def test_a_wrong_row_is_found(edition: Path, change: Callable[[dict[str, Any]], None], problem: str) -> None:
    edit_rows(edition, change)
    assert any(problem in found for found in check_edition(edition, load=False))


@pytest.mark.parametrize(
    ("break_it", "problem"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text("[1"), "manifest.json"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "is a required property"),
        (lambda folder: (folder / "manifest.json").write_text("[" * 100_000), "manifest.json"),
        (lambda folder: (folder / "README.md").unlink(), "README.md: in the manifest, but not in the folder"),
        (lambda folder: (folder / "extra.txt").write_text("x"), "extra.txt: in the folder, but not in the manifest"),
        (lambda folder: (folder / "README.md").write_text("x"), "does not match the manifest's hash"),
    ],
)
def test_a_broken_folder_is_found(edition: Path, break_it: Callable[[Path], None], problem: str) -> None:
    break_it(edition)
    assert any(problem in found for found in check_edition(edition, load=False))


def test_a_file_that_is_no_parquet_is_found(edition: Path) -> None:
    path = next((edition / "data").glob("train-*.parquet"))
    path.write_bytes(b"PAR1 is how it begins")
    refresh_hash(edition, path)
    assert any(path.name in problem for problem in check_edition(edition, load=False))


def test_a_flipped_byte_is_found_wherever_it_is_and_its_file_is_named(edition: Path) -> None:
    random = np.random.default_rng(1)
    files = sorted(path for path in edition.rglob("*") if path.is_file())
    for path in files:
        data = bytearray(path.read_bytes())
        for at in {0, len(data) - 1, *random.integers(len(data), size=8).tolist()}:
            for bit in (1, 32):
                data[at] ^= bit
                path.write_bytes(data)
                problems = check_edition(edition, load=False)
                assert problems, (path.name, at)
                assert problems[0].startswith(path.relative_to(edition).as_posix()), problems
                data[at] ^= bit
        path.write_bytes(data)
    assert len(files) >= 6
    assert check_edition(edition, load=False) == []
