"""The pipeline's own articles as a corpus."""

import datetime as dt
import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from nest_builder.rose.base import SearchError
from nest_builder.rose.pages import PageStore
from nest_builder.rose.search import ArticleSearch, articles
from nest_builder.store.session import Store
from nest_builder.store.tables import Article, Figure
from tests.builders import fill_store, new_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = new_store(tmp_path)
    fill_store(made, 12)
    yield made
    made.close()


def test_articles_and_captions_are_found(store: Store, tmp_path: Path) -> None:
    search = ArticleSearch(store, tmp_path / "work" / "search.sqlite")
    hits = search.pages("Where is Kestrel 3?", None, 20)
    assert hits
    with store.sessions() as session:
        texts = dict(session.execute(select(Article.url, Article.text)).tuples().all())
        captions = dict(session.execute(select(Figure.image_url, Figure.caption)).tuples().all())
    assert "Kestrel 3" in texts[hits[0].url]
    pictures = search.pictures("kestrel", None, 20)
    assert pictures
    assert all("Kestrel" in captions[hit.image_url] for hit in pictures)
    assert search.pages("of the", None, 20) == []
    assert search.pages('" OR 1=1; DROP TABLE page; NEAR(', None, 20) == search.pages(
        "OR 1 DROP TABLE page NEAR", None, 20
    )
    search.close()


def test_nothing_newer_than_the_bound(store: Store, tmp_path: Path) -> None:
    with store.sessions() as session:
        dates = sorted(date for date in session.scalars(select(Article.published_at)) if date)
        session.scalars(select(Article).order_by(Article.url)).first().published_at = None  # type: ignore[union-attr]
        session.commit()
    search = ArticleSearch(store, ":memory:")
    bound = dates[len(dates) // 2]
    everything, early = search.pages("crowd on Tuesday", None, 50), search.pages("crowd on Tuesday", bound, 50)
    assert (len(everything), any(hit.published_at is None for hit in everything)) == (12, True)
    assert 0 < len(early) < 12
    assert all(hit.published_at is not None and hit.published_at <= bound for hit in early)
    assert all(hit.published_at and hit.published_at <= bound for hit in search.pictures("harbour", bound, 50))
    assert len(search.pages("crowd on Tuesday", None, 3)) == 3


def test_the_index_follows_the_store(store: Store, tmp_path: Path) -> None:
    search = ArticleSearch(store, tmp_path / "search.sqlite")
    assert search.refresh() == 0  # opening it has read everything
    with store.sessions() as session:
        first, second = session.scalars(select(Article).order_by(Article.url).limit(2)).all()
        gone = second.url
        first.text = "A zeppelin over the bay."
        first.seal(first.origin)
        session.delete(second)
        session.commit()
    assert search.refresh() == 2
    assert [hit.url for hit in search.pages("zeppelin", None, 5)] == [first.url]
    assert gone not in {hit.url for hit in search.pages("crowd on Tuesday", None, 50)}
    search.close()
    again = ArticleSearch(store, tmp_path / "search.sqlite")
    assert [hit.url for hit in again.pages("zeppelins", None, 5)] == [first.url]
    assert again.refresh() == 0


def look(folder: Path, said: "multiprocessing.SimpleQueue[object]") -> None:
    """Search in a process of its own, with an index that others make at the same time."""
    insert = articles._insert
    articles._insert = lambda *rows: (time.sleep(0.2), insert(*rows))  # type: ignore[assignment] # long enough for all to be at it
    try:
        store = new_store(folder)
        search = ArticleSearch(store, folder / "search.sqlite")
        said.put([hit.url for hit in search.pages("crowd on Tuesday", None, 50)])
        search.close()
        store.close()
    except Exception as error:  # noqa: BLE001 - told to the test
        said.put(f"{type(error).__name__}: {error}")


def test_processes_make_one_index_together(store: Store, tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    said = context.SimpleQueue()
    workers = [context.Process(target=look, args=(tmp_path, said)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        worker.kill()  # one that is still at it hangs
    found = [said.get() for _ in workers if not said.empty()]
    assert [len(set(one)) for one in found] == [len(one) for one in found] == [12] * 4, found
    search = ArticleSearch(store, tmp_path / "search.sqlite")
    assert search.refresh() == 0
    search.close()


def test_it_holds_pages_and_pictures(store: Store) -> None:
    search = ArticleSearch(store, ":memory:")
    assert isinstance(search, PageStore)
    with store.sessions() as session:
        figure = session.scalars(select(Figure).limit(1)).one()
    page = search.page(figure.article_url)
    assert page is not None
    assert page.figures[0].image_url == figure.image_url
    assert isinstance(page.published_at, dt.datetime)
    assert (search.picture(figure.image_url) or b"").startswith(b"\xff\xd8")
    assert (search.page("http://elsewhere.test/"), search.picture("http://elsewhere.test/p.jpg")) == (None, None)


def test_an_index_that_is_none(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "search.sqlite"
    path.write_bytes(b"no database, but long enough to look like one of the pages of a database" * 30)
    with pytest.raises(SearchError, match=r"cannot be used: .*; deleted, it is made again"):
        ArticleSearch(store, path).pages("zeppelin", None, 5)
