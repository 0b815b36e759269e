"""``nest score``: what the pipeline made of the simulated world, held against that world's truth."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sqlalchemy import select

from nest_builder.annotate.base import Mask
from nest_builder.bench.calibration import TARGETS as CALIBRATION_TARGETS
from nest_builder.bench.calibration import calibration_figures, read_rated
from nest_builder.bench.result import Bound, Result, machine
from nest_builder.bench.worlds import instances, judge, regions, sample_truth
from nest_builder.export.published import newest_edition
from nest_builder.newsworld.world import World
from nest_builder.reasons import Reason
from nest_builder.store.session import Store
from nest_builder.store.tables import Article, Entity, LedgerEntry, Mention
from nest_builder.validate.truth import TrueMask, verdict_figures

TARGETS: dict[str, Bound] = {
    "mask_iou": (">=", 0.85),
    "wrong_target_rate": ("<=", 0.05),
    "status_accuracy": (">=", 0.95),
    "samples": (">=", 200),
    "entities": (">=", 40),
    "negative_share": (">=", 0.1),
}

VERDICT_TARGETS: dict[str, Bound] = {"verdict_accuracy": (">=", 0.97)}  # where verdicts were asked for


def score(store: Store, workdir: Path, seed: int) -> Result:
    """Hold the newest edition and the assessed entities against the truth of world ``seed``.

    A positive sample has the right target where its mask overlaps the true instance of its entity more than any other instance;
    a negative one where the entity is not in the picture. ``wrong_target_rate`` is over samples with ``p_correct`` >= 0.9,
    ``mask_iou`` the mean over positive samples with the right target. A status is right where a depictable entity of the truth that
    the collected articles name is held to be what it is; an entity that the truth does not know counts as wrong. Of verdicts, where
    there are any, see `validate.truth.verdict_figures`, of how far probabilities can be believed `bench.calibration`.

    Args:
        store: The store of the run.
        workdir: Its work directory.
        seed: The world it was run on.

    Raises:
        LookupError: No edition is there yet, or it was built on another world.
    """
    with store.sessions() as session:
        edition = newest_edition(session)
        if edition is None:
            raise LookupError("no edition to score: run `nest build` first")
        found = {entity.name: entity.category for entity in session.scalars(select(Entity))}
        known = set(
            session.scalars(
                select(LedgerEntry.item).where(LedgerEntry.stage == "assess", LedgerEntry.reason == Reason.KNOWN.value)
            )
        )
        keys: defaultdict[str, set[str]] = defaultdict(set)  # a name may be that of several kinds of entity
        for surface, key in session.execute(select(Mention.surface, Mention.entity_key).distinct()):
            keys[surface.casefold()].add(key)
        collected = list(session.scalars(select(Article.url)))
    world = World(seed)
    pages = set(world.articles)
    strangers = sum(url not in pages for url in collected)
    if collected and strangers > len(collected) // 2:
        raise LookupError(f"this store was not built on world {seed}: give the --seed of its build")
    figures = {**_samples(world, workdir / edition.path), **_statuses(world, found, known, keys)}
    with store.sessions() as session:
        verdicts = verdict_figures(session, _true_masks(world), _verdicts(workdir / edition.path))
        calibrated = calibration_figures(read_rated(session, sample_truth(session, world)), seed)
    setup = {**machine("torch", "transformers", "spacy"), "seed": seed, "edition": edition.name}
    targets = TARGETS | (VERDICT_TARGETS if verdicts else {}) | (CALIBRATION_TARGETS if calibrated else {})
    return Result("score", figures | verdicts | calibrated, targets, {}, setup)


def _samples(world: World, folder: Path) -> dict[str, float]:
    """Score each sample of an edition."""
    count: Counter[str] = Counter()
    ious: list[float] = []
    entities: set[str] = set()
    names = {entity.name: key for key, entity in world.entities.items()}
    truth: dict[str, dict[str, Mask]] = {}
    for file in sorted((folder / "data").glob("*.parquet")):
        columns = [name for name in pq.read_schema(file).names if name != "image"]  # the picture itself is not needed
        for sample in pq.read_table(file, columns=columns).to_pylist():
            url, name = sample["image_url"], sample["entity"]["name"]
            entities.add(name)
            if url not in truth:
                truth[url] = regions(world, url)
            sure = sample["annotation"]["p_correct"] >= 0.9
            right, iou = judge(sample, truth[url], names.get(name))
            count["samples"] += 1
            count["negatives"] += sample["negative"]
            count["wrong"] += not right
            count["wrong_negatives"] += sample["negative"] and not right
            count["sure"] += sure
            count["sure_wrong"] += sure and not right
            if iou is not None:
                ious.append(iou)
    return {
        "samples": count["samples"],
        "entities": len(entities),
        "negative_share": round(count["negatives"] / max(1, count["samples"]), 4),
        "mask_iou": round(float(np.mean(ious)) if ious else 0.0, 4),
        "wrong_target_rate": round(count["sure_wrong"] / max(1, count["sure"]), 4),
        "wrong_target_rate_overall": round(count["wrong"] / max(1, count["samples"]), 4),
        "wrong_negative_rate": round(count["wrong_negatives"] / max(1, count["negatives"]), 4),
        "sure_samples": count["sure"],
    }


def _verdicts(folder: Path) -> dict[str, str | None]:
    """Return the ids of an edition's samples, with the labels of their verdicts."""
    tables = [pq.read_table(file, columns=["id", "verdict"]) for file in (folder / "data").glob("*.parquet")]
    return {row["id"]: row["verdict"]["label"] for table in tables for row in table.to_pylist()}


def _true_masks(world: World) -> TrueMask:
    """Return what says where in a picture an entity of some name is."""
    keys = {name: key for key, entity in world.entities.items() for name in (entity.name, *entity.aliases)}

    def true_mask(url: str, name: str) -> Mask | None:
        found_there = instances(world, url)
        found = next((mask for key, mask in found_there if key is not None and key == keys.get(name)), None)
        return found if found is not None else np.zeros_like(found_there[0][1]) if found_there else None

    return true_mask


def _statuses(world: World, found: dict[str, str], known: set[str], keys: Mapping[str, set[str]]) -> dict[str, float]:
    """Compare novel / emerging / known with the truth, over entities that the collected articles name."""
    right = total = 0
    for entity in world.entities.values():
        names = [entity.name, *entity.aliases]
        if entity.name.casefold() not in keys:
            continue  # no collected article names it in full
        total += 1
        said = next((found[name] for name in names if name in found), None)
        if said is None and keys[entity.name.casefold()] & known:
            said = "known"
        right += said == entity.status
    true_names = {name for entity in world.entities.values() for name in (entity.name, *entity.aliases)}
    invented = sum(name not in true_names for name in found)
    return {
        "status_accuracy": round(right / max(1, total + invented), 4),
        "status_entities": total,
        "invented_entities": invented,
    }
