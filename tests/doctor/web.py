"""A few servers on loopback for the doctor to ask."""

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NOW = dt.datetime(2025, 10, 1, 6, tzinfo=dt.UTC)
Route = tuple[int, str, str]  # status, content type, body


def feed(*dates: str) -> Route:
    """Return an RSS feed with an entry of each date."""
    items = "".join(
        f"<item><title>t</title><link>http://a.example/{number}</link>"
        f"<pubDate>{format_datetime(dt.datetime.fromisoformat(date))}</pubDate></item>"
        for number, date in enumerate(dates)
    )
    return 200, "application/rss+xml", f'<rss version="2.0"><channel><title>f</title>{items}</channel></rss>'


@contextmanager
def serving(routes: dict[str, Route], now: dt.datetime = NOW) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Yield the origin of a server whose clock says ``now``, and the headers of each request."""
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append({"path": self.path, **{name.lower(): value for name, value in self.headers.items()}})
            status, kind, body = routes.get(self.path.partition("?")[0], (404, "text/plain", ""))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(now, usegmt=True)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
