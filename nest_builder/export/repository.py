"""The dataset repository that editions live in: which files, which configs, and the card that ``load_dataset`` reads first.

    README.md                          the card: a config for each edition, `default` for the latest
    editions/NAME/...                  an edition's folder, as it was frozen
    plus/NAME/...                      NEST+ of that edition, where it was made: the config `NAME-plus`, and `plus` for the latest

What is published under a name never changes, and editions from which something was withdrawn are not in it any more.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from nest_builder.export.card import TEMPLATES, size_category, table_cell
from nest_builder.export.manifest import MANIFEST, MAX_BYTES, PLUS_MANIFEST, SPLITS
from nest_builder.export.naming import base_of, newest, order
from nest_builder.templates import templates

Part = Literal["editions", "plus"]
MANIFESTS: Final[Mapping[Part, str]] = {"editions": MANIFEST, "plus": PLUS_MANIFEST}
CARD: Final = "README.md"


@dataclass(frozen=True, slots=True)
class Member:
    """An edition in a repository, or its NEST+.

    Attributes:
        part: Which of the two.
        name: Of the edition.
        manifest: What its manifest says: ``files`` (bytes and SHA-256 of each), ``counts`` and more.
        folder: Where its files are on this machine; None: only in the repository.
    """

    part: Part
    name: str
    manifest: Mapping[str, Any]
    folder: Path | None

    @property
    def prefix(self) -> str:
        """Return where its files are in the repository."""
        return f"{self.part}/{self.name}/"

    @property
    def manifest_path(self) -> str:
        """Return where its manifest is in the repository."""
        return self.prefix + MANIFESTS[self.part]

    def splits(self) -> dict[str, tuple[int, int]]:
        """Return rows and bytes of each split that has rows: ``datasets`` refuses to load others."""
        files = self.manifest["files"]
        return {
            split: (rows, sum(one["bytes"] for name, one in files.items() if name.startswith(f"data/{split}-")))
            for split in SPLITS
            if (rows := self.manifest["counts"]["by_split"].get(split, 0))
        }


def read_member(part: Part, folder: Path) -> Member:
    """Read the manifest in a folder.

    Raises:
        ValueError: It is none, or is about another edition than the folder's name says.
    """
    path = folder / MANIFESTS[part]
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} is larger than {MAX_BYTES} bytes")
    return member_of(part, folder.name, path.read_bytes(), folder)


def member_of(part: Part, name: str, manifest: bytes, folder: Path | None) -> Member:
    """Check a manifest as far as a repository needs it.

    Raises:
        ValueError: It is none, or is about another edition.
    """
    where = f"{part}/{name}/{MANIFESTS[part]}"
    try:
        content = json.loads(manifest)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: {error}") from error
    if not isinstance(content, dict) or content.get("name") != name:
        raise ValueError(f"{where} is no manifest of {name}")
    files, counts, stones = content.get("files"), content.get("counts"), content.get("tombstones", [])
    whole = isinstance(files, dict) and all(
        isinstance(one, dict)
        and isinstance(one.get("bytes"), int)
        and isinstance(one.get("sha256"), str)
        and not {"", ".", ".."} & set(path.split("/"))  # they are written where a folder says
        for path, one in files.items()
    )
    splits = counts.get("by_split") if isinstance(counts, dict) else None
    if not whole or not isinstance(splits, dict) or not all(isinstance(rows, int) for rows in splits.values()):
        raise ValueError(f"{where} does not say which files and splits there are")
    if not isinstance(stones, list) or not all(isinstance(one, dict) and "id" in one for one in stones):
        raise ValueError(f"{where} does not say what was withdrawn")
    return Member(part, name, content, folder)


def local_members(editions: Path, plus: Path) -> list[Member]:
    """Return what is on this machine, in the order of publication: editions, then NEST+ of those that have it.

    Args:
        editions: Folder of the editions.
        plus: Folder with their NEST+, by name; need not be there.

    Raises:
        ValueError: A manifest is none.
    """
    folders: dict[Part, Path] = {"editions": editions, "plus": plus}
    return [
        read_member(part, path.parent)
        for part, home in folders.items()
        for path in sorted(home.glob(f"[!.]*/{MANIFESTS[part]}"), key=lambda path: order(path.parent.name))
        if not path.parent.is_symlink()  # `latest`
    ]


def withdrawn(members: Iterable[Member]) -> set[str]:
    """Return the editions that a later revision of the same window has withdrawn something from."""
    editions = [one for one in members if one.part == "editions"]
    gone = {one.name: {stone["id"] for stone in one.manifest.get("tombstones", ())} for one in editions}
    return {
        name
        for name in gone
        for later in gone
        if base_of(later) == base_of(name) and order(later) > order(name) and gone[later] - gone[name]
    }


def repository_card(members: Iterable[Member], where: str = "path/of/this/folder") -> str:
    """Return ``README.md`` of a repository with these members.

    Args:
        members: What is in it; withdrawn ones are passed over.
        where: What ``load_dataset`` is to be called with.
    """
    found = list(members)
    gone = withdrawn(found)
    editions = [one for one in found if one.part == "editions" and one.name not in gone]
    kept = {one.name for one in editions}
    gone |= {replaced for one in editions if (replaced := one.manifest.get("supersedes")) and replaced not in kept}
    plus = [one for one in found if one.part == "plus" and one.name in kept]
    configs = {one.name: one for one in editions} | {f"{one.name}-plus": one for one in plus}
    if latest := newest(one.name for one in editions if one.splits()):
        configs = {"default": configs[latest], **configs}
    if plussed := newest(one.name for one in plus if one.splits()):
        configs["plus"] = configs[f"{plussed}-plus"]
    configs = {name: one for name, one in configs.items() if one.splits()}
    environment = templates(TEMPLATES, autoescape=False)
    environment.filters["cell"] = table_cell
    return environment.get_template("repository.md.j2").render(
        head=_head(configs),
        where=where,
        latest=latest,
        editions=editions,
        plus=plus,
        withdrawn=sorted(gone, key=order),
    )


def _head(configs: Mapping[str, Member]) -> str:
    rows = {one.name: sum(rows for rows, _ in one.splits().values()) for one in configs.values()}
    head = {
        "pretty_name": "NEST: novel and emerging entities to segment",
        "language": ["en"],
        "license": "other",
        "license_name": "mixed-see-card",
        "task_categories": ["image-segmentation", "visual-question-answering"],
        "tags": ["referring-segmentation", "news", "retrieval-augmented", "benchmark"],
        "size_categories": [size_category(max(rows.values(), default=0))],
        "configs": [
            {
                "config_name": name,
                **({"default": True} if name == "default" else {}),
                "data_files": [
                    {"split": split, "path": f"{one.prefix}data/{split}-*.parquet"} for split in one.splits()
                ],
            }
            for name, one in configs.items()
        ],
        "dataset_info": [_info(name, one) for name, one in configs.items()],
    }
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---"


def _info(name: str, member: Member) -> dict[str, Any]:
    splits = member.splits()
    size = sum(size for _, size in splits.values())
    return {  # features stand in the Parquet files themselves
        "config_name": name,
        "splits": [
            {"name": split, "num_bytes": size_of, "num_examples": rows} for split, (rows, size_of) in splits.items()
        ],
        "download_size": size,
        "dataset_size": size,
    }
