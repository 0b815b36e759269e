from __future__ import annotations

import contextlib
import json
import random
import re
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nest_builder.news.articles import NewspaperExtractor, TrafilaturaExtractor, paragraphs, without_heading
from nest_builder.news.base import Extractor, PageError
from nest_builder.news.language import detect_language

URL = "http://news.example/2025/07/15/slug"
SENTENCES = (
    "The new teal handset was shown to reporters in Harwick on Monday.",
    "It is striped, carries a star on its back and costs less than the one that it replaces.",
    "Its makers said that shops would have it by the end of the month.",
    "Nobody at the fair had expected the company to come with a telephone of its own so soon.",
)
BODY = f"<p>{' '.join(SENTENCES)}</p><p>{' '.join(reversed(SENTENCES))}</p>"
PAGE = f"""<!DOCTYPE html><html lang="en-GB"><head><title>A phone | The Post</title>
<meta property="og:title" content="A phone | The Post"><meta name="author" content="By Ann Lee">
<meta property="article:published_time" content="2025-07-15T10:00:00+02:00">
<meta property="og:image" content="/lead.jpg"></head><body>
<nav><img src="/logo.png" width="300"></nav>
<article><h1>A phone</h1>
<figure><img src="/a.jpg" alt="A phone on a table">
<figcaption>The phone, left. <span class="credit">Bo Roe/Agency</span></figcaption></figure>{BODY}</article>
<aside><figure><img src="/other.jpg"><figcaption>Another story</figcaption></figure>
</aside></body></html>"""


@pytest.mark.parametrize("extractor", [TrafilaturaExtractor(), NewspaperExtractor()])
def test_a_page_gives_an_article(extractor: Extractor) -> None:
    article = extractor.extract(PAGE.encode(), URL)
    assert article.url == URL
    assert article.title == "A phone"
    assert article.authors == ("Ann Lee",)
    assert article.published_at == datetime(2025, 7, 15, 8, tzinfo=UTC)
    assert article.language == "en"
    assert article.opt_out is None
    assert article.text.split("\n\n") == [" ".join(SENTENCES), " ".join(reversed(SENTENCES))]
    [figure] = article.figures
    assert (figure.image_url, figure.caption, figure.credit, figure.alt, figure.position) == (
        "http://news.example/a.jpg", "The phone, left.", "Bo Roe/Agency", "A phone on a table", 0,
    )  # fmt: skip


def test_an_opt_out_in_the_page_is_told() -> None:
    page = PAGE.replace("<head>", '<head><meta name="robots" content="noai">')
    assert TrafilaturaExtractor().extract(page.encode(), URL).opt_out == "meta robots: noai"


@pytest.mark.parametrize(
    ("head", "field", "expected"),
    [
        ('<script type="application/ld+json">{"@type": "NewsArticle", "headline": "LD"}</script>', "title", "LD"),
        ('<script type="application/ld+json">{"@graph": [{"@type": ["NewsArticle"], "author": [{"name": "A B"},'
         ' {"@type": "Organization", "name": "Firm"}]}]}</script>', "authors", ("A B",)),
        ('<script type="application/ld+json">{"@type": "NewsArticle", "datePublished": "2025-07-14"}</script>',
         "published_at", datetime(2025, 7, 14, tzinfo=UTC)),
        ('<script type="application/ld+json">{"@type": "NewsArticle", "headline": "A \\ud800phone\\u0000, \\ud83d\\ude00"}</script>',
         "title", "A ?phone , \U0001f600"),
        ('<script type="application/ld+json">{broken</script>', "title", "A phone"),
        ('<script type="application/ld+json">' + "[" * 5000 + "</script>", "title", "A phone"),
        ('<script type="application/ld+json">{"@type": "NewsArticle", "headline": 3, "author": 4, "image": [[5]],'
         ' "datePublished": {}}</script>', "authors", ("Ann Lee",)),
    ],
)  # fmt: skip
def test_linked_data(head: str, field: str, expected: object) -> None:
    page = PAGE.replace("<head>", "<head>" + head)
    assert getattr(TrafilaturaExtractor().extract(page.encode(), URL), field) == expected


def test_the_date_in_the_url_is_the_last_resort() -> None:
    page = re.sub(r"<meta property=.article:published_time.*?>", "", PAGE)
    assert TrafilaturaExtractor().extract(page.encode(), URL).published_at == datetime(2025, 7, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"\x00" * 100, b"<p>" * 200_000, b"<a " + b"x" * 300_000 + b">", b"a" * 9_000_000],
    ids=["empty", "blank", "nulls", "tags", "tag", "size"],
)
def test_what_is_no_page_is_refused(body: bytes) -> None:
    with pytest.raises(PageError):
        TrafilaturaExtractor().extract(body, URL)


