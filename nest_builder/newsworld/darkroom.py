"""Photographs and their captions: what each shows beside its subject, what the caption gives away."""

import random
from dataclasses import replace
from typing import Final

import numpy as np

from nest_builder.newsworld import captions
from nest_builder.newsworld.grammar_de import CAPTION
from nest_builder.newsworld.looks import CATEGORIES, Look, anonymous_look
from nest_builder.newsworld.model import Article, Entity, Figure, Photo, array_chance
from nest_builder.newsworld.prose import UNTRUE, Slots, Story
from nest_builder.newsworld.scenes import SceneSpec, compose

SIZES: Final = ((480, 360), (480, 360), (400, 400), (360, 480), (640, 480))
SAME_COLOUR: Final = 0.1
WRONG_CAPTION: Final = 0.02
LAZY_CAPTION: Final = 0.1  # of the pictures that show nobody: the caption names the article's subject all the same
Looks = list[tuple[Look, str | None]]


def scene_spec(photo: Photo) -> SceneSpec:
    """The scene of a photograph that repeats no other: a pure function of its recipe."""
    return compose(array_chance("scene", photo.seed), photo.looks, photo.width, photo.height)


class Darkroom:
    """Takes the photographs of one world.

    Args:
        seed: The world's seed.
        photographers: Names for credits.
    """

    def __init__(self, seed: int, photographers: tuple[str, ...]) -> None:
        self._seed = seed
        self._photographers = photographers
        self.photos: dict[str, Photo] = {}

    def photo(self, url: str) -> Photo:
        """The photograph at an address."""
        return self.photos[url]

    def figures(
        self, rng: random.Random, article: Article, story: Story, slots: Slots, count: int,
        copied: tuple[str, str] | None,
    ) -> tuple[Figure, ...]:  # fmt: skip
        """Take `count` photographs for an article; the first is a re-worked copy where `copied` names one."""
        made = []
        for number in range(count):
            lead = number == 0
            if copied and lead:
                url = self.copy(article, *copied)
                photo = self.photos[copied[0]]
            else:
                photo = self._take(rng, article, story, number)
                url = photo.url
            german = article.outlet.language == "de"
            caption = captions.write_caption(rng, CAPTION, slots) if german else self._caption(rng, photo, story, slots)
            made.append(Figure(url, caption, captions.write_credit(rng, rng.choice(self._photographers)), lead))
        return tuple(made)

    def copy(self, article: Article, base: str, transform: str) -> str:
        """Put a copy of a photograph on another outlet's site, re-worked by `transform` ("" for the same bytes)."""
        original = self.photos[base]
        root = original.base or base
        url = self._address(article, len(self.photos))
        looks = self.photos[root]
        self.photos[url] = replace(looks, url=url, base=root, transform=transform or original.transform)
        return url

    def _address(self, article: Article, number: int) -> str:
        host = article.outlet.media_host or article.outlet.host
        stem = article.url.rsplit("/", 1)[1].removesuffix(".html")[:40].rstrip("-")
        return f"http://{host}/media/{article.published:%Y/%m}/{stem}-{number:03d}.jpg"

    def _take(self, rng: random.Random, article: Article, story: Story, number: int) -> Photo:
        url = self._address(article, len(self.photos))
        key = f"{self._seed}/{len(self.photos)}"
        dice = array_chance("photo", key)
        shown: Entity | None = story.subject
        if shown and rng.random() < (0.04 if number == 0 else 0.24):
            shown = rng.choice((story.predecessor, story.rival, None))
        looks = self._looks(rng, dice, shown, story)
        width, height = rng.choice(SIZES)
        kind = rng.choices(("JPEG", "PNG", "WEBP"), (94, 3, 3))[0]
        suffix = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}[kind]
        url = f"{url[:-3]}{suffix}"
        photo = Photo(
            url, width, height, tuple(looks), key, article.published, shown.key if shown else None, None, "", kind,
            rng.randrange(80, 93), rng.random() < 0.15,
        )  # fmt: skip
        self.photos[url] = photo
        return photo

    def _looks(self, rng: random.Random, dice: np.random.Generator, shown: Entity | None, story: Story) -> Looks:
        """The subject first, then nought to three things beside it."""
        count = rng.choices((0, 1, 2, 3), (22, 34, 28, 16))[0]
        if not shown:
            others = [c for c in CATEGORIES if not story.subject or c != story.subject.category]
            return [(anonymous_look(dice, rng.choice(others)), None) for _ in range(count + 1)]
        looks: Looks = [(shown.look, shown.key)]
        twin = rng.random() < SAME_COLOUR
        for number in range(count):
            other = story.rival if shown == story.subject else story.subject
            if number == 0 and twin:
                looks.append((_coloured(dice, shown.look, same=True), None))
            elif number == 0 and other and rng.random() < 0.16:
                looks.append((other.look, other.key))
            elif rng.random() < 0.4:
                looks.append((_coloured(dice, shown.look, same=False), None))
            else:
                others = [c for c in CATEGORIES if c != shown.category]
                looks.append((anonymous_look(dice, rng.choice(others)), None))
        return looks

    def _caption(self, rng: random.Random, photo: Photo, story: Story, slots: Slots) -> str:
        subject = story.subject
        shown = next((e for e in (subject, story.rival, story.predecessor) if e and e.key == photo.subject), None)
        if not shown or not subject:
            lazy = subject is not None and subject.type != "PERSON" and rng.random() < LAZY_CAPTION
            return captions.write_caption(rng, captions.NAMED_THING if lazy else captions.PLACE_ONLY, slots)
        if rng.random() < WRONG_CAPTION and story.rival:
            shown = story.rival
        slots = slots.also(S=shown.full, s=shown.brief, role_or_trade=shown.role, colour=shown.look.colour)
        holds = story.role and story.kind not in UNTRUE and shown.key == subject.key and subject.type == "PERSON"
        if story.role and holds and rng.random() < 0.6:
            slots["role_or_trade"] = story.role.text
        slots["role_or_trade_cap"] = slots["role_or_trade"][:1].upper() + slots["role_or_trade"][1:]
        person, own = shown.type == "PERSON", shown.key == subject.key
        mode = rng.choices(("named", "look", "placed", "unnamed"), (38, 22, 26, 14))[0]
        if mode == "placed" and len(photo.looks) > 1 and photo.subject == shown.key:
            return self._placed(rng, photo, story, shown, slots)
        if mode == "unnamed":
            return captions.write_caption(rng, captions.PLACE_ONLY if person else captions.UNNAMED, slots)
        if mode == "look" and (own or person):
            slots["coat"] = slots["coat"] if own else f"{shown.look.colour}"
            return captions.write_caption(rng, captions.LOOK_PERSON if person else captions.LOOK_THING, slots)
        return captions.write_caption(rng, captions.NAMED_PERSON if person else captions.NAMED_THING, slots)

    def _placed(self, rng: random.Random, photo: Photo, story: Story, shown: Entity, slots: Slots) -> str:
        """A caption that says where in the picture its subject is."""
        if photo.base:
            photo = self.photos[photo.base]
        order = [placement.key for placement in sorted(scene_spec(photo).placements, key=lambda placement: placement.x)]
        place = captions.place_words(order, shown.key)
        if place is None:
            return captions.write_caption(rng, captions.NAMED_THING, slots)
        slots |= {"place": place[0], "at_place": place[1]}
        other = story.rival if story.rival and shown.key != story.rival.key else None
        if other and other.key in order:
            there = captions.place_words(order, other.key)
            if there:
                slots |= {"rival": other.full, "rival_place": there[0]}
                return captions.write_caption(rng, captions.PAIR, slots)
        return captions.write_caption(rng, captions.PLACED, slots)


def _coloured(dice: np.random.Generator, look: Look, *, same: bool) -> Look:
    """A nameless thing of the same category, in the same main colour or in another one."""
    for _ in range(200):
        drawn = anonymous_look(dice, look.category)
        if (drawn.colour == look.colour) == same and (drawn.pattern, drawn.emblem) != (look.pattern, look.emblem):
            return drawn
    raise RuntimeError(f"no nameless {look.category} could be drawn beside {look}")
