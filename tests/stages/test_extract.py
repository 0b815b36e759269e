from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from nest_builder.config import ExtractSettings
from nest_builder.reasons import Reason
from nest_builder.runner import Runner
from nest_builder.stages.extract import Extract, load_extractor
from nest_builder.store.session import Store, open_store
from nest_builder.store.tables import Article, Entry, Figure, LedgerEntry, Page

NOW = dt.datetime(2025, 10, 1, 6, tzinfo=dt.UTC)
WORDS = (
    "The new teal handset was shown to reporters in Harwick on Monday and costs less than the old one.",
    "Its makers said that shops would have it in stock by the end of the month at the latest.",
    "Nobody at the fair had expected the company to come with a telephone of its own so soon.",
    "A rival said that it was not worried, since its own device sells well and is liked by the young.",
)
GERMAN = "Der neue Bürgermeister von Harwick hat am Montag sein Amt angetreten und die Bürger der Stadt begrüßt. " * 6


def prose(topic: str) -> str:
    return "".join(f"<p>{topic} {number}: {sentence}</p>" for number, sentence in enumerate(WORDS))


OTHER = "".join(
    f"<p>{text}</p>"
    for text in (
        "The mayor of Tarnley opened a bridge across the river Wynd, eleven years after the first plans were drawn.",
        "It carries trams, bicycles and walkers; cars must take the longer way round through the port.",
        "Builders found a medieval wharf when they dug for the eastern pier, which cost them two winters.",
        "A choir of four hundred children sang as the ribbon was cut, and rain began to fall at noon.",
    )
)


