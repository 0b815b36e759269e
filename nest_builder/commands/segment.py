"""``nest segment``: one picture, one question, one mask, and how the answer came about."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table
from rich.text import Text

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
    settings_of,
    start_logging,
)

if TYPE_CHECKING:
    from nest_builder.rose.base import Part, Passage
    from nest_builder.rose.rose import Answered


def segment(
    image: Annotated[str, typer.Argument(help="A picture: a file or an address.")],
    question: Annotated[str, typer.Argument(help="What to segment, in words.")],
    system: Annotated[
        Literal["static", "search", "rose"],
        typer.Option(help="The segmenter alone; with a searched answer; with all of ROSE."),
    ] = "rose",
    parts: Annotated[str, typer.Option(help="Parts of ROSE that are on, such as irag,tpe.")] = "websense,irag,tpe,vpe",
    asked_at: Annotated[str | None, typer.Option(help="Retrieve nothing newer than this day (2025-08-31).")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each part decided, why, and its time.")] = False,
    segmenter: Annotated[
        str | None,
        typer.Option(help="Another base than the settings name: grounded-sam, lisa:MODEL, package.module:Name."),
    ] = None,
    overlay: Annotated[Path | None, typer.Option("--out", help="Where the overlay goes (PNG).", dir_okay=False)] = None,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    workdir: WorkdirOption = None,
    seed: SeedOption = None,
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Segment what a question asks for in a picture, with facts and pictures from the web where the model lacks them."""
    from transformers.utils.logging import disable_progress_bar

    from nest_builder.annotate.base import MODEL_ERRORS
    from nest_builder.images.decode import BadImageError
    from nest_builder.rose.base import Query
    from nest_builder.rose.explain import as_json as explained
    from nest_builder.rose.load import load_rose, read_image
    from nest_builder.rose.overlay import draw_overlay
    from nest_builder.web.exchange import FetchError
    from nest_builder.workspace import open_workspace

    start_logging(verbose)
    disable_progress_bar()  # type: ignore[no-untyped-call]  # a tiny model loads before a bar is drawn, and an answer is read by people
    on, day = _parts(parts), _day(asked_at)
    settings = settings_of(config, profile, workdir, seed)
    if segmenter is not None:
        settings = settings.model_copy(update={"rose": settings.rose.model_copy(update={"segmenter": segmenter})})
    target = overlay or Path(f"{Path(image).stem or 'picture'}.overlay.png")
    with open_workspace(settings) as workspace:
        try:
            query = Query(read_image(image, settings, workspace.client), question, day)
            with load_rose(settings, workspace.client, workspace.store, clock=workspace.clock) as rose:
                (answered,) = rose.segment([query], system, on)
            target.parent.mkdir(parents=True, exist_ok=True)
            draw_overlay(query.image, answered.segmentation.mask, answered.answer or "").save(target, "PNG")
        except (BadImageError, FetchError, OSError, ValueError) as error:
            raise give_up(str(error)) from error
        except MODEL_ERRORS as error:
            raise give_up(f"the models cannot answer this: {type(error).__name__}: {error}") from error
    if as_json:
        emit({"question": question, "system": system, **explained(answered), "overlay": str(target)})
    else:
        show(answered, target, explain)


def show(answered: "Answered", overlay: Path, explain: bool) -> None:
    """Print an answer. What comes from the web is printed as plain text, without control characters."""
    out.print(_line("answer", answered.answer or "none retrieved: the segmenter was asked the bare question"))
    share = answered.segmentation.mask.mean()
    out.print(_line("mask", f"{share:.1%} of the picture, drawn in {overlay}" if share else f"empty; see {overlay}"))
    pages: dict[str, Passage] = {}
    for passage in answered.sources:
        pages.setdefault(passage.url, passage)  # the most telling passage of each page
    for passage in list(pages.values())[:3]:
        dated = f"{passage.published_at:%Y-%m-%d} " if passage.published_at else ""
        out.print(_line("source", f"{dated}{passage.title} {passage.url}"))
    if not explain:
        return
    out.print(_line("asked", answered.prompt))
    table = Table(title="what each part did")
    for heading in ("part", "decision", "reason"):
        table.add_column(heading, overflow="fold")
    table.add_column("ms", justify="right")
    table.add_column("kB", justify="right")
    for step in answered.steps:
        texts = (Text(_printable(text)) for text in (step.part, step.decision, step.reason))
        table.add_row(*texts, f"{step.seconds * 1000:.0f}", f"{step.fetched_bytes / 1000:.1f}")
    out.print(table)
    for candidate in answered.candidates[:5]:
        described = f" ({candidate.description})" if candidate.description else ""
        out.print(_line("candidate", f"{candidate.confidence:.2f} {candidate.text}{described}"))


def _line(name: str, text: str) -> Text:
    return Text.assemble((f"{name}: ", "bold"), _printable(text))


def _printable(text: str) -> str:
    """Without what could steer a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _parts(text: str) -> "tuple[Part, ...]":
    from nest_builder.rose.base import PARTS

    named = {name.strip() for name in text.split(",") if name.strip()}
    unknown = named.difference(PARTS)
    if unknown:
        raise give_up(f"no part {', '.join(sorted(unknown))}: choose of {', '.join(PARTS)}", 2)
    return tuple(part for part in PARTS if part in named)


def _day(text: str | None) -> dt.datetime | None:
    """Return the end of a day: what appeared on it counts."""
    if text is None:
        return None
    try:
        return dt.datetime.combine(dt.date.fromisoformat(text), dt.time.max, dt.UTC)
    except ValueError as error:
        raise give_up(f"--asked-at {text}: write a day as 2025-08-31", 2) from error
