"""The encyclopedia: when a MediaWiki page was begun."""

import datetime as dt
import json
import logging
from typing import Any
from urllib.parse import urlencode

from nest_builder.entities.base import Revision
from nest_builder.web import Expect, FetchError, PoliteClient

log = logging.getLogger(__name__)

MAX_BYTES = 1_000_000


class MediaWiki:
    """Asks a MediaWiki API for a page's first revision (action=query, prop=revisions, rvdir=newer, rvlimit=1).

    It fails soft: no answer is no evidence, and the assessment says so.

    Args:
        client: The polite client.
        api: The address of api.php.
    """

    def __init__(self, client: PoliteClient, api: str) -> None:
        self._client, self._api = client, api

    def identity(self) -> str:
        """Return the address. What it says changes with time: whoever asks decides when to ask again."""
        return self._api

    def __call__(self, title: str) -> Revision | None:
        """Return the first revision; None where the encyclopedia gave no usable answer."""
        query = {
            "action": "query", "prop": "revisions", "rvdir": "newer", "rvlimit": "1", "rvprop": "timestamp",
            "redirects": "1", "titles": title, "format": "json", "formatversion": "2",
        }  # fmt: skip
        url = f"{self._api}?{urlencode(query)}"
        try:
            exchange = self._client.fetch(url, Expect.JSON, max_bytes=MAX_BYTES, service=True)
            return parse(json.loads(exchange.body), url)
        except (FetchError, ValueError) as error:
            log.warning("no answer from the encyclopedia about %r: %s", title, error)
            return None


def parse(answer: Any, url: str) -> Revision:
    """Read an answer of ``formatversion=2``.

    Raises:
        ValueError: It is not such an answer.
    """
    try:
        pages = answer["query"]["pages"]
        page = pages[0]
        title = str(page["title"])[:300]
        if page.get("missing") or page.get("invalid"):
            return Revision(title, url, None)
        created = dt.datetime.fromisoformat(page["revisions"][0]["timestamp"])
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f"no answer of the MediaWiki API: {error!r}") from error
    if created.tzinfo is None:
        raise ValueError(f"a timestamp without a time zone: {created}")
    return Revision(title, url, created.astimezone(dt.UTC))
