from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nest_builder.news.articles import TrafilaturaExtractor
from nest_builder.news.evaluation import Page, body_score, field_scores, fundus_pages, scrapinghub_pages

TRUE = "one two three four five six seven eight"


@pytest.mark.parametrize(
    ("found", "precision", "recall"),
    [
        (TRUE, 1.0, 1.0),
        (f"{TRUE}, nine. Ten", 5 / 7, 1.0),
        ("one two three four", 1.0, 1 / 5),
        ("nothing of it is there", 0.0, 0.0),
        ("", 0.0, 0.0),
    ],
)
def test_body_score(found: str, precision: float, recall: float) -> None:
    score = body_score([Page("u", b"", TRUE)], lambda body, url: found)
    assert (score.precision, score.recall, score.pages) == (pytest.approx(precision), pytest.approx(recall), 1)
    assert score.f1 == pytest.approx(2 * precision * recall / (precision + recall) if precision else 0.0)


RECORD: dict[str, Any] = {
    "title": "A phone",
    "authors": ["Ann Lee"],
    "publishing_date": "2025-07-15 10:00:00+02:00",
    "images": [{"versions": [{"url": "http://x/picture-one.jpg"}], "caption": "The phone, left."}],
}
PAGE = """<html><head><title>A phone</title><meta name="author" content="Ann Lee">
<meta name="date" content="2025-07-15T08:00:00Z"></head><body><article><p>{}</p>
<figure><img src="/picture-one-300x200.webp"><figcaption>The phone, left. Photo: Bo</figcaption></figure>
</article></body></html>""".format("A sentence that is long enough to be taken for prose. " * 5)


def test_field_scores() -> None:
    other = {**RECORD, "title": "Something else", "authors": []}
    scores = field_scores([Page("http://a/b", PAGE.encode(), [other, RECORD])], TrafilaturaExtractor())
    assert scores == {"title": 1.0, "authors": 1.0, "date": 1.0, "image": 1.0, "caption": 1.0}
    scores = field_scores([Page("http://a/b", b"", [RECORD])], TrafilaturaExtractor())
    assert set(scores.values()) == {0.0}


@pytest.mark.real
def test_the_floors_on_real_pages(shared: Path) -> None:
    extractor = TrafilaturaExtractor()
    pages = scrapinghub_pages(shared / "articles" / "scrapinghub")
    assert body_score(pages, lambda body, url: extractor.extract(body, url).text).f1 >= 0.955
    scores = field_scores(fundus_pages(shared / "articles" / "fundus"), extractor)
    floors = {"title": 0.88, "authors": 0.84, "date": 0.88, "image": 0.78, "caption": 0.69}
    assert {field: scores[field] >= floor for field, floor in floors.items()} == dict.fromkeys(floors, True), scores
