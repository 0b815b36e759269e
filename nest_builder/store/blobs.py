"""Content-addressed blobs on any file system that fsspec knows."""

import datetime as dt
import hashlib
import os
import posixpath
import uuid
from pathlib import Path
from typing import Final

import fsspec
from fsspec.implementations.local import LocalFileSystem

CONDEMNED: Final = ".condemned"  # behind the name of a blob that `nest gc` has set aside: see operations/garbage.py
_YOUNG: Final = dt.timedelta(minutes=30)  # half of the shortest grace time that settings allow


class Blobs:
    """Bytes named by their SHA-256. Writing the same bytes twice is a no-op, so a crash leaves at most an orphan, never a half file.

    Args:
        url: Where blobs live: a folder or an fsspec URL such as ``s3://bucket/prefix``. Credentials and the address of a service other
            than Amazon's come from the environment, as its library reads them (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ...).
    """

    def __init__(self, url: str) -> None:
        self._fs, self._root = fsspec.core.url_to_fs(url)
        self._fs.makedirs(self._root, exist_ok=True)

    def path(self, sha256: str) -> str:
        """Return the blob's path inside its file system; two levels keep folders small."""
        return posixpath.join(self._root, sha256[:2], sha256)

    def put(self, data: bytes) -> str:
        """Store ``data`` and return its SHA-256 in hex."""
        name = hashlib.sha256(data).hexdigest()
        path = self.path(name)
        if self._is_there(path):
            return name
        if not isinstance(self._fs, LocalFileSystem):
            self._fs.pipe_file(path, data)  # an object store shows an object when it is whole
            return name
        self._fs.makedirs(posixpath.dirname(path), exist_ok=True)
        # Under a name of its own first: a killed writer must not leave half a blob under a name that promises the whole, and two
        # writers of the same bytes must not take each other's file away.
        partial = f"{path}.{uuid.uuid4().hex[:8]}.partial"
        try:
            with self._fs.open(partial, "wb") as file:
                file.write(data)
            self._fs.mv(partial, path)
        except OSError:  # a full disk above all: what was written of it must not fill it further
            Path(partial).unlink(missing_ok=True)
            raise
        return name

    def get(self, sha256: str) -> bytes:
        """Return the bytes.

        Raises:
            FileNotFoundError: There is no such blob.
            ValueError: The stored bytes no longer have this hash.
        """
        data = self._read(self.path(sha256))
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ValueError(
                f"blob {sha256} is damaged: restore it from a back-up, or delete it and run `nest build` again"
            )
        return data

    def _read(self, path: str) -> bytes:
        try:
            return bytes(self._fs.cat_file(path))
        except FileNotFoundError:
            # A sweep may have taken it in the moment in which it was wanted again; the next one puts it back.
            if not self._fs.exists(path + CONDEMNED):
                raise
            return bytes(self._fs.cat_file(path + CONDEMNED))

    def size(self, sha256: str) -> int:
        """Return how many bytes a blob has.

        Raises:
            FileNotFoundError: There is no such blob.
        """
        path = self.path(sha256)
        try:
            return int(self._fs.size(path))
        except FileNotFoundError:
            return int(self._fs.size(path + CONDEMNED))  # as `get` finds it

    def _is_there(self, path: str) -> bool:
        """Return whether a blob is there, and make it young again: it is wanted, so it must not be garbage before a row names it."""
        if isinstance(self._fs, LocalFileSystem):
            try:
                os.utime(path)
            except FileNotFoundError:
                return False
            return True
        # An object's age is renewed by writing it again, which is worth it only where garbage collection may look at it soon.
        return bool(self._fs.exists(path)) and dt.datetime.now(dt.UTC) - self._fs.modified(path) < _YOUNG

    def __contains__(self, sha256: str) -> bool:
        return bool(self._fs.exists(self.path(sha256)))
