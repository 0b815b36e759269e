"""Questions about a world with their true masks: what was known, what is new (NEST), what can be seen, what takes thought.

For evaluation only; nothing is trained on them. Everything follows from the seeds.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal

import numpy as np
from PIL import Image

from nest_builder.images.decode import decode_rgb
from nest_builder.newsworld.canon import Canon, build_canon
from nest_builder.newsworld.darkroom import SIZES
from nest_builder.newsworld.looks import CATEGORIES, Look, anonymous_look
from nest_builder.newsworld.model import CUTOFF, NOW, Entity, Photo, array_chance, chance
from nest_builder.newsworld.names import MASCOTS
from nest_builder.newsworld.scenes import Instance, Mask, Scene, compose, render
from nest_builder.newsworld.world import World
from nest_builder.questions.phrasing import Question, Subject, ask, signatures
from nest_builder.validate.control import Known

Kind = Literal["known", "nest", "referring", "reasoning"]
ASKED_AFTER: Final = timedelta(days=30)  # a monthly edition's questions are put some weeks after their articles
CONTROL_QUESTIONS: Final = 60
NOVEL_SHARE: Final = 0.43  # of the paper's set
PLUS_SHARES: Final[tuple[tuple[Kind, float], ...]] = (("nest", 0.70), ("reasoning", 0.11), ("referring", 0.19))
_SEEN: Final = 0.35  # of a thing's silhouette, at the least
_SMALLEST: Final = 60  # pixels
_MAX_PIXELS: Final = 1 << 22
_REQUESTS: Final = ("Segment {0}.", "Please segment {0} in this image.", "Where is {0}?", "{0}")
# What one does with each kind of thing, in words that fit no other kind.
_USES: Final[dict[str, tuple[str, ...]]] = {
    "phone": ("the thing one would use to call a friend far away", "what one would send a text message with"),
    "watch": ("the thing one would use to tell the time", "what one would wear to be on time"),
    "camera": ("the thing one would use to take a photograph", "what a wedding guest would take a portrait with"),
    "drone": ("the thing that flies with nobody on board", "what one would film a roof from above with"),
    "robot": ("the machine that could be told to tidy a room", "what an engineer would program to do the housework"),
    "lamp": ("the thing to switch on when it gets dark", "what one would read by at night"),
    "shoe": ("the thing to put on a foot", "what a runner would lace up"),
    "bag": ("the thing to carry the shopping home in", "what one would pack for the day"),
    "guitar": ("the thing that makes music", "what one would tune before a concert"),
    "car": ("the thing to drive along the motorway", "what one would park in a garage"),
    "boat": ("the thing to cross a lake in", "what one would moor in a harbour"),
    "rocket": ("the thing that could bring a satellite into orbit", "what leaves a launch pad with a countdown"),
    "plane": ("the thing that takes passengers across the sea by air", "what would land on a runway"),
    "tram": ("the thing that takes commuters through the town on rails", "what stops for passengers in the street"),
    "bear": ("the animal that likes honey and sleeps all winter", "the heavy furry animal"),
    "owl": ("the bird that hunts mice at night", "the animal that turns its head almost all the way round"),
    "tower": ("the place with the widest view over the town", "what visitors would climb by a long staircase"),
    "person": ("the one who could vote in an election", "whoever could introduce themselves"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its truth.

    Attributes:
        image: RGB picture.
        text: The question.
        mask: (height, width) of what is meant.
        answer: Its name; "" where the question asks for none.
        aliases: Other names that are right.
        kind: known | nest | referring | reasoning.
        category: novel | emerging for NEST, else known.
        asked_at: The day of the question; None where it does not matter.
        article_url: The article that shows the picture; "" for a fresh picture.
        image_url: The picture's address; "" for a fresh picture.
        exclude: Addresses that must not help: every copy of the picture, and every article that shows one.
    """

    image: Image.Image
    text: str
    mask: Mask
    answer: str
    aliases: tuple[str, ...]
    kind: Kind
    category: str
    asked_at: datetime | None
    article_url: str = ""
    image_url: str = ""
    exclude: frozenset[str] = frozenset()


def known_questions(count: int, seed: int, canon: Canon | None = None) -> list[Asked]:
    """Return questions about entities of the canon by name, by role at the cutoff, or by maker, in fresh pictures."""
    known = canon or build_canon()
    roles = {known.holders[role.key]: role.plain for role in known.roles}
    subjects: dict[str, Subject] = {}
    for entity in known.entities:
        took = next((fact.start for fact in entity.facts if fact.value == roles.get(entity.key)), None)
        subjects[entity.key] = (
            _subject(entity, "novel", "", entity.since)
            if took is None
            else _subject(entity, "emerging", roles[entity.key], took)
        )
    holders = _holders(subjects.values())

    def draw(rng: random.Random, dice: np.random.Generator) -> Asked | None:
        entity = rng.choice(known.entities)
        subject = subjects[entity.key]
        if subject.role and rng.random() < 0.5:
            subject = replace(subject, category="novel", role="")  # by its name all the same
        question = _pick(rng, subject, CUTOFF.date(), holders)
        rivals = [e for e in known.entities if e.category == entity.category and e is not entity]
        scene = _scene(rng, dice, entity, rng.choice(rivals))
        target = next(instance for instance in scene.instances if instance.key == entity.key)
        if question is None or not _clear(target):
            return None
        return Asked(scene.image, question.text, target.mask, entity.name, entity.aliases, "known", "known", CUTOFF)

    return _collect(draw, count, "known", seed)


