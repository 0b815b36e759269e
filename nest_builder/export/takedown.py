"""The takedown list: what is on it is left out of every edition written from then on."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_SHA256 = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9a-f]{16}")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")
_MAX_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Takedown:
    """What must not be published.

    Attributes:
        urls: Addresses of pictures or articles.
        hosts: Hosts, each with its subdomains.
        hashes: SHA-256 of files.
        ids: Samples.
        sha256: Hash of the list itself; None without one.
    """

    urls: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    hashes: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    sha256: str | None = None

    def __len__(self) -> int:
        return len(self.urls) + len(self.hosts) + len(self.hashes) + len(self.ids)

    def covers(self, sample: Mapping[str, Any]) -> bool:
        """Tell whether a sample (in its JSON form) has to be left out, for itself, its file or an address of its."""
        if sample["image_sha256"] in self.hashes or sample["id"] in self.ids:
            return True
        return any(self._covers_url(sample[name]) for name in ("image_url", "article_url"))

    def _covers_url(self, url: str) -> bool:
        if not (self.urls or self.hosts):
            return False
        plain = normal_url(url)
        labels = (urlsplit(plain).hostname or "").rstrip(".").split(".")  # a host may be written with the root's dot
        return plain in self.urls or any(".".join(labels[start:]) in self.hosts for start in range(len(labels)))


def normal_url(url: str) -> str:
    """Return an address without its fragment, scheme and host in lower case; http and https count as the same."""
    parts = urlsplit(url.strip())
    scheme = "https" if parts.scheme.lower() in ("http", "https") else parts.scheme.lower()
    return parts._replace(scheme=scheme, netloc=parts.netloc.lower(), path=parts.path or "/", fragment="").geturl()


def takedown_path(setting: str | None, workdir: Path) -> Path | None:
    """Return where the list is: where the settings say, else ``takedown.txt`` in the work directory, if there is one."""
    if setting is not None:
        return Path(setting)
    default = workdir / "takedown.txt"
    return default if default.exists() else None


def read_takedown(path: Path | None) -> Takedown:
    """Read a list with one URL, host, SHA-256 or sample's id a line; empty lines and those with ``#`` first are skipped.

    Raises:
        FileNotFoundError: There is no such file. A list that cannot be read never counts as an empty one.
        ValueError: A line is none of the four; the message says which line.
    """
    if path is None:
        return Takedown()
    if not path.is_file():
        raise FileNotFoundError(f"no takedown list {path}: correct the setting export.takedown, or remove it")
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"takedown list {path} is larger than {_MAX_BYTES} bytes")
    data = path.read_bytes()
    return parse_takedown(data.decode("utf-8"), f"takedown list {path}", hashlib.sha256(data).hexdigest())


def parse_takedown(text: str, source: str, sha256: str | None = None) -> Takedown:
    """Read the lines of a list; see `read_takedown`.

    Args:
        text: The lines.
        source: What messages call it.
        sha256: Hash of the list.

    Raises:
        ValueError: A line is nothing that can be taken down.
    """
    found: dict[str, set[str]] = {"urls": set(), "hosts": set(), "hashes": set(), "ids": set()}
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        if "://" in entry:
            found["urls"].add(normal_url(entry))
        elif kind := next((kind for kind, form in _FORMS.items() if form.fullmatch(entry.lower())), None):
            found[kind].add(entry.lower())
        else:
            raise ValueError(f"{source}, line {number}: {entry[:80]!r} is no URL, host, SHA-256 or sample's id")
    return Takedown(**{kind: frozenset(entries) for kind, entries in found.items()}, sha256=sha256)


_FORMS = {"hashes": _SHA256, "ids": _ID, "hosts": _HOST}
