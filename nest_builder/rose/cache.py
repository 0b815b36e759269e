"""A bounded cache of what the network gave: search answers, pages, pictures."""

import sqlite3
import threading
from pathlib import Path
from typing import Final

from nest_builder.digest import digest

MAX_BYTES: Final = 512_000_000
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entry (
    key TEXT PRIMARY KEY, value BLOB NOT NULL, size INTEGER NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entry_used ON entry (used);
"""


class Cache:
    """Keys to bytes, in an SQLite file or in memory; safe to use from many threads.

    What has not been used for longest goes first. A value that is larger than a tenth of the whole is not kept.

    Args:
        path: The file; None: in memory.
        max_bytes: Bytes that all values together may take.

    Raises:
        ValueError: The file is no such cache.
    """

    def __init__(self, path: Path | None = None, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        try:
            # What is lost with the power is fetched again.
            self._database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;" + _SCHEMA)
            self._held, self._turn = self._database.execute(
                "SELECT coalesce(sum(size), 0), coalesce(max(used), 0) FROM entry"
            ).fetchone()
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise ValueError(f"{path} is no cache ({error}): delete it, or name another file") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def __len__(self) -> int:
        with self._lock:
            count: int = self._database.execute("SELECT count(*) FROM entry").fetchone()[0]
        return count

    @property
    def held_bytes(self) -> int:
        """Return the size of all values."""
        return int(self._held)

    def get(self, *key: object) -> bytes | None:
        """Return the value of a key (anything that has a digest); None where there is none."""
        name = digest(*key)
        with self._lock:
            found = self._database.execute("SELECT value FROM entry WHERE key = ?", (name,)).fetchone()
            if found is None:
                return None
            self._turn += 1
            self._database.execute("UPDATE entry SET used = ? WHERE key = ?", (self._turn, name))
        value: bytes = found[0]
        return value

    def put(self, value: bytes, *key: object) -> None:
        """Keep a value."""
        if len(value) > self._max_bytes // 10:
            return
        name = digest(*key)
        with self._lock:
            self._drop(self._database.execute("SELECT key, size FROM entry WHERE key = ?", (name,)).fetchall())
            self._turn += 1
            self._database.execute("INSERT INTO entry VALUES (?, ?, ?, ?)", (name, value, len(value), self._turn))
            self._held += len(value)
            while self._held > self._max_bytes:
                oldest = self._database.execute("SELECT key, size FROM entry ORDER BY used LIMIT 64").fetchall()
                excess, dropped = self._held - self._max_bytes, []
                for row in oldest:
                    if excess <= 0:
                        break
                    dropped.append(row)
                    excess -= row[1]
                self._drop(dropped)

    def _drop(self, rows: list[tuple[str, int]]) -> None:
        self._database.executemany("DELETE FROM entry WHERE key = ?", [(name,) for name, _ in rows])
        self._held -= sum(size for _, size in rows)
