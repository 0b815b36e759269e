"""``nest backup``, ``restore``, ``gc`` and ``metrics``: what keeps a store for years."""

import datetime as dt
from contextlib import closing
from typing import Annotated

import typer

from nest_builder.commands.common import (
    ConfigOption,
    JsonOption,
    ProfileOption,
    WorkdirOption,
    complain,
    emit,
    give_up,
    out,
    require_store,
    settings_of,
    start_logging,
)
from nest_builder.config import Settings

metrics = typer.Typer(no_args_is_help=True, help="Figures for a monitoring system (Prometheus).")


def backup(
    to: Annotated[str, typer.Argument(help="Where back-ups go: a folder, or an fsspec URL such as s3://bucket/nest.")],
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    keep: Annotated[int | None, typer.Option(help="Snapshots to keep; older ones go. By default all.", min=1)] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Read the new snapshot back, every object.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Back up tables, blobs and editions, only what is new; a run may go on beside it. Exit status 1 if a blob is missing."""
    from nest_builder.clock import system_clock
    from nest_builder.operations.archive import ArchiveError
    from nest_builder.operations.backup import back_up
    from nest_builder.operations.backup import verify as read_back
    from nest_builder.operations.tables import SchemaError

    start_logging(False)
    settings = settings_of(config, profile, workdir, None)
    require_store(settings)
    try:
        database, blobs = settings.database_url, settings.blobs_url
        made = back_up(database, blobs, settings.workdir, to, system_clock, keep, _bodies_before(settings))
        wrong = read_back(to, made.snapshot) if verify else []
    except (OSError, SchemaError, ArchiveError) as error:
        raise give_up(f"no back-up: {error}") from error
    if as_json:
        emit({**made.as_dict(), "wrong": wrong})
    else:
        size = f"{made.copied_bytes / 1e6:,.1f} MB in {made.copied:,} objects new"
        out.print(
            f"snapshot {made.snapshot}: {made.rows:,} rows, {made.blobs:,} blobs, {made.files:,} files of editions; {size}"
        )
    for sha256 in made.missing:
        complain(f"blob {sha256} is missing or damaged in the store")
    for problem in wrong:
        complain(problem)
    if made.missing or wrong:
        raise typer.Exit(1)


def restore(
    source: Annotated[str, typer.Argument(metavar="FROM", help="Where the back-ups are.")],
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    snapshot: Annotated[str | None, typer.Option(help="Which; by default the newest.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a store of a back-up, into an empty database and work directory; every byte is checked by its hash."""
    from nest_builder.operations.archive import ArchiveError
    from nest_builder.operations.restore import RestoreError
    from nest_builder.operations.restore import restore as restore_store
    from nest_builder.operations.tables import SchemaError

    start_logging(False)
    settings = settings_of(config, profile, workdir, None)
    try:
        made = restore_store(source, settings.database_url, settings.blobs_url, settings.workdir, snapshot)
    except (OSError, SchemaError, ArchiveError, RestoreError) as error:
        raise give_up(f"not restored: {error}") from error
    if as_json:
        emit(made.as_dict())
    else:
        held = f"{made.rows:,} rows, {made.blobs:,} blobs, {made.files:,} files of editions"
        out.print(f"restored snapshot {made.snapshot} (schema {made.schema}): {held}")


def gc(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and leave it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove blobs that nothing refers to and that are older than [disk] grace_hours; a run may go on beside it."""
    from nest_builder.clock import system_clock
    from nest_builder.operations.garbage import ForeignBlobsError, collect_garbage
    from nest_builder.operations.tables import SchemaError

    start_logging(False)
    settings = settings_of(config, profile, workdir, None)
    require_store(settings)
    disk = settings.disk
    # Files bear the machine's time, whatever the run's clock says.
    written = system_clock() - dt.timedelta(hours=disk.grace_hours)
    try:
        swept = collect_garbage(settings.database_url, settings.blobs_url, written, _bodies_before(settings), dry_run)
    except (OSError, SchemaError, ForeignBlobsError) as error:
        raise give_up(f"garbage stays: {error}") from error
    if as_json:
        emit({**swept.as_dict(), "dry_run": dry_run})
        return
    verb = "would go" if dry_run else "removed"
    out.print(
        f"{swept.removed:,} blobs {verb} ({swept.removed_bytes / 1e6:,.1f} MB); {swept.kept:,} are named by a table, "
        f"{swept.young:,} by none and younger than {disk.grace_hours:g} h"
    )
    if swept.set_aside:
        out.print(f"{swept.set_aside:,} are set aside: a run in {disk.grace_hours:g} h or later removes them")


@metrics.command("serve")
def metrics_serve(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 9464,
    host: Annotated[str, typer.Option(help="Address to listen on; there is no password.")] = "127.0.0.1",
) -> None:
    """Serve the store's figures and the last run's at /metrics, until interrupted."""
    from prometheus_client import start_http_server

    from nest_builder.clock import system_clock
    from nest_builder.operations.metrics import serving_registry
    from nest_builder.store.session import open_store

    start_logging(False)
    settings = settings_of(config, profile, workdir, None)
    require_store(settings)
    with closing(open_store(settings.database_url, settings.blobs_url)) as store:
        try:
            server, thread = start_http_server(port, host, serving_registry(store, settings.workdir, system_clock))
        except OSError as error:
            raise give_up(f"nothing can listen on {host}:{port}: {error.strerror}") from error
        out.print(f"http://{host}:{port}/metrics")
        try:
            thread.join()
        except KeyboardInterrupt:
            server.shutdown()


@metrics.command("show")
def metrics_show(config: ConfigOption = None, profile: ProfileOption = None, workdir: WorkdirOption = None) -> None:
    """Print the same figures once, in Prometheus' text format."""
    from prometheus_client import generate_latest

    from nest_builder.clock import system_clock
    from nest_builder.operations.metrics import serving_registry
    from nest_builder.store.session import open_store

    start_logging(False)
    settings = settings_of(config, profile, workdir, None)
    require_store(settings)
    with closing(open_store(settings.database_url, settings.blobs_url)) as store:
        typer.echo(generate_latest(serving_registry(store, settings.workdir, system_clock)).decode(), nl=False)


def _bodies_before(settings: Settings) -> dt.datetime | None:
    """Return before when a page must have been fetched for its body to be dropped."""
    from nest_builder.clock import system_clock

    days = settings.disk.keep_bodies_days
    return None if days is None else (settings.now or system_clock()) - dt.timedelta(days=days)
