"""``nest bench articles``: body text and its fields against newspaper4k, on the same pages in the same run."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nest_builder.config import DATA
from nest_builder.news.evaluation import article_figures

ARTICLES = DATA.parent.parent / "shared" / "data" / "articles"
TARGETS: dict[str, tuple[str, float]] = {"f1": (">=", 0.955), "docs_per_s": (">=", 30.0)}


def run(seed: int, data: Path | None) -> dict[str, Any]:
    """Measure extraction.

    Args:
        seed: Not used: pages are pages.
        data: A folder with ``scrapinghub`` and, if it is there, ``fundus``; by default that beside the checkout.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    folder = data or ARTICLES
    if not (folder / "scrapinghub").is_dir():
        raise FileNotFoundError(f"no pages to measure on in {folder}: name a folder with --data")
    figures, peers = article_figures(folder)
    return {
        "name": "articles",
        "ok": all(figures[key] >= bound for key, (_, bound) in TARGETS.items()),
        "figures": {key: round(value, 4) for key, value in figures.items()},
        "targets": {key: list(target) for key, target in TARGETS.items()},
        "peers": {name: {key: round(value, 4) for key, value in values.items()} for name, values in peers.items()},
        "setup": {
            "pages": str(folder.name), "machine": platform.machine(), "trafilatura": version("trafilatura"),
            "newspaper4k": version("newspaper4k"),
        },
    }  # fmt: skip
