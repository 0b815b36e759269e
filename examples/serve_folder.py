"""Serve a folder of saved pages on loopback, so that the pipeline can read a real site without disturbing it.

Usage: ``python examples/serve_folder.py FOLDER --port 8018``
"""

import argparse
import logging
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

CONTENT_TYPES = {".html": "text/html; charset=utf-8", ".xml": "application/rss+xml; charset=utf-8"}


class SavedSite(SimpleHTTPRequestHandler):
    """Files by their suffix's content type, a folder by its index.html; no listings of folders, which no news site has."""

    def guess_type(self, path: Any) -> str:
        """Return a file's content type, with the encoding that pages and feeds have here."""
        return CONTENT_TYPES.get(Path(path).suffix.lower()) or super().guess_type(path)

    def list_directory(self, path: Any) -> None:
        """Answer 404 for a folder without a page."""
        self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None:
        """Log instead of writing to standard error."""
        log.info(format, *args)


def make_server(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """Return a server for ``folder`` on loopback; port 0 takes a free one (see its ``server_port``).

    Raises:
        NotADirectoryError: There is no such folder.
        OSError: The port is taken.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"no folder {folder}")
    return ThreadingHTTPServer(("127.0.0.1", port), partial(SavedSite, directory=str(folder)))


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="Serve a folder of saved pages on loopback.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=8018)
    parser.add_argument("--verbose", action="store_true", help="log each request")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO if arguments.verbose else logging.WARNING, format="%(message)s")
    with make_server(arguments.folder, arguments.port) as server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            log.info("stopped")


if __name__ == "__main__":
    main()
