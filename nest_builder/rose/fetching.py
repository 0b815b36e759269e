"""Pages and pictures for retrieval: from a store, from the cache, or politely from the web."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from nest_builder.clock import Clock, system_clock
from nest_builder.news.base import Extractor, PageError
from nest_builder.rose.cache import Cache
from nest_builder.rose.pages import Page, PageFigure, PageStore
from nest_builder.web import Exchange, Expect, FetchError, FetchReason, FetchRejected, PoliteClient

log = logging.getLogger(__name__)

MAX_PAGE_BYTES: Final = 3_000_000
MAX_PICTURE_BYTES: Final = 8_000_000
RETRY_S: Final = 600.0
MAX_FAILED: Final = 10_000
_PAGE: Final = TypeAdapter(Page)
_NOTHING: Final = b""  # in the cache: the address gives nothing that can be used, and will not soon


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of an address.

    Attributes:
        page: The page, for a page's address; None where there is none to be had.
        picture: The file, for a picture's; None likewise.
        fetched_bytes: What came over the network for it.
        reason: Why there is nothing.
    """

    page: Page | None = None
    picture: bytes | None = None
    fetched_bytes: int = 0
    reason: str = ""


class Fetcher:
    """Gets pages and pictures.

    What came holds for a calendar week, as some pages are kept up to date; so does that an address refuses for good. What failed
    for now is let alone for `RETRY_S` seconds, so that one stalling page does not hold up every batch.

    Args:
        client: The polite client.
        extractor: Takes the article out of a page.
        cache: Keeps what came.
        stores: What may hold pages and pictures already.
        clock: The present time.
        monotonic: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        client: PoliteClient,
        extractor: Extractor,
        cache: Cache,
        stores: Sequence[PageStore] = (),
        clock: Clock = system_clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._extractor, self._cache, self._stores = client, extractor, cache, tuple(stores)
        self._clock, self._monotonic = clock, monotonic
        self._failed: dict[str, tuple[float, str]] = {}

    def pages(self, urls: Sequence[str]) -> dict[str, Fetched]:
        """Get pages, all missing ones together."""
        found: dict[str, Fetched] = {}
        for url in dict.fromkeys(urls):
            if (page := self.held(url)) is not None:
                found[url] = Fetched(page=page)
            elif self._cache.get(*self._page_key(url)) == _NOTHING:
                found[url] = Fetched(reason="nothing usable the last time")
            elif (why := self._lately(url)) is not None:
                found[url] = Fetched(reason=why)
        missing = [url for url in dict.fromkeys(urls) if url not in found]
        answers = self._client.fetch_many(missing, Expect.HTML, max_bytes=MAX_PAGE_BYTES)
        for url, answer in zip(missing, answers, strict=True):
            found[url] = self._page(url, answer)
        return found

    def held(self, url: str) -> Page | None:
        """Return a page that a store or the cache holds; nothing is fetched."""
        for store in self._stores:
            if (page := store.page(url)) is not None:
                return page
        kept = self._cache.get(*self._page_key(url))
        try:
            return _PAGE.validate_json(kept) if kept else None
        except ValidationError:
            log.debug("a page of another version is fetched anew: %s", url)
            return None

    def pictures(self, urls: Sequence[str]) -> dict[str, Fetched]:
        """Get the files of pictures, all missing ones together."""
        found: dict[str, Fetched] = {}
        for url in dict.fromkeys(urls):
            held = next((data for store in self._stores if (data := store.picture(url)) is not None), None)
            kept = held if held is not None else self._cache.get(*self._key("picture", url))
            if kept is not None:
                found[url] = Fetched(picture=kept) if kept else Fetched(reason="nothing usable the last time")
            elif (why := self._lately(url)) is not None:
                found[url] = Fetched(reason=why)
        missing = [url for url in dict.fromkeys(urls) if url not in found]
        answers = self._client.fetch_many(missing, Expect.IMAGE, max_bytes=MAX_PICTURE_BYTES)
        for url, answer in zip(missing, answers, strict=True):
            if isinstance(answer, FetchError):
                found[url] = self._refused(answer, *self._key("picture", url))
            elif answer.consent.opt_out:
                self._cache.put(_NOTHING, *self._key("picture", url))
                found[url] = Fetched(fetched_bytes=len(answer.body), reason=f"opted out: {answer.consent.reason}")
            else:
                self._cache.put(answer.body, *self._key("picture", url))
                found[url] = Fetched(picture=answer.body, fetched_bytes=len(answer.body))
        return found

    def _page(self, url: str, answer: Exchange | FetchError) -> Fetched:
        key = self._page_key(url)
        if isinstance(answer, FetchError):
            return self._refused(answer, *key)
        size = len(answer.body)
        reason = f"opted out: {answer.consent.reason}" if answer.consent.opt_out else ""
        if not reason:
            try:
                article = self._extractor.extract(answer.body, answer.responded_url)
            except PageError as error:
                reason = f"no page: {error}"
            else:
                reason = f"opted out: {article.opt_out}" if article.opt_out else ("" if article.text else "no text")
        if reason:
            self._cache.put(_NOTHING, *key)
            return Fetched(fetched_bytes=size, reason=reason)
        figures = tuple(PageFigure(figure.image_url, figure.caption) for figure in article.figures)
        urls = tuple(dict.fromkeys((url, answer.requested_url, *answer.redirects, answer.responded_url)))
        page = Page(url, urls, article.title, article.text, article.published_at, figures)
        self._cache.put(_PAGE.dump_json(page), *key)
        return Fetched(page=page, fetched_bytes=size)

    def _page_key(self, url: str) -> tuple[str, ...]:
        return self._key("page", self._extractor.name, url)

    def _key(self, *what: str) -> tuple[str, ...]:
        """Return where the cache has what an address, the last of the words, gives this week."""
        return f"{self._clock():%G-W%V}", *what

    def _refused(self, error: FetchError, *key: str) -> Fetched:
        log.debug("%s: %s", key[-1], error)
        # A slow answer may be our own machine's fault, and says nothing of the address.
        if isinstance(error, FetchRejected) and error.reason is not FetchReason.TOO_SLOW:
            self._cache.put(_NOTHING, *key)
        else:
            if len(self._failed) >= MAX_FAILED:
                self._failed.clear()
            self._failed[key[-1]] = (self._monotonic(), str(error))
        return Fetched(reason=str(error))

    def _lately(self, url: str) -> str | None:
        """Return why an address failed a short while ago; None where it did not."""
        at, why = self._failed.get(url, (float("-inf"), ""))
        return why if self._monotonic() - at < RETRY_S else None
