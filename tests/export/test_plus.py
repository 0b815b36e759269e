import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet
from typer.testing import CliRunner

from nest_builder.annotate.masks import decode_mask
from nest_builder.cli import app
from nest_builder.export.features import hf_features
from nest_builder.export.parquet import write_shards
from nest_builder.export.plus import Ordinary, write_plus
from nest_builder.export.repository import local_members, repository_card
from nest_builder.store.blobs import Blobs
from tests.small_edition import make_edition, make_samples


def asked(kind: str, count: int) -> Iterator[Ordinary]:
    """Twice as many as are wanted."""
    for number in range(2 * count):
        mask = np.zeros((20, 30), bool)
        mask[: number + 1] = True
        ignored = ~mask if number % 2 else None
        picture = Image.new("RGB", (30, 20), (number, 0, len(kind)))
        yield Ordinary(f"x {number}", picture, f"{kind} {number}", mask, ignored)


def sources(**more: Any) -> Any:
    return {
        "reasoning": lambda count: asked("reasoning", count),
        "referring": lambda count: asked("referring", count),
        **more,
    }


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_edition(tmp_path_factory.mktemp("work") / "editions", "2025.10", 25)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [
        row for shard in sorted((folder / "data").glob("*.parquet")) for row in parquet.read_table(shard).to_pylist()
    ]


def test_the_shares_are_the_papers(edition: Path, tmp_path: Path) -> None:
    manifest = write_plus(tmp_path / "2025.10", edition, sources())
    rows = rows_of(tmp_path / "2025.10")
    assert Counter(row["source"] for row in rows) == {"nest": 20, "reasoning": 3, "referring": 5}
    assert manifest["counts"] == {
        "samples": 28,
        "by_source": {"nest": 20, "reasoning": 3, "referring": 5},
        "by_split": {"test": 28},
    }
    assert [row["source"] for row in rows] != sorted(row["source"] for row in rows)  # mixed
    for row in rows:
        mask = decode_mask(row["mask"])
        assert mask.shape == (row["height"], row["width"])
        assert mask.any() != row["negative"]
        if row["source"] != "nest":
            number = int(row["question"].split()[1])
            assert mask.sum() == 30 * (number + 1)
            assert (row["ignored"] is None) == (number % 2 == 0)
    before = {row["id"]: row for row in rows_of(edition)}
    for row in (row for row in rows if row["source"] == "nest"):
        assert row["image"] == before[row["id"]]["image"]
        assert (row["question"], row["mask"]) == (before[row["id"]]["question"], before[row["id"]]["mask"])


def test_the_same_bytes_again_and_others_for_another_seed(edition: Path, tmp_path: Path) -> None:
    first = write_plus(tmp_path / "2025.10", edition, sources())
    assert write_plus(tmp_path / "2025.10", edition, sources()) == first
    assert write_plus(tmp_path / "2025.10", edition, sources(), seed=1)["files"] != first["files"]
    assert [path.name for path in tmp_path.iterdir()] == ["2025.10"]


def test_a_source_with_too_few_is_taken_as_it_is(edition: Path, tmp_path: Path) -> None:
    manifest = write_plus(tmp_path / "2025.10", edition, {"referring": lambda count: asked("referring", 1)})
    assert manifest["wanted"] == {"referring": 5}
    assert manifest["counts"]["by_source"] == {"nest": 20, "referring": 2}


def wrong_mask(count: int) -> Iterator[Ordinary]:
    yield Ordinary("x", Image.new("RGB", (30, 20)), "q", np.zeros((30, 20), bool))


def test_a_mask_of_another_size_is_an_error(edition: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="referring question x"):
        write_plus(tmp_path / "2025.10", edition, {"referring": wrong_mask})
    assert not (tmp_path / "2025.10").exists()


@pytest.mark.parametrize(
    ("names", "question", "message"),
    [
        (("x", "x"), "q", "referring/x: the id occurs twice"),
        (("x", "y"), "", "referring/x: .*question"),
        (("x" * 300,), "q", "id"),
    ],
)
def test_questions_that_are_none(
    edition: Path, tmp_path: Path, names: tuple[str, ...], question: str, message: str
) -> None:
    given = [Ordinary(name, Image.new("RGB", (30, 20)), question, np.ones((20, 30), bool)) for name in names]
    with pytest.raises(ValueError, match=message):
        write_plus(tmp_path / "2025.10", edition, {"referring": lambda count: iter(given)})
    assert list(tmp_path.iterdir()) == []


def test_links_are_no_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "2025.10"
    (folder / "data").mkdir(parents=True)
    (folder / "manifest.json").write_text('{"name": "2025.10"}')
    write_shards(folder / "data", "test", make_samples(Blobs(str(tmp_path / "blobs")), "2025.10", 3), None, 100)
    with pytest.raises(ValueError, match="nest edition download"):
        write_plus(tmp_path / "plus", folder, sources())


def test_it_is_a_config_of_its_own(edition: Path, tmp_path: Path) -> None:
    work = edition.parents[1]
    (work / "editions" / "latest").symlink_to("2025.10")
    made = CliRunner().invoke(app, ["edition", "plus", "--workdir", str(work), "--json"])
    assert made.exit_code == 0, made.output  # of the simulated web, as the embedded profile says
    assert json.loads(made.output)["counts"]["by_source"] == {"nest": 20, "reasoning": 3, "referring": 5}
    for asked_for in (
        "latest",
        str(work / "editions" / ".." / "editions" / "2025.10"),
    ):  # it is kept by the edition's name
        again = CliRunner().invoke(app, ["edition", "plus", asked_for, "--workdir", str(work)])
        assert again.exit_code == 0, again.output
    assert [path.name for path in (work / "plus").iterdir()] == ["2025.10"]
    folder = tmp_path / "repository"
    laid = CliRunner().invoke(app, ["edition", "repository", str(folder), "--workdir", str(work)])
    assert laid.exit_code == 0, laid.output
    assert CliRunner().invoke(app, ["edition", "repository", str(folder), "--workdir", str(work)]).exit_code == 2
    assert (folder / "README.md").read_text(encoding="utf-8") == repository_card(
        local_members(work / "editions", work / "plus")
    )
    cache = str(tmp_path / "cache")
    assert datasets.get_dataset_config_names(str(folder)) == ["default", "2025.10", "2025.10-plus", "plus"]
    loaded = datasets.load_dataset(str(folder), "plus", cache_dir=cache)
    assert list(loaded) == ["test"]
    assert loaded["test"].features == datasets.Features.from_dict(hf_features("plus"))
    assert len(loaded["test"]) == 28
    streamed = list(datasets.load_dataset(str(folder), "2025.10-plus", split="test", streaming=True))
    assert [row["id"] for row in streamed] == loaded["test"]["id"]
    assert all(row["image"].size == (row["width"], row["height"]) for row in streamed)
    assert len(datasets.load_dataset(str(folder), split="test", cache_dir=cache)) == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--refcoco", "."], "belong together"),
        (["--ordinary", "nowhere"], "write package.module:Name"),
        (["--ordinary", "json:gone"], "cannot load"),
        (["--reasonseg", "/nonexistent"], "no folder /nonexistent"),
        (["1999.01"], "no edition 1999.01"),
    ],
)
def test_what_is_not_there(edition: Path, options: list[str], message: str) -> None:
    work = edition.parents[1]
    said = CliRunner().invoke(app, ["edition", "plus", *options, "--workdir", str(work)])
    assert said.exit_code == 1
    assert message in said.output.replace("\n", " ")
