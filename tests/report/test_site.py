import hashlib
import re
from pathlib import Path

import pytest
from lxml import html
from sqlalchemy import select

from nest_builder.report import site, write_report
from nest_builder.report.pool import Pool
from nest_builder.store.blobs import Blobs
from nest_builder.store.session import Store
from nest_builder.store.tables import Edition, Image, LedgerEntry
from tests.builders import fill_store, new_store
from tests.report.big import NAME, write_big
from tests.report.conftest import HOSTILE, Work, export


def files_of(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


def test_the_page_tells_what_the_edition_holds(work: Work) -> None:
    tree = html.fromstring(work.page.read_text(encoding="utf-8"))
    assert tree.xpath("string(//h1)").split() == ["NEST", work.page.parent.name]
    assert [option.text for option in tree.xpath("//select[@name='category']/option")] == [
        "all",
        "novel (21)",
        "emerging (9)",
    ]
    assert len(tree.xpath("//svg[contains(@class,'chart')]")) == 2
    assert [node.text.strip() for node in tree.xpath("//div[@class='stage']/h3")][:3] == [
        "collect",
        "extract",
        "recognize",
    ]
    assert "robots disallow" in "".join(tree.xpath("//section[@id='funnel']//text()"))
    assert len(tree.xpath("//section[@id='sources']//tbody/tr")) == 3
    assert tree.xpath("//section[@id='cases']//a[@data-at]")
    assert not tree.xpath("//section[@id='benchmark']"), "no system has been run"


def test_the_page_fetches_nothing_from_elsewhere_and_runs_nothing_inline(work: Work, hostile: Work) -> None:
    for page in (work.page, hostile.page, work.page.parent.parent / "index.html"):
        tree = html.fromstring(page.read_text(encoding="utf-8"))
        sources = tree.xpath("//@src | //@srcset | //link/@href | //@background | //@poster")
        assert sources
        for source in sources:
            assert re.fullmatch(
                r"site\.css|site\.js|theme\.js|data/index-0\.js|\.\./pictures/small/[0-9a-f]{20}\.jpg", source
            )
            assert (page.parent / source).is_file()
        assert not tree.xpath("//script[not(@src)] | //style | //@style")
        assert not [
            name for node in tree.iter() if isinstance(node.tag, str) for name in node.attrib if name.startswith("on")
        ]
        assert all(
            link.startswith(("#", "http://", "https://", "../index.html", NAME)) for link in tree.xpath("//a/@href")
        )
        outside = [link for link in tree.xpath("//a") if link.get("href").startswith("http")]
        assert all("nofollow" in link.get("rel") and "noopener" in link.get("rel") for link in outside)
        policy = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
    assert "url(" not in (work.page.parent / "site.css").read_text(encoding="utf-8")
    assert HOSTILE in html.fromstring(hostile.page.read_text(encoding="utf-8")).xpath(
        "string((//*[@class='peek-text'])[1])"
    )


def test_scripts_keep_to_themselves(work: Work) -> None:
    script = (work.page.parent / "site.js").read_text(encoding="utf-8")
    assert script.startswith('"use strict";\n(() => {')
    assert script.endswith("})();\n")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|window\.\w+ ?=[^=]", script
    )


def test_the_page_can_be_used_without_seeing_it(work: Work) -> None:
    tree = html.fromstring(work.page.read_text(encoding="utf-8"))
    assert tree.get("lang") == "en"
    assert all(image.get("alt") for image in tree.xpath("//img"))
    assert all(node.xpath("ancestor::label") for node in tree.xpath("//form//input | //form//select"))
    assert all(node.get("aria-label") for node in tree.xpath("//svg[@role='img']"))
    assert tree.xpath("//section[not(@aria-labelledby)]") == []
    identifiers = tree.xpath("//@id")
    assert len(identifiers) == len(set(identifiers))
    assert set(tree.xpath("//@aria-labelledby")) <= set(identifiers)


def test_the_same_store_gives_the_same_bytes(work: Work, tmp_path: Path) -> None:
    again = write_report(work.store, work.folder, edition=work.page.parent.name, out=tmp_path / "again")
    assert files_of(again.parent.parent) == files_of(work.page.parent.parent)


def test_pages_of_the_same_content_are_not_written_again(store: Store, tmp_path: Path) -> None:
    fill_store(store, 6)
    export(store, tmp_path)
    page = write_report(store, tmp_path)
    before = page.stat().st_mtime_ns
    assert write_report(store, tmp_path).stat().st_mtime_ns == before
    with store.sessions() as session:
        session.scalars(select(LedgerEntry).where(LedgerEntry.status == "rejected").limit(1)).one().detail = "otherwise"
        session.commit()
    assert write_report(store, tmp_path).stat().st_mtime_ns > before
    picture = next((page.parent.parent / "pictures" / "small").iterdir())
    picture.unlink()
    write_report(store, tmp_path)
    assert picture.is_file(), "a picture that went is made again"
    store.close()


