"""What all commands share: options, consoles, reading settings, logging."""

import json
import logging
import os
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.logging import RichHandler

from nest_builder.config import Settings, load_settings
from nest_builder.operations import logs
from nest_builder.operations.secrets import Redactor, SecretInSettingsError

out = Console()
err = Console(stderr=True)

ConfigOption = Annotated[Path | None, typer.Option("--config", help="Settings file (TOML).", dir_okay=False)]
ProfileOption = Annotated[str | None, typer.Option("--profile", help="embedded (default) or hub.")]
WorkdirOption = Annotated[
    Path | None, typer.Option("--workdir", help="Where the store and the editions live.", file_okay=False)
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Seed of the simulated web (Newsworld).", min=0)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens.")]
LogFormat = Literal["text", "json"]
LogFormatOption = Annotated[
    LogFormat | None, typer.Option("--log-format", help="How logs are written on standard error; else [log] format.")
]

# What the command line says of logs, which is known before the settings are read and outranks them.
_wanted: ContextVar[tuple[LogFormat | None, bool]] = ContextVar("nest_wanted_logs", default=(None, False))


def settings_of(config: Path | None, profile: str | None, workdir: Path | None, seed: int | None) -> Settings:
    """Read the settings of a command line; what is wrong with them is said in one line and ends the command."""
    try:
        settings = load_settings(config, profile, workdir=workdir)
    except (FileNotFoundError, SecretInSettingsError) as error:
        raise give_up(str(error), 2) from error
    except ValidationError as error:
        problems = [f"settings: {'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()]
        raise give_up("\n".join(problems), 2) from error
    _log(settings)
    if seed is None:
        return settings
    if not settings.newsworld.enabled:
        raise give_up(
            "--seed is the simulated web's; these settings use the real one: leave it out, or choose --profile embedded",
            2,
        )
    return settings.model_copy(update={"newsworld": settings.newsworld.model_copy(update={"seed": seed})})


def choose_log_format(form: LogFormat | None) -> None:
    """Note what ``nest --log-format`` says, for the command that follows."""
    _wanted.set((form, False))


def start_logging(verbose: bool) -> None:
    """Log to standard error: warnings, or with ``verbose`` everything of ours. Settings may ask for more."""
    _wanted.set((_wanted.get()[0], verbose))
    _log(None)


def _log(settings: Settings | None) -> None:
    form, verbose = _wanted.get()
    level = logging.INFO if verbose else logging.WARNING
    if settings is not None:
        level = min(level, logs.level_of(settings.log.level))
        form = form or settings.log.format
    if form == "json":  # nothing but JSON lines on standard error: no bars of models that load, no bare warnings
        os.environ.setdefault("TQDM_DISABLE", "1")
        logging.captureWarnings(True)
    # Bars and colours are for people at a terminal; a file gets whole lines with their time.
    rich = RichHandler(console=err, show_path=False) if err.is_terminal else None
    logs.start(level, form or "text", rich)


def emit(data: Any, one_line: bool = False) -> None:
    """Print one JSON object on standard output."""
    typer.echo(json.dumps(data, indent=None if one_line else 2, ensure_ascii=False))


def complain(message: str) -> None:
    """Say on standard error what is wrong; errors quote what came from outside, and addresses."""
    lines = Redactor()(message).split("\n")
    err.print("\n".join(logs.escaped(line) for line in lines), style="red", markup=False)


def give_up(message: str, status: int = 1) -> typer.Exit:
    """Say what is wrong, and return what ends the command, to be raised."""
    complain(message)
    return typer.Exit(status)


def require_store(settings: Settings) -> None:
    """End the command where nothing was built yet; opening the store would make an empty one."""
    if not settings.database and not (settings.workdir / "nest.sqlite").exists():
        raise give_up(f"nothing built yet in {settings.workdir}: run `nest build` first")


def edition_folder(name: str | None, workdir: Path) -> Path:
    """Return the folder of an edition, which has its name, whatever of it was given; the newest one's where nothing was.

    Args:
        name: Its name, ``latest``, or its folder.
        workdir: Where editions live.
    """
    from nest_builder.export.manifest import MANIFEST
    from nest_builder.export.naming import LATEST, newest

    editions = workdir / "editions"
    if name is None:
        names = (path.parent.name for path in editions.glob(f"[!.]*/{MANIFEST}"))
        name = newest(found for found in names if found != LATEST)
        if name is None:
            raise give_up(f"no edition in {editions}: name one, or run `nest build` first")
        return (editions / name).resolve()
    given = Path(name)
    if (given / MANIFEST).is_file():
        return given.resolve()
    if len(given.parts) == 1 and (editions / name).is_dir():
        return (editions / name).resolve()
    raise give_up(f"no edition {name}: give its name, `latest`, or its folder")
