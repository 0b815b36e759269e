"""What all search services share: one bounded request, an answer checked for its types, and the bound on dates."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from nest_builder.rose.base import SearchError
from nest_builder.web import Exchange, Expect, FetchError, FetchRejected, PoliteClient, normalise_url

MAX_BYTES: Final = 2_000_000  # of one answer; ten hits are some ten kilobytes
MAX_QUERY, MAX_WORDS = 300, 50  # characters, and words: Brave refuses more than 400 and 50
MAX_HITS: Final = 100  # of one answer that are looked at
_TITLE, _SNIPPET = 300, 1000

Model = TypeVar("Model", bound=BaseModel)


class Meter:
    """Counts the bytes that services sent while it was on."""

    def __init__(self) -> None:
        self.bytes = 0


_METER: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def metered() -> Iterator[Meter]:
    """Count what this thread's requests to services bring in."""
    meter = Meter()
    token = _METER.set(meter)
    try:
        yield meter
    finally:
        _METER.reset(token)


def ask(
    client: PoliteClient,
    url: str,
    params: Mapping[str, str | int],
    answer: type[Model],
    headers: Mapping[str, str] | None = None,
) -> Model:
    """Send one request to a service and check what it answers.

    Args:
        client: Bounds the time, the redirects and the retries.
        url: The service's address.
        params: The query's parameters.
        answer: What the answer has to be.
        headers: Further headers, such as the key.

    Raises:
        SearchError: The service is down, too slow, or sends too much, no JSON, or JSON of another type.
    """
    try:
        exchange: Exchange = client.fetch(
            f"{url}?{urlencode(params)}", Expect.JSON, max_bytes=MAX_BYTES, headers=headers, service=True
        )
    except FetchError as error:
        raise SearchError(f"no answer from {url}: {error}") from error
    meter = _METER.get()
    if meter is not None:
        meter.bytes += len(exchange.body)
    try:
        return answer.model_validate_json(exchange.body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise SearchError(f"{url} gave no usable answer: {where}: {first['msg']}"[:300]) from error


def each(found: Iterable[Any], kind: type[Model], service: str) -> Iterator[Model]:
    """Yield the hits that are of the right type; a service's one bad hit does not cost the others.

    Raises:
        SearchError: There are hits and all of them are of a wrong type.
    """
    seen = good = 0
    for raw in list(found)[:MAX_HITS]:
        seen += 1
        try:
            hit = kind.model_validate(raw)
        except ValidationError:
            continue
        good += 1
        yield hit
    if seen and not good:
        raise SearchError(f"{service} gave {seen} hits, none of which is one")


class Dated(Protocol):
    """A hit."""

    @property
    def published_at(self) -> dt.datetime | None:
        """When it appeared."""


Hit = TypeVar("Hit", bound=Dated)


def in_time(hits: Iterable[Hit], until: dt.datetime | None) -> Iterator[Hit]:
    """Drop what appeared after `until`, and what does not say when it appeared."""
    for hit in hits:
        if until is None or (hit.published_at is not None and hit.published_at <= until):
            yield hit


def address(url: str) -> str | None:
    """Return an address in its normal form, or None where it is none of the web's."""
    try:
        return normalise_url(url)
    except FetchRejected:
        return None


def query_text(query: str) -> str:
    """Return a query as it may be sent: one line of bounded length."""
    return " ".join(query.split()[:MAX_WORDS])[:MAX_QUERY]


def title_text(text: str) -> str:
    """Return a title of bounded length."""
    return " ".join(text.split())[:_TITLE]


def snippet_text(text: str) -> str:
    """Return a snippet of bounded length."""
    return " ".join(text.split())[:_SNIPPET]