class World:
    """Pages put into a store by hand, as `collect` would have put them."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def put(
        self, name: str, body: str, *, head: str = "", day: int = 1, fetched: dt.datetime = NOW, **entry: Any
    ) -> str:
        url = f"http://post.test/{name}"
        markup = f"<html><head><title>{name}</title>{head}</head><body><article>{body}</article></body></html>"
        published = dt.datetime(2025, 9, day, tzinfo=dt.UTC)
        values = {"title": "", "summary": "", "published_at": published, "authors": [], "media": [], **entry}
        rows = [
            Entry(url=url, source="feed", **values),
            Page(
                url=url, responded_url=url, source="feed", content_type="text/html", fetched_at=fetched, consent={},
                body_sha256=self.store.blobs.put(markup.encode() if body else b""), etag=None, last_modified=None,
            ),
        ]  # fmt: skip
        with self.store.sessions() as session:
            for row in rows:
                row.seal(url)
                session.add(row)
            session.commit()
        return url

    def run(self, batch_size: int = 100, **settings: Any) -> Any:
        stage = Extract(ExtractSettings(**settings), self.store.blobs)
        stage.batch_size = batch_size
        return Runner(self.store.sessions, lambda: NOW).run(stage, "test")

    def outcome(self, url: str) -> tuple[str, str | None, str]:
        with self.store.sessions() as session:
            entry = session.get_one(LedgerEntry, ("extract", url))
            return entry.status, entry.reason, entry.detail

    def rows(self, table: Any) -> list[Any]:
        with self.store.sessions() as session:
            return list(session.scalars(select(table).order_by(*table.__table__.primary_key)))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = open_store(f"sqlite:///{tmp_path / 'nest.sqlite'}", str(tmp_path / "blobs"))
    yield World(store)
    store.close()


def test_an_article_with_a_figure_and_a_second_run(world: World) -> None:
    figure = '<figure><img src="/p.jpg" alt="a"><figcaption>Ann. Photo: Bo</figcaption></figure>'
    url = world.put("a", figure + prose("Phone"), title="From the feed", authors=["Cy"])
    world.run()
    [article], [shown] = world.rows(Article), world.rows(Figure)
    assert (article.url, article.site, article.title, article.authors, article.language) == (
        url, "post.test", "a", ["Cy"], "en",
    )  # fmt: skip
    assert article.published_at == dt.datetime(2025, 9, 1, tzinfo=dt.UTC)
    assert len(article.text.split("\n\n")) == 4
    assert (shown.article_url, shown.image_url, shown.caption, shown.credit, shown.alt, shown.position) == (
        url, "http://post.test/p.jpg", "Ann.", "Bo", "a", 0,
    )  # fmt: skip
    assert world.run().worked == 0


def test_the_feeds_picture_stands_in_where_the_page_shows_none(world: World) -> None:
    world.put("a", prose("Phone"), media=[{"image_url": "http://post.test/m.jpg", "caption": "C", "credit": ""}])
    world.run()
    assert [figure.image_url for figure in world.rows(Figure)] == ["http://post.test/m.jpg"]


@pytest.mark.parametrize(
    ("body", "head", "reason"),
    [
        ("", "", Reason.MALFORMED_PAGE),
        ("<img src='/p.jpg'>", "", Reason.NO_TEXT),
        ("<p>Short, but a sentence after all.</p>", "", Reason.TOO_SHORT),
        (f"<p>{GERMAN}</p>", "", Reason.LANGUAGE),
        (prose("Phone"), '<meta name="robots" content="noai">', Reason.OPT_OUT),
    ],
)
def test_rejections(world: World, body: str, head: str, reason: Reason) -> None:
    url = world.put("a", body, head=head)
    world.run()
    assert world.outcome(url)[:2] == ("rejected", reason.value)
    assert world.rows(Article) == []


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_the_earliest_of_equal_articles_counts_however_the_work_is_split(world: World, batch_size: int) -> None:
    late = world.put("a-late", prose("Phone"), day=9)
    first = world.put("z-first", prose("Phone"), day=3)
    same_day = world.put("zz-same-day", prose("Phone") + "<p>An earlier version was wrong.</p>", day=3)
    other = world.put("other", OTHER, day=5)
    world.run(batch_size=batch_size)
    assert [article.url for article in world.rows(Article)] == sorted([first, other])
    assert world.outcome(late) == ("rejected", Reason.DUPLICATE_ARTICLE.value, first)
    assert world.outcome(same_day) == ("rejected", Reason.DUPLICATE_ARTICLE.value, first)


def test_what_was_there_the_night_before_wins_over_an_earlier_date(world: World) -> None:
    stored = world.put("stored", prose("Phone"), day=9)
    world.run()
    found = world.put("found", prose("Phone"), day=1, fetched=NOW + dt.timedelta(days=1))
    world.run()
    assert world.outcome(found) == ("rejected", Reason.DUPLICATE_ARTICLE.value, stored)
    # Changed settings extract all again, with the same result.
    world.run(min_characters=200)
    assert [article.url for article in world.rows(Article)] == [stored]


@pytest.mark.parametrize(
    ("page", "feed", "expected"),
    [
        ("2025-09-03T12:00:00", dt.datetime(2025, 9, 3, 10, tzinfo=dt.UTC), dt.datetime(2025, 9, 3, 10, tzinfo=dt.UTC)),
        ("2025-09-03", dt.datetime(2025, 9, 20, tzinfo=dt.UTC), dt.datetime(2025, 9, 3, tzinfo=dt.UTC)),
        ("2025-09-03", None, dt.datetime(2025, 9, 3, tzinfo=dt.UTC)),
        ("", dt.datetime(2025, 9, 20, tzinfo=dt.UTC), dt.datetime(2025, 9, 20, tzinfo=dt.UTC)),
        ("", None, None),
    ],
)
def test_dates(world: World, page: str, feed: dt.datetime | None, expected: dt.datetime | None) -> None:
    world.put("a", prose("Phone"), head=f'<meta name="date" content="{page}">', published_at=feed)
    world.run()
    assert world.rows(Article)[0].published_at == expected


def test_extractors_by_name() -> None:
    assert load_extractor("nest_builder.news.articles:NewspaperExtractor").name.startswith("newspaper4k")
    for name in ("nest_builder.news.articles:Nothing", "no.such.module:X", "nothing"):
        with pytest.raises(ValueError, match="no extractor"):
            load_extractor(name)


def test_what_was_extracted_stands_when_the_body_has_been_dropped(world: World) -> None:
    figure = '<figure><img src="/p.jpg" alt="a"><figcaption>Ann. Photo: Bo</figcaption></figure>'
    kept, copy = world.put("a", figure + prose("Phone"), day=1), world.put("b", prose("Phone"), day=2)
    world.put("c", OTHER, day=3)
    world.run()
    before = [row.content() for table in (Article, Figure) for row in world.rows(table)]
    for page in world.rows(Page)[:2]:
        Path(world.store.blobs.path(page.body_sha256)).unlink()
    world.run(min_characters=200)  # another setting has everything extracted again
    assert [row.content() for table in (Article, Figure) for row in world.rows(table)] == before
    assert world.outcome(kept)[0] == "done"
    assert world.outcome(copy) == ("rejected", Reason.DUPLICATE_ARTICLE.value, kept)


def test_a_body_that_is_lost_before_it_was_extracted_is_a_failure_and_says_so(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    url = world.put("a", prose("Phone"))
    (page,) = world.rows(Page)
    Path(world.store.blobs.path(page.body_sha256)).unlink()
    world.run()
    assert world.outcome(url)[:2] == ("rejected", Reason.RETRIES_EXHAUSTED.value)
    assert "restore blob" in caplog.text
