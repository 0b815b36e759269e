"""``nest review start | push | pull | listen | status``: people, in Label Studio."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.panel import Panel
from rich.table import Table

from nest_builder.commands.common import (
    ConfigOption,
    JsonOption,
    ProfileOption,
    VerboseOption,
    WorkdirOption,
    complain,
    emit,
    err,
    give_up,
    out,
    require_store,
    settings_of,
    start_logging,
)
from nest_builder.config import Settings

if TYPE_CHECKING:
    from nest_builder.annotate.base import MaskModel
    from nest_builder.review.status import EditionReview
    from nest_builder.store.session import Store

app = typer.Typer(no_args_is_help=True, help="Review by people, in Label Studio.")

EditionOption = Annotated[
    str | None, typer.Option("--edition", help="Which edition's project; by default that of `nest export`.")
]


@app.command()
def start(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    port: Annotated[int, typer.Option(help="On loopback; 0 takes a free one.", min=0, max=65535)] = 8080,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run a Label Studio on this machine, until interrupted, and say its address and the login."""
    from nest_builder.review.local import LocalServer, environment_folder, install
    from nest_builder.review.wire import ReviewError

    start_logging(verbose)
    settings = settings_of(config, profile, workdir, None)
    try:
        with err.status("Label Studio: looking for its environment; the first time it is installed, 1 GB") as status:
            command = install(environment_folder(settings.review))
            status.update("Label Studio is starting; the first time takes a minute or two")
            server = LocalServer(command, (settings.workdir / "label-studio").resolve(), port)
            login = server.start()
    except (ReviewError, OSError) as error:
        raise give_up(str(error)) from error
    # A service manager ends its programs so: without this the server would go on alone.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if as_json:
            emit(asdict(login), one_line=True)
        else:
            variable = settings.review.token_variable
            lines = [f"address   {login.url}", f"e-mail    {login.email}", f"password  {login.password}"]
            out.print(Panel("\n".join(lines), title="Label Studio", expand=False))
            out.print("for `nest review push` and `pull`, in another terminal:")
            # Outside the frame, which would cut a token that is longer than the terminal is wide.
            out.print(f"export NEST_REVIEW__URL={login.url}", soft_wrap=True, highlight=False)
            out.print(f"export {variable}={login.token}", soft_wrap=True, highlight=False)
            out.print("Ctrl-C ends it. What people decide is kept.")
        server.wait()
        raise give_up("Label Studio ended by itself: see server.log beside its data")
    except KeyboardInterrupt:
        err.print("ending Label Studio")
    finally:
        server.stop()


