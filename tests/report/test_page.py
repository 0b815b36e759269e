import re
import time
from pathlib import Path

import pytest
from lxml import html
from sqlalchemy import select

from nest_builder.report import write_report
from nest_builder.report.page import choose, web_address
from nest_builder.store.tables import Article, Edition, Entity, Image, LedgerEntry, Sample
from tests.builders import fill_store, new_store
from tests.report.conftest import Work, export

HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(1)>" onmouseover="alert(1)\' {{ 7 * 7 }}'


def test_the_page_tells_what_the_edition_holds(work: Work) -> None:
    text = work.page.read_text(encoding="utf-8")
    tree = html.fromstring(text)
    cards = tree.xpath("//article[@class='card']")
    assert len(cards) == 30
    assert len(tree.xpath("//article[@data-target='negative']")) == 5
    assert len(tree.xpath("//article[@data-category='novel']")) == 21
    assert len(tree.xpath("//img[@class='mask']")) == 25
    assert len(tree.xpath("//svg[contains(@class,'chart')]")) == 2
    assert [node.text.strip() for node in tree.xpath("//div[@class='stage']/h3")][:3] == [
        "collect",
        "extract",
        "recognize",
    ]
    assert "robots disallow" in "".join(tree.xpath("//section[@id='rejected']//text()"))
    assert len(tree.xpath("//section[@id='sources']//tbody/tr")) == 3
    assert "was presented on Tuesday" in "".join(tree.xpath("(//article)[1]//blockquote//text()"))


def test_the_page_needs_nothing_else(work: Work) -> None:
    tree = html.fromstring(work.page.read_text(encoding="utf-8"))
    sources = tree.xpath("//@src | //@srcset | //link/@href | //@background | //@poster")
    assert sources
    assert all(source.startswith("data:image/") for source in sources)
    assert "url(" not in "".join(tree.xpath("//style/text()"))
    assert all(link.startswith(("#", "http://", "https://")) for link in tree.xpath("//a/@href"))
    outside = [link for link in tree.xpath("//a") if not link.get("href").startswith("#")]
    assert all("nofollow" in link.get("rel") and "noopener" in link.get("rel") for link in outside)
    policy = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    assert policy.startswith("default-src 'none'")
    assert re.search(r"script-src 'sha256-[\w+/]+=*'", policy)


def test_the_page_can_be_used_without_seeing_it(work: Work) -> None:
    tree = html.fromstring(work.page.read_text(encoding="utf-8"))
    assert tree.get("lang") == "en"
    assert all(image.get("alt") for image in tree.xpath("//img"))
    assert all(node.xpath("ancestor::label") for node in tree.xpath("//form//input | //form//select"))
    assert all(node.get("aria-label") for node in tree.xpath("//button[@class='toggle'] | //svg[@role='img']"))
    identifiers = tree.xpath("//@id")
    assert len(identifiers) == len(set(identifiers))


def test_the_same_store_gives_the_same_page(work: Work, tmp_path: Path) -> None:
    again = write_report(work.store, work.folder, out=tmp_path / "again.html")
    assert again.read_bytes() == work.page.read_bytes()


