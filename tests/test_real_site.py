"""The whole pipeline over a saved news site with its photographs, as ``examples/real_site.toml`` sets it up."""

import html
import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from pycocotools import mask as coco
from sqlalchemy import select

from examples.serve_folder import make_server
from nest_builder.config import Settings, load_settings
from nest_builder.export.validate import check_edition
from nest_builder.progress import Progress
from nest_builder.reasons import Reason
from nest_builder.report import write_report
from nest_builder.run import build
from nest_builder.stage import Report
from nest_builder.status import STAGE_ORDER, Status, read_status
from nest_builder.store.session import open_store
from nest_builder.store.tables import Article, LedgerEntry

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
SITE = DATA / "site_18f"
DETECTOR = DATA / "weights" / "yolox_nano.onnx"

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (SITE.is_dir() and DETECTOR.is_file()),
        reason="the saved site or the detector's weights are not in ../shared/data beside the checkout",
    ),
]


@dataclass(frozen=True, slots=True)
class Built:
    """Two runs over the site, and what they left."""

    settings: Settings
    first: dict[str, Report]
    second: dict[str, Report]
    status: Status
    articles: list[Article]
    turned_away: list[LedgerEntry]
    edition: Path
    page: str


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    workdir = tmp_path_factory.mktemp("real_site")
    with make_server(SITE / "www") as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        origin = f"http://127.0.0.1:{server.server_port}"
        settings = load_settings(
            ROOT / "examples" / "real_site.toml", workdir=workdir, web={"resolve": {"18f.gsa.gov": origin}}
        )
        with Progress(quiet=True) as progress:
            first, second = ({item.stage: item for item in build(settings, progress)} for _ in range(2))
        server.shutdown()
        thread.join()
    store = open_store(settings.database_url, settings.blobs_url)
    try:
        status = read_status(store)
        page = write_report(store, workdir).read_text(encoding="utf-8")
        with store.sessions() as session:
            articles = list(session.scalars(select(Article)))
            turned_away = list(session.scalars(select(LedgerEntry).where(LedgerEntry.status != "done")))
    finally:
        store.close()
    return Built(settings, first, second, status, articles, turned_away, workdir / status.editions[0].path, page)


def test_every_article_has_its_title_authors_and_date(built: Built) -> None:
    expected = {item["url"]: item for item in json.loads((SITE / "expected.json").read_text(encoding="utf-8"))}
    found = {article.url: article for article in built.articles}
    assert found.keys() == expected.keys()
    for url, item in expected.items():
        article, published = found[url], found[url].published_at
        # The expected titles come from the site's markdown, entities and stray blanks included.
        assert article.title == html.unescape(item["title"]).strip(), url
        assert sorted(article.authors) == sorted(item["authors"]), url
        assert published is not None, url
        assert published.date().isoformat() == item["date"], url


def test_nothing_is_lost_without_a_reason(built: Built) -> None:
    assert [stage for stage in STAGE_ORDER if stage in built.first] == list(built.first)
    assert all(report.failed == 0 and report.done > 0 for report in built.first.values())
    known = {reason.value for reason in Reason}
    assert {entry.stage for entry in built.turned_away} >= {"assess"}
    assert all(entry.status == "rejected" and entry.reason in known for entry in built.turned_away)
    for stage in built.status.stages:
        assert sum(stage.reasons.values()) == stage.rejected, stage.stage


def test_a_second_run_does_no_work(built: Built) -> None:
    assert {stage: report.worked for stage, report in built.second.items()} == dict.fromkeys(built.first, 0)
    assert all(report.swept == 0 for report in built.second.values())


def test_the_edition_is_valid_and_about_people_in_photographs(built: Built) -> None:
    assert check_edition(built.edition) == []
    samples: list[dict[str, Any]] = [
        row for file in sorted(built.edition.rglob("*.parquet")) for row in parquet.read_table(file).to_pylist()
    ]
    assert len(samples) == built.status.samples.total
    outlined = {sample["entity"]["name"] for sample in samples if not sample["negative"]}
    assert outlined >= {"Larry Mathias", "Bill Barry"}  # alone in their portraits
    # Where the detector sees several people, a person is outlined or the picture is turned away as unclear.
    unclear = [entry for entry in built.turned_away if entry.stage == "annotate"]
    assert {entry.reason for entry in unclear} <= {Reason.UNCLEAR_TARGET.value}
    assert len(outlined) + len(unclear) >= 6
    assert any(sample["negative"] for sample in samples)  # the logos of an agency in its historian's article
    for sample in samples:
        assert bool(sample["box"]) is not sample["negative"], sample["id"]
        assert bool(coco.area(sample["mask"])) is not sample["negative"], sample["id"]
        assert sample["image_url"].startswith("https://18f.gsa.gov/assets/")


def test_the_report_shows_what_was_built(built: Built) -> None:
    assert "Larry Mathias" in built.page
    assert str(built.settings.web.resolve["18f.gsa.gov"]) not in built.page  # addresses stay the publisher's
