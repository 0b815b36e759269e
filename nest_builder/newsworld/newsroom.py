"""Turns the timeline into articles and photographs: who writes about what, when, with which pictures."""

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from nest_builder.newsworld.canon import CLOSED_OUTLET, OUTLETS, Canon
from nest_builder.newsworld.darkroom import Darkroom
from nest_builder.newsworld.grammar_de import BODY, LEAD, MONTHS, TITLE
from nest_builder.newsworld.markup import expand, plain
from nest_builder.newsworld.model import NOW, WINDOW, Article, Entity, Figure, Outlet, chance
from nest_builder.newsworld.names import MASCOTS
from nest_builder.newsworld.prose import Story, Text, Writer
from nest_builder.newsworld.timeline import Change, Timeline

OPEN: Final = tuple(o for o in OUTLETS if o.language == "en" and o.key != CLOSED_OUTLET)
CLOSED: Final = next(o for o in OUTLETS if o.key == CLOSED_OUTLET)
GERMAN: Final = next(o for o in OUTLETS if o.language == "de")
KNOWN_IN_NEWS: Final = 30
MIN_PHOTOS: Final = 3
FIRST: Final = {"tower": "opening", "person": "debut", **dict.fromkeys(MASCOTS, "mascot")}
AFTER: Final = {"tower": "visit", "person": "person_visit", **dict.fromkeys(MASCOTS, "mascot_visit")}
SECTIONS: Final = {
    "launch": "business", "review": "technology", "opening": "city", "visit": "city", "mascot": "sport",
    "mascot_visit": "sport", "takeover": "politics", "profile": "politics", "rumour": "politics", "denial": "politics",
    "debut": "culture", "person_visit": "culture", "person_feature": "culture", "title": "sport",
}  # fmt: skip
_SLUG: Final = re.compile(r"[^a-z0-9]+")