@app.command()
def push(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    edition: EditionOption = None,
    below: Annotated[
        float | None,
        typer.Option(
            help="Send what is less probably right than this, instead of what the routing chose.", min=0, max=1.01
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Samples at most.", min=1)] = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Send the samples that people should see. What is there already stays as it is."""
    from nest_builder.clock import system_clock
    from nest_builder.review.client import connect
    from nest_builder.review.push import doubtful, routed
    from nest_builder.review.push import push as push_samples

    start_logging(verbose)
    settings = settings_of(config, profile, workdir, None)
    with _open(settings) as store:
        with store.sessions() as session:
            asked = routed(session) if below is None else doubtful(session, below)
        if not asked:
            why = "the routing sends no sample to people" if below is None else f"no sample is under {below:g}"
            raise give_up(f"{why}: `nest build` routes; --below P chooses by confidence")
        with connect(settings.review) as server, err.status("sending", spinner="dots") as shown:
            report = push_samples(
                store, server, settings.review, edition or _edition(settings), asked[:limit], system_clock,
                lambda done, total: shown.update(f"{done} of {total} samples are there"),
            )  # fmt: skip
    if as_json:
        emit(report.as_dict())
        return
    out.print(
        f"{report.asked} samples: {report.made} tasks made, {report.there} were there, {report.removed} removed, "
        f"{report.pictures} pictures sent"
    )
    out.print(f"{settings.review.url.rstrip('/')}/projects/{report.project}", soft_wrap=True)
    _say_counts("not sent", report.left_out)


@app.command()
def pull(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    edition: EditionOption = None,
    full: Annotated[bool, typer.Option("--full", help="Look at everything again, not only at what changed.")] = False,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Fetch what people decided since the last time."""
    from nest_builder.clock import system_clock
    from nest_builder.review.client import connect
    from nest_builder.review.pull import pull as pull_decisions

    start_logging(verbose)
    settings = settings_of(config, profile, workdir, None)
    with _open(settings) as store, connect(settings.review) as server, err.status("fetching") as shown:
        report = pull_decisions(
            store, server, settings.review, edition or _edition(settings), system_clock,
            lambda: mask_model(settings), lambda done: shown.update(f"{done.tasks} tasks"), full,
        )  # fmt: skip
    if as_json:
        emit(report.as_dict())
        return
    out.print(
        f"{report.tasks} tasks had changed: {report.new} new decisions, {report.changed} changed, "
        f"{report.unchanged} known, {report.deleted} taken back, {report.stale} about a mask that was replaced since"
    )
    _say_counts("no decision", report.unusable)


@app.command()
def listen(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    edition: EditionOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 0,
    address: Annotated[
        str | None, typer.Option(help="How Label Studio reaches this machine; by default http://HOST:PORT.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="The longest time between two pulls.", min=0.1)] = 10.0,
    verbose: VerboseOption = False,
) -> None:
    """Fetch decisions as they are made, told by Label Studio's webhooks, until interrupted.

    A Label Studio that `nest review start` did not start refuses private addresses, loopback too: give it a public one with --address.
    """
    import secrets

    from nest_builder.clock import system_clock
    from nest_builder.review.client import connect
    from nest_builder.review.pull import pull as pull_decisions
    from nest_builder.review.push import project_title
    from nest_builder.review.webhook import SECRET_HEADER, Listener
    from nest_builder.review.wire import ReviewError

    start_logging(verbose)
    settings = settings_of(config, profile, workdir, None)
    name, secret = edition or _edition(settings), secrets.token_urlsafe(24)
    try:
        heard = Listener(secret, host, port)
    except OSError as error:
        raise give_up(f"nothing can listen on {host}:{port}: {error.strerror}") from error
    with heard as listener, _open(settings) as store, connect(settings.review) as server:
        project = server.find_project(project_title(settings.review, name))
        if project is None:
            raise ReviewError(f"edition {name} is not on {server.url}: `nest review push` first")
        where = address or f"http://{host}:{listener.port}"
        server.ensure_webhook(project, where, {SECRET_HEADER: secret})
        out.print(f"webhooks come to {where}; Ctrl-C ends it", soft_wrap=True)

        def fetch() -> None:
            model = partial(mask_model, settings)
            try:
                report = pull_decisions(store, server, settings.review, name, system_clock, model)
            except ReviewError as error:  # a server that is down for a while is no reason to stop listening
                complain(str(error))
                return
            if report.new or report.changed or report.deleted:
                out.print(f"{report.new} new decisions, {report.changed} changed, {report.deleted} taken back")

        with suppress(KeyboardInterrupt):
            listener.follow(fetch, 60 * minutes)


@app.command()
def status(
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Show how far the review has come; the server is asked too where there is a token."""
    import os

    from nest_builder.review.client import connect
    from nest_builder.review.status import read_reviews, read_routes

    start_logging(verbose)
    settings = settings_of(config, profile, workdir, None)
    with _open(settings) as store:
        routes = read_routes(store)
        if os.environ.get(settings.review.token_variable):
            with connect(settings.review) as server:
                reviews = read_reviews(store, server, settings.review)
        else:
            reviews = read_reviews(store, None, settings.review)
    if as_json:
        emit({"routes": routes, "editions": [review.as_dict() for review in reviews]})
        return
    out.print("routing: " + ", ".join(f"{name} {count}" for name, count in routes.items()))
    out.print(_table(reviews) if reviews else "nothing pushed yet: `nest review start`, then `nest review push`")


def mask_model(settings: Settings) -> "MaskModel":
    """Open the mask model of the settings."""
    from nest_builder.annotate.segment import Segmenter

    return Segmenter(settings.annotate)


def _edition(settings: Settings) -> str:
    """Return the name of the edition that an export would write."""
    from nest_builder.clock import system_clock

    return settings.export.name_at(settings.now or system_clock())


@contextmanager
def _open(settings: Settings) -> Iterator["Store"]:
    """Open the store; what Label Studio refuses is said in one line and ends the command."""
    from nest_builder.review.wire import ReviewError
    from nest_builder.store.session import open_store

    require_store(settings)
    store = open_store(settings.database_url, settings.blobs_url)
    try:
        yield store
    except ReviewError as error:
        raise give_up(str(error)) from error
    finally:
        store.close()


def _say_counts(what: str, counts: dict[str, int]) -> None:
    for reason, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        out.print(f"[dim]{what}, {reason}: {count}[/]")


def _table(reviews: "list[EditionReview]") -> Table:
    table = Table(title="review", box=box.SIMPLE_HEAD)
    for heading in ("edition", "tasks", "open", "accepted", "corrected", "rejected", "disputed", "pulled"):
        table.add_column(heading, justify="left" if heading in ("edition", "pulled") else "right")
    for review in reviews:
        counts: dict[str, Any] = review.decisions
        table.add_row(
            review.edition or "–",
            *("–" if number is None else str(number) for number in (review.tasks, review.open)),
            *(str(counts.get(name, 0)) for name in ("accept", "correct", "reject")),
            str(review.disputed),
            f"{review.pulled_at:%b %d %H:%M}" if review.pulled_at else "never",
        )
    return table
