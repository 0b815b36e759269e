"""Editions into a dataset repository of the Hugging Face Hub, or of a server that speaks its protocol.

A file goes up on its own, named by its SHA-256, before anything refers to it; the server says which ones it has. So a push
that was killed goes on where it was: at most the file under way is sent once more (through Xet storage not even that, as
the library then sends what is new of it). An edition appears in one commit, whole, with the card that offers it, and its
tag is set after that; a reader never sees half of it. An edition that is there already is never changed.

Where hf_xet is installed, as huggingface_hub has it by default, files go into Xet storage, else through Git LFS.
"""

import hashlib
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nest_builder.export.manifest import MAX_BYTES
from nest_builder.export.naming import base_of, order
from nest_builder.export.repository import (
    CARD,
    MANIFESTS,
    Member,
    Part,
    member_of,
    repository_card,
    withdrawn,
)

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

log = logging.getLogger(__name__)

HUB: Final = "https://huggingface.co"
_TYPE: Final = "dataset"


class FrozenError(ValueError):
    """The repository has another content under a name that was published; nothing is changed."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did.

    Attributes:
        added: Members that are new in the repository, such as ``editions/2025.10``.
        removed: Members that were withdrawn.
        tagged: Tags that were set.
        files: How many files were sent or referred to anew.
        commit: The repository's last commit.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    tagged: tuple[str, ...]
    files: int
    commit: str

    def to_json(self) -> dict[str, Any]:
        """Return JSON types."""
        return {
            "added": list(self.added),
            "removed": list(self.removed),
            "tagged": list(self.tagged),
            "files": self.files,
            "commit": self.commit,
        }


def push(members: Sequence[Member], repository: str, token: str, endpoint: str = HUB, private: bool = False) -> Pushed:
    """Bring a repository up to date with the editions on this machine.

    Args:
        members: What is here; editions that are only in the repository stay in it.
        repository: Its name, such as ``someone/nest``; made if it is not there.
        token: Of an account that may write there.
        endpoint: The server.
        private: Whether a new repository is private.

    Raises:
        FrozenError: An edition of that name is there with another content.
        ValueError: A file here is not what its manifest says.
        OSError: The server cannot be reached or refuses (huggingface_hub's ``HfHubHTTPError``), somebody else has changed
            the repository meanwhile, or a file cannot be read.
    """
    import httpx2
    from huggingface_hub import HfApi

    api = HfApi(endpoint=endpoint, token=token)
    try:
        api.create_repo(repository, repo_type=_TYPE, private=private, exist_ok=True)
        return _Push(api, repository, members).run()
    except httpx2.HTTPError as error:
        if isinstance(error, OSError):
            raise
        raise ConnectionError(f"{endpoint}: {error}") from error  # which is none in that library


class _Push:
    """One push. ``there`` is what the repository holds: path -> SHA-256, or git's hash of a small file."""

    def __init__(self, api: "HfApi", repository: str, members: Sequence[Member]) -> None:
        self._api, self._repository = api, repository
        # Everything is read at one commit and written on top of it: what somebody else does meanwhile is noticed.
        self._head = api.repo_info(repository, repo_type=_TYPE).sha
        self._there = dict(_tree(api, repository, self._head))
        local = {member.prefix: member for member in members}
        self._remote = {one.prefix: local.get(one.prefix, one) for one in self._members_there(local.keys())}
        gone = withdrawn([*local.values(), *self._remote.values()])
        self._new = [one for one in local.values() if one.prefix not in self._remote and one.name not in gone]
        self._withdrawn = [one for one in self._remote.values() if one.name in gone]
        for prefix in self._remote.keys() & local.keys():
            self._check_frozen(local[prefix])

    def run(self) -> Pushed:
        """Remove what was withdrawn, add what is new, oldest first, and set the tags that are missing."""
        files = 0
        if self._withdrawn:
            names = ", ".join(one.prefix.rstrip("/") for one in self._withdrawn)
            self._remote = {key: one for key, one in self._remote.items() if one not in self._withdrawn}
            self._commit(self._deletions(), f"Withdraw {names}")
        for member in self._new:
            self._remote[member.prefix] = member
            files += self._add(member)
        self._commit([], "Card")  # where only the card's text is another; otherwise there is nothing to do
        tagged = self._tags()
        added = tuple(one.prefix.rstrip("/") for one in self._new)
        removed = tuple(one.prefix.rstrip("/") for one in self._withdrawn)
        return Pushed(added, removed, tagged, files, self._head or "")

    def _members_there(self, local: Collection[str]) -> Iterator[Member]:
        """Yield what the repository holds; a manifest is fetched only where it is not on this machine."""
        parts: dict[str, Part] = {"editions": "editions", "plus": "plus"}
        for path in self._there:
            folder, _, rest = path.partition("/")
            name, _, file = rest.partition("/")
            part = parts.get(folder)
            if part is None or file != MANIFESTS[part]:
                continue
            if f"{part}/{name}/" in local:
                yield Member(part, name, {}, None)  # what is here takes its place
            else:
                yield member_of(part, name, self._fetch(path), None)

    def _fetch(self, path: str) -> bytes:
        from huggingface_hub import HfFileSystem

        files = HfFileSystem(endpoint=self._api.endpoint, token=self._api.token)
        content: bytes = files.cat_file(f"datasets/{self._repository}@{self._head}/{path}", end=MAX_BYTES)
        return content

    def _check_frozen(self, member: Member) -> None:
        assert member.folder is not None
        content = (member.folder / MANIFESTS[member.part]).read_bytes()
        if self._there[member.manifest_path] not in (hashlib.sha256(content).hexdigest(), _git_hash(content)):
            raise FrozenError(
                f"{self._repository} has another {member.prefix.rstrip('/')} than this machine: "
                "what was published stays as it is; publish a revision"
            )

    def _add(self, member: Member) -> int:
        """Send a member's files one by one, then let it appear in one commit."""
        from huggingface_hub import CommitOperationAdd

        assert member.folder is not None
        additions = []
        for name, told in sorted(member.manifest["files"].items()):
            addition = CommitOperationAdd(member.prefix + name, member.folder / name)
            if addition.upload_info.sha256.hex() != told["sha256"]:
                raise ValueError(
                    f"{member.folder / name} is not what its manifest says: nothing of {member.name} is published"
                )
            additions.append(addition)
        additions.append(CommitOperationAdd(member.manifest_path, member.folder / MANIFESTS[member.part]))
        for number, addition in enumerate(additions, 1):
            log.info("%s: file %d of %d, %s", member.prefix.rstrip("/"), number, len(additions), addition.path_in_repo)
            self._send(addition)
        self._commit(additions, f"NEST {member.name}" if member.part == "editions" else f"NEST+ {member.name}")
        return len(additions)

    def _send(self, addition: "CommitOperationAdd") -> None:
        """Send a file, unless it is so small that it goes with the commit or the server has it."""
        from huggingface_hub import constants
        from huggingface_hub.errors import HfHubHTTPError

        try:
            self._api.preupload_lfs_files(self._repository, [addition], repo_type=_TYPE, free_memory=False)
        except HfHubHTTPError:
            raise
        except (OSError, RuntimeError, ValueError) as error:
            # hf_xet, and the library's Git LFS, have no kinds of their own.
            said = f"{addition.path_in_repo}: {error.__cause__ or error}"
            hint = "\nset HF_HUB_DISABLE_XET=1 to send files through Git LFS, not into Xet storage"
            raise ConnectionError(said if constants.HF_HUB_DISABLE_XET else said + hint) from error

    def _deletions(self) -> "list[CommitOperationDelete]":
        from huggingface_hub import CommitOperationDelete

        return [CommitOperationDelete(one.prefix, is_folder=True) for one in self._withdrawn]

    def _commit(self, operations: "Sequence[CommitOperationAdd | CommitOperationDelete]", message: str) -> None:
        """Commit, together with the card of what the repository then holds; on top of what was there, or not at all."""
        from huggingface_hub import CommitOperationAdd

        card = repository_card(self._remote.values(), self._repository).encode()
        if not operations and self._there.get(CARD) == _git_hash(card):
            return
        done = self._api.create_commit(
            self._repository,
            [*operations, CommitOperationAdd(CARD, card)],
            commit_message=message,
            repo_type=_TYPE,
            parent_commit=self._head,
        )
        self._head = done.oid
        self._there[CARD] = _git_hash(card)

    def _tags(self) -> tuple[str, ...]:
        """Tag each edition with the commit that brought it; remove the tags of those that were withdrawn."""
        refs = self._api.list_repo_refs(self._repository, repo_type=_TYPE)
        there = {tag.name for tag in refs.tags}
        editions = [one for one in self._remote.values() if one.part == "editions"]
        for name in sorted(there - {one.name for one in editions}):
            if any(_withdraws(one, name) for one in editions):
                self._api.delete_tag(self._repository, tag=name, repo_type=_TYPE)
        missing = [one.name for one in editions if one.name not in there]
        if missing:
            brought = self._brought()
            for name in missing:
                self._api.create_tag(
                    self._repository, tag=name, revision=brought.get(name), repo_type=_TYPE, exist_ok=True
                )
        return tuple(missing)

    def _brought(self) -> Mapping[str, str]:
        """Return which commit brought which edition, as the commits' titles say; a push that was killed may have made it."""
        titles = self._api.list_repo_commits(self._repository, repo_type=_TYPE)
        return {one.title.removeprefix("NEST "): one.commit_id for one in titles if one.title.startswith("NEST ")}


def _withdraws(member: Member, name: str) -> bool:
    """Return whether an edition withdraws one that is not in the repository: nothing else makes an edition leave it.

    So the tag goes too where a push was killed between the two.
    """
    later = base_of(member.name) == base_of(name) and order(member.name) > order(name)
    return later and bool(member.manifest.get("tombstones"))


def _tree(api: "HfApi", repository: str, revision: str | None) -> Iterable[tuple[str, str]]:
    from huggingface_hub.hf_api import RepoFile

    for one in api.list_repo_tree(repository, recursive=True, revision=revision, repo_type=_TYPE):
        if isinstance(one, RepoFile):
            yield one.path, one.lfs.sha256 if one.lfs is not None else one.blob_id


def _git_hash(content: bytes) -> str:
    """Return git's name of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