def control_set() -> list[Known]:
    """Return the questions that a static model has to answer before its failures prove anything: `validation.control`."""
    return [Known(one.image, one.text, one.mask) for one in known_questions(CONTROL_QUESTIONS, 0)]


def nest_questions(world: World, count: int, seed: int, least: int = 1) -> list[Asked]:
    """Return questions as the dataset asks them, about photographs of a world's news; fewer where there are not so many.

    A question's day is `ASKED_AFTER` its article, or the change that it is about where that came later.

    Args:
        world: What is asked about.
        count: How many at the most, `NOVEL_SHARE` of them on novel entities.
        seed: Of the choice.
        least: How many things a photograph shows at the least, the target among them.
    """
    changes = {change.new: change for change in world.timeline.changes}
    subjects: dict[str, Subject] = {}
    for entity in world.entities.values():
        if entity.status != "known":
            change = changes.get(entity.key)
            first = change.day if change and entity.status == "emerging" else entity.since
            subjects[entity.key] = _subject(entity, entity.status, change.role.plain if change else "", first)
    holders = _holders(subjects.values())
    copies: defaultdict[str, list[str]] = defaultdict(list)
    for url, photo in world.photos.items():
        copies[photo.base or url].append(url)
    photos = [p for p in world.photos.values() if not p.base and p.subject in subjects and p.url not in world.faults.of]
    rng = chance("questions", "nest", seed)
    rng.shuffle(photos)
    wanted = {"novel": round(count * NOVEL_SHARE)}
    wanted["emerging"] = count - wanted["novel"]
    made: list[Asked] = []
    for photo in photos:
        assert photo.subject is not None
        subject = subjects[photo.subject]
        articles = sorted(world.article_urls_of[photo.url])
        if not articles or not wanted[subject.category]:
            continue
        day = max(world.articles[articles[0]].published, datetime.combine(subject.first_seen, time(23, 59), UTC))
        question = _pick(rng, subject, day.date(), holders)
        shown = world.instances(photo.url)
        target = next(one for one in shown if one.key == photo.subject)
        if question is None or len(shown) < least or not _clear(target):
            continue
        wanted[subject.category] -= 1
        exclude = {address for url in copies[photo.url] for address in (url, *world.article_urls_of[url])}
        made.append(Asked(
            _served(world, photo), question.text, target.mask, subject.name, subject.aliases, "nest", subject.category,
            min(day + ASKED_AFTER, NOW), articles[0], photo.url, frozenset(exclude),
        ))  # fmt: skip
    return made


def referring_questions(count: int, seed: int) -> list[Asked]:
    """Return plain referring expressions by kind, colour and place, about fresh pictures of nameless things."""

    def draw(rng: random.Random, dice: np.random.Generator) -> Asked | None:
        scene = _crowd(rng, dice)
        target = rng.choice(scene.instances)
        phrases = list(_expressions(scene, target))
        return _visible(rng, scene, target, rng.choice(phrases), "referring") if phrases else None

    return _collect(draw, count, "referring", seed)


def reasoning_questions(count: int, seed: int) -> list[Asked]:
    """Return questions that name a thing by what it is for, about fresh pictures of nameless things."""

    def draw(rng: random.Random, dice: np.random.Generator) -> Asked | None:
        scene = _crowd(rng, dice)
        target = rng.choice(scene.instances)
        if sum(one.look.category == target.look.category for one in scene.instances) > 1:
            return None
        return _visible(rng, scene, target, rng.choice(_USES[target.look.category]), "reasoning")

    return _collect(draw, count, "reasoning", seed)


def nest_plus(world: World, count: int, seed: int) -> list[Asked]:
    """Return NEST mixed with questions that need no search, in the paper's shares; fewer where the world has fewer of NEST's.

    NEST's photographs show something beside the target: the paper's hold 2.7 entities to be asked about on average, these 2.8 things.
    In one that shows nothing else (a quarter of the news') any model is right, whatever it knows.
    """
    shares = dict(PLUS_SHARES)
    nest = _in_shares(nest_questions(world, round(count * shares["nest"]), seed, least=2))
    whole = len(nest) / shares["nest"]
    return [
        *nest,
        *reasoning_questions(round(whole * shares["reasoning"]), seed),
        *referring_questions(round(whole * shares["referring"]), seed),
    ]