_HOSTILE = {
    "deep": "<div>" * 20_000 + "x",
    "deep inline": "<b><i>" * 20_000 + "x",
    "deep figures": "<figure>" * 5000 + '<img src="/a.jpg">' + "</figure>" * 5000,
    "many images": '<img src="/a.jpg">' * 20_000,
    "many figures": '<figure><img src="/a.jpg"><figcaption>c</figcaption></figure>' * 5000,
    "captions without end": '<div class="caption">x</div>' * 5000 + '<img src="/a.jpg">' * 200,
    "srcset": f'<img srcset="{"a.jpg, " * 50_000}">',
    "srcset commas": f'<img srcset="{"," * 100_000}">',
    "attributes": "<p " + " ".join(f'a{n}="1"' for n in range(20_000)) + ">x</p>",
    "long word": "<p>" + "a" * 1_000_000 + "</p>",
    "entities": "<p>" + "&amp;" * 200_000 + "</p>",
    "comments": "<!--" * 50_000,
    "unclosed": "<table><tr><td>" * 3000,
    "byline": '<p class="byline">' + "and " * 100_000 + "</p>",
    "title": "<title>" + "| " * 200_000 + "</title>",
    "caption": '<figure><img src="/a.jpg"><figcaption>' + "photo: (" * 20_000 + "</figcaption></figure>",
}


@pytest.mark.parametrize("markup", _HOSTILE.values(), ids=_HOSTILE.keys())
def test_hostile_markup_takes_bounded_time(markup: str) -> None:
    started = time.perf_counter()
    with contextlib.suppress(PageError):
        TrafilaturaExtractor().extract(f"<html><body><article>{BODY}{markup}</article></body></html>".encode(), URL)
    assert time.perf_counter() - started < 5.0


@pytest.mark.parametrize("extractor", [TrafilaturaExtractor(), NewspaperExtractor()])
def test_damaged_pages_never_crash(extractor: Extractor) -> None:
    draw = random.Random(5)
    page = PAGE.encode()
    for _ in range(60):
        start, length = draw.randrange(len(page)), draw.randrange(200)
        noise = bytes(draw.randrange(256) for _ in range(draw.randrange(20)))
        damaged = page[:start] + noise + page[start + length :]
        try:
            assert extractor.extract(damaged, URL).url == URL
        except PageError:
            continue


@pytest.mark.parametrize(
    ("text", "declared", "language"),
    [
        (" ".join(SENTENCES), "de", "en"),
        (
            "Der neue Bürgermeister von Harwick hat am Montag sein Amt angetreten und die Stadt begrüßt. " * 2,
            "en",
            "de",
        ),
        ("Hi", "fr", "fr"),
        ("Hi", "", ""),
        ("123 456 " * 40, "en", "en"),
    ],
)
def test_detect_language(text: str, declared: str, language: str) -> None:
    assert detect_language(text, declared) == language


def test_paragraphs_and_heading() -> None:
    assert paragraphs(" a\u00a0 b\n\n\n\tc \n") == "a b\n\nc"
    assert without_heading("A Phone!\n\nText", "A phone") == "Text"
    assert without_heading("Text\n\nA phone", "A phone") == "Text\n\nA phone"
    assert without_heading("A phone", "A phone") == ""


@pytest.mark.real
def test_the_real_site(shared: Path) -> None:
    expected = json.loads((shared / "site_18f" / "expected.json").read_text())
    extractor = TrafilaturaExtractor()
    counts: Counter[str] = Counter()
    for page in expected:
        article = extractor.extract((shared / "site_18f" / "www" / page["path"]).read_bytes(), page["url"])
        counts["authors"] += list(article.authors) == page["authors"]
        counts["date"] += article.published_at is not None and article.published_at.date().isoformat() == page["date"]
        counts["language"] += article.language == "en"
        want, got = re.findall(r"\w+", page["text"]), re.findall(r"\w+", article.text)
        counts["text"] += sum((Counter(want) & Counter(got)).values()) >= 0.95 * max(len(want), len(got))
        figures = {figure.image_url: figure for figure in article.figures}
        for image in page["images"]:
            counts["image"] += 1
            figure = figures.pop(image["url"])
            words = re.findall(r"\w+", f"{figure.caption} {figure.credit}")
            assert set(words) <= set(re.findall(r"\w+", image["caption"]))
            assert bool(words) == bool(image["caption"])
        assert not figures
    assert counts == {"authors": 38, "date": 38, "language": 38, "text": 38, "image": 60}
