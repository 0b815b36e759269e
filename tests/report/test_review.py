"""The report's section on the review."""

from pathlib import Path

import pytest
from lxml import html
from sqlalchemy import select

from nest_builder.report import write_report
from nest_builder.report.review import BINS, histogram, read_review
from nest_builder.review.simulate import Reviewer
from nest_builder.store.session import Store
from nest_builder.store.tables import Annotation, Route, Sample
from tests.builders import NOW, fill_store, new_store
from tests.report.conftest import export


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Return a store whose samples are routed by hand: every fourth reviewed, every tenth drawn for the audit, every ninth left out."""
    store = new_store(tmp_path)
    fill_store(store, 60)
    with store.sessions() as session:
        for at, sample in enumerate(session.scalars(select(Sample).order_by(Sample.id))):
            audit = at % 10 == 1
            action = "accept" if audit else "review" if at % 4 == 0 else "reject" if at % 9 == 7 else "accept"
            p_correct = {"accept": 0.96, "review": 0.6, "reject": 0.2}[action]
            route = Route(
                sample_id=sample.id, p_correct=p_correct, action=action, priority=1 - p_correct, audit=audit, reviewers=1,
                evidence={"prior": p_correct, "settled_by": None}, version="prior@1",
            )  # fmt: skip
            route.seal("samples")
            session.add(route)
        session.commit()
    return store


def decide(store: Store) -> int:
    """Have everything that was asked decided, the reviewed half wrong; return how many decisions that makes."""
    with store.sessions() as session:
        rows = session.execute(
            select(Sample, Annotation, Route)
            .join(Annotation, Annotation.id == Sample.annotation_id)
            .join(Route, Route.sample_id == Sample.id)
            .where((Route.action == "review") | Route.audit)
            .order_by(Sample.id)
        ).all()
        for at, (sample, annotation, route) in enumerate(rows):
            session.add(Reviewer("anna", noise=0.0).decide(sample, annotation, route.audit or at % 2 == 0, NOW))
        session.commit()
    return len(rows)


def test_columns_hold_every_sample_once() -> None:
    columns = histogram([(0.0, "reject"), (0.96, "accept"), (0.97, "audit"), (1.0, "accept"), (0.5, "review")])
    assert [column.total for column in columns if column.total] == [1, 1, 3]
    assert len(columns) == BINS
    assert columns[-1].counts == {"accept": 2, "audit": 1}
    assert (columns[-1].height, columns[0].height) == (100.0, 57.7)
    assert all(column.height == 0 for column in histogram([]))


def test_section(store: Store, tmp_path: Path) -> None:
    export(store, tmp_path)
    page = html.fromstring(write_report(store, tmp_path).read_text(encoding="utf-8"))
    assert "Nobody has decided a sample of the audit yet" in page.xpath("string(//section[@id='review'])")
    assert page.xpath("//nav//a[@href='#review']")
    count = decide(store)
    export(store, tmp_path)
    page = html.fromstring(write_report(store, tmp_path).read_text(encoding="utf-8"))
    section = page.xpath("//section[@id='review']")[0]
    assert section.xpath("string(.//dt[.='looks so far']/../dd)") == str(count)
    assert len(section.xpath(".//*[contains(@class,'columns')]/g")) == 3
    assert "95 % interval" in section.xpath("string(.//*[@class='interval']/@aria-label)")
    diagram = section.xpath(".//*[contains(@class,'reliability')]")[0]
    assert "Calibration error" in diagram.get("aria-label")
    assert len(diagram.xpath(".//*[@class='after']")) == 2, "p_correct is 0.6 or 0.96"
    assert {caption.text for caption in section.xpath(".//caption")} == {"category", "size", "occlusion", "source"}
    assert section.xpath(".//tr[@class='excess']")
    card = (tmp_path / "editions" / "latest" / "README.md").read_text(encoding="utf-8")
    assert "Estimated share of wrong samples: 0.0 % (95 % interval 0.0 to " in card


def test_without_routes_there_is_no_section(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    fill_store(store, 3)
    with store.sessions() as session:
        assert read_review(session) is None
    assert '<section id="review"' not in write_report(store, tmp_path).read_text(encoding="utf-8")