def test_a_page_of_the_same_content_is_not_written_again(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    fill_store(store, 6)
    export(store, tmp_path)
    page = write_report(store, tmp_path)
    before = page.stat().st_mtime_ns
    export(store, tmp_path)  # a pass with nothing to do
    assert write_report(store, tmp_path).stat().st_mtime_ns == before
    with store.sessions() as session:
        session.scalars(select(LedgerEntry).where(LedgerEntry.status == "rejected").limit(1)).one().detail = "otherwise"
        session.commit()
    assert write_report(store, tmp_path).stat().st_mtime_ns > before
    store.close()


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    fill_store(store, 6)
    with store.sessions() as session:
        for image in session.scalars(select(Image)):
            image.caption, image.credit, image.image_url = HOSTILE, HOSTILE, "javascript:alert(1)"
        for sample in session.scalars(select(Sample)):
            sample.question, sample.answer = HOSTILE, HOSTILE
        for entity in session.scalars(select(Entity)):
            entity.name, entity.aliases, entity.hypernym = HOSTILE, [HOSTILE], HOSTILE
            entity.evidence = [
                {"kind": HOSTILE, "source": HOSTILE, "url": url, "date": HOSTILE, "text": HOSTILE, "verdict": HOSTILE}
                for url in ("JavaScript:alert(1)", " data:text/html,x", "http://[broken", HOSTILE)
            ]
        for entry in session.scalars(select(LedgerEntry).where(LedgerEntry.status == "rejected")):
            entry.detail = HOSTILE
        session.add(
            Article(
                url=f"http://{HOSTILE}/",
                site="",
                title=HOSTILE,
                text="",
                authors=[],
                published_at=None,
                language="en",
                text_hash="",
                signature="",
                origin="x",
                digest="x",
            )
        )
        session.commit()
    export(store, tmp_path)
    text = write_report(store, tmp_path).read_text(encoding="utf-8")
    store.close()
    tree = html.fromstring(text)
    assert len(tree.xpath("//article")) == 6
    assert len(tree.xpath("//script")) == 1
    assert not [
        name for node in tree.iter() if isinstance(node.tag, str) for name in node.attrib if name.startswith("on")
    ]
    assert all(source.startswith("data:image/") for source in tree.xpath("//@src"))
    assert all(link.startswith(("#", "http://", "https://")) for link in tree.xpath("//@href"))
    assert "{{ 7 * 7 }}" in text
    assert HOSTILE in tree.xpath("(//article)[1]//h3")[0].text_content()


def test_a_picture_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    fill_store(store, 3)
    with store.sessions() as session:
        image = session.scalars(select(Image).limit(1)).one()
        image.sha256 = store.blobs.put(b"\xff\xd8\xff\xe0 half a file")
        session.commit()
    export(store, tmp_path)
    text = write_report(store, tmp_path).read_text(encoding="utf-8")
    store.close()
    assert text.count("This picture cannot be read.") == 1


def test_an_empty_store_has_a_page(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    page = write_report(store, tmp_path)
    assert "There is no edition yet" in page.read_text(encoding="utf-8")
    with pytest.raises(LookupError, match="nest status"):
        write_report(store, tmp_path, edition="2025.10")
    store.close()


def test_the_newest_export_is_shown(work: Work, tmp_path: Path) -> None:
    with work.store.sessions() as session:
        assert session.scalars(select(Edition.name)).all() == ["2025.10"]
    named = write_report(work.store, work.folder, edition="2025.10", out=tmp_path / "named.html")
    assert named.read_bytes() == work.page.read_bytes()


def test_three_hundred_samples_fit_and_more_are_drawn_from(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    fill_store(store, 320)
    export(store, tmp_path)
    started = time.perf_counter()
    page = write_report(store, tmp_path)
    seconds = time.perf_counter() - started
    store.close()
    tree = html.fromstring(page.read_text(encoding="utf-8"))
    assert len(tree.xpath("//article")) == 300
    assert "300 of 320" in " ".join(tree.xpath("//section[@id='gallery']//text()"))
    assert page.stat().st_size <= 8_000_000
    assert seconds < 60


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://outlet.test/a", "https://outlet.test/a"),
        ("HTTP://outlet.test/a", "HTTP://outlet.test/a"),
        ("javascript:alert(1)", ""),
        (" javascript:alert(1)", ""),
        ("java\nscript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("//outlet.test/a", ""),
        ("http://[broken", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_web_address(url: str | None, expected: str) -> None:
    assert web_address(url) == expected


def test_choose_is_the_same_whatever_the_order() -> None:
    rows = [
        {"id": f"{number * 7919 % 1000:03d}", "published_at": f"2025-07-{number % 28 + 1:02d}"} for number in range(50)
    ]
    chosen = choose(rows, 10)
    assert chosen == choose(rows[::-1], 10)
    assert len(chosen) == 10
    assert [row["published_at"] for row in chosen] == sorted((row["published_at"] for row in chosen), reverse=True)
