import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from nest_builder.config import Settings
from nest_builder.export.edition import write_edition
from nest_builder.export.pictures import EditionPictures
from nest_builder.export.publish import Recipe, draft_edition
from nest_builder.export.published import read_rows
from nest_builder.export.records import read_records
from nest_builder.export.shaping import published_settings
from nest_builder.export.takedown import Takedown
from tests.builders import fill_store, new_store


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an edition of 30 samples in row groups of four."""
    folder = tmp_path_factory.mktemp("pictures")
    store = new_store(folder)
    fill_store(store, 30)
    recipe = Recipe("e", 0.0, 30, 6, 4, published_settings(Settings()))
    with store.sessions() as session:
        draft = draft_edition(read_records(session), recipe, Takedown())
    write_edition(folder / "e", recipe, draft, Takedown(), store.blobs)
    store.close()
    return folder / "e"


def test_every_picture_in_any_order_from_many_threads(edition: Path) -> None:
    names = [row["image_sha256"] for row in read_rows(edition)]
    pictures = EditionPictures(edition)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(pictures.get, [*names, *names[::-1], *names[::7]]))
    assert [hashlib.sha256(data).hexdigest() for data in found] == [*names, *names[::-1], *names[::7]]


def test_what_is_not_there_and_what_is_damaged(edition: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        EditionPictures(edition).get("0" * 64)
    copy = Path(shutil.copytree(edition, tmp_path / "e"))
    shard = next((copy / "data").glob("*.parquet"))
    table = parquet.read_table(shard)
    rows = table.to_pylist()
    rows[0]["image"]["bytes"] = b"another"
    parquet.write_table(pa.Table.from_pylist(rows, schema=table.schema), shard)
    with pytest.raises(ValueError, match="damaged"):
        EditionPictures(copy).get(rows[0]["image_sha256"])
