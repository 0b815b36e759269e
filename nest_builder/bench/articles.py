"""``nest bench articles``: body text and its fields against newspaper4k, on the same pages in the same run."""

from pathlib import Path

from nest_builder.bench.result import Bound, Pin, Result, corpus_hash, machine
from nest_builder.config import DATA
from nest_builder.news.evaluation import article_figures

ARTICLES = DATA.parent.parent / "shared" / "data" / "articles"
TARGETS: dict[str, Bound] = {"f1": (">=", 0.955), "docs_per_s": (">=", 30.0)}


def run(seed: int, data: Path | None, quick: bool = False) -> Result:
    """Measure extraction.

    Args:
        seed: Not used: pages are pages.
        data: A folder with ``scrapinghub`` and, if it is there, ``fundus``; by default that beside the checkout.
        quick: There is no short form.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    folder = data or ARTICLES
    if not (folder / "scrapinghub").is_dir():
        raise FileNotFoundError(f"no pages to measure on in {folder}: name a folder with --data")
    figures, peers = article_figures(folder)
    # Pages a second say as much of the machine as of us; beside a peer's on the same machine they can be held to a floor.
    figures["speed_ratio"] = figures["docs_per_s"] / peers["newspaper4k"]["docs_per_s"]
    corpus = corpus_hash(folder)
    pins = {key: Pin(corpus) for key in figures if key not in ("docs_per_s", "pages", "speed_ratio")}
    return Result(
        "articles",
        {key: round(value, 4) for key, value in figures.items()},
        TARGETS,
        {name: {key: round(value, 4) for key, value in values.items()} for name, values in peers.items()},
        {**machine("trafilatura", "newspaper4k", "lxml"), "data": corpus},
        {**pins, "speed_ratio": Pin(corpus, margin=0.3, relative=True)},
    )
