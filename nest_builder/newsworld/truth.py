"""The truth of a world as JSON types, for `nest score`; the pipeline never sees it."""

from dataclasses import asdict
from typing import Any

from nest_builder.newsworld.canon import Bystander
from nest_builder.newsworld.darkroom import scene_spec
from nest_builder.newsworld.faults import OPTED_OUT
from nest_builder.newsworld.markup import plain, unmark
from nest_builder.newsworld.model import CUTOFF, NOW, Article, Entity, Photo
from nest_builder.newsworld.world import World


def describe(world: World, *, boxes: bool = False) -> dict[str, Any]:
    """Everything that is true of a world.

    Args:
        world: The world.
        boxes: Also render every photograph (tens of milliseconds each) and measure the boxes of its instances.

    Returns:
        {"seed", "cutoff", "now", "entities": [...], "bystanders": [...], "roles": [...], "rumours": [...],
        "articles": [...], "images": {url: ...}, "faults": {url: kind}}; times in ISO 8601, boxes (x0, y0, x1, y1) in
        pixels of the picture as served. Masks are not in it: `World.masks` renders them again.
    """
    return {
        "seed": world.seed,
        "cutoff": CUTOFF.isoformat(),
        "now": NOW.isoformat(),
        "entities": [_entity(entity) for entity in world.entities.values()],
        "bystanders": [_bystander(world, person) for person in world.timeline.bystanders],
        "roles": [
            {"role": c.role.plain, "relation": c.role.relation, "from": c.old, "to": c.new, "on": c.day.isoformat()}
            for c in world.timeline.changes
        ],
        "rumours": [{"role": c.role.plain, "holder": c.old, "candidate": c.new} for c in world.timeline.rumours],
        "articles": [_article(world, article) for article in world.articles.values()],
        "images": {url: _image(world, photo, boxes) for url, photo in world.photos.items()},
        "faults": dict(world.faults.of),
    }


def _bystander(world: World, person: Bystander) -> dict[str, str]:
    """Someone quoted and never photographed; a few of each seed's are new."""
    return {"name": person.name.full, "status": "known" if person in world.canon.bystanders else "novel"}


def _entity(entity: Entity) -> dict[str, Any]:
    look = entity.look
    return {
        "key": entity.key,
        "name": entity.name,
        "aliases": list(entity.aliases),
        "type": entity.type,
        "hypernym": entity.category,
        "look": {
            "phrase": look.phrase(True), "colour": look.colour, "second": look.second, "pattern": look.pattern,
            "emblem": look.emblem,
        },
        "status": entity.status,
        "since": entity.since.isoformat(),
        "facts": [fact.as_dict() for fact in entity.facts],
    }  # fmt: skip


def _article(world: World, article: Article) -> dict[str, Any]:
    texts = [article.title, article.standfirst, *article.paragraphs, *(figure.caption for figure in article.figures)]
    named = {text[a:b] for text, spans in map(unmark, texts) for a, b, _ in spans}
    keys = [e.key for e in world.entities.values() if e.name in named or e.key in article.subjects]
    return {
        "url": article.url,
        "listed_as": world.faults.link(article.url),
        "outlet": article.outlet.key,
        "language": article.outlet.language,
        "date": article.published.isoformat(),
        "title": plain(article.title),
        "authors": list(article.authors),
        "standfirst": plain(article.standfirst),
        "text": "" if "textless" in article.flags else "\n\n".join(map(plain, article.paragraphs)),
        "kind": article.kind,
        "subjects": list(article.subjects),
        "entities": keys,
        "figures": [
            {"url": figure.url, "caption": plain(figure.caption), "credit": figure.credit} for figure in article.figures
        ],
        "duplicates_of": article.duplicates_of,
        "flags": sorted(article.flags),
        "fault": world.faults.of.get(article.url),
    }


def _image(world: World, photo: Photo, boxes: bool) -> dict[str, Any]:
    instances = world.instances(photo.url) if boxes else None
    base = world.photos[photo.base] if photo.base else photo
    if instances is None:
        shown: list[dict[str, Any]] = [
            {"key": key, "hypernym": look.category, "colour": look.colour, "box": None} for look, key in base.looks
        ]
    else:
        shown = [
            {"key": i.key, "hypernym": i.look.category, "colour": i.look.colour, "box": [*i.box], "visible": i.visible}
            for i in instances
        ]
    fault = world.faults.of.get(photo.url)
    return {
        "article_urls": world.article_urls_of[photo.url],
        "subject": photo.subject,
        "spec": asdict(scene_spec(base)) if boxes else None,
        "instances": shown,
        "duplicate_of": photo.base,
        "transform": photo.transform,
        "fault": fault,
        "opted_out": fault in OPTED_OUT,
    }
