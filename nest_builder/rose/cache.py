"""A bounded cache of what the network gave: search answers, pages, pictures."""

import sqlite3
import threading
from pathlib import Path
from typing import Final

from nest_builder.digest import digest

MAX_BYTES: Final = 512_000_000
_PATIENCE_S: Final = 60.0  # that another process may take for a write
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entry (
    key TEXT PRIMARY KEY, value BLOB NOT NULL, size INTEGER NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entry_turn ON entry (used, size);
"""
_TURN: Final = "(SELECT coalesce(max(used), 0) + 1 FROM entry)"


class Cache:
    """Keys to bytes, in an SQLite file or in memory; safe to use from many threads, and a file from many processes.

    What has not been used for longest goes first. A value that is larger than a tenth of the whole is not kept.

    Args:
        path: The file; None: in memory.
        max_bytes: Bytes that all values together may take; each process may be a twentieth of that late to see that they take more.

    Raises:
        OSError: The file cannot be opened.
        ValueError: The file is no such cache.
    """

    def __init__(self, path: Path | None = None, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._put = 0  # bytes since all of them were last counted
        self._lock = threading.Lock()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._database = sqlite3.connect(
                path or ":memory:", timeout=_PATIENCE_S, check_same_thread=False, isolation_level=None
            )
        except sqlite3.OperationalError as error:
            raise OSError(f"the cache {path} cannot be opened: {error}") from error
        try:
            # What is lost with the power is fetched again.
            self._database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;" + _SCHEMA)
        except sqlite3.OperationalError as error:
            self._database.close()
            raise OSError(f"the cache {path} cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise ValueError(f"{path} is no cache ({error}): delete it, or name another file") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    @property
    def count(self) -> int:
        """Return how many values there are; no length, for which an empty cache would be taken for none."""
        with self._lock:
            return int(self._database.execute("SELECT count(*) FROM entry").fetchone()[0])

    @property
    def held_bytes(self) -> int:
        """Return the size of all values."""
        with self._lock:
            return self._held()

    def get(self, *key: object) -> bytes | None:
        """Return the value of a key (anything that has a digest); None where there is none."""
        name = digest(*key)
        with self._lock:
            found = self._database.execute("SELECT value FROM entry WHERE key = ?", (name,)).fetchone()
            if found is None:
                return None
            self._database.execute(f"UPDATE entry SET used = {_TURN} WHERE key = ?", (name,))
        value: bytes = found[0]
        return value

    def put(self, value: bytes, *key: object) -> None:
        """Keep a value."""
        if len(value) > self._max_bytes // 10:
            return
        with self._lock:
            entry = digest(*key), value, len(value)
            self._database.execute(f"INSERT OR REPLACE INTO entry VALUES (?, ?, ?, {_TURN})", entry)
            self._put += len(value)
            if self._put > self._max_bytes // 20:
                self._put = 0
                self._trim()

    def _held(self) -> int:
        return int(self._database.execute("SELECT coalesce(sum(size), 0) FROM entry").fetchone()[0])

    def _trim(self) -> None:
        """Drop what has not been used for longest, until the rest is small enough."""
        excess, dropped = self._held() - self._max_bytes, []
        if excess > 0:
            for key, size in self._database.execute("SELECT key, size FROM entry ORDER BY used"):
                dropped.append((key,))
                excess -= size
                if excess <= 0:
                    break
        self._database.executemany("DELETE FROM entry WHERE key = ?", dropped)
