"""How good and how fast extraction is: on pages with a known body, title, authors, date and pictures."""

from __future__ import annotations

import gzip
import json
import re
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trafilatura.utils import decode_file

from nest_builder.news.articles import TrafilaturaExtractor, newspaper_text
from nest_builder.news.base import Article, Extractor, PageError
from nest_builder.news.sources import picture_key

_SHINGLE = 4
_WORD = re.compile(r"\w+")
_SAME_MOMENT_S = 60.0


@dataclass(frozen=True)
class BodyScore:
    """Agreement of extracted with true article bodies.

    Attributes:
        precision: mean over pages of the share of extracted shingles that are true.
        recall: mean over pages of the share of true shingles that were extracted.
        f1: harmonic mean of the two.
        docs_per_s: pages a second of process time.
        pages: how many.
    """

    precision: float
    recall: float
    f1: float
    docs_per_s: float
    pages: int


@dataclass(frozen=True)
class Page:
    """A page with what is true of it: the article body, or fundus' record."""

    url: str
    body: bytes
    truth: Any


def scrapinghub_pages(folder: Path) -> list[Page]:
    """Reads the article extraction benchmark's pages: `ground-truth.json` and `html/KEY.html.gz`."""
    truth = json.loads((folder / "ground-truth.json").read_text(encoding="utf-8"))
    return [
        Page(entry["url"], gzip.decompress((folder / "html" / f"{key}.html.gz").read_bytes()), entry["articleBody"])
        for key, entry in sorted(truth.items())
    ]


TextOf = Callable[[bytes, str], str]
"""(page, URL) -> the article's text; empty where there is none."""


def body_score(pages: Sequence[Page], text_of: TextOf) -> BodyScore:
    """Scores an extraction as the article extraction benchmark does: multisets of four-word shingles, page by page.

    Source: scrapinghub/article-extraction-benchmark, `evaluate.py` (precision and recall are means over pages).
    """
    text_of(pages[0].body, pages[0].url)  # what a library loads at first use is not the pages' time
    started = time.process_time()
    texts = [text_of(page.body, page.url) for page in pages]
    seconds = time.process_time() - started
    precisions, recalls = [], []
    for page, text in zip(pages, texts, strict=True):
        true, found = _shingles(page.truth), _shingles(text)
        common = (true & found).total()
        precisions.append(common / found.total() if found else float(not true))
        recalls.append(common / true.total() if true else float(not found))
    precision, recall = statistics.mean(precisions), statistics.mean(recalls)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return BodyScore(precision, recall, f1, len(pages) / seconds, len(pages))


def fundus_pages(folder: Path) -> list[Page]:
    """Reads fundus' pages: `COUNTRY/PUBLISHER.json` (records by parser version), `COUNTRY/PUBLISHER_DATE.html.gz`."""
    pages = []
    for record in sorted(folder.glob("*/*.json")):
        truth = list(json.loads(record.read_text(encoding="utf-8")).values())
        for page in sorted(record.parent.glob(f"{record.stem}_*.html.gz")):
            pages.append(Page("https://publisher.example/article", gzip.decompress(page.read_bytes()), truth))
    return pages


def field_scores(pages: Sequence[Page], extractor: Extractor) -> dict[str, float]:
    """Returns the share of fundus' titles, author sets, dates (within a minute), pictures and captions that are found.

    A publisher's records of several parser versions belong to different pages; the one with the likest title counts.
    """
    hits: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for page in pages:
        article = _extract(extractor, page)
        title = _words(article.title) if article else []
        truth = max(page.truth, key=lambda record: (Counter(_words(record.get("title"))) & Counter(title)).total())
        for field, right in _judge(truth, article):
            total[field] += 1
            hits[field] += right
    return {field: hits[field] / total[field] for field in sorted(total)}


def _judge(truth: dict[str, Any], article: Article | None) -> list[tuple[str, bool]]:
    """Returns (field, found) for each thing that a record states."""
    judged: list[tuple[str, bool]] = []
    if truth.get("title"):
        judged.append(("title", article is not None and _words(article.title) == _words(truth["title"])))
    if truth.get("authors"):
        names = {" ".join(_words(name)) for name in truth["authors"]}
        judged.append(("authors", article is not None and names == {" ".join(_words(a)) for a in article.authors}))
    if truth.get("publishing_date"):
        moment = datetime.fromisoformat(truth["publishing_date"])
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        found = article.published_at if article else None
        judged.append(("date", found is not None and abs((found - moment).total_seconds()) < _SAME_MOMENT_S))
    figures = {picture_key(figure.image_url): figure for figure in article.figures} if article else {}
    for image in truth.get("images") or []:
        keys = {picture_key(version["url"]) for version in image["versions"]}
        figure = next((figures[key] for key in sorted(keys) if key in figures), None)
        judged.append(("image", figure is not None))
        if image["caption"]:
            want, got = " ".join(_words(image["caption"])), " ".join(_words(figure.caption)) if figure else ""
            # fundus leaves credits in some captions and we take them out, so one may be the other's beginning.
            judged.append(("caption", bool(got) and (got.startswith(want) or want.startswith(got))))
    return judged


def article_figures(data: Path) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Returns (our figures, peers' figures) for `nest bench articles`.

    Args:
        data: a folder with `scrapinghub` and, if it is there, `fundus`.
    """
    pages = scrapinghub_pages(data / "scrapinghub")
    ours, peer = body_score(pages, _ours), body_score(pages, _newspaper)
    figures = _flat(ours)
    if (data / "fundus").is_dir():
        scores = field_scores(fundus_pages(data / "fundus"), TrafilaturaExtractor())
        figures |= {f"fundus_{field}": value for field, value in scores.items()}
    return figures, {"newspaper4k": _flat(peer)}


def _flat(score: BodyScore) -> dict[str, float]:
    return {
        "f1": score.f1, "precision": score.precision, "recall": score.recall, "docs_per_s": score.docs_per_s,
        "pages": float(score.pages),
    }  # fmt: skip


def _ours(body: bytes, url: str) -> str:
    """Returns the default extractor's text; its time holds title, authors, date, language and figures as well."""
    article = _extract(TrafilaturaExtractor(), Page(url, body, None))
    return article.text if article else ""


def _newspaper(body: bytes, url: str) -> str:
    """Returns newspaper's text as it comes out of the package (which finds title, authors and date, too)."""
    try:
        return newspaper_text(decode_file(body), url)
    except PageError:
        return ""


def _extract(extractor: Extractor, page: Page) -> Article | None:
    try:
        return extractor.extract(page.body, page.url)
    except PageError:
        return None  # counts as a page of which nothing was found


def _words(text: str | None) -> list[str]:
    return _WORD.findall((text or "").casefold())


def _shingles(text: str) -> Counter[tuple[str, ...]]:
    words = _WORD.findall(text)
    if not words:
        return Counter()
    return Counter(tuple(words[n : n + _SHINGLE]) for n in range(max(1, len(words) - _SHINGLE + 1)))
