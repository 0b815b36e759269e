"""IRAG: on a simulated web end to end, and on small ones that a test writes."""

import datetime as dt
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest
from PIL import Image

from nest_builder.clock import fixed_clock
from nest_builder.config import EntitySettings, WebSettings
from nest_builder.entities.knowledge import load_knowledge
from nest_builder.entities.recognizer import SpacyRecognizer
from nest_builder.newsworld.model import NOW, Entity
from nest_builder.newsworld.server import Running, serve
from nest_builder.questions.phrasing import Subject, ask
from nest_builder.rose.base import PageHit, PictureHit, Query, Reference, Retrieval, SearchError
from nest_builder.rose.embed import HashedTerms
from nest_builder.rose.pages import Page, PageFigure
from nest_builder.rose.reading import Reader
from nest_builder.rose.retrieval import IRAG, Limits
from nest_builder.rose.search import SearxNG
from nest_builder.web import PoliteClient
from tests.builders import draw_picture
from tests.entities.marked import SNAPSHOT, MarkedRecognizer

GREY = Image.new("RGB", (64, 48), "gray")
AUGUST = dt.datetime(2025, 8, 20, 12, tzinfo=dt.UTC)
SEPTEMBER = dt.datetime(2025, 9, 20, 12, tzinfo=dt.UTC)
NAMES = {"Ada Okoro": "PERSON", "Cleo Marsh": "PERSON", "Ben Tull": "PERSON", "Harwick": "GPE"}
MAYOR = "Who is the current mayor of Harwick? Segment that person."


@dataclass
class SmallWeb:
    """A search service that holds its pages; it does not care for dates, as a bad one would not."""

    pages_held: Sequence[Page] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    fails: bool = False
    asked: int = 0

    def identity(self) -> str:
        return "small"

    def pages(self, query: str, until: dt.datetime | None, limit: int) -> list[PageHit]:
        self.asked += 1
        if self.fails:
            raise SearchError("the service is down")
        return [PageHit(page.url, page.title, "", page.published_at) for page in self.pages_held]

    def pictures(self, query: str, until: dt.datetime | None, limit: int) -> list[PictureHit]:
        return [
            PictureHit(f.image_url, page.url, f.caption, page.published_at)
            for page in self.pages_held
            for f in page.figures
        ]

    def page(self, url: str) -> Page | None:
        return next((page for page in self.pages_held if page.url == url), None)

    def picture(self, url: str) -> bytes | None:
        return self.files.get(url)


def page(number: int, moment: dt.datetime | None, text: str, title: str = "", *figures: str) -> Page:
    url = f"http://a.test/{number}"
    shown = tuple(PageFigure(f"{url}/{at}.jpg", caption) for at, caption in enumerate(figures))
    return Page(url, (url,), title or f"Story {number}", text, moment, shown)


OKORO = page(1, AUGUST, "Ada Okoro was sworn in as mayor of Harwick on Monday.", "New mayor of Harwick sworn in", "Ada Okoro in Harwick.", "Ada Okoro.", "A street.")  # fmt: skip
MARSH = page(2, SEPTEMBER, "Cleo Marsh was elected mayor of Harwick.", "Surprise vote in Harwick today", "Cleo Marsh (left) and Ada Okoro.")  # fmt: skip


def irag(web: SmallWeb, **parts: object) -> IRAG:
    reader = Reader(MarkedRecognizer(NAMES), SNAPSHOT)
    client = PoliteClient(WebSettings(retries=0, timeout_seconds=1), resolve={"*.test": "http://127.0.0.1:9"})
    return IRAG(web, client, reader, HashedTerms(), clock=fixed_clock(NOW), **parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked_at", "pages", "exclude", "answer"),
    [
        (None, [OKORO, MARSH], (), "Cleo Marsh"),
        (NOW, [OKORO, MARSH], (), "Cleo Marsh"),
        (AUGUST, [OKORO, MARSH], (), "Ada Okoro"),
        (AUGUST - dt.timedelta(hours=1), [OKORO, MARSH], (), None),
        (NOW, [OKORO, replace(MARSH, published_at=None)], (), "Ada Okoro"),
        (NOW, [OKORO, MARSH], (MARSH.url,), "Ada Okoro"),
        (NOW, [OKORO, MARSH], (MARSH.url + "?utm_source=feed",), "Ada Okoro"),
        (NOW, [OKORO, MARSH, replace(MARSH, url="http://b.test/", urls=("http://b.test/",))], (MARSH.url,), "Ada Okoro"),
        (NOW, [OKORO, MARSH, replace(MARSH, url="http://b.test/", urls=("http://b.test/",), title="Another title")], (MARSH.url,), "Ada Okoro"),
        (NOW, [OKORO, replace(MARSH, url="http://b.test/", urls=("http://b.test/", MARSH.url))], (MARSH.url,), "Ada Okoro"),
        (NOW, [], (), None),
    ],
)  # fmt: skip
def test_only_what_the_question_may_use(
    asked_at: dt.datetime | None, pages: list[Page], exclude: tuple[str, ...], answer: str | None
) -> None:
    web = SmallWeb(pages)
    found = irag(web).retrieve([Query(GREY, MAYOR, asked_at, frozenset(exclude))])[0]
    assert (found.answer.text if found.answer else None) == answer, found.step
    assert found.step.decision == ("answered" if answer else "no answer")
    for candidate in found.candidates:
        for source in candidate.sources:
            assert source.url not in exclude
            assert asked_at is None or (source.published_at is not None and source.published_at <= asked_at)


