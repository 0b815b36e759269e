"""The HTTP server of the simulated web: one process, one port on loopback, hosts told apart by the Host header."""

import argparse
import json
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from nest_builder.newsworld.model import NOW
from nest_builder.newsworld.site import STALL_SECONDS, Request, Site
from nest_builder.newsworld.world import World

log = logging.getLogger(__name__)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, site: Site, latency: float) -> None:
        self.site, self.latency = site, latency
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()
        super().__init__(("127.0.0.1", port), _Handler)

    def earlier(self, url: str) -> int:
        """How often the address was asked for before; counts this time."""
        with self._lock:
            self._seen[url] += 1
            return self._seen[url] - 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gives up in the middle of a slow body is no event; anything else is."""
        error = sys.exc_info()[1]
        if isinstance(error, ConnectionError):
            log.debug("client %s went away: %s", client_address, error)
        else:
            log.exception("request from %s failed", client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Newsworld"
    sys_version = ""
    wbufsize = -1  # one packet for head and body
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server

    def do_GET(self) -> None:
        """Answer."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer without the body."""
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        host = self.headers.get("Host", "").split(":")[0].casefold()
        headers = {name.casefold(): value for name, value in self.headers.items()}
        earlier = self.server.earlier(f"{host}{self.path}")
        time.sleep(self.server.latency)
        response = self.server.site.respond(Request(host, self.path, headers, earlier))
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status != 304:
            self.send_header("Content-Type", response.type)
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if not with_body or response.status == 304:
            return
        half = len(response.body) // 2 if response.delay else 0
        if response.delay:
            self.wfile.write(response.body[:half])
            self.wfile.flush()
            time.sleep(response.delay)
        self.wfile.write(response.body[half:])

    def log_message(self, format: str, *args: Any) -> None:
        """Requests go to the log, at debug level."""
        log.debug(format, *args)


class Running:
    """A server in a thread of this process, until `close` or the end of a `with` block.

    Attributes:
        world: What it serves.
        port: The port on loopback.
    """

    def __init__(
        self, world: World, port: int = 0, stall: float = STALL_SECONDS, latency: float = 0.0, now: datetime = NOW
    ) -> None:
        self.world, self._stall = world, stall
        self._server = _Server(port, Site(world, stall, now), latency)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="newsworld", daemon=True)
        self._thread.start()

    @property
    def origin(self) -> str:
        """What a client's `resolve` setting names: "http://127.0.0.1:PORT"."""
        return f"http://127.0.0.1:{self.port}"

    def move_to(self, now: datetime) -> None:
        """Show the world as of another moment, from the next request on."""
        self._server.site = Site(self.world, self._stall, now)

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> "Running":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(
    seed: int,
    port: int = 0,
    truth: Path | None = None,
    *,
    stall: float = STALL_SECONDS,
    latency: float = 0.0,
    now: datetime = NOW,
) -> Running:
    """Start serving a world.

    Args:
        seed: Which world.
        port: 0 takes a free one.
        truth: Write the world's truth there, as JSON.
        stall: Seconds for which stalling bodies pause.
        latency: Seconds before every answer, as on a real network.
        now: Nothing is shown that was published later.

    Raises:
        OSError: The port is taken, or the truth cannot be written.
    """
    world = World(seed)
    if truth is not None:
        truth.write_text(json.dumps(world.truth(), ensure_ascii=False), encoding="utf-8")
    return Running(world, port, stall, latency, now)


def serve_forever(
    seed: int,
    port: int = 0,
    truth: Path | None = None,
    *,
    latency: float = 0.0,
    announce: bool = False,
    with_parent: bool = False,
    now: datetime = NOW,
) -> None:
    """Serve a world until interrupted.

    Args:
        seed: Which world.
        port: 0 takes a free one.
        truth: Write the world's truth there.
        latency: Seconds before every answer.
        announce: Write {"port": ...} to standard output when ready.
        with_parent: Also stop when standard input closes, so that a killed parent leaves no orphan. Each line that the
            parent writes there is a time, ISO 8601, to move to; a line on standard output says that it is done.
        now: Nothing is shown that was published later.
    """
    with serve(seed, port, truth, latency=latency, now=now) as running:
        log.info("newsworld %d answers at %s", seed, running.origin)
        if announce:
            _say({"port": running.port})
        try:
            if with_parent:
                for line in sys.stdin:
                    running.move_to(datetime.fromisoformat(line.strip()))
                    _say({"now": line.strip()})
            else:
                threading.Event().wait()
        except KeyboardInterrupt:
            log.info("interrupted")


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> None:
    """Run as a program: see the module's options with --help."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    parser.add_argument("--announce", action="store_true", help='write {"port": ...} when ready')
    parser.add_argument("--with-parent", action="store_true", help="stop when standard input closes")
    parser.add_argument("--now", type=datetime.fromisoformat, default=NOW, help="show the world as of this time")
    options = parser.parse_args(argv)
    serve_forever(
        options.seed,
        options.port,
        options.truth,
        latency=options.latency,
        announce=options.announce,
        with_parent=options.with_parent,
        now=options.now,
    )


if __name__ == "__main__":
    main()
