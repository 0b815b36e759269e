"""``nest export`` and ``nest edition``: publishing, and looking after what is published."""

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from nest_builder.commands.build import write_page
from nest_builder.commands.common import (
    ConfigOption,
    JsonOption,
    ProfileOption,
    SeedOption,
    VerboseOption,
    WorkdirOption,
    emit,
    give_up,
    out,
    require_store,
    settings_of,
    start_logging,
)
from nest_builder.config import Settings

_LIST_HEAD = "# nest edition withdraw: one URL, host, SHA-256 or sample's id a line\n"
EditionArgument = Annotated[str, typer.Argument(help="An edition's name, `latest`, or its folder.")]


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
    published, current = _publish(settings, as_json)
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


def list_editions(
    everything: Annotated[bool, typer.Option("--all", help="Superseded ones too.")] = False,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what is published."""
    from nest_builder.export.published import last_revisions, read_issued
    from nest_builder.store.session import open_store
    from nest_builder.store.tables import Edition

    settings = settings_of(config, profile, workdir, None)
    require_store(settings)
    store = open_store(settings.database_url, settings.blobs_url)
    try:
        with store.sessions() as session:
            issued = read_issued(session)
            present = {one.name for one in last_revisions(issued).values()}
            rows = [
                _listed(one.name, settings.workdir / one.path, session.get_one(Edition, one.name).manifest, present)
                | {"published_at": None if one.published_at is None else one.published_at.isoformat()}
                for one in issued
                if everything or one.name in present
            ]
    finally:
        store.close()
    latest = issued[-1].name if issued else None
    if as_json:
        emit({"latest": latest, "editions": rows})
        return
    table = Table("edition", "samples", "published", "state")
    for row in rows:
        table.add_row(row["name"], f"{row['samples']:,}", (row["published_at"] or "–")[:10], row["state"])
    out.print(table if rows else "nothing is published yet")


def _listed(name: str, folder: Path, manifest: dict[str, Any], present: set[str]) -> dict[str, Any]:
    from nest_builder.export.manifest import MANIFEST
    from nest_builder.export.validate import is_purged

    if not (folder / MANIFEST).exists():
        state = "its folder is gone"
    elif is_purged(folder, manifest):
        state = "purged"
    elif name not in present:
        state = "superseded"
    else:
        state = "revised" if manifest.get("supersedes") else "published"
    changes = manifest.get("changes", {})
    return {
        "name": name,
        "folder": str(folder),
        "state": state,
        "samples": manifest["counts"]["samples"],
        "supersedes": manifest.get("supersedes"),
        "withdrawn": len(manifest.get("tombstones", ())),
        **{kind: len(changes.get(kind, ())) for kind in ("added", "removed", "changed")},
    }


def verify(
    edition: EditionArgument,
    load: Annotated[bool, typer.Option("--load", help="Load it with datasets as well.")] = False,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every byte of an edition, and what it says of itself. Exit status 1 if anything is wrong."""
    from nest_builder.export.validate import check_edition, withdrawn_by

    folder = _folder(edition, config, profile, workdir)
    problems = check_edition(folder, load)
    try:
        withdrawn = withdrawn_by(folder)
    except ValueError as error:  # the manifest's, which is among the problems already, or that of one beside it
        withdrawn = None
        problems = problems or [f"beside it: {error}"]
    if as_json:
        emit({"edition": str(folder), "ok": not problems, "problems": problems, "withdrawn_by": withdrawn})
    else:
        for problem in problems:
            out.print(f"[red]✗[/] {problem}", soft_wrap=True, highlight=False)
        if withdrawn is not None:
            out.print(f"[yellow]![/] superseded: {withdrawn} withdraws samples of it; use that one")
        if not problems:
            out.print(f"[green]✓[/] {folder} is as it was published", soft_wrap=True)
    if problems:
        raise typer.Exit(1)


def diff(
    old: EditionArgument,
    new: EditionArgument,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what one edition has that the other has not, and what is another there."""
    from nest_builder.export.history import diff_editions

    try:
        found = diff_editions(_folder(old, config, profile, workdir), _folder(new, config, profile, workdir))
    except (OSError, ValueError) as error:
        raise give_up(str(error)) from error
    if as_json:
        emit(found.as_dict())
        return
    out.print(
        f"{found.old} → {found.new}: {len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} changed"
    )
    for sign, keys in (("+", found.added), ("-", found.removed)):
        for key in keys:
            out.print(f"{sign} {key}", highlight=False)
    for key, columns in found.changed.items():
        out.print(f"~ {key}: {', '.join(columns)}", highlight=False)
    for name, (before, after) in (found.settings | found.models).items():
        out.print(f"  {name}: {before} → {after}", highlight=False, markup=False)


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
    except (OSError, ValueError) as error:
        raise give_up(str(error), 2) from error
    fresh = [entry for entry in dict.fromkeys(entries) if entry not in listed.splitlines()]
    if fresh:
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text("\n".join([listed.rstrip("\n"), *fresh]) + "\n", encoding="utf-8")
        partial.replace(path)
    only = settings.export.model_copy(update={"publish": "withdrawals", "takedown": str(path)})
    published, _ = _publish(settings.model_copy(update={"export": only}), as_json)
    if published and (settings.workdir / "site").is_dir():
        write_page(settings)  # what was withdrawn leaves the site at once, pictures too
    if as_json:
        emit({"list": str(path), "added": fresh, "published": published})
        return
    out.print(f"{len(fresh)} entries added to {path}", soft_wrap=True)
    out.print(f"published: {', '.join(published)}" if published else "no published edition has samples of theirs")


def purge(
    name: Annotated[str, typer.Argument(help="The superseded edition's name.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
) -> None:
    """Remove all but the manifest of an edition from which samples were withdrawn: pictures, texts and addresses."""
    from nest_builder.export.manifest import MANIFEST
    from nest_builder.export.validate import withdrawn_by

    folder = _folder(name, config, profile, workdir)
    try:
        successor = withdrawn_by(folder)
    except ValueError as error:
        raise give_up(str(error)) from error
    if successor is None:
        raise give_up(f"{name} stays: no later revision beside it withdraws samples of it")
    if not yes:
        typer.confirm(f"Remove everything but {MANIFEST} from {folder}? It cannot be undone", abort=True)
    for path in sorted(folder.iterdir()):
        if path.name == MANIFEST:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    out.print(f"{name} is purged; {successor} takes its place")


def download(
    edition: EditionArgument,
    folder: Annotated[Path, typer.Argument(help="Where the pictures go; what is there already is used.")],
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    seed: SeedOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Fetch the pictures of an edition of links, each checked by its hash; run it again for what was missed."""
    from nest_builder.export.download import download_edition
    from nest_builder.workspace import clock_of, open_web

    start_logging(verbose)
    settings = settings_of(config, profile, workdir, seed)
    source = _folder(edition, config, profile, workdir)
    with open_web(settings, clock_of(settings)) as (client, _):
        try:
            found = download_edition(source, folder, client, settings.web.max_image_bytes, settings.web.respect_opt_out)
        except (OSError, ValueError) as error:
            raise give_up(str(error)) from error
    if as_json:
        emit(found.as_dict())
        return
    out.print(
        f"edition {found.edition}: {found.fetched} pictures fetched, {found.present} were there, "
        f"{len(found.missing)} are not to be had; {found.kept} of {found.samples} samples in {folder}",
        soft_wrap=True,
    )
    for reason, count in found.as_dict()["missing"].items():
        out.print(f"[dim]missing, {reason}: {count}[/]")


def _publish(settings: Settings, quiet: bool) -> tuple[list[str], dict[str, Any] | None]:
    """Run the stage ``export``; return the editions that came out, and the newest of those that the settings are about."""
    from sqlalchemy import select

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
            before = set(session.scalars(select(Edition.name)))
        with Progress(quiet=quiet) as progress:
            run_stages(workspace, progress, "export", stages=[stage])
        with workspace.store.sessions() as session:
            for item in stage.items(session):
                entry = session.get(LedgerEntry, ("export", item.key))
                if entry is not None and entry.status != "done":
                    raise give_up(f"edition {entry.item} was not written: {entry.detail}")
            names = sorted(session.scalars(select(Edition.name)), key=order)
            published = [name for name in names if name not in before]
            now = settings.export.publish == "now"
            about = [name for name in names if not now or base_of(name) == settings.export.name_at(workspace.clock())]
            if not about:
                return published, None
            edition = session.get_one(Edition, about[-1])
            current = {"name": edition.name, "path": edition.path, "counts": edition.manifest["counts"]}
            return published, current


def _folder(edition: str, config: Path | None, profile: str | None, workdir: Path | None) -> Path:
    """Return an edition's folder, whatever of it was given."""
    given = Path(edition)
    if (given / "manifest.json").exists():
        return given
    folder = settings_of(config, profile, workdir, None).workdir / "editions" / edition
    if len(given.parts) == 1 and folder.is_dir():
        return folder.resolve()
    raise give_up(f"no edition {edition}: give its name, `latest`, or its folder")