def test_a_page_that_is_newer_than_the_search_says() -> None:
    class Lying(SmallWeb):
        def pages(self, query: str, until: dt.datetime | None, limit: int) -> list[PageHit]:
            return [replace(hit, published_at=AUGUST) for hit in super().pages(query, until, limit)]

    found = irag(Lying([OKORO, MARSH])).retrieve([Query(GREY, MAYOR, AUGUST)])[0]
    assert found.answer is not None
    assert found.answer.text == "Ada Okoro"
    assert "newer than the question" in found.step.reason


def test_a_service_that_is_down_is_not_asked_on_and_on() -> None:
    web = SmallWeb(fails=True)
    found = irag(web).retrieve([Query(GREY, f"Who is the mayor of Town{number}?") for number in range(30)])
    assert all((one.answer, one.candidates, one.step.decision) == (None, (), "failed") for one in found)
    assert "down" in found[0].step.reason
    assert "not asked" in found[-1].step.reason
    assert web.asked <= 6


def file_of(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=90)
    return data.getvalue()


def test_reference_pictures() -> None:
    one, two, three = (draw_picture(number)[0] for number in (1, 2, 3))
    query = Image.open(io.BytesIO(three)).convert("RGB")
    figures = [PageFigure(f"http://a.test/p{n}.jpg", "Ada Okoro.") for n in range(6)]
    figures.append(PageFigure("http://a.test/other.jpg", "Ben Tull."))
    files = {
        "http://a.test/p0.jpg": one, "http://a.test/p1.jpg": one, "http://a.test/p2.jpg": b"\x00 no picture",
        "http://a.test/p3.jpg": file_of(query.crop((12, 8, 220, 170))), "http://a.test/p4.jpg": three, "http://a.test/p5.jpg": two,
        "http://a.test/other.jpg": draw_picture(4)[0],
    }  # fmt: skip
    web = SmallWeb([replace(OKORO, figures=tuple(figures))], files)
    found = irag(web).retrieve([Query(query, MAYOR, AUGUST)])[0]
    # Of two equal ones one stays; the query's own picture and a part of it go, and so does what is no picture.
    assert [reference.image_url for reference in found.references] == ["http://a.test/p0.jpg", "http://a.test/p5.jpg"]
    excluded = irag(web).retrieve([Query(GREY, MAYOR, AUGUST, frozenset({"http://a.test/p5.jpg"}))])[0]
    assert "http://a.test/p5.jpg" not in {reference.image_url for reference in excluded.references}
    few = irag(web, limits=Limits(references=1)).retrieve([Query(GREY, MAYOR, AUGUST)])[0]
    assert len(few.references) == 1
    assert irag(web, limits=Limits(references=0)).retrieve([Query(GREY, MAYOR, AUGUST)])[0].references == ()


class Matching:
    """Matches candidates as it is told."""

    def __init__(self, likeness: dict[str, float] | Exception) -> None:
        self.likeness = likeness

    def match(
        self, image: Image.Image, names: Sequence[str], references: Sequence[Sequence[Reference]], hypernym: str = ""
    ) -> list[float]:
        if isinstance(self.likeness, Exception):
            raise self.likeness
        assert len(names) == len(references)
        return [self.likeness[name] for name in names]


@pytest.mark.parametrize(
    ("likeness", "answer", "note"),
    [
        ({"Ada Okoro": 0.9, "Cleo Marsh": 0.2}, "Ada Okoro", "matched to the picture with 0.90"),
        ({"Ada Okoro": 0.4, "Cleo Marsh": 0.2}, "Cleo Marsh", "no candidate matches"),
        (OSError("no route"), "Cleo Marsh", "not compared"),
        (RuntimeError("shapes"), "Cleo Marsh", "not compared"),
    ],
)
def test_candidates_are_matched_to_the_picture(likeness: dict[str, float] | Exception, answer: str, note: str) -> None:
    found = irag(SmallWeb([OKORO, MARSH]), visual=Matching(likeness)).retrieve([Query(GREY, MAYOR, NOW)])[0]
    assert found.answer is not None
    assert found.answer.text == answer
    assert note in found.step.reason
    assert {item.text for item in found.candidates} == {"Ada Okoro", "Cleo Marsh"}
    assert found.answer in found.candidates


class DeadModel:
    def identity(self) -> str:
        return "dead"

    def complete(self, instruction: str, text: str) -> str:
        raise OSError("no model there")


