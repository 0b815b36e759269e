"""A segmenter on another machine, and the small server for it.

`python -m nest_builder.segmenters.remote --segmenter lisa --port 8123` serves any segmenter. `POST /segment` takes
{"images": [PNG in base64], "texts": [...]} and gives {"segmentations": [{"mask", "text", "score"}]}, masks as COCO's
uncompressed run lengths, which can be checked before they are decoded. `GET /identity` gives {"identity"}.
There is no password: the server listens on loopback; where others can reach it, put a proxy that asks for one before it.
"""

import argparse
import json
import logging
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import requests
from PIL import Image

from nest_builder.annotate.base import MODEL_ERRORS
from nest_builder.images.decode import BadImageError
from nest_builder.segmenters.base import ReferringSegmenter, Segmentation
from nest_builder.segmenters.loading import load_segmenter
from nest_builder.segmenters.wire import (
    MAX_ANSWER,
    MAX_REQUEST,
    in_requests,
    pack_answer,
    pack_request,
    unpack_answer,
    unpack_request,
)

log = logging.getLogger(__name__)

_UNDIGESTED: Final = 422  # the status for pictures that the model could not work on
_PIECE: Final = 1 << 16  # bytes


class RemoteError(OSError):
    """The server is down, too slow, or answers nonsense; the text says which."""


class RemoteSegmenter:
    """Asks a server.

    Args:
        url: Where it answers, such as ``http://gpu-box:8123``.
        timeout_seconds: For one request of up to 16 pictures, from the first byte to the last.
        max_bytes: The longest answer that is read.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 120.0, max_bytes: int = MAX_ANSWER) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r} is no address of a segmenter: write remote:http://host:port")
        self._url, self._timeout, self._max_bytes = url.rstrip("/"), timeout_seconds, max_bytes
        self._session = requests.Session()
        self._identity: str | None = None

    def identity(self) -> str:
        """Return the name of the segmenter that answers there; asked once.

        Raises:
            RemoteError: It cannot be reached.
        """
        if self._identity is None:
            body = self._exchange("GET", "/identity", None)
            try:
                name = json.loads(body)["identity"]
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                raise RemoteError(f"{self._url} does not say who it is: {error}"[:300]) from error
            self._identity = f"remote({str(name)[:500]})"
        return self._identity

    def segment(self, images: Sequence[Image.Image], texts: Sequence[str]) -> list[Segmentation]:
        """Outline what each text refers to; see `ReferringSegmenter.segment`.

        Raises:
            RemoteError: The server is down, too slow, or answers nonsense.
            RuntimeError: The model there could not work on these pictures.
            ValueError: There are not as many texts as pictures, or one of them is larger than can be sent.
        """
        if len(images) != len(texts):
            raise ValueError(f"{len(images)} pictures with {len(texts)} texts")
        said: list[Segmentation] = []
        for part in in_requests(images, texts):
            body = self._exchange("POST", "/segment", pack_request(images[part], texts[part]))
            try:
                said += unpack_answer(body, images[part])
            except ValueError as error:
                raise RemoteError(f"{self._url} answers nonsense: {error}") from error
        return said

    def _exchange(self, method: str, path: str, data: bytes | None) -> bytes:
        """Send a request and read the answer's body, within the limits of time and size."""
        until = time.monotonic() + self._timeout
        head = {"Content-Type": "application/json"} if data else {}
        body = bytearray()
        try:
            with self._session.request(
                method, self._url + path, data=data, headers=head, timeout=self._timeout, stream=True,
                allow_redirects=False,
            ) as answer:  # fmt: skip
                for piece in answer.iter_content(_PIECE):
                    body += piece
                    if len(body) > self._max_bytes:
                        raise RemoteError(f"{self._url} answers with more than {self._max_bytes} bytes")
                    if time.monotonic() > until:
                        raise RemoteError(f"{self._url} takes longer than {self._timeout:g} s")
        except requests.RequestException as error:
            raise RemoteError(f"no answer from {self._url}: {error}"[:500]) from error
        if answer.status_code == _UNDIGESTED:
            raise RuntimeError(f"the model at {self._url} failed: {_shown(bytes(body))}")
        if answer.status_code != 200:
            raise RemoteError(f"{self._url} answers with status {answer.status_code}: {_shown(bytes(body))}")
        return bytes(body)


class SegmenterServer(ThreadingHTTPServer):
    """Serves one segmenter; a request at a time, since a model has one machine to run on.

    Args:
        segmenter: What is served.
        host: The address to listen on.
        port: 0 takes a free one.
    """

    daemon_threads = True

    def __init__(self, segmenter: ReferringSegmenter, host: str = "127.0.0.1", port: int = 0) -> None:
        self._segmenter, self._turn = segmenter, threading.Lock()
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        """Return where it answers."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def identity(self) -> tuple[int, bytes]:
        """Return the status and the body that answer "who are you?"."""
        try:
            return 200, json.dumps({"identity": self._segmenter.identity()}).encode()
        except OSError as error:
            return _cannot_be_asked(error)

    def answer(self, body: bytes) -> tuple[int, bytes]:
        """Return the status and the body that answer a request."""
        try:
            images, texts = unpack_request(body)
        except (ValueError, BadImageError) as error:
            return 400, _fault(error)
        try:
            with self._turn:
                return 200, pack_answer(self._segmenter.segment(images, texts))
        except MODEL_ERRORS as error:
            log.warning("the segmenter failed on %d pictures: %s", len(images), error)
            return _UNDIGESTED, _fault(error)
        except OSError as error:
            return _cannot_be_asked(error)


def _cannot_be_asked(error: OSError) -> tuple[int, bytes]:
    """Return the answer where weights are missing, or a segmenter behind this one is down."""
    log.error("the segmenter cannot be asked: %s", error)
    return 500, _fault(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "NestSegmenter"
    sys_version = ""
    timeout = 60
    server: SegmenterServer

    def do_GET(self) -> None:
        """Say who answers here."""
        if self.path == "/identity":
            self._send(*self.server.identity())
        else:
            self._send(404, _fault("there are /identity and /segment"))

    def do_POST(self) -> None:
        """Segment."""
        length = self.headers.get("Content-Length", "")
        if self.path != "/segment":
            self.close_connection = True  # its body is not read
            self._send(404, _fault("there are /identity and /segment"))
        elif not length.isdecimal() or int(length) > MAX_REQUEST:
            self.close_connection = True
            self._send(413, _fault(f"a request says its length, at most {MAX_REQUEST} bytes"))
        else:
            self._send(*self.server.answer(self.rfile.read(int(length))))

    def log_message(self, format: str, *args: object) -> None:
        """Log requests as everything else is."""
        log.info("%s %s", self.address_string(), format % args)

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _fault(error: object) -> bytes:
    return json.dumps({"error": str(error)[:1000]}).encode()


def _shown(body: bytes) -> str:
    return body[:200].decode("utf-8", "replace")


def main(argv: Sequence[str] | None = None) -> None:
    """Serve a segmenter until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m nest_builder.segmenters.remote", description=__doc__)
    parser.add_argument("--segmenter", required=True, help="lisa, grounded-sam, or package.module:attribute")
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--host", default="127.0.0.1")
    given = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    with SegmenterServer(load_segmenter(given.segmenter), given.host, given.port) as server:
        log.info("%s answers at %s", server.identity()[1].decode(), server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            log.info("stopped")


if __name__ == "__main__":
    main()
