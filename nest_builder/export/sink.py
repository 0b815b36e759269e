"""A file that is hashed while it is written, past the system's page cache.

An edition is larger than memory and nobody reads it back at once. Through the page cache it would push out everything
that the rest of the night needs, and on a virtual machine whose memory grows on demand each new page costs more than the
disk does. So whole blocks are written directly (`O_DIRECT`) where the file system can, in threads, while the next ones are
filled; and the hash that the manifest needs is there at the end, without reading anything again.
"""

import fcntl
import hashlib
import io
import mmap
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

BLOCK: Final = 8 << 20  # bytes; a multiple of every device's sector
_BLOCKS: Final = 4  # one is filled, one hashed, two written


class HashedFile(io.RawIOBase):
    """A new file, open for writing from its begin to its end.

    Args:
        path: Where to; what is there already is replaced.
        direct: Whether to write past the page cache, where the file system can.

    Raises:
        OSError: It cannot be written; said by the write that follows, or by ``close``.
    """

    def __init__(self, path: Path, direct: bool = True) -> None:
        super().__init__()
        self._file = _open(path, direct)
        self._hash = hashlib.sha256()
        # One thread, as blocks are hashed in their order; blocks are written wherever they belong, two at a time.
        self._hasher, self._writers = ThreadPoolExecutor(1), ThreadPoolExecutor(2)
        self._free = deque(
            mmap.mmap(-1, BLOCK) for _ in range(_BLOCKS)
        )  # a mapping begins at a page, as direct writing asks
        self._busy: deque[tuple[mmap.mmap, tuple[Future[None], ...]]] = deque()
        self._block = self._free.popleft()
        self._filled = 0
        self._offset = 0  # of the block

    @property
    def size(self) -> int:
        """Return the bytes written so far."""
        return self._offset + self._filled

    @property
    def sha256(self) -> str:
        """Return the hash of the whole file, in hex, once it is closed."""
        if not self.closed:
            raise ValueError("the hash of a file is known once it is closed")
        return self._hash.hexdigest()

    def writable(self) -> bool:
        """Return that it can be written."""
        return True

    def tell(self) -> int:
        """Return the position, which is always the end."""
        return self.size

    def write(self, data: Any) -> int:
        """Append bytes; all of them are taken."""
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            step = min(len(view) - done, BLOCK - self._filled)
            self._block[self._filled : self._filled + step] = view[done : done + step]
            self._filled, done = self._filled + step, done + step
            if self._filled == BLOCK:
                self._send()
        return done

    def close(self) -> None:
        """Write what is left and wait until everything has reached the device."""
        if self.closed:
            return
        try:
            self._drain(0)
            if self._filled:
                tail = memoryview(self._block)[: self._filled]
                # The file's end is no whole block, and direct writing knows whole ones only.
                fcntl.fcntl(self._file, fcntl.F_SETFL, fcntl.fcntl(self._file, fcntl.F_GETFL) & ~_DIRECT)
                _write_all(self._file, tail, self._offset)
                self._hash.update(tail)
                tail.release()
            os.fdatasync(self._file)
        finally:
            self._hasher.shutdown()
            self._writers.shutdown()
            os.close(self._file)
            super().close()

    def _send(self) -> None:
        block = memoryview(self._block)
        jobs = (
            self._hasher.submit(self._hash.update, block),
            self._writers.submit(_write_all, self._file, block, self._offset),
        )
        self._busy.append((self._block, jobs))
        self._offset, self._filled = self._offset + BLOCK, 0
        if not self._free:
            self._drain(_BLOCKS - 1)
        self._block = self._free.popleft()

    def _drain(self, left: int) -> None:
        """Wait for the oldest blocks until so many are under way at most; a write that failed is raised here."""
        while len(self._busy) > left:
            block, jobs = self._busy.popleft()
            self._free.append(block)
            for job in jobs:
                job.result()


_DIRECT: Final = getattr(os, "O_DIRECT", 0)  # macOS and Windows have none


def _open(path: Path, direct: bool) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    if direct and _DIRECT:
        with suppress(OSError):  # a file system in memory or on the network may not know it
            return os.open(path, flags | _DIRECT, 0o666)
    return os.open(path, flags, 0o666)


def _write_all(file: int, data: memoryview, offset: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(file, data[done:], offset + done)