def test_a_picture_that_cannot_be_read_is_told_of(store: Store, tmp_path: Path) -> None:
    fill_store(store, 3)
    with store.sessions() as session:
        session.scalars(select(Image).limit(1)).one().sha256 = store.blobs.put(b"\xff\xd8\xff\xe0 half a file")
        session.commit()
    export(store, tmp_path)
    page = write_report(store, tmp_path)
    before = page.stat().st_mtime_ns
    assert len(list((page.parent.parent / "pictures" / "small").iterdir())) == 2
    assert write_report(store, tmp_path).stat().st_mtime_ns == before, "nor is it tried each time"
    store.close()


def test_an_empty_store_has_a_page(store: Store, tmp_path: Path) -> None:
    page = write_report(store, tmp_path)
    assert page == tmp_path / "site" / "index.html"
    assert "There is no edition yet" in page.read_text(encoding="utf-8")
    with pytest.raises(LookupError, match="nest status"):
        write_report(store, tmp_path, edition="2025.10")
    store.close()


def test_what_was_withdrawn_leaves_the_site(store: Store, tmp_path: Path) -> None:
    write_big(store, tmp_path, 24, 12)
    page = write_report(store, tmp_path)
    assert len(list((tmp_path / "site" / "pictures" / "large").iterdir())) == 12
    with store.sessions() as session:
        manifest = session.get_one(Edition, NAME).manifest
        (tmp_path / "editions" / f"{NAME}.1" / "data").mkdir(parents=True)
        revision = Edition(
            name=f"{NAME}.1",
            path=f"editions/{NAME}.1",
            manifest={**manifest, "name": f"{NAME}.1", "supersedes": NAME, "tombstones": [{"id": "x"}]},
        )
        revision.seal(revision.name)
        session.add(revision)
        session.commit()
    killed = tmp_path / "site" / f".{NAME}.outdated" / "index.html"
    killed.parent.mkdir()
    killed.write_text("a caption that must not stay")
    newer = write_report(store, tmp_path)
    store.close()
    assert not killed.parent.exists(), "nor what a killed writer left of it"
    assert newer == tmp_path / "site" / f"{NAME}.1" / "index.html"
    assert not page.exists()
    assert not list((tmp_path / "site" / "pictures" / "large").iterdir())
    listed = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert f"{NAME}.1 stands in its place" in listed
    assert f'href="{NAME}/index.html"' not in listed


def test_an_edition_of_links_is_shown_from_the_store_a_few_pictures_at_a_time(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_store(store, 9)
    export(store, tmp_path, images="links")
    monkeypatch.setattr(site, "_PICTURES", 2)
    read, written, most = [], [], 0

    def get(self: Blobs, sha256: str) -> bytes:
        nonlocal most
        read.append(sha256)
        most = max(most, len(read) - len(written))
        return kept_get(self, sha256)

    def write(self: Pool, picture: tuple[str, bytes]) -> tuple[str, str]:
        done = kept_write(self, picture)
        written.append(picture[0])
        return done

    kept_get, kept_write = Blobs.get, Pool._write
    monkeypatch.setattr(Blobs, "get", get)
    monkeypatch.setattr(Pool, "_write", write)
    page = write_report(store, tmp_path)
    store.close()
    assert len(written) == len(list((page.parent.parent / "pictures" / "large").iterdir())) > 4
    assert most == 2, "all of a large edition at once would not fit in memory"


def test_a_corrected_edition_says_which_took_its_place(store: Store, tmp_path: Path) -> None:
    write_big(store, tmp_path, 6, 3)
    with store.sessions() as session:
        manifest = session.get_one(Edition, NAME).manifest
        revision = Edition(name=f"{NAME}.1", path=f"editions/{NAME}", manifest={**manifest, "name": f"{NAME}.1"})
        revision.seal(revision.name)
        session.add(revision)
        session.commit()
    listed = (write_report(store, tmp_path).parent.parent / "index.html").read_text(encoding="utf-8")
    store.close()
    assert listed.count("superseded by") == 1
    assert f"superseded by {NAME}.1" in listed


def test_verdicts_make_a_benchmark(store: Store, tmp_path: Path) -> None:
    write_big(store, tmp_path, 40, 8)
    tree = html.fromstring(write_report(store, tmp_path).read_text(encoding="utf-8"))
    store.close()
    rows = tree.xpath("//section[@id='benchmark']//tbody/tr")
    assert [row.xpath("string(th)") for row in rows] == ["static model", "search only", "ROSE"]
    assert tree.xpath("//a[@href='#verdict=unsolved']/b/text()") == ["8"]
    assert {group.text for group in tree.xpath("//section[@id='cases']//h3/b")}
    assert len(tree.xpath("//*[@class='hero']/a")) >= 1
