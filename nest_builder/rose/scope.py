"""What one question may use: nothing newer than it, nothing that it excludes, no copies of what it excludes."""

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from nest_builder.news.duplicates import jaccard, words_of
from nest_builder.rose.base import PageHit, Query
from nest_builder.rose.pages import Page, shingles_of
from nest_builder.web import FetchRejected, canonical_url

NEAR_DUPLICATE: Final = 0.7  # Jaccard similarity of shingles from which on a page repeats an excluded one
_MIN_TITLE: Final = 3  # words; shorter titles are shared by chance


class Scope:
    """The bounds of one question.

    Args:
        query: Its date and what it excludes.
        held: Returns the page of an address where it is at hand without fetching, so that copies of an excluded article are known.
    """

    def __init__(self, query: Query, held: Callable[[str], Page | None]) -> None:
        self._until = query.asked_at
        self._excluded = frozenset(_plain(url) for url in query.exclude)
        self._texts: list[frozenset[str]] = []
        self._titles: set[tuple[str, ...]] = set()
        self.dropped: Counter[str] = Counter()
        for url in sorted(query.exclude):
            page = held(url)
            if page is not None and page.text:
                self._texts.append(shingles_of(page.text))
                self._add_title(page.title)

    def note(self, hits: Iterable[PageHit]) -> None:
        """Learn the titles of excluded articles from a search that found them: their copies bear the same."""
        for hit in hits:
            if self._excluded and _plain(hit.url) in self._excluded:
                self._add_title(hit.title)

    def admits(self, hit: PageHit) -> bool:
        """Tell whether a page may be fetched."""
        if _plain(hit.url) in self._excluded:
            self.dropped["excluded"] += 1
        elif tuple(words_of(hit.title)) in self._titles:
            self.dropped["copies of what is excluded"] += 1
        elif self._until is not None and (hit.published_at is None or hit.published_at > self._until):
            self.dropped["newer than the question"] += 1
        else:
            return True
        return False

    def dated(self, page: Page, hit_date: dt.datetime | None) -> Page | None:
        """Return a fetched page with the later of the dates that it and the search give it; None where it may not be used."""
        dates = [date for date in (page.published_at, hit_date) if date is not None]
        date = max(dates, default=None)
        if any(_plain(url) in self._excluded for url in page.urls):
            self.dropped["excluded"] += 1
        elif self._until is not None and (date is None or date > self._until):
            self.dropped["newer than the question"] += 1
        elif tuple(words_of(page.title)) in self._titles or self._repeats(page.text):
            self.dropped["copies of what is excluded"] += 1
        else:
            return page if date == page.published_at else dataclasses.replace(page, published_at=date)
        return None

    def admits_picture(self, image_url: str, page_url: str) -> bool:
        """Tell whether a picture may be used."""
        return not self._excluded & {_plain(image_url), _plain(page_url)}

    def summary(self) -> str:
        """Return what was dropped, in words."""
        return ", ".join(f"{count} {reason}" for reason, count in sorted(self.dropped.items()))

    def _add_title(self, title: str) -> None:
        words = tuple(words_of(title))
        if len(words) >= _MIN_TITLE:
            self._titles.add(words)

    def _repeats(self, text: str) -> bool:
        own = shingles_of(text)
        return any(jaccard(own, other) >= NEAR_DUPLICATE for other in self._texts)


def _plain(url: str) -> str:
    try:
        return canonical_url(url)
    except FetchRejected:
        return url
