"""Webhooks, as an option: Label Studio tells when something was decided, and a pull follows at once.

What it sends is not read: a request only says that there is something to fetch, so that nobody who reaches the port can put a decision
into the store.
"""

import hmac
import logging
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

log = logging.getLogger(__name__)

SECRET_HEADER = "X-Nest-Secret"
_MAX_BODY = 1_000_000  # bytes; with ``send_payload`` off it is some hundred
_SETTLE_SECONDS = 1.0  # decisions that come together are fetched together


class Listener:
    """Listens for webhooks. To be used as a context manager.

    Args:
        secret: What the requests must carry in the header ``X-Nest-Secret``.
        host: The address to listen on; loopback unless Label Studio is elsewhere.
        port: 0 takes a free one.
    """

    def __init__(self, secret: str, host: str = "127.0.0.1", port: int = 0) -> None:
        self.woken = threading.Event()
        self._server = ThreadingHTTPServer((host, port), _handler(secret, self.woken))
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="webhooks", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def follow(self, pull: Callable[[], object], every_seconds: float, rounds: int | None = None) -> None:
        """Pull now, and again whenever a webhook came, or after so much time, since a webhook can be lost.

        Args:
            pull: Fetches what changed.
            every_seconds: The longest time between two pulls.
            rounds: How many pulls; None goes on until interrupted.
        """
        done = 0
        while rounds is None or done < rounds:
            if done and self.woken.wait(every_seconds):
                threading.Event().wait(_SETTLE_SECONDS)
            self.woken.clear()  # before the pull: what comes during it is fetched by the next
            pull()
            done += 1


def _handler(secret: str, woken: threading.Event) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds for a request to come in

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length") or "0"
            if not length.isascii() or not length.isdigit() or int(length) > _MAX_BODY:
                self.send_error(413)
                return
            self.rfile.read(int(length))
            given = self.headers.get(SECRET_HEADER, "")
            if not hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode()):
                self.send_error(403)
                return
            woken.set()
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            log.info("webhook: " + format, *args)

    return Handler
