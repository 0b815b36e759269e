"""The pipeline's own articles as a corpus, in a full-text index.

The index is SQLite's FTS5 in a file of its own, so that it is the same whichever database the store is in.
"""

import datetime as dt
import re
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from nest_builder.digest import digest
from nest_builder.rose.base import PageHit, PictureHit, SearchError
from nest_builder.rose.pages import Page, PageFigure
from nest_builder.rose.search.service import query_text
from nest_builder.store.session import Store
from nest_builder.store.tables import Article, Figure, Image

MAX_TERMS: Final = 32
_PATIENCE_S: Final = 120.0  # that another process may take to bring the index up to date
_WORD: Final = re.compile(r"\w+")
_COMMON: Final = frozenset(
    ("the", "a", "an", "of", "in", "on", "at", "and", "to", "is", "was", "were", "who", "what", "which", "for", "by", "with",
     "from", "has", "as", "it", "did", "does", "that")
)  # fmt: skip
# bm25's weights, a column each; a word in a title tells more.
_TITLE_WEIGHT, _CAPTION_WEIGHT = 3.0, 2.0
_SCHEMA: Final = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS indexed (url TEXT PRIMARY KEY, digest TEXT NOT NULL);
CREATE VIRTUAL TABLE IF NOT EXISTS page USING fts5
    (title, text, url UNINDEXED, published UNINDEXED, tokenize = 'porter unicode61 remove_diacritics 2');
CREATE VIRTUAL TABLE IF NOT EXISTS figure USING fts5
    (caption, title, image_url UNINDEXED, url UNINDEXED, published UNINDEXED,
     tokenize = 'porter unicode61 remove_diacritics 2');
