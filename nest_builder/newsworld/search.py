"""The search service of the simulated web: answers as SearxNG's JSON API does, for pages and for pictures."""

import math
import re
from collections import Counter
from datetime import datetime
from typing import Any, Final

from nest_builder.newsworld.markup import plain
from nest_builder.newsworld.model import NOW, Article
from nest_builder.newsworld.world import World

PAGE: Final = 10
_WORD: Final = re.compile(r"[\w-]+")
_COMMON: Final = frozenset(
    ("the", "a", "an", "of", "in", "on", "at", "and", "to", "is", "was", "who", "what", "which", "for", "by", "with",
     "from", "has", "as", "it", "new")
)  # fmt: skip


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.casefold()) if word not in _COMMON]


class SearchIndex:
    """Ranks articles and photographs by the terms that they share with a query.

    Args:
        world: What can be found; what robots.txt closes cannot.
        now: Nor can what was published later.
    """

    def __init__(self, world: World, now: datetime = NOW) -> None:
        self._world = world
        self._articles = [
            a
            for a in world.articles.values()
            if a.published <= now and not world.closed(a.url) and "textless" not in a.flags
        ]
        self._pages = [self._terms(article) for article in self._articles]
        self._pictures = [(article, n) for article in self._articles for n in range(len(article.figures))]
        self._captions = [
            Counter(_words(f"{plain(a.figures[n].caption)} {plain(a.title)} {plain(a.figures[n].caption)}"))
            for a, n in self._pictures
        ]
        self._frequency = Counter(term for terms in self._pages for term in terms)

    def _terms(self, article: Article) -> Counter[str]:
        title = plain(article.title)
        return Counter(_words(" ".join((title, title, title, *map(plain, article.paragraphs)))))

    def _score(self, terms: Counter[str], query: list[str]) -> float:
        """Sum of log(1 + tf) x idf, idf = log(1 + N / df) over the articles."""
        total = len(self._pages)
        return sum(
            math.log1p(terms[word]) * math.log1p(total / (1 + self._frequency[word])) for word in query if word in terms
        )

    def _ranked(self, documents: list[Counter[str]], query: list[str]) -> list[tuple[float, int]]:
        """(score, number) of the documents that share a term with the query, the best first."""
        scored = ((self._score(terms, query), number) for number, terms in enumerate(documents))
        return sorted((hit for hit in scored if hit[0] > 0), key=lambda hit: (-hit[0], hit[1]))

    def search(self, query: str, category: str = "general", page: int = 1) -> dict[str, Any]:
        """Answer a query with at most ten results a page.

        Args:
            query: Free text; quotes are ignored.
            category: "general" or "images"; others find nothing.
            page: From 1.
        """
        words = list(dict.fromkeys(_words(query)))
        results: list[dict[str, Any]] = []
        if category == "images":
            results = [self._image(*self._pictures[n], score) for score, n in self._ranked(self._captions, words)]
        elif category == "general":
            results = [self._page(self._articles[n], words, score) for score, n in self._ranked(self._pages, words)]
        return {
            "query": query,
            "number_of_results": len(results),
            "results": results[(page - 1) * PAGE : page * PAGE],
            "answers": [], "corrections": [], "infoboxes": [], "suggestions": [], "unresponsive_engines": [],
        }  # fmt: skip

    def _page(self, article: Article, words: list[str], score: float) -> dict[str, Any]:
        best = max(map(plain, article.paragraphs), key=lambda text: len(set(words) & set(_words(text))))
        return {
            "url": self._world.faults.link(article.url), "title": plain(article.title), "content": best[:300],
            "publishedDate": article.published.strftime("%Y-%m-%dT%H:%M:%S"), "engine": "newsworld",
            "engines": ["newsworld"], "category": "general", "score": round(score, 4), "template": "default.html",
            "thumbnail": None,
        }  # fmt: skip

    def _image(self, article: Article, number: int, score: float) -> dict[str, Any]:
        figure = article.figures[number]
        photo = self._world.photos[figure.url]
        return {
            "url": self._world.faults.link(article.url), "title": plain(figure.caption),
            "content": plain(article.title),
            "img_src": figure.url, "thumbnail_src": f"{figure.url}?width=160", "source": article.outlet.name,
            "resolution": f"{photo.width} x {photo.height}", "img_format": photo.format.lower(),
            "publishedDate": article.published.strftime("%Y-%m-%dT%H:%M:%S"), "engine": "newsworld images",
            "engines": ["newsworld images"], "category": "images", "score": round(score, 4), "template": "images.html",
        }  # fmt: skip
