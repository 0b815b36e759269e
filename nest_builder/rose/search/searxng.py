"""SearxNG's JSON API (https://docs.searxng.org/dev/search_api.html); the instance must allow `format=json`."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from nest_builder.news.dates import parse_date
from nest_builder.rose.base import PageHit, PictureHit
from nest_builder.rose.search.service import Dated, address, ask, each, in_time, query_text, snippet_text, title_text
from nest_builder.web import PoliteClient

MAX_PAGES: Final = 3  # of results; SearxNG cannot be asked for an end date, so more are read where hits are dropped

Hit = TypeVar("Hit", bound=Dated)


class _Answer(BaseModel):
    results: list[Any]


class _Page(BaseModel):
    url: str
    title: str = ""
    content: str | None = ""
    publishedDate: str | None = None  # noqa: N815 - the service's spelling


class _Picture(BaseModel):
    url: str
    img_src: str
    title: str = ""
    publishedDate: str | None = None  # noqa: N815 - the service's spelling


class SearxNG:
    """A SearxNG instance.

    Args:
        client: The polite client; its time limit and retries decide how long a slow service is waited for.
        url: The instance, such as "https://searx.example.org".
    """

    def __init__(self, client: PoliteClient, url: str) -> None:
        self._client, self._url = client, f"{url.rstrip('/')}/search"

    def identity(self) -> str:
        """Return the instance's address."""
        return f"searxng {self._url}"

    def pages(self, query: str, until: dt.datetime | None, limit: int) -> list[PageHit]:
        """Find pages. Raises SearchError."""

        def read(found: list[Any]) -> Iterator[PageHit]:
            for hit in each(found, _Page, self._url):
                url = address(hit.url)
                if url is not None:
                    date = parse_date(hit.publishedDate)
                    yield PageHit(url, title_text(hit.title), snippet_text(hit.content or ""), date)

        return self._search(query, "general", until, limit, read)

    def pictures(self, query: str, until: dt.datetime | None, limit: int) -> list[PictureHit]:
        """Find pictures. Raises SearchError."""

        def read(found: list[Any]) -> Iterator[PictureHit]:
            for hit in each(found, _Picture, self._url):
                # Some engines leave the scheme out.
                image_url = address(f"https:{hit.img_src}" if hit.img_src.startswith("//") else hit.img_src)
                url = address(hit.url)
                if url is not None and image_url is not None:
                    yield PictureHit(image_url, url, title_text(hit.title), parse_date(hit.publishedDate))

        return self._search(query, "images", until, limit, read)

    def _search(
        self,
        query: str,
        category: str,
        until: dt.datetime | None,
        limit: int,
        read: Callable[[list[Any]], Iterator[Hit]],
    ) -> list[Hit]:
        hits: list[Hit] = []
        for number in range(1, MAX_PAGES + 1):
            params: dict[str, str | int] = {
                "q": query_text(query), "format": "json", "categories": category, "pageno": number,
            }  # fmt: skip
            found = ask(self._client, self._url, params, _Answer).results
            hits += in_time(read(found), until)
            if len(hits) >= limit or not found:
                break
        return hits[:limit]
