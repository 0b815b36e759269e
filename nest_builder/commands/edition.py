"""``nest edition list``, ``verify``, ``diff`` and ``download``: looking at what is published, which changes nothing."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

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

EditionArgument = Annotated[str, typer.Argument(help="An edition's name, `latest`, or its folder.")]


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

    folder = edition_folder(edition, settings_of(config, profile, workdir, None).workdir)
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

    home = settings_of(config, profile, workdir, None).workdir
    try:
        found = diff_editions(edition_folder(old, home), edition_folder(new, home))
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
    source = edition_folder(edition, settings.workdir)
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
