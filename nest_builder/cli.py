"""The ``nest`` command."""

import datetime as dt
import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nest_builder.commands import (
    build,
    doctor,
    edition,
    evaluate,
    hub,
    measure,
    operations,
    publish,
    refresh,
    review,
    segment,
    validate,
)
from nest_builder.commands.common import LogFormatOption, choose_log_format
from nest_builder.operations import logs

log = logging.getLogger(__name__)


class Nest(typer.Typer):
    """The command, whose unexpected errors are log lines like all others: escaped, without secrets, JSON where that is wanted."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command of the command line."""
        try:
            return super().__call__(*args, **kwargs)
        except Exception:
            if not logs.started():
                raise
            log.critical("an unexpected error", exc_info=True)
            sys.exit(1)


app = Nest(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they hold addresses with passwords, and a page's text
    help="Build NEST: novel and emerging entities, from the news, with masks.",
)
for command in (
    build.build,
    refresh.refresh,
    publish.export,
    build.status,
    build.report,
    validate.validate,
    measure.score,
    measure.bench,
    doctor.doctor,
    segment.segment,
    evaluate.evaluate,
    evaluate.leaderboard,
    operations.backup,
    operations.restore,
    operations.gc,
):
    app.command()(command)
newsworld = typer.Typer(no_args_is_help=True, help="The simulated web with known truth.")
app.add_typer(newsworld, name="newsworld")
app.add_typer(review.app, name="review")
app.add_typer(operations.metrics, name="metrics")
editions = typer.Typer(no_args_is_help=True, help="Editions that were published.")
app.add_typer(editions, name="edition")
editions.command("list")(edition.list_editions)
for about_editions in (
    edition.verify, edition.diff, publish.withdraw, publish.purge, edition.download, hub.push, hub.repository, hub.plus
):  # fmt: skip
    editions.command()(about_editions)


@app.callback()
def options(log_format: LogFormatOption = None) -> None:
    """Build NEST: novel and emerging entities, from the news, with masks."""
    choose_log_format(log_format)


@newsworld.command("serve")
def newsworld_serve(
    seed: Annotated[int, typer.Option(help="Which world.", min=0)] = 0,
    port: Annotated[int, typer.Option(help="Port on loopback; 0 takes a free one.", min=0, max=65535)] = 8765,
    truth: Annotated[Path | None, typer.Option(help="Write the world's truth there.", dir_okay=False)] = None,
    now: Annotated[dt.datetime | None, typer.Option(help="Show the world as of this time (UTC).")] = None,
) -> None:
    """Serve the simulated web on loopback, until interrupted. Every host is told apart by its Host header."""
    from nest_builder.newsworld.model import NOW
    from nest_builder.newsworld.server import serve_forever

    serve_forever(seed, port, truth, now=NOW if now is None else now.replace(tzinfo=dt.UTC))