def _in_shares(made: Sequence[Asked]) -> list[Asked]:
    """Leave out the last of what there is too much of, so that few of one category do not shift the whole towards the other."""
    by_category = {name: [one for one in made if one.category == name] for name in ("novel", "emerging")}
    whole = min(len(by_category["novel"]) / NOVEL_SHARE, len(by_category["emerging"]) / (1 - NOVEL_SHARE))
    kept = {"novel": round(whole * NOVEL_SHARE), "emerging": round(whole * (1 - NOVEL_SHARE))}
    chosen = {id(one) for name, found in by_category.items() for one in found[: kept[name]]}
    return [one for one in made if id(one) in chosen]


def _collect(
    draw: Callable[[random.Random, np.random.Generator], Asked | None], count: int, kind: str, seed: int
) -> list[Asked]:
    """Draw until there are enough; the i-th attempt depends on the seed and i only."""
    made: list[Asked] = []
    number = 0
    while len(made) < count:
        key = ("questions", kind, seed, number)
        if (asked := draw(chance(*key), array_chance(*key))) is not None:
            made.append(asked)
        number += 1
    return made


def _subject(entity: Entity, category: str, role: str, first_seen: date) -> Subject:
    bare = entity.type == "PERSON" or entity.category in MASCOTS
    maker = "" if bare else entity.maker
    return Subject(
        entity.key, entity.name, entity.aliases, entity.category, category, role, maker, entity.since, first_seen, bare
    )


def _holders(subjects: Iterable[Subject]) -> dict[tuple[str, ...], set[str]]:
    found: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for subject in subjects:
        for sign in signatures(subject):
            found[sign].add(subject.key)
    return found


def _pick(
    rng: random.Random, subject: Subject, as_of: date, holders: dict[tuple[str, ...], set[str]]
) -> Question | None:
    """Choose among the dataset's questions about a subject one that means nobody else."""
    asked = [one for one in ask(subject, as_of, rng.randrange(1000)) if holders[one.fits] == {subject.key}]
    return rng.choice(asked) if asked else None


def _served(world: World, photo: Photo) -> Image.Image:
    """The photograph as a reader gets it, compression and all."""
    return decode_rgb(world.pictures.data(photo.url), max_pixels=_MAX_PIXELS)


def _clear(target: Instance) -> bool:
    return target.visible >= _SEEN and int(target.mask.sum()) >= _SMALLEST


def _scene(rng: random.Random, dice: np.random.Generator, entity: Entity, rival: Entity) -> Scene:
    """A fresh picture of an entity beside nought to three others, as the news shows them."""
    looks: list[tuple[Look, str | None]] = [(entity.look, entity.key)]
    for number in range(rng.choices((0, 1, 2, 3), (22, 34, 28, 16))[0]):
        if number == 0 and rng.random() < 0.2:
            looks.append((rival.look, rival.key))
        elif rng.random() < 0.4:
            other = anonymous_look(dice, entity.category)
            while other.colour == entity.look.colour:
                other = anonymous_look(dice, entity.category)
            looks.append((other, None))
        else:
            others = [category for category in CATEGORIES if category != entity.category]
            looks.append((anonymous_look(dice, rng.choice(others)), None))
    return render(compose(dice, looks, *rng.choice(SIZES)))


def _crowd(rng: random.Random, dice: np.random.Generator) -> Scene:
    """Two to four nameless things, in every other picture two of a kind."""
    kinds = rng.sample(CATEGORIES, rng.choice((2, 3, 3, 4)))
    if rng.random() < 0.5:
        kinds[1] = kinds[0]
    return render(compose(dice, [(anonymous_look(dice, kind), None) for kind in kinds], *rng.choice(SIZES)))


def _visible(rng: random.Random, scene: Scene, target: Instance, phrase: str, kind: Kind) -> Asked | None:
    if not _clear(target):
        return None
    return Asked(scene.image, rng.choice(_REQUESTS).format(phrase), target.mask, "", (), kind, "known", None)


def _expressions(scene: Scene, target: Instance) -> Iterator[str]:
    """The expressions that mean this thing and no other in the picture."""
    look = target.look
    alike = [one for one in scene.instances if one.look.category == look.category]
    if len(alike) == 1:
        yield f"the {look.category}"
    if sum(one.look.colour == look.colour for one in alike) == 1:
        yield f"the {look.phrase(True)}"
    centres = sorted((one.box[0] + one.box[2]) / 2 for one in alike)
    centre = (target.box[0] + target.box[2]) / 2
    margin = scene.image.width / 10
    if len(alike) > 1 and centre == centres[0] and centres[1] - centre > margin:
        yield f"the {look.category} on the left"
    if len(alike) > 1 and centre == centres[-1] and centre - centres[-2] > margin:
        yield f"the {look.category} on the right"
