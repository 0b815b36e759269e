"""Writing an edition's folder: Parquet, COCO annotations, schemas, card and manifest; complete or not at all."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nest_builder.export.card import SplitSize, write_card
from nest_builder.export.checks import breaks
from nest_builder.export.coco import write_coco
from nest_builder.export.features import SCHEMAS
from nest_builder.export.manifest import (
    FORMAT,
    MANIFEST,
    SPLITS,
    History,
    Tally,
    code_versions,
    manifest_bytes,
    seal,
    window_part,
)
from nest_builder.export.naming import LATEST
from nest_builder.export.parquet import Pictures, Shard, write_shards
from nest_builder.export.publish import Draft, Recipe
from nest_builder.export.records import utc_text
from nest_builder.export.takedown import Takedown


def write_edition(
    folder: Path,
    recipe: Recipe,
    draft: Draft,
    takedown: Takedown,
    pictures: Pictures | None,
    funnel: Sequence[Mapping[str, Any]] = (),
    review: Mapping[str, Any] | None = None,
    history: History | None = None,
    published: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write an edition and return its manifest. The same arguments give the same bytes.

    Args:
        folder: The edition's folder; replaced as a whole if it is there.
        recipe: How it is made.
        draft: What it holds.
        takedown: The list that was applied.
        pictures: Holds the pictures; not asked in an edition of links.
        funnel: What became of the items of earlier stages; see `manifest.funnel_part`.
        review: What its review came to; see `review.summary`. None where samples were not routed.
        history: What came before it.
        published: Its manifest where it was published before and its folder is lost.

    Raises:
        FileNotFoundError: A picture is not in the store.
        ValueError: A picture in the store is damaged, the manifest breaks its schema, or the edition would be another one than
            was published; then nothing is in its place.
    """
    partial = partial_folder(folder)
    shutil.rmtree(partial, ignore_errors=True)
    data = partial / "data"
    data.mkdir(parents=True)

    def rows(wanted: str | None = None) -> Iterator[dict[str, Any]]:
        # Made as they are read: beside the records themselves an edition's rows are never in memory together.
        for record, split in zip(draft.records, draft.splits, strict=True):
            if wanted in (None, split):
                yield {**record.sample, "split": split, "edition": recipe.name}

    tally = Tally.of(draft.records, draft.splits)
    embedded = pictures if recipe.images == "embedded" else None
    sizes: dict[str, SplitSize] = {}
    hashed: dict[Path, Shard] = {}  # while they were written: an edition is too large to read it all once more
    # A split without samples has no file, but an edition has one at least, even if all of it was taken down.
    for split in [split for split in SPLITS if tally.by_split[split]] or ["test"]:
        shards = write_shards(data, split, rows(split), embedded, recipe.rows_per_group)
        sizes[split] = SplitSize(tally.by_split[split], sum(shard.bytes for shard in shards))
        hashed |= {shard.path: shard for shard in shards}
    write_coco(partial / "annotations.json", recipe.name, rows())
    (partial / "schemas").mkdir()
    for name in ("sample", "edition"):
        shutil.copyfile(SCHEMAS / f"{name}.schema.json", partial / "schemas" / f"{name}.schema.json")
    manifest: dict[str, Any] = {
        "name": recipe.name,
        "format": FORMAT,
        "images": recipe.images,
        "window": window_part(recipe.window),
        **(history or History()).as_dict(),
        "code": code_versions(),
        "settings": dict(recipe.settings),
        "models": {name: sorted(models) for name, models in tally.models.items()},
        "period": {"first": tally.first, "last": tally.last, "test_from": utc_text(draft.test_from)},
        "counts": tally.counts({reason.value: count for reason, count in draft.dropped.items()}),
        "funnel": list(funnel),
        "takedown": {"entries": len(takedown), "sha256": takedown.sha256},
        "review": None if review is None else dict(review),
    }
    write_card(partial / "README.md", manifest, [record.sample for record in draft.records], sizes)
    manifest["files"] = {
        path.relative_to(partial).as_posix(): _file(path, hashed.get(path))
        for path in sorted(partial.rglob("*"))
        if path.is_file()
    }
    manifest = seal(manifest)
    if problem := breaks("edition", manifest):
        raise ValueError(f"{MANIFEST}: {problem}")
    if published is not None and manifest != published:
        raise ValueError("the store has changed since it was published: restore its folder from a back-up")
    (partial / MANIFEST).write_bytes(manifest_bytes(manifest))
    _replace(partial, folder)
    return manifest


def partial_folder(folder: Path) -> Path:
    """Return where an edition is until it is whole."""
    return folder.parent / f".{folder.name}.partial"


def point_latest(editions: Path, name: str) -> None:
    """Let ``latest`` lead to an edition, in one step: at any moment it is there and leads to a whole one.

    Args:
        editions: The folder of the editions.
        name: The newest one.

    Raises:
        OSError: Something else is in its place, or the file system has no links.
    """
    link, fresh = editions / LATEST, editions / f".{LATEST}.partial"
    if link.is_symlink() and link.readlink().as_posix() == name:
        return
    if (link / MANIFEST).exists() and not link.is_symlink():
        _remove(link)  # whoever copied the work directory and followed links made an edition of it
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(name)
    fresh.replace(link)


def _replace(partial: Path, folder: Path) -> None:
    """Move the finished folder into place. A run that is killed between the renames writes it again the next time."""
    _remove(folder)
    partial.rename(folder)


def _remove(folder: Path) -> None:
    """Remove a folder, if it is there, at once as far as anybody sees."""
    outdated = folder.parent / f".{folder.name}.outdated"
    shutil.rmtree(outdated, ignore_errors=True)
    if folder.exists():
        folder.rename(outdated)
        shutil.rmtree(outdated, ignore_errors=True)


def _file(path: Path, shard: Shard | None) -> dict[str, Any]:
    if shard is not None:
        return {"bytes": shard.bytes, "sha256": shard.sha256}
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
