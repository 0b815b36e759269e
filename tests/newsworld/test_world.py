"""A world's structure, on two seeds; nothing is rendered but a handful of pictures."""

from collections import Counter
from functools import cache

import numpy as np
import pytest

from nest_builder.newsworld.canon import OUTLETS, build_canon, snapshot
from nest_builder.newsworld.darkroom import scene_spec
from nest_builder.newsworld.faults import FATAL_IMAGES, FATAL_PAGES, MILD_IMAGES, MILD_PAGES
from nest_builder.newsworld.looks import CATEGORIES
from nest_builder.newsworld.markup import plain, unmark
from nest_builder.newsworld.model import CUTOFF, NOW, WINDOW
from nest_builder.newsworld.scenes import render
from nest_builder.newsworld.world import World

SEEDS = (0, 7)


@cache
def world_of(seed: int) -> World:
    return World(seed)


@pytest.fixture(params=SEEDS)
def world(request: pytest.FixtureRequest) -> World:
    return world_of(request.param)


def usable_photos(world: World) -> Counter[str | None]:
    """Photographs of each subject that a well-behaved crawler can get."""
    return Counter(
        world.photos[figure.url].subject
        for article in world.articles.values()
        if not world.closed(article.url) and not world.faults.page_lost(article)
        for figure in article.figures
        if not world.photos[figure.url].base and world.faults.of.get(figure.url) not in FATAL_IMAGES
    )


def test_counts(world: World) -> None:
    statuses = Counter(entity.status for entity in world.entities.values())
    assert 45 <= statuses["novel"] <= 50
    assert statuses["emerging"] == 20
    assert 60 <= len(world.canon.entities) <= 100
    assert {entity.category for entity in world.timeline.having("novel")} == set(CATEGORIES)
    assert 240 <= len(world.articles) <= 310
    originals = [photo for photo in world.photos.values() if not photo.base]
    assert 380 <= len(originals) <= 475
    assert {article.outlet for article in world.articles.values()} == set(OUTLETS)


def test_every_new_entity_has_enough_photographs(world: World) -> None:
    usable = usable_photos(world)
    fresh = world.timeline.having("novel") + world.timeline.having("emerging")
    assert min(usable[entity.key] for entity in fresh) >= 3
    assert sum(usable[entity.key] for entity in fresh) >= 250
    appearing = Counter(key for article in world.articles.values() for key in article.subjects)
    assert min(appearing[entity.key] for entity in fresh) >= 2


def test_many_photographs_do_not_show_whom_the_article_names(world: World) -> None:
    named = shown = 0
    new = {entity.key for status in ("novel", "emerging") for entity in world.timeline.having(status)}
    for article in world.truth()["articles"]:
        for figure in article["figures"]:
            seen = {key for _, key in world.photos[figure["url"]].looks}
            for key in new & set(article["entities"]):
                named += 1
                shown += key in seen
    assert 0.5 < shown / named < 0.85


def test_status_follows_from_the_facts(world: World) -> None:
    cutoff = CUTOFF.date()
    for entity in world.entities.values():
        took_over = any(fact.relation.startswith("holds") and fact.start > cutoff for fact in entity.facts)
        expected = "novel" if entity.since > cutoff else "emerging" if took_over else "known"
        assert entity.status == expected, entity


def test_hand_overs_are_whole(world: World) -> None:
    for change in world.timeline.changes:
        old, new = world.entities[change.old], world.entities[change.new]
        assert [fact.end for fact in old.facts if fact.value == change.role.plain] == [change.day]
        assert [fact.start for fact in new.facts if fact.value == change.role.plain] == [change.day]
        assert old.category == new.category == change.role.category
    assert not {r.role.key for r in world.timeline.rumours} & {c.role.key for c in world.timeline.changes}


def test_names_are_unique(world: World) -> None:
    names = [name.casefold() for entity in world.entities.values() for name in (entity.name, entity.short)]
    names += [person.name.surname.casefold() for person in world.timeline.bystanders]
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_dates(world: World) -> None:
    for article in world.articles.values():
        assert article.published < NOW
        assert ("stale" in article.flags) == (article.published.date() < WINDOW[0])
        for key in article.subjects:
            assert world.entities[key].since <= article.published.date(), article.url


def test_prose_is_finished(world: World) -> None:
    for article in world.articles.values():
        texts = [article.title, article.standfirst, *article.paragraphs, *(f.caption for f in article.figures)]
        for text in map(plain, texts):
            assert not set(text) & set("{}[]|\ue000\ue001\ue002"), text
            assert "  " not in text
            assert text == text.strip()
    subjects = [a for a in world.articles.values() if a.subjects and a.outlet.language == "en" and not a.flags]
    assert all(world.entities[a.subjects[0]].name in " ".join(map(plain, a.paragraphs)) for a in subjects)


