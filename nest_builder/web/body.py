"""Reading a response's body within limits on bytes (on the wire and decoded) and on time."""

from __future__ import annotations

import time
from collections.abc import Callable

from requests import Response

from nest_builder.web.exchange import FetchReason, FetchRejected

_CHUNK = 64 * 1024
ACCEPT_ENCODING = "gzip, deflate"
_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})


def read_body(
    response: Response,
    max_bytes: int,
    time_left_s: float,
    monotonic: Callable[[], float] = time.monotonic,
    truncate: bool = False,
) -> bytes:
    """Returns the decoded body.

    Args:
        response: opened with `stream=True`.
        max_bytes: limit, on the wire and after decompression alike.
        time_left_s: seconds that the body may take.
        monotonic: the clock for that.
        truncate: return the first `max_bytes` of a longer body instead of refusing it.

    Raises:
        FetchRejected: `TOO_LARGE`, `TOO_SLOW`, or `BAD_ENCODING` for a content coding that we did not ask for.
        urllib3.exceptions.HTTPError: the connection broke, or the coding is not what it claims.
    """
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in _ENCODINGS:
        raise FetchRejected(FetchReason.BAD_ENCODING, f"content coding {coding[:60]!r}")
    declared = response.headers.get("content-length", "")
    if not truncate and declared.isascii() and declared.isdigit() and int(declared[:18]) > max_bytes:
        raise FetchRejected(FetchReason.TOO_LARGE, f"{declared} bytes declared, limit {max_bytes}")
    ends = monotonic() + time_left_s
    chunks: list[bytes] = []
    size = 0
    # read1 returns what one read of the socket gave, at most _CHUNK bytes decoded: a bomb never unfolds in memory.
    while chunk := response.raw.read1(_CHUNK, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if max(size, response.raw.tell()) > max_bytes:
            if truncate:
                break
            raise FetchRejected(FetchReason.TOO_LARGE, f"more than {max_bytes} bytes")
        if monotonic() > ends:
            raise FetchRejected(FetchReason.TOO_SLOW, f"{size} bytes in {time_left_s:.1f} s")
    return b"".join(chunks)[:max_bytes] if truncate else b"".join(chunks)
