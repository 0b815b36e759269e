"""A small web on loopback whose every answer a test writes itself."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from nest_builder.config import WebSettings
from nest_builder.web import ClientSettings, PoliteClient

NOW = datetime(2025, 10, 1, 6, 0, tzinfo=UTC)


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    length: bool = True


@dataclass
class Asked:
    host: str
    path: str
    headers: dict[str, str]


Route = Reply | Callable[[Asked, int], Reply] | Callable[[BaseHTTPRequestHandler], None]


class Loopback:
    """Routes are keyed by path or host + path; unknown ones are 404. `asked` is what came in, in order."""

    def __init__(self) -> None:
        self.routes: dict[str, Reply | Callable[[Asked, int], Reply]] = {}
        self.raw: dict[str, Callable[[socket.socket], None]] = {}
        self.asked: list[Asked] = []
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *args: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                return

        self.server = Server(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = Asked(handler.headers["Host"], handler.path, {k.lower(): v for k, v in handler.headers.items()})
        with self.lock:
            nth = sum(a.path == asked.path and a.host == asked.host for a in self.asked)
            self.asked.append(asked)
        if handler.path in self.raw:
            handler.close_connection = True
            self.raw[handler.path](handler.connection)
            return
        route = self.routes.get(asked.host + handler.path, self.routes.get(handler.path, Reply(404)))
        reply = route(asked, nth) if callable(route) else route
        handler.send_response(reply.status)
        for name, value in reply.headers:
            handler.send_header(name, value)
        if reply.length:
            handler.send_header("Content-Length", str(len(reply.body)))
        else:
            handler.close_connection = True
        handler.end_headers()
        handler.wfile.write(reply.body)

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked if asked.path not in ("/robots.txt", "/.well-known/tdmrep.json")]


@dataclass
class FakeTime:
    """A monotonic clock that only sleeping moves."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    web = Loopback()
    thread = threading.Thread(target=web.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield web
    web.server.shutdown()
    web.server.server_close()
    thread.join()


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def make_client(loopback: Loopback, fake_time: FakeTime) -> Iterator[Callable[..., PoliteClient]]:
    clients: list[PoliteClient] = []

    def make(**settings: Any) -> PoliteClient:
        resolver = settings.pop("resolver", None)
        settings = {
            "resolve": {"*.test": loopback.origin},
            "interval_s": 0.0,
            "connect_timeout_s": 2.0,
            "read_timeout_s": 2.0,
            "total_timeout_s": 5.0,
            "retries": 2,
            "backoff_s": 1.0,
            "max_wait_s": 60.0,
            **settings,
        }
        more = {"resolver": resolver} if resolver else {}
        client = PoliteClient(
            replace(ClientSettings.of(WebSettings()), **settings),
            clock=lambda: NOW,
            monotonic=fake_time.monotonic,
            sleep=fake_time.sleep,
            **more,
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()
