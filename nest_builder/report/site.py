"""Writing the site: a folder of pages about editions that a browser opens from the disk, with pictures that all editions share."""

import logging
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import select

from nest_builder.digest import digest
from nest_builder.export.naming import base_of
from nest_builder.reasons import Reason
from nest_builder.report.benchmark import bench_state, read_benchmark
from nest_builder.report.calibration import read_calibration
from nest_builder.report.cases import find_groups
from nest_builder.report.edition import read_pictures, read_rows
from nest_builder.report.editions import Listed, facts_of, find, latest, read_editions
from nest_builder.report.files import State, read_state, remove_leftovers, replaced, write_changed, write_state
from nest_builder.report.gallery import index_of, outline_files, sample_files
from nest_builder.report.hero import choose_hero
from nest_builder.report.pages import assets, render, state_of_templates, verdict_parts
from nest_builder.report.pool import Pool, Shown
from nest_builder.report.review import read_review
from nest_builder.report.sources import read_sources, read_turned_away
from nest_builder.report.timeline import draw_timelines, first_seen
from nest_builder.status import StageStatus, by_count, read_funnel
from nest_builder.store.session import Store
from nest_builder.store.tables import Verdict

log = logging.getLogger(__name__)

MAX_EXAMPLES = 6  # of what was turned away, for each reason
_PICTURES = 64  # read from the store at a time
_FILTERS = ("category", "verdict", "review", "hypernym", "split")
Row = Mapping[str, Any]


def write_report(store: Store, workdir: Path, edition: str | None = None, out: Path | None = None) -> Path:
    """Write the site's pages of one edition, and the list of all.

    The same store gives the same bytes, and pages of the same content are not written again. What belongs to an edition that was
    withdrawn leaves the site, pictures too.

    Args:
        store: The store.
        workdir: The work directory, which holds the editions.
        edition: Which edition; by default the newest.
        out: The site's folder; by default ``site`` in the work directory.

    Returns:
        The edition's page; where there is no edition yet the list's, which then tells of the pipeline only.

    Raises:
        LookupError: There is no edition of that name, or it was withdrawn.
    """
    root = out or workdir / "site"
    root.mkdir(parents=True, exist_ok=True)
    with store.sessions() as session:
        editions = read_editions(session)
    chosen = find(editions, edition)
    if chosen is not None:
        _write_edition(store, workdir, root, chosen)
    _write_list(store, root, editions)
    return root / "index.html" if chosen is None else root / chosen.name / "index.html"


def _write_edition(store: Store, workdir: Path, root: Path, edition: Listed) -> None:
    """Write an edition's folder of the site, unless what is there says the same."""
    rows = read_rows(workdir / edition.path)
    with store.sessions() as session:
        told = {
            "manifest": edition.manifest,
            "sources": read_sources(session, rows),
            "turned_away": read_turned_away(session, MAX_EXAMPLES),
            "review": read_review(session, {row["id"] for row in rows}),
            "calibration": read_calibration(session),
        }
        verdicts = session.execute(select(Verdict.sample_id, Verdict.digest).order_by(Verdict.sample_id)).tuples().all()
    pool = Pool(root / "pictures")
    hashes = {row["image_sha256"] for row in rows}
    state = digest(told, [list(pair) for pair in verdicts], bench_state(workdir), state_of_templates())
    before = read_state(root / edition.name)
    if before is not None and before.state == state and pool.holds(before.pictures):
        return
    pool.add(read_pictures(workdir / edition.path, pool.missing(hashes)))
    pool.add(_from_store(store, sorted(pool.missing(hashes))))  # an edition of links holds no pictures
    pictures = {sha256: pool.shown(sha256) for sha256 in sorted(hashes)}
    with replaced(root / edition.name) as partial:
        _write_data(store, partial / "data", rows, pictures)
        benchmark = read_benchmark(rows, workdir)
        page = render(
            "edition.html.j2",
            **told,
            rows=rows,
            pictures=pictures,
            facts=facts_of(edition.manifest),
            hero=choose_hero(rows),
            options={name: _counted(rows, name) for name in _FILTERS},
            groups=find_groups(rows),
            left_out=_left_out_by_people(edition.manifest),
            benchmark=benchmark,
            verdict_parts=verdict_parts(benchmark.labels),
            timelines=draw_timelines(first_seen(rows)),
            entities=len(first_seen(rows)),
            funnel=[_stage(stage) for stage in edition.manifest["funnel"]],
        )
        (partial / "index.html").write_text(page, encoding="utf-8")
        for name, content in assets().items():
            (partial / name).write_text(content, encoding="utf-8")
        write_state(partial, State(state, tuple(one.name for one in pictures.values() if one.extension)))


