"""A back-up's place: objects by their SHA-256, and snapshots that say which objects they are made of.

An object is written under a name of its own and moved when it is whole; a snapshot is written last. So a back-up that is killed leaves
objects that nobody names and every earlier snapshot as it was, and the next one copies only what is not there yet.
"""

import hashlib
import io
import json
import os
import posixpath
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any, Final

import fsspec
from fsspec.implementations.local import LocalFileSystem

from nest_builder.digest import digest
from nest_builder.store.blobs import CONDEMNED

FORMAT: Final = 1
_CHUNK: Final = 1 << 20
_NAME: Final = re.compile(r"\d{8}T\d{6}(?:\.\d{6})?Z")
SHA256: Final = re.compile(r"[0-9a-f]{64}")


class ArchiveError(ValueError):
    """The archive, or an object in it, is not what it should be."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object: its SHA-256, its size in bytes, and whether it was not there before."""

    sha256: str
    size: int
    new: bool


class Objects:
    """Bytes by their SHA-256, as ``store.blobs.Blobs`` lays them out, but read and written as streams of any length.

    Args:
        url: A folder or an fsspec URL.
    """

    def __init__(self, url: str) -> None:
        self.fs, self.root = fsspec.core.url_to_fs(url)

    def path(self, sha256: str) -> str:
        """Return an object's path inside the file system."""
        return posixpath.join(self.root, sha256[:2], sha256)

    def __contains__(self, sha256: str) -> bool:
        return bool(self.fs.exists(self.path(sha256)))

    def put(self, source: IO[bytes], expected: str | None = None) -> Stored:
        """Store what a file holds, and return what it is called.

        Args:
            source: Read to its end.
            expected: The SHA-256 that it must have.

        Raises:
            ArchiveError: It has another one; nothing is stored.
        """
        # A killed writer must not leave half an object under a name that promises the whole.
        partial = posixpath.join(self.root, f"{uuid.uuid4().hex}.partial")
        self.fs.makedirs(self.root, exist_ok=True)
        with self.fs.open(partial, "wb") as target:
            name, size = _copy(source, target)
        if expected is not None and name != expected:
            self.fs.rm_file(partial)
            raise ArchiveError(f"object {expected} is damaged")
        new = name not in self
        self.fs.makedirs(posixpath.dirname(self.path(name)), exist_ok=True)
        self.fs.mv(partial, self.path(name))  # over an old one too, which is young again then: see garbage.sweep
        return Stored(name, size, new)

    def renew(self, sha256: str) -> bool:
        """Return whether an object is there, and make it young: whoever sweeps beside us must not take what we count on."""
        if not isinstance(self.fs, LocalFileSystem):
            return sha256 in self
        try:
            os.utime(self.path(sha256))
        except FileNotFoundError:
            return False
        return True

    @contextmanager
    def open(self, sha256: str) -> Iterator[IO[bytes]]:
        """Open an object for reading; whoever reads it checks it (see ``read_into`` and ``problem``).

        Raises:
            ArchiveError: It is gone.
        """
        path = self.path(sha256)
        for name in (path, path + CONDEMNED):  # as `Blobs.get` does: what a sweep has set aside is not gone
            with suppress(FileNotFoundError):
                file = self.fs.open(name, "rb")
                break
        else:
            raise ArchiveError(f"object {sha256} is gone")
        with file:
            yield file

    def read_into(self, sha256: str, target: IO[bytes]) -> int:
        """Copy an object and return its size in bytes.

        Raises:
            ArchiveError: It is gone or damaged; what was written is worth nothing then.
        """
        with self.open(sha256) as source:
            found, size = _copy(source, target)
        if found != sha256:
            raise ArchiveError(f"object {sha256} is damaged")
        return size

    def problem(self, sha256: str) -> str | None:
        """Return what is wrong with an object; None where it is whole."""
        try:
            self.read_into(sha256, _Nowhere())
        except ArchiveError as error:
            return str(error)
        return None


class Archive:
    """Objects and snapshots in a folder, or wherever fsspec reaches.

    Args:
        url: A folder or an fsspec URL such as ``s3://bucket/prefix``.
    """

    def __init__(self, url: str) -> None:
        self.fs, self.root = fsspec.core.url_to_fs(url)
        self.objects = Objects(posixpath.join(url, "objects"))

    def snapshots(self) -> list[str]:
        """Return the names of the snapshots, the oldest first: the times at which they were begun."""
        folder = posixpath.join(self.root, "snapshots")
        if not self.fs.exists(folder):
            return []
        names = (
            posixpath.basename(path.rstrip("/")).removesuffix(".json") for path in self.fs.ls(folder, detail=False)
        )
        return sorted(name for name in names if _NAME.fullmatch(name))

    def write_snapshot(self, name: str, content: dict[str, Any]) -> None:
        """Write a snapshot, from here on the newest one."""
        path = posixpath.join(self.root, "snapshots", f"{name}.json")
        self.fs.makedirs(posixpath.dirname(path), exist_ok=True)
        text = json.dumps({**content, "digest": digest(content)}, indent=1, ensure_ascii=False)
        with self.fs.open(f"{path}.partial", "wb") as file:
            file.write(text.encode())
        self.fs.mv(f"{path}.partial", path)

    def read_snapshot(self, name: str) -> dict[str, Any]:
        """Return what a snapshot holds.

        Raises:
            ArchiveError: There is none of that name, or it is damaged, or of a newer format.
        """
        try:
            content = json.loads(self.fs.cat_file(posixpath.join(self.root, "snapshots", f"{name}.json")))
            said = content.pop("digest")
            whole = said == digest(content)
        except FileNotFoundError as error:
            raise ArchiveError(
                f"no snapshot {name!r} in {self.root}: there are {self.snapshots() or 'none'}"
            ) from error
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise ArchiveError(f"snapshot {name} is damaged: {error}") from error
        if not whole:
            raise ArchiveError(f"snapshot {name} is damaged: its digest is another")
        if content["format"] != FORMAT:
            raise ArchiveError(f"snapshot {name} has format {content['format']}: this version reads {FORMAT}")
        found: dict[str, Any] = content
        return found

    def remove_snapshot(self, name: str) -> None:
        """Remove a snapshot; its objects stay until they are swept."""
        self.fs.rm_file(posixpath.join(self.root, "snapshots", f"{name}.json"))


class _Nowhere(io.BytesIO):
    """Takes what is written and keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)


def _copy(source: IO[bytes], target: IO[bytes]) -> tuple[str, int]:
    hashed, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        hashed.update(chunk)
        size += len(chunk)
        target.write(chunk)
    return hashed.hexdigest(), size
