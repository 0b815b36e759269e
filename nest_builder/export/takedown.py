"""The takedown list: what is on it is left out of every edition written from then on."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_SHA256 = re.compile(r"[0-9a-f]{64}")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")
_MAX_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Takedown:
    """What must not be published.

    Attributes:
        urls: Addresses of pictures or articles.
        hosts: Hosts, each with its subdomains.
        hashes: SHA-256 of files.
        sha256: Hash of the list itself; None without one.
    """

    urls: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    hashes: frozenset[str] = frozenset()
    sha256: str | None = None

    def __len__(self) -> int:
        return len(self.urls) + len(self.hosts) + len(self.hashes)

    def covers(self, sample: Mapping[str, Any]) -> bool:
        """Tell whether a sample (in its JSON form) has to be left out, for its file or an address of its."""
        if sample["image_sha256"] in self.hashes:
            return True
        return any(self._covers_url(sample[name]) for name in ("image_url", "article_url"))

    def _covers_url(self, url: str) -> bool:
        if not (self.urls or self.hosts):
            return False
        plain = normal_url(url)
        labels = (urlsplit(plain).hostname or "").split(".")
        return plain in self.urls or any(".".join(labels[start:]) in self.hosts for start in range(len(labels)))


def normal_url(url: str) -> str:
    """Return an address without its fragment, scheme and host in lower case; http and https count as the same."""
    parts = urlsplit(url.strip())
    scheme = "https" if parts.scheme.lower() in ("http", "https") else parts.scheme.lower()
    return parts._replace(scheme=scheme, netloc=parts.netloc.lower(), path=parts.path or "/", fragment="").geturl()


def read_takedown(path: Path | None) -> Takedown:
    """Read a list with one URL, host or SHA-256 a line; empty lines and those that start with ``#`` are skipped.

    Raises:
        FileNotFoundError: There is no such file. A list that cannot be read never counts as an empty one.
        ValueError: A line is none of the three; the message says which line.
    """
    if path is None:
        return Takedown()
    if not path.is_file():
        raise FileNotFoundError(f"no takedown list {path}: correct the setting export.takedown, or remove it")
    data = path.read_bytes()
    if len(data) > _MAX_BYTES:
        raise ValueError(f"takedown list {path} is larger than {_MAX_BYTES} bytes")
    urls, hosts, hashes = set(), set(), set()
    for number, line in enumerate(data.decode("utf-8").splitlines(), 1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        if "://" in entry:
            urls.add(normal_url(entry))
        elif _SHA256.fullmatch(entry.lower()):
            hashes.add(entry.lower())
        elif _HOST.fullmatch(entry.lower()):
            hosts.add(entry.lower())
        else:
            raise ValueError(f"takedown list {path}, line {number}: {entry[:80]!r} is no URL, host or SHA-256")
    return Takedown(frozenset(urls), frozenset(hosts), frozenset(hashes), hashlib.sha256(data).hexdigest())