class Newsroom:
    """Collects the articles of one world; `publish` is the only way in.

    Args:
        canon: The world before the cutoff.
        timeline: What the seed made of it.
        seed: Chooses outlets, days, words and pictures.
    """

    def __init__(self, canon: Canon, timeline: Timeline, seed: int) -> None:
        self.canon, self.timeline, self.seed = canon, timeline, seed
        self.articles: dict[str, Article] = {}
        self.rng = chance(seed, "newsroom")
        # Contests that somebody holds the title of are kept out of other stories, which would seem to hand it on.
        held = {role.plain.split(" of the ", 1)[-1] for role in canon.roles if role.relation == "holds_title"}
        free = tuple(event for event in timeline.places.events if event not in held)
        self.writer = Writer(replace(timeline.places, events=free), timeline.bystanders)
        self.darkroom = Darkroom(seed, canon.staff[18:])
        self.stories: dict[str, Story] = {}
        self.changes = {change.new: change for change in timeline.changes}

    def run(self) -> None:
        """Write everything that the window, and a little of the time before it, has to tell."""
        entities = self.timeline.entities
        for entity in self.timeline.having("novel"):
            change = self.changes.get(entity.key)
            if change:
                self._role_stories(entity, change)
            else:
                self._first_stories(entity)
        for entity in self.timeline.having("emerging"):
            self._role_stories(entity, self.changes[entity.key])
        known = self.rng.sample(self.timeline.having("known"), KNOWN_IN_NEWS)
        for entity in known:
            kind = "person_feature" if entity.type == "PERSON" else "feature"
            for _ in range(1 if self.rng.random() < 0.9 else 2):
                self.publish(self._story(kind, entity, self._day()), photos=1)
        for change in self.timeline.rumours:
            self._rumour(change, entities[change.new], entities[change.old])
        for _ in range(14):
            town = self.rng.choice(self.timeline.places.towns)
            day = self._day()
            self.publish(Story("other", None, day, day, town), photos=self.rng.choice((0, 1, 1)))
        self._fill_up()
        self._elsewhere()
        self._odd_ones(known)

    def _day(self, after: date | None = None, low: int = 0, high: int = 88) -> date:
        start = after or WINDOW[0]
        return min(start + timedelta(days=self.rng.randrange(low, high + 1)), WINDOW[1])

    def _photos(self) -> int:
        return self.rng.choice((1, 2, 2, 2, 2))

    def _rival(self, entity: Entity) -> Entity:
        """Someone or something of the same category; new ones, too, so that names alone do not settle what is shown."""
        same = [e for e in self.timeline.entities.values() if e.category == entity.category and e.key != entity.key]
        known = [e for e in same if e.key.startswith("canon")]
        return self.rng.choice(known if self.rng.random() < 0.65 else same)

    def _story(self, kind: str, entity: Entity, day: date, change: Change | None = None) -> Story:
        role, predecessor, began = None, None, entity.since
        if change:
            role, predecessor, began = change.role, self.timeline.entities[change.old], change.day
        office = next((fact for fact in entity.facts if fact.relation == "holds_office" and not fact.end), None)
        known_role = f", {self._marked(office.value)}," if office and kind == "person_feature" else ""
        rival = self._rival(entity)
        while predecessor and rival.key == predecessor.key:
            rival = self._rival(entity)
        if kind in FIRST.values() and rival.since > day:
            rival = next(e for e in self.canon.entities if e.category == entity.category)
        return Story(kind, entity, day, began, entity.town, role, predecessor, rival, known_role)

    def _marked(self, value: str) -> str:
        return next(role.text for role in self.canon.roles if role.plain == value)

    def _first_stories(self, entity: Entity) -> None:
        first, after = FIRST.get(entity.category, "launch"), AFTER.get(entity.category, "review")
        outlets = self.rng.sample(OPEN, 3)
        self.publish(self._story(first, entity, entity.since), outlets[0], photos=self.rng.choice((2, 2, 2, 2, 3)))
        self.publish(self._story(after, entity, self._day(entity.since, 4, 20)), outlets[1], photos=self._photos())
        if self.rng.random() < 0.08:
            self.publish(self._story(after, entity, self._day(entity.since, 6, 40)), outlets[2], photos=self._photos())

    def _role_stories(self, entity: Entity, change: Change) -> None:
        titled = change.role.relation == "holds_title"
        outlets = self.rng.sample(OPEN, 3)
        told = self._story("title" if titled else "takeover", entity, change.day, change)
        self.publish(told, outlets[0], photos=self.rng.choice((2, 2, 2, 2, 3)))
        if self.rng.random() < 0.25:  # the same fact in other words
            self.publish(told, outlets[1], photos=self._photos())
        kind = "title" if titled else "profile"
        day = change.day if titled else self._day(change.day, 5, 25)
        self.publish(self._story(kind, entity, day, change), outlets[2], photos=self._photos())

    def _rumour(self, change: Change, candidate: Entity, holder: Entity) -> None:
        story = replace(self._story("rumour", candidate, change.day), role=change.role, predecessor=holder)
        self.publish(story, photos=1)
        later = self._day(change.day, 2, 9)
        self.publish(replace(story, kind="denial", day=later), photos=1, flags={"correction"})

    def _fill_up(self) -> None:
        """See that everything new has pictures to spare: the web will lose some."""
        seen = Counter(
            photo.subject for article in self.articles.values() for photo in map(self.darkroom.photo, _urls(article))
        )
        for status in ("novel", "emerging"):
            for entity in self.timeline.having(status):
                while seen[entity.key] < MIN_PHOTOS + 1:
                    change = self.changes.get(entity.key)
                    kind = AFTER.get(entity.category, "review") if not change else "profile"
                    if change and change.role.relation == "holds_title":
                        kind = "title"
                    day = (
                        change.day
                        if change and kind == "title"
                        else self._day(change.day if change else entity.since, 5, 30)
                    )
                    article = self.publish(self._story(kind, entity, day, change), photos=2)
                    seen.update(self.darkroom.photo(url).subject for url in _urls(article))

    def _elsewhere(self) -> None:
        """The same news in German, behind a closed robots.txt, syndicated, and retold with a re-worked picture."""
        novel = self.timeline.having("novel")
        for entity in self.rng.sample(novel, 12):
            self._publish_german(entity)
        for entity in self.rng.sample(novel, 10):
            change = self.changes.get(entity.key)
            kind = "profile" if change else AFTER.get(entity.category, "review")
            self.publish(self._story(kind, entity, self._day(entity.since, 2, 20), change), CLOSED, photos=1)
        told = [
            a
            for a in self.articles.values()
            if a.figures and a.subjects and a.outlet in OPEN and "correction" not in a.flags
        ]
        for article in self.rng.sample(told, 6):
            for outlet in self.rng.sample([o for o in OPEN if o != article.outlet], 2):
                self._syndicate(article, outlet)
        for at, article in enumerate(self.rng.sample(told, 12)):
            transform = ("resize", "crop", "border", "recode")[at % 4]
            outlet = self.rng.choice([o for o in OPEN if o != article.outlet])
            self.publish(self.stories[article.url], outlet, copied=(article.figures[0].url, transform), photos=1)

    def _odd_ones(self, known: list[Entity]) -> None:
        """Stale articles, very short ones, pages without text."""
        for entity in known[:6]:
            day = WINDOW[0] - timedelta(days=self.rng.randrange(60, 300))
            kind = "person_feature" if entity.type == "PERSON" else "feature"
            self.publish(self._story(kind, entity, max(day, entity.since)), photos=1, flags={"stale"})
        for entity in known[6:10]:
            kind = "person_feature" if entity.type == "PERSON" else "feature"
            self.publish(self._story(kind, entity, self._day()), photos=1, sentences=1, flags={"short"})
        for entity in known[10:12]:
            kind = "person_feature" if entity.type == "PERSON" else "feature"
            self.publish(self._story(kind, entity, self._day()), photos=1, flags={"textless"})

    def publish(
        self, story: Story, outlet: Outlet | None = None, *, photos: int, sentences: int = 0,
        copied: tuple[str, str] | None = None, flags: set[str] | None = None,
    ) -> Article:  # fmt: skip
        """Write a story and print it with `photos` photographs, the first one `copied` from elsewhere if given."""
        outlet = outlet or self.rng.choice(OPEN)
        text = self.writer.write(
            self.rng, story, outlet.name, sentences=sentences or self.rng.choice((8, 10, 12, 14, 16))
        )
        base = self._blank(outlet, story, text, flags or set())
        slots = self.writer.slots(self.rng, story, outlet.name)
        figures = self.darkroom.figures(self.rng, base, story, slots, photos, copied)
        return self._print(replace(base, figures=figures), story)

    def _blank(self, outlet: Outlet, story: Story, text: Text, flags: set[str]) -> Article:
        hour = time(self.rng.randrange(6, 22), self.rng.randrange(60), tzinfo=UTC)
        published = min(datetime.combine(story.day, hour), NOW - timedelta(hours=8))
        section = SECTIONS.get(story.kind, "city")
        url = self._address(outlet, published, section, plain(text.title))
        subjects = (story.subject.key,) if story.subject else ()
        authors = tuple(self.rng.sample(self.canon.staff[:18], self.rng.choice((1, 1, 1, 2))))
        return Article(
            url, outlet, published, story.kind, text.title, text.standfirst, text.paragraphs, authors, section,
            subjects, flags=frozenset(flags),
        )  # fmt: skip

    def _print(self, article: Article, story: Story) -> Article:
        self.articles[article.url] = article
        self.stories[article.url] = story
        return article

    def _address(self, outlet: Outlet, published: datetime, section: str, title: str) -> str:
        ascii_title = title.casefold().translate(str.maketrans("äöüåéèíóñčćáíš", "aouaeeionccais"))
        slug = "-".join(_SLUG.sub(" ", ascii_title).split()[:8])
        forms = {
            "semantic": f"{published:%Y/%m/%d}/{slug}",
            "soup": f"{published:%Y/%m/%d}/{slug}.html",
            "magazine": f"{section}/{slug}",
        }
        url = f"http://{outlet.host}/{forms[outlet.style]}"
        stem, dot, suffix = url.rpartition(".html")
        number = 1
        while url in self.articles:
            number += 1
            url = f"{stem}-{number}.html" if dot else f"{suffix}-{number}"
        return url

    def _syndicate(self, article: Article, outlet: Outlet) -> None:
        published = min(article.published + timedelta(hours=self.rng.randrange(1, 30)), NOW - timedelta(hours=7))
        url = self._address(outlet, published, article.section, plain(article.title))
        copy = replace(article, url=url, outlet=outlet, published=published, duplicates_of=article.url)
        figures = tuple(
            Figure(self.darkroom.copy(copy, figure.url, ""), figure.caption, figure.credit, figure.lead)
            for figure in article.figures
        )
        self._print(replace(copy, figures=figures), self.stories[article.url])

    def _publish_german(self, entity: Entity) -> None:
        story = self._story("review", entity, self._day(entity.since, 1, 15))
        slots = self.writer.slots(self.rng, story, GERMAN.name)
        slots |= {"day": f"{story.day.day}. {MONTHS[story.day.month - 1]}", "org": slots["org"].removeprefix("the ")}
        body = self.rng.sample(BODY, 5)
        text = Text(
            expand(self.rng, self.rng.choice(TITLE), slots), "",
            tuple(expand(self.rng, template, slots) for template in (self.rng.choice(LEAD), *body)),
        )  # fmt: skip
        base = self._blank(GERMAN, story, text, {"foreign"})
        self._print(replace(base, figures=self.darkroom.figures(self.rng, base, story, slots, 1, None)), story)


def _urls(article: Article) -> list[str]:
    return [figure.url for figure in article.figures]