def test_without_its_language_model_it_extracts() -> None:
    found = irag(SmallWeb([OKORO]), language=DeadModel()).retrieve([Query(GREY, MAYOR, NOW)])[0]
    assert found.answer is not None
    assert found.answer.text == "Ada Okoro"
    assert "language model failed" in found.step.reason
    assert "searched by rules" in found.step.lost
    assert "by extraction" in found.step.lost


@pytest.fixture(scope="module")
def newsworld() -> Iterator[Running]:
    with serve(0, stall=0.2) as running:
        yield running


@pytest.fixture(scope="module")
def answered(newsworld: Running) -> Iterator[tuple[IRAG, list[tuple[Entity, Query]], list[Retrieval]]]:
    """Questions about a world's changes and launches, weeks after, without the article that told of them first."""
    world = newsworld.world
    changes = {change.new: change for change in world.timeline.changes}
    asked: list[tuple[Entity, Query]] = []
    for number, entity in enumerate(world.entities.values()):
        if entity.status == "known" or number % 5:
            continue
        change = changes.get(entity.key)
        day = change.day if change else entity.since
        maker = entity.maker if entity.type == "PRODUCT" and entity.category not in ("bear", "owl") else ""
        role = change.role.plain if change else ""
        subject = Subject(
            entity.key,
            entity.name,
            entity.aliases,
            entity.category,
            entity.status,
            role,
            maker,
            entity.since,
            day,
            True,
        )
        own = sorted((a for a in world.articles.values() if entity.key in a.subjects), key=lambda a: a.published)[:1]
        asked_at = min(dt.datetime.combine(day + dt.timedelta(days=40), dt.time(), dt.UTC), NOW)
        for question in ask(subject, asked_at.date(), number)[-1:]:
            asked.append((entity, Query(GREY, question.text, asked_at, frozenset(a.url for a in own))))
    settings = EntitySettings()
    knowledge = load_knowledge(settings.snapshot)
    web = WebSettings(requests_per_second=1000, timeout_seconds=10, retries=1, per_host=8)
    with PoliteClient(web, clock=fixed_clock(NOW), resolve={"*.newsworld.test": newsworld.origin}) as client:
        reader = Reader(SpacyRecognizer(settings.spacy_model, knowledge), knowledge)
        search = SearxNG(client, "http://search.newsworld.test")
        made = IRAG(search, client, reader, HashedTerms(), clock=fixed_clock(NOW), limits=Limits(references=1))
        yield made, asked, made.retrieve([query for _, query in asked])


def test_the_right_answer_is_chosen(answered: tuple[IRAG, list[tuple[Entity, Query]], list[Retrieval]]) -> None:
    _, asked, found = answered
    right = [
        one.answer is not None and one.answer.text == entity.name for (entity, _), one in zip(asked, found, strict=True)
    ]
    assert len(asked) >= 10
    assert sum(right) / len(right) >= 0.9
    assert all(one.answer.description for one, good in zip(found, right, strict=True) if good and one.answer)


def test_nothing_from_the_future_and_nothing_excluded(
    newsworld: Running, answered: tuple[IRAG, list[tuple[Entity, Query]], list[Retrieval]]
) -> None:
    world = newsworld.world
    for (_, query), one in zip(*answered[1:], strict=True):
        assert query.asked_at is not None
        for source in (source for candidate in one.candidates for source in candidate.sources):
            assert source.published_at is not None
            assert source.published_at <= query.asked_at
            assert source.url not in query.exclude
        for reference in one.references:
            shown = [world.articles[url].published for url in world.article_urls_of[reference.image_url]]
            assert min(shown) <= query.asked_at


def test_references_show_the_answer(
    newsworld: Running, answered: tuple[IRAG, list[tuple[Entity, Query]], list[Retrieval]]
) -> None:
    photos = newsworld.world.photos
    shown = []
    for (entity, _), one in zip(*answered[1:], strict=True):
        for reference in one.references:
            photo = photos[reference.image_url]
            base = photos[photo.base] if photo.base else photo
            shown.append(any(key == entity.key for _, key in base.looks))
    assert len(shown) >= 6
    assert sum(shown) / len(shown) >= 0.8


def test_a_second_time_costs_no_network(answered: tuple[IRAG, list[tuple[Entity, Query]], list[Retrieval]]) -> None:
    made, asked, found = answered
    assert sum(one.step.fetched_bytes for one in found) > 100_000
    again = made.retrieve([query for _, query in asked])
    assert [one.step.fetched_bytes for one in again] == [0] * len(asked)
    assert [one.answer and one.answer.text for one in again] == [one.answer and one.answer.text for one in found]


def test_before_the_change_the_new_holder_is_not_known(
    newsworld: Running, answered: tuple[IRAG, list[tuple[Entity, Query]], list[Retrieval]]
) -> None:
    world = newsworld.world
    queries = [
        Query(GREY, f"Who is the current {change.role.plain}?", dt.datetime.combine(change.day, dt.time(), dt.UTC))
        for change in world.timeline.changes[:3]
    ]
    for change, one in zip(world.timeline.changes, answered[0].retrieve(queries), strict=False):
        assert one.answer is None or one.answer.text != world.entities[change.new].name