COMMIT;
"""
_PAGES: Final = f"""
SELECT url, title, snippet(page, 1, '', '', ' ... ', 32), published FROM page
WHERE page MATCH ? AND (? IS NULL OR (published IS NOT NULL AND published <= ?))
ORDER BY bm25(page, {_TITLE_WEIGHT}, 1.0), url LIMIT ?
"""
_FIGURES: Final = f"""
SELECT image_url, url, caption, published FROM figure
WHERE figure MATCH ? AND (? IS NULL OR (published IS NOT NULL AND published <= ?))
ORDER BY bm25(figure, {_CAPTION_WEIGHT}, 1.0), image_url LIMIT ?
"""


class ArticleSearch:
    """Searches the articles and captions of a store; it also holds their texts and pictures (a `PageStore`).

    Args:
        store: The store.
        index: The index's file, which is made at the first search; ":memory:" for none.
    """

    def __init__(self, store: Store, index: Path | str) -> None:
        self._store, self._path = store, str(index)
        self._lock = threading.Lock()
        self._open: sqlite3.Connection | None = None

    def identity(self) -> str:
        """Return the store's address."""
        return f"articles {self._store.engine.url.render_as_string()}"

    def close(self) -> None:
        """Close the index."""
        with self._lock:
            if self._open is not None:
                self._open.close()
            self._open = None

    def pages(self, query: str, until: dt.datetime | None, limit: int) -> list[PageHit]:
        """Find articles. Raises SearchError."""
        rows = self._find(_PAGES, query, until, limit)
        return [PageHit(url, title, snippet, _moment(published)) for url, title, snippet, published in rows]

    def pictures(self, query: str, until: dt.datetime | None, limit: int) -> list[PictureHit]:
        """Find pictures by their captions and their articles' titles. Raises SearchError."""
        rows = self._find(_FIGURES, query, until, limit)
        return [PictureHit(image, url, caption, _moment(published)) for image, url, caption, published in rows]

    def page(self, url: str) -> Page | None:
        """Return an article of the store."""
        with self._store.sessions() as session:
            article = session.get(Article, url)
            if article is None:
                return None
            figures = session.scalars(select(Figure).where(Figure.article_url == url).order_by(Figure.position))
            shown = tuple(PageFigure(figure.image_url, figure.caption) for figure in figures)
            return Page(url, (url,), article.title, article.text, article.published_at, shown)

    def picture(self, url: str) -> bytes | None:
        """Return a picture that the store kept."""
        with self._store.sessions() as session:
            sha256 = session.scalars(select(Image.sha256).where(Image.image_url == url).limit(1)).first()
        if sha256 is None or sha256 not in self._store.blobs:
            return None
        return self._store.blobs.get(sha256)

    def refresh(self) -> int:
        """Bring the index up to date with the store; the first search does so by itself.

        Returns:
            How many articles were read anew or dropped.

        Raises:
            SearchError: This Python's SQLite has no FTS5, or the index cannot be written.
        """
        try:
            with self._lock:
                return self._refresh(self._connection())
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _find(self, statement: str, query: str, until: dt.datetime | None, limit: int) -> list[tuple[Any, ...]]:
        words = [word for word in _WORD.findall(query_text(query).casefold()) if word not in _COMMON]
        terms = " OR ".join(f'"{word}"' for word in dict.fromkeys(words[:MAX_TERMS]))
        if not terms:
            return []
        bound = until.timestamp() if until else None
        try:
            with self._lock:
                connection = self._connection()
                return connection.execute(statement, (terms, bound, bound, limit)).fetchall()
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: sqlite3.Error) -> SearchError:
        return SearchError(f"the index {self._path} cannot be used: {error}; deleted, it is made again")

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            if self._path != ":memory:":
                Path(self._path).parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=_PATIENCE_S, check_same_thread=False, isolation_level=None)
            try:
                connection.executescript(_SCHEMA)
                self._refresh(connection)
            except BaseException:
                connection.close()
                raise
            self._open = connection
        return self._open

    def _refresh(self, connection: sqlite3.Connection) -> int:
        with connection, self._store.sessions() as session:
            connection.execute("BEGIN IMMEDIATE")  # whoever comes next sees what is in the index already
            figures: defaultdict[str, list[str]] = defaultdict(list)
            for url, mark in session.execute(select(Figure.article_url, Figure.digest).order_by(Figure.id)):
                figures[url].append(mark)
            current = {
                url: digest(mark, figures[url]) for url, mark in session.execute(select(Article.url, Article.digest))
            }
            held = dict(connection.execute("SELECT url, digest FROM indexed").fetchall())
            stale = [url for url, mark in held.items() if current.get(url) != mark]
            fresh = [url for url, mark in current.items() if held.get(url) != mark]
            for table in ("page", "figure", "indexed"):
                connection.executemany(f"DELETE FROM {table} WHERE url = ?", [(url,) for url in stale])
            for at in range(0, len(fresh), 200):
                chunk = fresh[at : at + 200]
                articles = session.scalars(select(Article).where(Article.url.in_(chunk)))
                shown = session.scalars(select(Figure).where(Figure.article_url.in_(chunk)).order_by(Figure.position))
                _insert(connection, list(articles), list(shown))
            connection.executemany("INSERT INTO indexed VALUES (?, ?)", [(url, current[url]) for url in fresh])
        return len(set(stale) | set(fresh))


def _insert(connection: sqlite3.Connection, articles: Iterable[Article], figures: Iterable[Figure]) -> None:
    times = {article.url: article for article in articles}
    connection.executemany(
        "INSERT INTO page VALUES (?, ?, ?, ?)",
        [(article.title, article.text, article.url, _seconds(article)) for article in times.values()],
    )
    connection.executemany(
        "INSERT INTO figure VALUES (?, ?, ?, ?, ?)",
        [
            (figure.caption, times[figure.article_url].title, figure.image_url, figure.article_url,
             _seconds(times[figure.article_url]))
            for figure in figures
        ],
    )  # fmt: skip


def _seconds(article: Article) -> float | None:
    return article.published_at.timestamp() if article.published_at else None


def _moment(seconds: float | None) -> dt.datetime | None:
    return dt.datetime.fromtimestamp(seconds, dt.UTC) if seconds is not None else None
