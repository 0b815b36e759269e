"""``nest export``, ``nest edition withdraw`` and ``purge``: what brings editions out, and takes samples back."""

import shutil
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from nest_builder.commands.build import write_page
from nest_builder.commands.common import (
    ConfigOption,
    JsonOption,
    ProfileOption,
    SeedOption,
    VerboseOption,
    WorkdirOption,
    edition_folder,
    emit,
    give_up,
    out,
    require_store,
    settings_of,
    start_logging,
)
from nest_builder.config import Settings

_LIST_HEAD = "# nest edition withdraw: one URL, host, SHA-256 or sample's id a line\n"


def export(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    seed: SeedOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Publish an edition of what the store holds, if it holds anything new; nothing is collected or annotated."""
    start_logging(verbose)
    settings = settings_of(config, profile, workdir, seed)
    done = _publish(settings, as_json)
    if done.problems:
        raise give_up("\n".join(done.problems))
    published, current = done.editions, done.current
    if current is None:
        raise give_up("no samples to publish: run `nest build` first")
    folder, counts = settings.workdir / current["path"], current["counts"]
    if as_json:
        emit(
            {
                "edition": current["name"],
                "folder": str(folder),
                "written": current["name"] in published,
                "published": published,
                "counts": counts,
            }
        )
        return
    parts = ", ".join(f"{count} {split}" for split, count in counts["by_split"].items())
    state = "written" if current["name"] in published else "unchanged"
    out.print(f"edition {current['name']} ({state}): {counts['samples']} samples ({parts}) in {folder}", soft_wrap=True)
    for reason, count in counts["dropped"].items():
        out.print(f"[dim]left out, {reason}: {count}[/]")


def withdraw(
    entries: Annotated[list[str], typer.Argument(help="URLs, hosts, SHA-256 of pictures or ids of samples.")],
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Put entries on the takedown list, and publish a revision of every edition that has samples of theirs."""
    from nest_builder.export.takedown import parse_takedown, read_takedown, takedown_path

    start_logging(verbose)
    settings = settings_of(config, profile, workdir, None)
    require_store(settings)
    path = takedown_path(settings.export.takedown, settings.workdir) or settings.workdir / "takedown.txt"
    try:
        parse_takedown("\n".join(entries), "the entries given")
        if path.exists():
            read_takedown(path)  # nothing is added to a list that would not be applied
        listed = path.read_text(encoding="utf-8") if path.exists() else _LIST_HEAD
        fresh = [entry for entry in dict.fromkeys(entries) if entry not in listed.splitlines()]
        if fresh:
            partial = path.with_name(f".{path.name}.partial")
            partial.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text("\n".join([listed.rstrip("\n"), *fresh]) + "\n", encoding="utf-8")
            partial.replace(path)
    except (OSError, ValueError) as error:
        raise give_up(str(error), 2) from error
    only = settings.export.model_copy(update={"publish": "withdrawals", "takedown": str(path)})
    done = _publish(settings.model_copy(update={"export": only}), as_json)
    if done.editions and (settings.workdir / "site").is_dir():
        write_page(settings)  # what was withdrawn leaves the site at once, pictures too
    if as_json:
        emit({"list": str(path), "added": fresh, "published": done.editions})
    else:
        out.print(f"{len(fresh)} entries added to {path}", soft_wrap=True)
        nothing = "no published edition has samples of theirs"
        out.print(f"published: {', '.join(done.editions)}" if done.editions or done.problems else nothing)
    if done.problems:
        raise give_up(
            "\n".join([*done.problems, "then run it again: the list has the entries, not every edition has them"])
        )


def purge(
    name: Annotated[str, typer.Argument(help="The superseded edition's name.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
) -> None:
    """Remove all but the manifest of an edition from which samples were withdrawn, and its NEST+: pictures, texts, addresses."""
    from nest_builder.export.manifest import MANIFEST
    from nest_builder.export.validate import withdrawn_by

    folder = edition_folder(name, settings_of(config, profile, workdir, None).workdir)
    try:
        successor = withdrawn_by(folder)
    except ValueError as error:
        raise give_up(str(error)) from error
    if successor is None:
        raise give_up(f"{name} stays: no later revision beside it withdraws samples of it")
    if not yes:
        typer.confirm(f"Remove everything but {MANIFEST} from {folder}? It cannot be undone", abort=True)
    for path in (*sorted(folder.iterdir()), folder.parent.with_name("plus") / folder.name):
        if path.name == MANIFEST:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    out.print(f"{name} is purged; {successor} takes its place")


@dataclass(frozen=True, slots=True)
class _Publication:
    """What came of publishing.

    Attributes:
        editions: Those that came out.
        current: Name, path and counts of the newest of those that the settings are about; None: there is none.
        problems: What did not come out, and why.
    """

    editions: list[str]
    current: dict[str, Any] | None
    problems: list[str]


def _publish(settings: Settings, quiet: bool) -> _Publication:
    """Run the stage ``export``; what it had given up is tried again, since a person asks."""
    from sqlalchemy import delete, select

    from nest_builder.export.naming import base_of, order
    from nest_builder.pipeline import build_stages
    from nest_builder.progress import Progress
    from nest_builder.run import run_stages
    from nest_builder.store.tables import Edition, LedgerEntry
    from nest_builder.workspace import open_workspace

    require_store(settings)
    with open_workspace(settings) as workspace:
        stage = next(stage for stage in build_stages(workspace) if stage.name == "export")
        with workspace.store.sessions() as session:
            session.execute(
                delete(LedgerEntry).where(LedgerEntry.stage == stage.name, LedgerEntry.status == "rejected")
            )
            session.commit()
            before = set(session.scalars(select(Edition.name)))
        with Progress(quiet=quiet) as progress:
            (report,) = run_stages(workspace, progress, "export", stages=[stage])
        with workspace.store.sessions() as session:
            entries = [session.get(LedgerEntry, (stage.name, item.key)) for item in stage.items(session)]
            failed = {one.item: one.detail for one in entries if one is not None and one.status != "done"}
            problems = [f"edition {name} was not written: {why}" for name, why in (failed | report.postponed).items()]
            names = sorted(session.scalars(select(Edition.name)), key=order)
            published = [name for name in names if name not in before]
            now = settings.export.publish == "now"
            about = [name for name in names if not now or base_of(name) == settings.export.name_at(workspace.clock())]
            if not about:
                return _Publication(published, None, problems)
            edition = session.get_one(Edition, about[-1])
            current = {"name": edition.name, "path": edition.path, "counts": edition.manifest["counts"]}
            return _Publication(published, current, problems)
