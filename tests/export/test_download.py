"""The pictures of an edition of links, from a web that has changed since."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import datasets
import pytest

from nest_builder.config import Settings
from nest_builder.export.download import Downloaded, download_edition
from nest_builder.export.edition import write_edition
from nest_builder.export.publish import Recipe, draft_edition
from nest_builder.export.published import read_rows
from nest_builder.export.records import read_records
from nest_builder.export.shaping import published_settings
from nest_builder.export.takedown import Takedown
from nest_builder.export.validate import check_edition
from nest_builder.web.exchange import (
    Consent,
    Exchange,
    FetchError,
    FetchReason,
    FetchRejected,
    RobotsVerdict,
    Validators,
)
from nest_builder.web.settings import Expect
from tests.builders import NOW, fill_store, new_store

SAMPLES = 12


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """Return an edition of links, and the web: file by address."""
    folder = tmp_path_factory.mktemp("links")
    store = new_store(folder)
    fill_store(store, SAMPLES)
    recipe = Recipe("2025.10", 0.0, 30, 6, 100, published_settings(Settings()), "links")
    with store.sessions() as session:
        draft = draft_edition(read_records(session), recipe, Takedown())
    write_edition(folder / "2025.10", recipe, draft, Takedown(), store.blobs)
    web = {one.sample["image_url"]: store.blobs.get(one.sample["image_sha256"]) for one in draft.records}
    store.close()
    return folder / "2025.10", web


class Web:
    """Answers as a polite client does, and remembers what it was asked."""

    def __init__(self, files: Mapping[str, bytes | FetchReason], opted_out: Sequence[str] = ()) -> None:
        self.files, self.opted_out, self.asked = files, opted_out, list[str]()

    def fetch_many(
        self,
        urls: Sequence[str],
        expect: Expect = Expect.ANY,
        *,
        previous: Mapping[str, Validators] | None = None,
        max_bytes: int | None = None,
    ) -> list[Exchange | FetchError]:
        assert (expect, max_bytes) == (Expect.IMAGE, 1000_000)
        self.asked += urls
        return [self._answer(url) for url in urls]

    def _answer(self, url: str) -> Exchange | FetchError:
        file = self.files[url]
        if isinstance(file, FetchReason):
            return FetchRejected(file, "no")
        consent = Consent(RobotsVerdict.ALLOWED, url in self.opted_out, "x-robots-tag: noai", NOW)
        return Exchange(url, url, 200, file, NOW, consent, Validators())


def fetch(edition: Path, out: Path, web: Web) -> Downloaded:
    return download_edition(edition, out, web, 1000_000)


def test_an_edition_of_links_is_whole_and_has_no_picture(links: tuple[Path, dict[str, bytes]]) -> None:
    edition, web = links
    assert check_edition(edition) == []
    everything = b"".join(path.read_bytes() for path in edition.rglob("*") if path.is_file())
    assert not any(file[100:140] in everything for file in web.values())


def test_all_of_it(links: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    edition, files = links
    web = Web(files)
    found = fetch(edition, tmp_path, web)
    assert (found.fetched, found.present, found.missing, found.kept) == (SAMPLES, 0, (), SAMPLES)
    for row in read_rows(edition):
        assert (tmp_path / "images" / row["image"]).read_bytes() == files[row["image_url"]]
    loaded = datasets.load_dataset(str(tmp_path), cache_dir=str(tmp_path / "cache"))
    assert sum(len(rows) for rows in loaded.values()) == SAMPLES
    for rows in loaded.values():
        assert rows[0]["image"].size == (rows[0]["width"], rows[0]["height"])
    again = fetch(edition, tmp_path, web)
    assert (again.fetched, again.present, len(web.asked)) == (0, SAMPLES, SAMPLES), "nothing is asked for twice"


def test_what_is_not_to_be_had_is_counted_and_left_out(links: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    edition, files = links
    gone, changed, reserved, cut = sorted(files)[:4]
    web = Web(
        files | {gone: FetchReason.NOT_FOUND, changed: b"a banner", cut: files[cut][:-1]}, opted_out=[reserved]
    )  # fmt: skip
    found = fetch(edition, tmp_path, web)
    assert found.as_dict()["missing"] == {"not found": 1, "another picture": 2, "opted out": 1}
    assert (found.fetched, found.kept) == (SAMPLES - 4, SAMPLES - 4)
    told = json.loads((tmp_path / "download.json").read_text())
    assert {one["url"] for one in told["not_to_be_had"]} == {gone, changed, reserved, cut}
    assert len(list((tmp_path / "images").iterdir())) == SAMPLES - 4
    loaded = datasets.load_dataset(str(tmp_path), cache_dir=str(tmp_path / "cache"))
    assert sum(len(rows) for rows in loaded.values()) == SAMPLES - 4
    later = Web(files)  # it is back
    assert fetch(edition, tmp_path, later).kept == SAMPLES
    assert sorted(later.asked) == [gone, changed, reserved, cut]


def test_a_damaged_file_is_fetched_again(links: tuple[Path, dict[str, bytes]], tmp_path: Path) -> None:
    edition, files = links
    fetch(edition, tmp_path, Web(files))
    broken = sorted((tmp_path / "images").iterdir())[3]
    broken.write_bytes(b"half")
    web = Web(files)
    assert (fetch(edition, tmp_path, web).fetched, len(web.asked)) == (1, 1)
    assert hashlib.sha256(broken.read_bytes()).hexdigest() == broken.stem


def test_an_edition_with_other_addresses_than_were_published_is_not_asked_for(
    links: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    import shutil

    edition = Path(shutil.copytree(links[0], tmp_path / "e"))
    shard = next((edition / "data").glob("*.parquet"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    web = Web({})
    with pytest.raises(ValueError, match="does not match the manifest"):
        fetch(edition, tmp_path / "out", web)
    assert web.asked == []


@pytest.mark.parametrize("where", ["itself", "inside", "elsewhere"])
def test_a_folder_that_is_not_for_it_stays_as_it_is(
    links: tuple[Path, dict[str, bytes]], tmp_path: Path, where: str
) -> None:
    edition, files = links
    out = {"itself": edition, "inside": edition / "data", "elsewhere": tmp_path}[where]
    if where == "elsewhere":
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "mine.txt").write_text("mine")
    web = Web(files)
    with pytest.raises(ValueError, match=r"name another|name a folder"):
        fetch(edition, out, web)
    assert web.asked == []
    assert check_edition(edition, load=False) == []
    if where == "elsewhere":
        assert [path.name for path in tmp_path.rglob("*")] == ["data", "mine.txt"]
