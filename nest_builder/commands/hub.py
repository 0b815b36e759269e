"""``nest edition push``, ``repository`` and ``plus``: editions as a dataset repository, and NEST+."""

import os
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nest_builder.commands.common import (
    ConfigOption,
    JsonOption,
    ProfileOption,
    VerboseOption,
    WorkdirOption,
    edition_folder,
    emit,
    give_up,
    out,
    settings_of,
    start_logging,
)

if TYPE_CHECKING:
    from nest_builder.export.plus import Kind, Source
    from nest_builder.export.repository import Member

_TOKEN = "HF_TOKEN"


def push(
    repository: Annotated[
        str, typer.Argument(help="Dataset repository, such as someone/nest; made if it is not there.")
    ],
    only: Annotated[list[str] | None, typer.Option(help="Editions to push; by default all.")] = None,
    private: Annotated[bool, typer.Option(help="Make a new repository private.")] = False,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Push the editions to the Hugging Face Hub, or to the server in HF_ENDPOINT; run it again if it was interrupted.

    The token is read from HF_TOKEN and nowhere else. What is there already is not sent again, and what was published there under a
    name is never changed. Editions that were withdrawn leave the repository (its git history keeps them until you squash it).
    Files go into the Hub's Xet storage; where only its web site can be reached, set HF_HUB_DISABLE_XET=1. Other servers get Git LFS;
    one that has Xet storage too is told of with HF_HUB_DISABLE_XET=0.
    """
    start_logging(verbose)
    members = _members(settings_of(config, profile, workdir, None).workdir, only)
    token = os.environ.get(_TOKEN, "")
    if not token:
        raise give_up(f"set {_TOKEN} to a token of an account that may write {repository}", 2)
    from nest_builder.export.hub import HUB

    endpoint = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    if endpoint != HUB:
        os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # the Hub's own storage protocol; others speak Git LFS
    if as_json or not verbose:
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from nest_builder.export.hub import push as push_members

    try:
        pushed = push_members(members, repository, token, endpoint, private)
    except (OSError, ValueError) as error:
        again = "\nrun it again: it goes on where it was" if isinstance(error, OSError) else ""
        raise give_up(f"{repository}: {str(error).replace(token, '***')}{again}") from error
    if as_json:
        emit({"repository": repository, "endpoint": endpoint, **pushed.to_json()})
        return
    for what, names in (("added", pushed.added), ("removed", pushed.removed), ("tagged", pushed.tagged)):
        if names:
            out.print(f"{what}: {', '.join(names)}", markup=False)
    out.print(f"{endpoint}/datasets/{repository} is at {pushed.commit[:12]}", markup=False)


def repository(
    folder: Annotated[Path, typer.Argument(help="Where to; must not be there yet.", file_okay=False)],
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
) -> None:
    """Lay the editions out as `push` would, in a folder that `load_dataset` reads: a config for each, and its card."""
    from nest_builder.export.repository import CARD, MANIFESTS, repository_card, withdrawn

    members = _members(settings_of(config, profile, workdir, None).workdir, None)
    if folder.exists():
        raise give_up(f"{folder} is there already: name another, or remove it", 2)
    gone = withdrawn(members)
    kept = [member for member in members if member.name not in gone]
    folder.mkdir(parents=True)
    for member in kept:
        assert member.folder is not None  # it is on this machine
        for name in (*member.manifest["files"], MANIFESTS[member.part]):
            target = folder / (member.prefix + name)
            target.parent.mkdir(parents=True, exist_ok=True)
            _link(member.folder / name, target)
    (folder / CARD).write_text(repository_card(members), encoding="utf-8")
    out.print(f"{len(kept)} parts in {folder}", markup=False)


def plus(
    name: Annotated[str | None, typer.Argument(help="Name of the edition; by default the latest.")] = None,
    ordinary: Annotated[
        str | None, typer.Option(help="package.module:function(kind, count) that yields questions.")
    ] = None,
    refcoco: Annotated[
        Path | None, typer.Option(help="Folder with refcoco/refs(unc).p and so on.", file_okay=False)
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of COCO's train2014 pictures.", file_okay=False)] = None,
    reasonseg: Annotated[Path | None, typer.Option(help="Folder of a split of ReasonSeg.", file_okay=False)] = None,
    seed: Annotated[int, typer.Option(help="Of the draw.", min=0)] = 0,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write NEST+ of an edition: its test samples among ordinary referring and reasoning questions, in the paper's shares."""
    from nest_builder.export.plus import write_plus

    settings = settings_of(config, profile, workdir, None)
    edition = edition_folder(name, settings.workdir)
    try:
        sources = _sources(ordinary or settings.export.ordinary, refcoco, images, reasonseg)
        manifest = write_plus(settings.workdir / "plus" / edition.name, edition, sources, seed)
    except (OSError, ValueError) as error:
        raise give_up(str(error)) from error
    if as_json:
        emit(manifest)
    else:
        counts = ", ".join(f"{count} {source}" for source, count in manifest["counts"]["by_source"].items())
        out.print(f"NEST+ {manifest['name']}: {counts}", markup=False)


def _sources(ordinary: str, refcoco: Path | None, images: Path | None, reasonseg: Path | None) -> "dict[Kind, Source]":
    from nest_builder.annotate.models import load_attribute
    from nest_builder.export import plus as mixing

    if (refcoco is None) != (images is None):
        raise ValueError("--refcoco and --images belong together")
    for folder in (refcoco, images, reasonseg):
        if folder is not None and not folder.is_dir():
            raise ValueError(f"no folder {folder}")
    sources: dict[Kind, Source] = {}
    if ordinary:
        made: Any = load_attribute(ordinary)
        sources |= {"reasoning": partial(made, "reasoning"), "referring": partial(made, "referring")}
    if reasonseg is not None:
        sources["reasoning"] = mixing.reasonseg(reasonseg)
    if refcoco is not None and images is not None:
        sources["referring"] = mixing.refcoco(refcoco, images)
    if not sources:
        raise ValueError("no ordinary questions: set export.ordinary, or give --refcoco with --images, or --reasonseg")
    return sources


def _members(workdir: Path, only: list[str] | None) -> "list[Member]":
    from nest_builder.export.repository import local_members, withdrawn

    try:
        members = local_members(workdir / "editions", workdir / "plus")
    except (OSError, ValueError) as error:
        raise give_up(str(error)) from error
    names = {member.name for member in members}
    if missing := sorted(set(only or ()) - names):
        raise give_up(f"no edition {', '.join(missing)} in {workdir / 'editions'}")
    if not members:
        raise give_up(f"no edition in {workdir / 'editions'}: run `nest build` first")
    if gone := sorted(set(only or ()) & withdrawn(members)):
        raise give_up(f"samples of {', '.join(gone)} were withdrawn: push the revision in its place")
    return [member for member in members if not only or member.name in only]


def _link(source: Path, target: Path) -> None:
    """Let a file appear at a second place, without its bytes where the file system can."""
    try:
        target.hardlink_to(source)
    except OSError:  # another file system, or one that has no hard links
        shutil.copyfile(source, target)
