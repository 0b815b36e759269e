"""What every exchange with Label Studio needs: answers of bounded length, times that are aware, and errors that say what to do."""

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
from label_studio_sdk.core.api_error import ApiError

MAX_ANSWER_BYTES = 256_000_000  # of one answer: a page of tasks with hand-painted masks has some 10 MB


class ReviewError(Exception):
    """The server is not there, refuses, or does not answer as Label Studio does."""


class Bounding(httpx.BaseTransport):
    """Ends an answer that is longer than any answer should be."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, and count the bytes of its answer."""
        response = self._inner.handle_request(request)
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Bounded(response.stream)
        return response

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class _Bounded(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        seen = 0
        for part in self._stream:
            seen += len(part)
            if seen > MAX_ANSWER_BYTES:
                raise httpx.DecodingError(f"more than {MAX_ANSWER_BYTES} bytes")
            yield part

    def close(self) -> None:
        self._stream.close()


def read_time(text: Any) -> dt.datetime:
    """Return an aware time.

    Raises:
        ValueError: It is no ISO 8601 time with a zone.
    """
    if not isinstance(text, str) or len(text) > 40:
        raise ValueError(f"no time: {str(text)[:60]!r}")
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {text!r}")
    return moment.astimezone(dt.UTC)


@contextmanager
def saying(what: str) -> Iterator[None]:
    """Turn the errors of SDK and HTTP client into one that says what was asked and why it failed."""
    try:
        yield
    except ApiError as error:
        if error.status_code == 401:
            hint = "; legacy tokens are off by default since Label Studio 1.17: use a personal access token"
            raise ReviewError(f"{what}: the token is not accepted{hint}") from error
        raise ReviewError(f"{what}: status {error.status_code}: {_short(error.body)}") from error
    except httpx.HTTPError as error:
        raise ReviewError(f"{what}: the server does not answer: {type(error).__name__}: {_short(error)}") from error
    except ValueError as error:  # not JSON, or not what the SDK expects of the server
        raise ReviewError(f"{what}: not an answer of Label Studio: {_short(error)}") from error


def _short(value: Any) -> str:
    if isinstance(value, str) and value.startswith("{"):
        with suppress(ValueError):
            value = json.loads(value)
    text = value.get("validation_errors") or value.get("detail") or value if isinstance(value, dict) else value
    return " ".join(str(text).split())[:300]