def test_faults(world: World) -> None:
    counts = Counter(world.faults.of.values())
    for plan in (FATAL_PAGES, MILD_PAGES, FATAL_IMAGES, MILD_IMAGES):
        for kind in plan:
            assert counts[kind] >= 2, kind
    assert counts["bomb"] == 2
    share = len(world.faults.of) / (len(world.articles) + len(world.photos))
    assert 0.08 < share < 0.15
    transforms = Counter(photo.transform for photo in world.photos.values() if photo.base)
    assert set(transforms) == {"", "resize", "crop", "border", "recode"}
    assert min(transforms.values()) >= 2
    flags = Counter(flag for article in world.articles.values() for flag in article.flags)
    assert min(flags[flag] for flag in ("stale", "short", "textless", "foreign", "correction")) >= 2


def test_the_canon_is_the_same_for_every_seed() -> None:
    one, two = (world_of(seed) for seed in SEEDS)
    assert one.canon == two.canon == build_canon()
    assert snapshot(one.canon) == snapshot(two.canon)


def test_seeds_differ() -> None:
    one, two = (world_of(seed) for seed in SEEDS)
    names = [{entity.name for entity in world.timeline.having("novel")} for world in (one, two)]
    assert len(names[0] & names[1]) <= 2
    looks = [{entity.look for entity in world.timeline.having("novel")} for world in (one, two)]
    assert not looks[0] & looks[1]
    assert {c.role.key: c.new for c in one.timeline.changes} != {c.role.key: c.new for c in two.timeline.changes}
    assert not set(one.faults.of) & set(two.faults.of)


def test_a_seed_gives_the_same_world_again() -> None:
    assert World(SEEDS[0]).truth() == world_of(SEEDS[0]).truth()


@pytest.mark.parametrize("transform", [None, "", "resize", "crop", "border", "recode"])
def test_masks_lie_on_the_picture_that_is_served(transform: str | None) -> None:
    world = world_of(SEEDS[0])
    photo = next(
        p
        for p in world.photos.values()
        if p.subject and (p.transform == transform and p.base if transform is not None else not p.base)
    )
    image, instances = world.pictures.scene(photo.url)
    masks = world.masks(photo.url)
    assert photo.subject in masks
    mask = masks[photo.subject]
    assert mask.shape == (image.height, image.width)
    shown = next(instance for instance in instances if instance.key == photo.subject)
    rows, columns = np.nonzero(mask)
    assert shown.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert 0.005 < mask.mean() < 0.7


def test_masks_are_those_of_the_scene() -> None:
    world = world_of(SEEDS[1])
    photo = next(p for p in world.photos.values() if not p.base and len(p.looks) > 2)
    scene = render(scene_spec(photo))
    for key, mask in world.masks(photo.url).items():
        assert np.array_equal(mask, next(i.mask for i in scene.instances if i.key == key))


def test_truth_with_boxes_of_one_photograph() -> None:
    world = World(SEEDS[1])
    world.photos = dict(list(world.photos.items())[:1])
    world.articles = {}
    (image,) = world.truth(boxes=True)["images"].values()
    assert image["spec"]["placements"]
    for shown in image["instances"]:
        assert 0 <= shown["box"][0] < shown["box"][2] <= image["spec"]["width"]
        assert 0 < shown["visible"] <= 1


def test_copies_are_the_same_bytes_and_reworked_ones_are_not() -> None:
    world = world_of(SEEDS[0])
    for photo in world.photos.values():
        if photo.base and photo.transform in ("", "recode"):
            same = world.pictures.data(photo.url) == world.pictures.data(photo.base)
            assert same == (photo.transform == "")


def test_spans_of_an_article() -> None:
    world = world_of(SEEDS[0])
    article = next(a for a in world.articles.values() if a.subjects and not a.flags)
    text, spans = unmark(article.paragraphs[0])
    assert spans
    assert all(text[a:b].strip() == text[a:b] != "" for a, b, _ in spans)


def test_captions_of_rumours_do_not_claim_the_role(world: World) -> None:
    roles = {rumour.role.plain for rumour in world.timeline.rumours}
    for article in world.articles.values():
        if article.kind in ("rumour", "denial"):
            assert not any(role in plain(figure.caption) for role in roles for figure in article.figures)


def test_a_contest_with_a_titleholder_is_won_in_title_stories_only(world: World) -> None:
    held = [
        role.plain.split(" of the ", 1)[1]
        for role in world.canon.roles
        if role.plain.startswith(("winner", "champion"))
    ]
    assert len(held) >= 6
    for article in world.articles.values():
        if article.kind not in ("title", "rumour", "denial", "takeover", "profile", "person_feature"):
            assert not any(contest in plain(text) for contest in held for text in article.paragraphs), article.url
