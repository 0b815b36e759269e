"""Brave's Search API (https://api-dashboard.search.brave.com/app/documentation)."""

import datetime as dt
import os
from typing import Any, Final

from pydantic import BaseModel

from nest_builder.news.dates import parse_date
from nest_builder.rose.base import PageHit, PictureHit, SearchError
from nest_builder.rose.search.service import address, ask, each, in_time, query_text, snippet_text, title_text
from nest_builder.web import PoliteClient

API: Final = "https://api.search.brave.com/res/v1"
KEY: Final = "BRAVE_API_KEY"
_MAX_PAGES, _MAX_PICTURES = 20, 100  # hits of one request, as the API allows
_FIRST_DAY: Final = "2000-01-01"


class _Results(BaseModel):
    results: list[Any] = []


class _WebAnswer(BaseModel):
    web: _Results = _Results()


class _PictureAnswer(BaseModel):
    results: list[Any]


class _Page(BaseModel):
    url: str
    title: str = ""
    description: str | None = ""
    page_age: str | None = None


class _File(BaseModel):
    url: str


class _Picture(BaseModel):
    url: str
    title: str | None = ""
    page_fetched: str | None = None
    properties: _File


class Brave:
    """Brave Search. The key is read from the environment (`BRAVE_API_KEY`) at each request and kept nowhere.

    Args:
        client: The polite client.
        url: The API, where it is not Brave's own.
    """

    def __init__(self, client: PoliteClient, url: str = API) -> None:
        self._client, self._url = client, url.rstrip("/")

    def identity(self) -> str:
        """Return the API's address."""
        return f"brave {self._url}"

    def pages(self, query: str, until: dt.datetime | None, limit: int) -> list[PageHit]:
        """Find pages. Raises SearchError."""
        params: dict[str, str | int] = {
            "q": query_text(query), "count": min(_MAX_PAGES, limit), "result_filter": "web", "text_decorations": "false",
        }  # fmt: skip
        if until is not None:
            params["freshness"] = f"{_FIRST_DAY}to{until.astimezone(dt.UTC):%Y-%m-%d}"
        found = ask(self._client, f"{self._url}/web/search", params, _WebAnswer, self._headers()).web.results
        hits = [
            PageHit(url, title_text(hit.title), snippet_text(hit.description or ""), parse_date(hit.page_age))
            for hit in each(found, _Page, self._url)
            if (url := address(hit.url)) is not None
        ]
        return list(in_time(hits, until))[:limit]

    def pictures(self, query: str, until: dt.datetime | None, limit: int) -> list[PictureHit]:
        """Find pictures. Raises SearchError.

        The API gives no date of publication. `page_fetched`, when Brave read the page, stands in for it: what was there by then
        is not newer.
        """
        params: dict[str, str | int] = {"q": query_text(query), "count": _MAX_PICTURES if until else limit}
        found = ask(self._client, f"{self._url}/images/search", params, _PictureAnswer, self._headers()).results
        hits = [
            PictureHit(image_url, url, title_text(hit.title or ""), parse_date(hit.page_fetched))
            for hit in each(found, _Picture, self._url)
            if (url := address(hit.url)) is not None and (image_url := address(hit.properties.url)) is not None
        ]
        return list(in_time(hits, until))[:limit]

    def _headers(self) -> dict[str, str]:
        key = os.environ.get(KEY, "")
        if not key:
            raise SearchError(f"Brave needs a key: set {KEY}")
        return {"X-Subscription-Token": key}
