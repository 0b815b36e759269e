"""Writing the report: what an edition holds, how it came about, what was turned away, on one page."""

import base64
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pyarrow import parquet
from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.digest import digest
from nest_builder.export.features import arrow_schema
from nest_builder.report.pictures import Picture, make_pictures
from nest_builder.report.review import read_review
from nest_builder.report.sources import host_of, read_sources, read_turned_away, refusals
from nest_builder.report.timeline import draw_timelines
from nest_builder.status import read_funnel
from nest_builder.store.session import Store
from nest_builder.store.tables import Edition, Entity, LedgerEntry
from nest_builder.templates import templates

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_STATE = re.compile(r'<meta name="nest-state" content="([0-9a-f]{64})">')
MAX_SAMPLES = 300  # shown in the gallery; more would make a page that phones cannot hold
PICTURE_BUDGET = 6_000_000  # characters of all data URIs
MAX_EXAMPLES = 6  # of what was turned away, for each reason
# What a stage's items are, for people.
_UNITS = {
    "collect": "sources and pages",
    "extract": "pages",
    "recognize": "articles",
    "assess": "names",
    "gather": "figures",
    "annotate": "pictures",
    "ask": "annotations",
    "validate": "samples",
    "review": "samples",
    "export": "editions",
}


# What a piece of evidence found, for people.
_FINDINGS = {
    "known": "known before the cutoff",
    "absent": "no entry",
    "before": "described before the cutoff",
    "after": "after the cutoff",
    "no answer": "no answer",
    "stated": "stated in the news",
}


@dataclass(frozen=True, slots=True)
class Card:
    """A sample of the gallery: its row, its picture, and the text that the search looks through."""

    sample: Mapping[str, Any]
    picture: Picture
    text: str


def write_report(store: Store, workdir: Path, edition: str | None = None, out: Path | None = None) -> Path:
    """Write the report.

    Args:
        store: The store.
        workdir: The work directory, which holds the editions.
        edition: Which edition; by default the one exported last. Without any, the page tells of the pipeline only.
        out: The page; by default ``report.html`` in the work directory.

    Returns:
        The page.

    Raises:
        LookupError: There is no edition of that name.
    """
    page = out or workdir / "report.html"
    with store.sessions() as session:
        row = _find_edition(session, edition)
        rows = [] if row is None else read_rows(workdir / row.path)
        entities = session.execute(
            select(Entity.name, Entity.category, Entity.first_seen).order_by(Entity.key)
        ).tuples()
        seen = entities.all()
        context = {
            "manifest": None if row is None else row.manifest,
            "total": len(rows),
            "funnel": read_funnel(session),
            "units": _UNITS,
            "timelines": draw_timelines(seen),
            "entities": len(seen),
            "sources": read_sources(session, rows),
            "turned_away": read_turned_away(session, MAX_EXAMPLES),
            "review": read_review(session),
        }
    shown = choose(rows, MAX_SAMPLES)
    # Pictures take nearly all of the time: a page of the same content (the manifest has the hash of every file) stays.
    state = digest(
        context, [sample["id"] for sample in shown], *(file.read_bytes() for file in sorted(_TEMPLATES.iterdir()))
    )
    if _state_of(page) == state:
        return page
    files = {} if row is None else read_pictures(workdir / row.path, {sample["id"] for sample in shown})
    pictures = make_pictures(shown, files, PICTURE_BUDGET)
    cards = [Card(sample, picture, _search_text(sample)) for sample, picture in zip(shown, pictures, strict=True)]
    partial = page.with_name(f".{page.name}.partial")
    partial.write_text(_render(state=state, cards=cards, **context), encoding="utf-8")
    partial.replace(page)
    return page


def _render(**context: Any) -> str:
    """Fill the template. The page holds its one script; its policy lets no other run, and nothing be fetched."""
    environment = templates(_TEMPLATES, autoescape=True)
    environment.filters.update(web=web_address, host=host_of, refusals=refusals, percent=_percent, day=_day)
    environment.globals["finding"] = _finding
    script = (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    return environment.get_template("report.html.j2").render(
        style=(_TEMPLATES / "report.css").read_text(encoding="utf-8"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        **context,
    )


def _state_of(page: Path) -> str | None:
    """Return the state that a page says it was written from, if there is one."""
    if not page.exists():
        return None
    with page.open(encoding="utf-8", errors="replace") as file:
        found = _STATE.search(file.read(4096))
    return found[1] if found else None


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """Return all rows of an edition without their pictures, in the order of its files."""
    columns = [name for name in arrow_schema().names if name != "image"]
    return [row for file in _shards(folder) for row in parquet.read_table(file, columns=columns).to_pylist()]


def read_pictures(folder: Path, ids: Collection[str]) -> dict[str, bytes]:
    """Return the picture files of some samples, reading one row group after the other."""
    found: dict[str, bytes] = {}
    for shard in _shards(folder):
        with parquet.ParquetFile(shard) as file:
            for number in range(file.num_row_groups):
                group = file.read_row_group(number, columns=["id", "image"])
                for at, sample in enumerate(group["id"].to_pylist()):
                    if sample in ids:
                        found[sample] = group["image"][at].as_py()["bytes"] or b""
    return found


def _shards(folder: Path) -> list[Path]:
    return sorted((folder / "data").glob("*.parquet"))


def choose(rows: Sequence[Mapping[str, Any]], limit: int) -> list[Mapping[str, Any]]:
    """Return at most ``limit`` rows, drawn evenly (ids are hashes), the newest first."""
    drawn = sorted(rows, key=lambda row: str(row["id"]))[:limit]
    return sorted(drawn, key=lambda row: (row["published_at"] or "", row["id"]), reverse=True)


def web_address(url: str | None) -> str:
    """Return an address that may stand in a link, or an empty string: http and https only."""
    try:
        return url if url and urlsplit(url.strip()).scheme.lower() in ("http", "https") else ""
    except ValueError:
        return ""


def _find_edition(session: Session, name: str | None) -> Edition | None:
    if name is not None:
        row = session.get(Edition, name)
        if row is None:
            raise LookupError(f"no edition {name!r}: `nest status` lists what there is")
        return row
    newest = (
        select(Edition)
        .join(LedgerEntry, (LedgerEntry.item == Edition.name) & (LedgerEntry.stage == "export"))
        .order_by(LedgerEntry.finished_at.desc(), Edition.name.desc())
    )
    return session.scalars(newest.limit(1)).first()


def _search_text(sample: Mapping[str, Any]) -> str:
    entity = sample["entity"]
    words = (
        entity["name"],
        *entity["aliases"],
        entity["hypernym"],
        sample["question"],
        sample["caption"],
        sample["article_url"],
    )
    return " ".join(words).lower()


def _finding(evidence: Mapping[str, Any]) -> str:
    verdict = str(evidence["verdict"] or evidence["kind"])
    return _FINDINGS.get(verdict, verdict)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def _day(value: str | None) -> str:
    return value[:10] if value else "no date"