def _write_data(store: Store, folder: Path, rows: Sequence[Row], pictures: Mapping[str, Shown]) -> None:
    folder.mkdir(parents=True)
    with store.sessions() as session:

        def verdicts_of(ids: Sequence[str]) -> dict[str, Row]:
            query = select(Verdict.sample_id, Verdict.attempts, Verdict.reason).where(Verdict.sample_id.in_(ids))
            return {key: {"attempts": attempts, "reason": reason} for key, attempts, reason in session.execute(query)}

        for file in chain([index_of(rows, pictures)], outline_files(rows), sample_files(rows, verdicts_of)):
            (folder / file.name).write_text(file.text(), encoding="utf-8")


def _write_list(store: Store, root: Path, editions: Sequence[Listed]) -> None:
    """Write the list of editions, and remove what no edition of it shows."""
    standing = {one.name for one in editions if not one.withdrawn_by}
    kept: set[str] = set()
    remove_leftovers(root)
    for folder in sorted(root.iterdir()):
        found = None if folder.name.startswith(".") else read_state(folder)
        if found is None:
            continue
        if folder.name in standing:
            kept.update(found.pictures)
        else:
            log.info("%s: no edition of this name stands; its pages go", folder)
            shutil.rmtree(folder)
    if gone := Pool(root / "pictures").keep(kept):
        log.info("%d files of pictures went that no page shows", gone)
    newest_of = {base_of(one.name): one.name for one in reversed(editions)}
    told: dict[str, Any] = {
        "editions": [_entry(root, one, newest_of[base_of(one.name)]) for one in editions],
        "latest": latest(editions),
    }
    if not editions:
        with store.sessions() as session:
            told |= {
                "funnel": read_funnel(session),
                "sources": read_sources(session, []),
                "turned_away": read_turned_away(session, MAX_EXAMPLES),
            }
    write_changed(root / "index.html", render("index.html.j2", **told))
    for name in ("site.css", "theme.js"):
        write_changed(root / name, assets()[name])


def _entry(root: Path, edition: Listed, newest: str) -> dict[str, Any]:
    """Return what the list says of an edition, where ``newest`` is the last revision of its window."""
    counts, period = edition.manifest["counts"], edition.manifest["period"]
    return {
        "name": edition.name,
        "page": (root / edition.name / "index.html").is_file(),
        "withdrawn_by": edition.withdrawn_by,
        "superseded_by": newest if newest != edition.name else "",
        "first": period["first"],
        "last": period["last"],
        "facts": facts_of(edition.manifest),
        "samples": counts["samples"],
        "entities": counts["entities"],
        "negatives": counts["negatives"],
        "by_category": counts["by_category"],
    }


def _from_store(store: Store, hashes: Sequence[str]) -> Iterator[Iterator[tuple[str, bytes]]]:
    """Yield the pictures (SHA-256, file) that the store still has, so many at a time as may be in memory at once."""
    for at in range(0, len(hashes), _PICTURES):
        yield _some_from_store(store, hashes[at : at + _PICTURES])


def _some_from_store(store: Store, hashes: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for sha256 in hashes:
        try:
            yield sha256, store.blobs.get(sha256)
        except (FileNotFoundError, ValueError) as error:
            log.warning("picture %s is not at hand: %s", sha256, error)


def _counted(rows: Sequence[Row], name: str) -> dict[str, int]:
    """Return the values of a filter, the most frequent first."""
    match name:
        case "verdict":
            values = [row["verdict"]["label"] or "" for row in rows]
        case "review":
            values = [row["review"]["status"] for row in rows]
        case "hypernym":
            values = [row["entity"]["hypernym"] for row in rows]
        case _:
            values = [row[name] for row in rows]
    return by_count(Counter(values).items())


def _left_out_by_people(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Return how many samples people keep out of an edition, by reason; their content is nobody's to see."""
    dropped = manifest["counts"]["dropped"]
    reasons = (Reason.DISPUTED_IN_REVIEW.value, Reason.REJECTED_IN_REVIEW.value)
    return {reason: dropped[reason] for reason in reasons if dropped.get(reason)}


def _stage(told: Mapping[str, Any]) -> StageStatus:
    """Return a stage as the manifest has it."""
    return StageStatus(told["stage"], told["done"], told["rejected"], 0, told["reasons"], told["dropped"])
