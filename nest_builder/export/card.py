"""The dataset card: what is in the edition, how it was made, what was turned away, and where it falls short."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from nest_builder.export.features import card_features, load_schema
from nest_builder.templates import templates

TEMPLATES = Path(__file__).resolve().parent / "templates"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_HOSTS_SHOWN = 30


@dataclass(frozen=True, slots=True)
class SplitSize:
    """Rows of a split, and bytes of its files."""

    rows: int
    bytes: int


def write_card(
    path: Path, manifest: Mapping[str, Any], samples: Iterable[Mapping[str, Any]], splits: Mapping[str, SplitSize]
) -> None:
    """Write ``README.md``.

    Args:
        path: The file.
        manifest: The edition's manifest, as far as it is known before the card is written.
        samples: The samples in their JSON form; read once.
        splits: Size of each split that has a file.
    """
    environment = templates(TEMPLATES, autoescape=False)  # Markdown; outside text goes through the filter `cell`
    environment.filters["cell"] = table_cell
    seen = _Seen()
    for sample in samples:
        seen.add(sample)
    text = environment.get_template("card.md.j2").render(
        head=card_head(splits),
        manifest=manifest,
        counts=manifest["counts"],
        settings=json.dumps(manifest["settings"], indent=2, ensure_ascii=False),
        columns=[(name, node["description"]) for name, node in load_schema("sample")["properties"].items()],
        hosts=seen.hosts.most_common(_HOSTS_SHOWN),
        more_hosts=max(0, len(seen.hosts) - _HOSTS_SHOWN),
        robots=seen.robots.most_common(),
        opted_out=seen.opted_out,
        uncredited=seen.uncredited,
        undated=seen.undated,
        checked=seen.checked,
    )
    path.write_text(text, encoding="utf-8")


@dataclass(slots=True)
class _Seen:
    """What the card says of the samples, counted in one pass over them."""

    hosts: Counter[str] = field(default_factory=Counter)
    robots: Counter[str] = field(default_factory=Counter)
    opted_out: int = 0
    uncredited: int = 0
    undated: int = 0
    checked: tuple[str, str] | None = None

    def add(self, sample: Mapping[str, Any]) -> None:
        consent = sample["consent"]
        self.hosts[urlsplit(sample["article_url"]).hostname or "?"] += 1
        self.robots[consent["robots"]] += 1
        self.opted_out += consent["opt_out"]
        self.uncredited += not sample["credit"].strip()
        self.undated += sample["published_at"] is None
        if (at := consent["checked_at"]) is not None:
            first, last = self.checked or (at, at)
            self.checked = min(first, at), max(last, at)


def card_head(splits: Mapping[str, SplitSize]) -> str:
    """Return the YAML head, between its two lines of dashes: what the Hub and ``load_dataset`` read."""
    rows = sum(size.rows for size in splits.values())
    head = {
        "pretty_name": "NEST: novel and emerging entities to segment",
        "language": ["en"],
        "license": "other",
        "license_name": "mixed-see-card",
        "task_categories": ["image-segmentation", "visual-question-answering"],
        "tags": ["referring-segmentation", "news", "retrieval-augmented", "benchmark"],
        "size_categories": [size_category(rows)],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": name, "path": f"data/{name}-*.parquet"} for name in splits],
            }
        ],
        "dataset_info": {
            "features": card_features(),
            "splits": [
                {"name": name, "num_bytes": size.bytes, "num_examples": size.rows} for name, size in splits.items()
            ],
            "download_size": sum(size.bytes for size in splits.values()),
            "dataset_size": sum(size.bytes for size in splits.values()),
        },
    }
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---"


def size_category(rows: int) -> str:
    """Return the Hub's category of a data set's size."""
    return next((name for limit, name in _SIZES if rows < limit), "n>1M")


def table_cell(value: object) -> str:
    """Return text that cannot break out of a cell of a Markdown table, nor smuggle in HTML."""
    text = " ".join(str(value).split()).replace("\\", "\\\\").replace("|", "\\|").replace("`", "'")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
