"""The dataset card: what is in the edition, how it was made, what was turned away, and where it falls short."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from nest_builder.export.features import card_features, load_schema
from nest_builder.templates import templates

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_HOSTS_SHOWN = 30


@dataclass(frozen=True, slots=True)
class SplitSize:
    """Rows of a split, and bytes of its files."""

    rows: int
    bytes: int


def write_card(
    path: Path, manifest: Mapping[str, Any], samples: Sequence[Mapping[str, Any]], splits: Mapping[str, SplitSize]
) -> None:
    """Write ``README.md``.

    Args:
        path: The file.
        manifest: The edition's manifest, as far as it is known before the card is written.
        samples: The samples in their JSON form.
        splits: Size of each split that has a file.
    """
    environment = templates(_TEMPLATES, autoescape=False)  # Markdown; outside text goes through the filter `cell`
    environment.filters["cell"] = table_cell
    hosts = Counter(urlsplit(sample["article_url"]).hostname or "?" for sample in samples)
    checked = sorted(sample["consent"]["checked_at"] for sample in samples if sample["consent"]["checked_at"])
    text = environment.get_template("card.md.j2").render(
        head=card_head(splits),
        manifest=manifest,
        counts=manifest["counts"],
        settings=json.dumps(manifest["settings"], indent=2, ensure_ascii=False),
        columns=[(name, node["description"]) for name, node in load_schema("sample")["properties"].items()],
        hosts=hosts.most_common(_HOSTS_SHOWN),
        more_hosts=max(0, len(hosts) - _HOSTS_SHOWN),
        robots=Counter(sample["consent"]["robots"] for sample in samples).most_common(),
        opted_out=sum(sample["consent"]["opt_out"] for sample in samples),
        uncredited=sum(not sample["credit"].strip() for sample in samples),
        undated=sum(sample["published_at"] is None for sample in samples),
        checked=(checked[0], checked[-1]) if checked else None,
    )
    path.write_text(text, encoding="utf-8")


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
        "size_categories": [next((name for limit, name in _SIZES if rows < limit), "n>1M")],
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


def table_cell(value: object) -> str:
    """Return text that cannot break out of a cell of a Markdown table, nor smuggle in HTML."""
    text = " ".join(str(value).split()).replace("\\", "\\\\").replace("|", "\\|").replace("`", "'")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
