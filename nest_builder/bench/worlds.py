"""Built worlds, and the truth about their samples: what routing, score and the review's prior are measured and fitted on."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.annotate.base import Mask
from nest_builder.annotate.masks import decode_mask, mask_iou
from nest_builder.config import load_settings
from nest_builder.newsworld.world import World
from nest_builder.pipeline import build_stages
from nest_builder.progress import Progress
from nest_builder.run import run_stages
from nest_builder.store.session import Store
from nest_builder.store.tables import Annotation, Entity, Image, Sample
from nest_builder.workspace import open_workspace

log = logging.getLogger(__name__)


@contextmanager
def built_world(seed: int, folder: Path, last: str = "review") -> Iterator[Store]:
    """Build a world in ``folder`` up to a stage, as far as that is not done yet, and open its store."""
    settings = load_settings(workdir=folder, newsworld={"enabled": True, "seed": seed})
    with open_workspace(settings) as workspace:
        stages = list(build_stages(workspace))
        del stages[[stage.name for stage in stages].index(last) + 1 :]
        with Progress(quiet=True) as progress:
            for report in run_stages(workspace, progress, "world", stages=stages):
                log.info("world %d: %s %s", seed, report.stage, report.as_dict())
        yield workspace.store


def sample_truth(session: Session, world: World) -> dict[str, bool]:
    """Return which samples have the right target, by their ids (see `judge`)."""
    keys = {entity.name: key for key, entity in world.entities.items()}
    shown: dict[str, dict[str, Mask]] = {}
    truth = {}
    rows = session.execute(
        select(Sample.id, Annotation.negative, Annotation.mask, Entity.name, Image.image_url)
        .join(Annotation, Annotation.id == Sample.annotation_id)
        .join(Entity, Entity.key == Sample.entity_key)
        .join(Image, Image.id == Sample.image_id)
        .order_by(Image.image_url, Sample.id)
    )
    for sample, negative, mask, name, url in rows:
        if url not in shown:
            shown = {url: regions(world, url)}
        truth[sample] = judge({"negative": negative, "mask": mask}, shown[url], keys.get(name))[0]
    return truth


def instances(world: World, url: str) -> list[tuple[str | None, Mask]]:
    """Return what a picture shows, with the entities' keys; nothing for a picture that the world never drew."""
    try:
        return [(instance.key, instance.mask) for instance in world.instances(url)]
    except KeyError:
        return []


def regions(world: World, url: str) -> dict[str, Mask]:
    """Return what a picture shows by the entity's key, or by number where a thing is nobody."""
    return {str(key or at): instance for at, (key, instance) in enumerate(instances(world, url))}


def judge(sample: dict[str, Any], truth: dict[str, Mask], key: str | None) -> tuple[bool, float | None]:
    """Return whether a sample's target is right, and the mask's IoU where it is a right positive.

    A positive is right where its mask overlaps the true instance of its entity more than any other instance, a negative where the
    entity is not in the picture.

    Args:
        sample: With ``negative`` and ``mask``, COCO run lengths.
        truth: What the picture shows; see `regions`.
        key: Of the sample's entity; None for one that the world does not know.
    """
    target = truth.get(key) if key is not None else None
    if sample["negative"]:
        return target is None or not target.any(), None
    mask = decode_mask(sample["mask"])
    if target is None or target.shape != mask.shape or not target.any():
        return False, None
    overlap = {other: int((mask & region).sum()) for other, region in truth.items()}
    assert key is not None
    if overlap[key] == 0 or overlap[key] < max(overlap.values()):
        return False, None
    return True, mask_iou(mask, target)
