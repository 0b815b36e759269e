import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nest_builder.bench import export
from nest_builder.bench.export_rows import HEIGHT, WIDTH, Pool, Records, Shown, fill_pool
from nest_builder.export.checks import schema_problem
from nest_builder.store.blobs import Blobs

ROWS = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def pool(folder: Path) -> Pool:
    return fill_pool(Blobs(str(folder / "blobs")), 10, 1)


def test_pictures_are_distinct_and_of_the_size_that_is_said(folder: Path, pool: Pool) -> None:
    blobs = Blobs(str(folder / "blobs"))
    assert len(set(pool.names)) == 10
    assert 80_000 < pool.bytes < 120_000
    for name in pool.names:
        with Image.open(io.BytesIO(blobs.get(name))) as picture:
            picture.load()
            assert picture.size == (WIDTH, HEIGHT)


def test_rows_keep_the_schema_and_share_pictures(folder: Path, pool: Pool) -> None:
    records = Records(pool, ROWS)
    samples = [record.sample for record in records]
    assert [schema_problem({**sample, "split": "test", "edition": "e"}) for sample in samples] == [None] * ROWS
    assert len({sample["image_sha256"] for sample in samples}) == ROWS / 2
    pictures = {Shown(Blobs(str(folder / "blobs")), pool).get(sample["image_sha256"]) for sample in samples}
    assert len(pictures) > 5  # of the ten in the pool
    assert len({sample["id"] for sample in samples}) == len(records) == ROWS
    assert records[7] == records[-ROWS + 7] == records[5:9][2]
    with pytest.raises(IndexError):
        records[ROWS]


def test_every_part_is_measured(folder: Path, pool: Pool) -> None:
    written = export.measure_edition(folder, pool, ROWS)
    assert written["published"] == ROWS
    assert written["rows_per_s"] > 0
    assert written["largest_shard_mb"] * 1e6 > pool.bytes
    assert export.measure_stream(folder, pool, ROWS)["streamed_share"] == 1.0
    assert export.measure_shards(folder, pool, ROWS)["rows_per_s"] > 0
    assert export.measure_datasets(folder, pool, ROWS)["to_parquet_rows_per_s"] > 0


def test_a_run_puts_the_parts_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def child(part: str, folder: str, rows: int) -> dict[str, float]:
        assert len(json.loads((Path(folder) / "pool.json").read_text())[0]) == 10
        asked.append((part, rows))
        same = {"rows_per_s": 6000.0, "to_parquet_rows_per_s": 3000.0, "peak_rss_mb": 900.0, "largest_shard_mb": 270.0}
        return {**same, "streamed_share": 1.0}

    settings = export.load_settings(None, "embedded", workdir=tmp_path)
    loads: Any = lambda *_: settings  # noqa: E731
    monkeypatch.setattr(export, "load_settings", loads)
    monkeypatch.setattr(export, "_child", child)
    monkeypatch.setattr(export, "PICTURES", 10)
    monkeypatch.setattr(export, "ROWS", 500)
    monkeypatch.setattr(export, "PEER_ROWS", 50)
    result = export.run(1, None)
    assert asked == [("edition", 500), ("stream", 500), ("shards", 50), ("datasets", 50)]
    assert result.ok
    assert (result.figures["times_datasets"], result.figures["times_to_parquet_alone"]) == (1.0, 2.0)
    assert list((tmp_path / "bench").iterdir()) == []  # nothing is left of it
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10}))
    with pytest.raises(OSError, match="GB are needed"):
        export.run(1, None)
