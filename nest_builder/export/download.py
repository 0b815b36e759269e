"""Fetching the pictures of an edition of links: politely, each checked by its hash, as often as it takes.

The result is a folder of its own beside the edition, which stays as it was published: ``images/`` with the files under
the names that ``annotations.json`` has, and Parquet files with the pictures in them for ``load_dataset``. Samples whose
picture is not to be had any more, or is another one now, are left out, counted and listed in ``download.json``.
"""

import hashlib
import json
import logging
import re
import shutil
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nest_builder.export.card import SplitSize, card_head
from nest_builder.export.manifest import SPLITS, read_manifest
from nest_builder.export.parquet import write_shards
from nest_builder.export.published import read_rows
from nest_builder.export.validate import check_files
from nest_builder.images.base import PictureClient
from nest_builder.web.exchange import Exchange, FetchError
from nest_builder.web.settings import Expect

log = logging.getLogger(__name__)

CHANGED: Final = "another picture"
OPTED_OUT: Final = "opted out"
_AT_ONCE: Final = 64  # pictures asked for in one go: what a killed download loses
_ROWS_PER_GROUP: Final = 100
_TOLD: Final = "download.json"  # is there from the beginning, so that a download knows its folder again
_NAME = re.compile(r"[0-9a-f]{64}\.[a-z0-9]{1,8}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture of the edition: the file's name, its SHA-256, and the addresses it was seen at."""

    name: str
    sha256: str
    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """A picture that is not to be had, and why: a word for counting, and what happened."""

    sha256: str
    url: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What a download came to.

    Attributes:
        edition: The edition's name.
        images: Pictures of the edition.
        present: Those that were there from an earlier download.
        fetched: Those that were fetched now.
        missing: Those that are not to be had.
        samples: Rows of the edition.
        kept: Rows whose picture is there.
    """

    edition: str
    images: int
    present: int
    fetched: int
    missing: tuple[Missing, ...]
    samples: int
    kept: int

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {
            "edition": self.edition,
            "images": self.images,
            "present": self.present,
            "fetched": self.fetched,
            "missing": dict(sorted(Counter(one.reason for one in self.missing).items())),
            "samples": self.samples,
            "kept": self.kept,
        }


class ImageFolder:
    """A folder of pictures under the names that an edition gives them.

    Args:
        folder: It is made if it is not there.
        names: File name of each picture, by its SHA-256.
    """

    def __init__(self, folder: Path, names: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._names = folder, names

    def get(self, sha256: str) -> bytes:
        """Return a picture's file; see `parquet.Pictures`."""
        data = (self._folder / self._names[sha256]).read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ValueError(f"picture {sha256} in {self._folder} is damaged: delete it and download it again")
        return data

    def holds(self, sha256: str) -> bool:
        """Tell whether a picture is there, whole; a damaged one is removed."""
        path = self._folder / self._names[sha256]
        if not path.is_file():
            return False
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == sha256:
                return True
        path.unlink()
        return False

    def put(self, sha256: str, data: bytes) -> None:
        """Keep a picture, whole or not at all."""
        path = self._folder / self._names[sha256]
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
        partial.write_bytes(data)
        partial.replace(path)


def download_edition(
    edition: Path,
    out: Path,
    client: PictureClient,
    max_bytes: int,
    respect_opt_out: bool = True,
) -> Downloaded:
    """Fetch what is missing of an edition's pictures into a folder, and write the rows whose picture is there.

    Args:
        edition: The edition's folder; it is checked first, since its addresses are about to be asked.
        out: Where to; what an earlier download left there is used.
        client: The polite client.
        max_bytes: Of a picture.
        respect_opt_out: Leave out what its publisher reserves.

    Raises:
        OSError: A folder cannot be read or written.
        ValueError: The edition is damaged, or the folder is not for it.
    """
    _claim(edition, out)
    manifest = read_manifest(edition)
    for problem in check_files(edition, manifest["files"]):
        raise ValueError(f"edition {manifest['name']}: {problem}")
    wanted = _wanted(edition)
    folder = ImageFolder(out / "images", {one.sha256: one.name for one in wanted})
    absent = [one for one in wanted if not folder.holds(one.sha256)]
    present = len(wanted) - len(absent)
    missing: list[Missing] = []
    for start in range(0, len(absent), _AT_ONCE):
        missing += _fetch(absent[start : start + _AT_ONCE], folder, client, max_bytes, respect_opt_out)
        log.info("%d of %d pictures looked for", min(start + _AT_ONCE, len(absent)), len(absent))
    lost = {one.sha256 for one in missing}
    kept = _write(edition, out, folder, lost)
    found = Downloaded(
        manifest["name"],
        len(wanted),
        present,
        len(absent) - len(missing),
        tuple(missing),
        manifest["counts"]["samples"],
        kept,
    )
    told = found.as_dict() | {
        "manifest_sha256": manifest["sha256"],
        "not_to_be_had": [
            {"sha256": one.sha256, "url": one.url, "reason": one.reason, "detail": one.detail} for one in missing
        ],
    }
    (out / _TOLD).write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return found


def _claim(edition: Path, out: Path) -> None:
    """See that a folder is new, empty or an earlier download's: what is in its way there is replaced.

    Raises:
        ValueError: It is another one.
    """
    if out.resolve().is_relative_to(edition.resolve()):
        raise ValueError(f"{out} is the edition's own folder, which stays as it was published: name another")
    if out.exists() and any(out.iterdir()) and not (out / _TOLD).is_file():
        raise ValueError(f"{out} holds other things than a download: name a folder that is new or empty")
    out.mkdir(parents=True, exist_ok=True)
    (out / _TOLD).touch()


def _wanted(edition: Path) -> list[Wanted]:
    names: dict[str, str] = {}
    urls: dict[str, dict[str, None]] = {}
    for row in read_rows(edition):
        sha256, name = row["image_sha256"], row["image"]
        if not _NAME.fullmatch(name) or not name.startswith(f"{sha256}."):
            raise ValueError(f"sample {row['id']}: {name!r} is no picture's name")
        names[sha256] = name
        urls.setdefault(sha256, {})[row["image_url"]] = None
    return [Wanted(name, sha256, tuple(urls[sha256])) for sha256, name in names.items()]


def _fetch(
    wanted: Sequence[Wanted], folder: ImageFolder, client: PictureClient, max_bytes: int, respect_opt_out: bool
) -> list[Missing]:
    """Ask for pictures, address after address; return those that none of their addresses gives."""
    missing: dict[str, Missing] = {}
    left = list(wanted)
    for attempt in range(max(len(one.urls) for one in wanted)):
        left = [one for one in left if attempt < len(one.urls)]
        addresses = list(dict.fromkeys(one.urls[attempt] for one in left))
        answers = dict(zip(addresses, client.fetch_many(addresses, Expect.IMAGE, max_bytes=max_bytes), strict=True))
        for one in left:
            url = one.urls[attempt]
            refusal = _refusal(one, answers[url], respect_opt_out)
            if refusal is None:
                folder.put(one.sha256, _body(answers[url]))
                missing.pop(one.sha256, None)
            else:
                missing[one.sha256] = Missing(one.sha256, url, *refusal)
        left = [one for one in left if one.sha256 in missing]
        if not left:
            break
    return [missing[one.sha256] for one in wanted if one.sha256 in missing]


def _refusal(one: Wanted, answer: Exchange | FetchError, respect_opt_out: bool) -> tuple[str, str] | None:
    if isinstance(answer, FetchError):
        return answer.reason.value.replace("_", " "), answer.message
    if answer.consent.opt_out and respect_opt_out:
        return OPTED_OUT, str(answer.consent.reason)
    found = hashlib.sha256(answer.body).hexdigest()
    return None if found == one.sha256 else (CHANGED, f"its SHA-256 is {found} now")


def _body(answer: Exchange | FetchError) -> bytes:
    return answer.body if isinstance(answer, Exchange) else b""


def _write(edition: Path, out: Path, folder: ImageFolder, lost: set[str]) -> int:
    """Write the rows whose picture is there, with it; return how many."""
    partial = out / ".data.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    sizes: dict[str, SplitSize] = {}

    def rows(split: str) -> Iterator[dict[str, Any]]:
        return (row for row in read_rows(edition) if row["split"] == split and row["image_sha256"] not in lost)

    for split in SPLITS:
        shards = write_shards(partial, split, rows(split), folder, _ROWS_PER_GROUP)
        if not (count := sum(shard.rows for shard in shards)):
            for shard in shards:
                shard.path.unlink()
            continue
        sizes[split] = SplitSize(count, sum(shard.bytes for shard in shards))
    shutil.rmtree(out / "data", ignore_errors=True)
    partial.rename(out / "data")
    card = (edition / "README.md").read_text(encoding="utf-8")
    body = card.split("\n---\n", 1)[-1]
    (out / "README.md").write_text(f"{card_head(sizes)}\n{body}", encoding="utf-8")
    shutil.copyfile(edition / "annotations.json", out / "annotations.json")
    return sum(size.rows for size in sizes.values())
