"""``nest bench rose``: the paper's main table, its ablation and NEST+, on the world of a seed that nothing was trained on.

Three bases: the static MLLM, Grounded-SAM and the user's own segmenter of the examples, with one and the same ROSE around
them. Tables (Markdown, JSON) and a plot are written into the work directory. What is retrieved for a question is kept,
so that all rows of a table rest on the same retrieval. Photographs show something beside the target (`nest_plus`); a table of its
own says how the first base does where they may show nothing else.
"""

import importlib.util
import json
import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from nest_builder.bench.result import Bound, Pin, Result, machine
from nest_builder.config import DATA, Settings, load_settings
from nest_builder.newsworld.questions import Asked, known_questions, nest_plus, nest_questions
from nest_builder.newsworld.world import World
from nest_builder.rose.base import PARTS, Part, Query
from nest_builder.rose.load import load_rose
from nest_builder.rose.parts import Remembered
from nest_builder.rose.rose import Answered, Rose, System
from nest_builder.rose.websense import WebSense
from nest_builder.segmenters.base import ReferringSegmenter
from nest_builder.segmenters.loading import load_segmenter
from nest_builder.validate.control import Known, check
from nest_builder.validate.metrics import Interval, answer_right, difference, overlap
from nest_builder.validate.tables import Scores, Table, plot, score_table
from nest_builder.workspace import open_workspace

log = logging.getLogger(__name__)

QUESTIONS: Final = 200  # of NEST+, 140 of them NEST's
KNOWN: Final = 60
AT_ONCE: Final = 64
OWN_SEGMENTER: Final = DATA.parent / "examples" / "own_segmenter.py"
GROUPS: Final = ("novel", "emerging")
ABLATION: Final[Mapping[str, tuple[Part, ...]]] = {
    "none": (),
    "IRAG": ("irag",),
    "IRAG + TPE": ("irag", "tpe"),
    "IRAG + VPE": ("irag", "vpe"),
    "all": ("irag", "tpe", "vpe"),
}
TARGETS: Final[dict[str, Bound]] = {
    "known_over_novel": (">=", 0.2),
    "search_gain_emerging": (">=", 0.05),
    "search_gain_novel": ("<=", 0.05),
    "rose_over_search": (">=", 0.192),
    "vpe_gain_novel": (">=", 0.1),
    "vpe_over_tpe_novel": (">=", 0.0),
    "tpe_gain_emerging": (">=", 0.0),
    "tpe_over_vpe_emerging": (">=", 0.0),
    "websense_calls_saved": (">=", 0.4),
    "websense_nest_loss": ("<=", 0.017),
    "websense_rest_loss": ("<=", 0.0),
    "lift_lisa": (">=", 0.05),
    "lift_grounded_sam": (">=", 0.05),
    "lift_own": (">=", 0.05),
}
Said = Mapping[str, list[Answered]]  # row of the ablation, or "websense" -> answers


@dataclass(frozen=True, slots=True)
class Measured:
    """Tables and figures of one run."""

    figures: dict[str, float]
    tables: dict[str, Table]
    notes: dict[str, Any]


def run(seed: int, data: Path | None, quick: bool = False) -> Result:
    """Measure ROSE.

    Args:
        seed: The world; models were trained on none.
        data: Not used: questions come from the world.
        quick: There is no short form.

    Raises:
        FileNotFoundError: A model is missing.
    """
    settings = load_settings(None, "embedded")
    world = World(seed)
    asked = nest_plus(world, QUESTIONS, seed)
    every = nest_questions(world, sum(one.kind == "nest" for one in asked), seed)
    known = [Known(one.image, one.text, one.mask) for one in known_questions(KNOWN, seed)]
    with rose_in(settings, seed) as rose:
        bases: dict[str, ReferringSegmenter] = {"lisa": rose.segmenter, "grounded_sam": load_segmenter("grounded-sam")}
        if OWN_SEGMENTER.exists():
            bases["own"] = own_segmenter()
        measured = measure(rose, bases, asked, known, seed)
        measured = with_every_picture(measured, rose, every, seed)
    folder = settings.workdir / "bench" / f"rose-{seed}"
    write(measured.tables, folder)
    setup = {
        **machine("torch", "transformers"),
        "seed": seed,
        "questions": dict(Counter(one.kind if one.kind != "nest" else one.category for one in asked)),
        "files": str(folder),
        "tables": {name: table.to_json() for name, table in measured.tables.items()},
        **measured.notes,
    }
    pins = {
        key: Pin(
            f"seed {seed}" + ("" if key.startswith("every_picture") else ", two things a picture or more"), margin=0.02
        )
        for key in measured.figures
        if key.endswith("giou")
    }
    return Result("rose", measured.figures, TARGETS, {}, setup, pins)


@contextmanager
def rose_in(settings: Settings, seed: int) -> Iterator[Rose]:
    """Open ROSE in the world of a seed: its search service, its encyclopedia, its outlets; nothing is kept between runs."""
    rose = settings.rose.model_copy(
        update={"search": "searxng", "search_url": "http://search.newsworld.test", "cache": ""}
    )
    world = settings.newsworld.model_copy(update={"enabled": True, "seed": seed})
    with (
        open_workspace(settings.model_copy(update={"rose": rose, "newsworld": world})) as space,
        load_rose(space.settings, space.client, space.store, clock=space.clock) as made,
    ):
        yield made


def measure(
    rose: Rose, bases: Mapping[str, ReferringSegmenter], asked: Sequence[Asked], known: Sequence[Known], seed: int
) -> Measured:
    """Run every system on every base; the first base is the one of the main table and the ablation."""
    kept = Remembered(rose.irag) if rose.irag is not None else None
    nest = [one for one in asked if one.kind == "nest"]
    rest = [one for one in asked if one.kind != "nest"]
    figures: dict[str, float] = {}
    main: dict[str, Scores] = {}
    tables: dict[str, Table] = {}
    notes: dict[str, Any] = {"bases": {}}
    for number, (name, base) in enumerate(bases.items()):
        log.info("%s: %d questions of NEST, %d others", name, len(nest), len(rest))
        around = Rose(base, rose.websense, kept, rose.text_prompt, rose.visual_prompt)
        said = {"none": answers(around, nest, "static"), "IRAG": answers(around, nest, "search")}
        rows = ABLATION if number == 0 else {"all": ABLATION["all"]}
        said |= {row: answers(around, nest, "rose", parts) for row, parts in rows.items() if row not in said}
        scored = {row: scores(nest, given, answered=row != "none") for row, given in said.items()}
        main |= {
            f"{name}, static": scored["none"],
            f"{name}, search-only": scored["IRAG"],
            f"{name} + ROSE": scored["all"],
        }
        gain = _difference(scored["all"], scored["none"], seed)
        figures[f"lift_{name}"] = round(gain.value, 4)
        control = check(base, known, seed=seed)
        known_giou = control.giou.value if control.giou else 0.0
        notes["bases"][name] = {"identity": base.identity(), "control": control.reason or "passed"}
        if number == 0:
            tables["ablation"] = score_table(f"Ablation ({name}, WebSense off)", scored, GROUPS, seed)
            figures |= pattern_figures(scored, known_giou, seed)
            plus, notes["websense"] = plus_systems(around, nest, rest, said["all"])
            tables["plus"] = score_table(f"NEST+ ({name})", plus, ("nest", "reasoning", "referring"), seed)
            figures |= websense_figures(plus, notes["websense"])
        else:
            figures[f"{name}_known_giou"] = round(known_giou, 4)
    tables["main"] = score_table("NEST", main, GROUPS, seed)
    return Measured(figures, tables, notes)


def with_every_picture(measured: Measured, rose: Rose, every: Sequence[Asked], seed: int) -> Measured:
    """Add what the first base does about photographs as the news shows them, those of nothing but the target among them."""
    kept = Rose(
        rose.segmenter, None, Remembered(rose.irag) if rose.irag else None, rose.text_prompt, rose.visual_prompt
    )
    systems: tuple[System, ...] = ("static", "search", "rose")
    scored: dict[str, Scores] = {
        name: scores(every, answers(kept, every, name), answered=name != "static") for name in systems
    }
    figures = {f"every_picture_{name}_giou": round(_mean(one), 4) for name, one in scored.items()}
    gain = _difference(scored["rose"], scored["search"], seed)
    figures["every_picture_rose_over_search"] = round(gain.value, 4)
    table = score_table("NEST, photographs of nothing but the target among them (lisa)", scored, GROUPS, seed)
    return Measured(measured.figures | figures, measured.tables | {"every_picture": table}, measured.notes)


def answers(rose: Rose, asked: Sequence[Asked], system: System, parts: Collection[Part] = PARTS) -> list[Answered]:
    """Ask in batches."""
    queries = [Query(one.image, one.text, one.asked_at, one.exclude) for one in asked]
    batches = (queries[start : start + AT_ONCE] for start in range(0, len(queries), AT_ONCE))
    return [said for batch in batches for said in rose.segment(batch, system, parts)]


def scores(asked: Sequence[Asked], said: Sequence[Answered], *, answered: bool, by_kind: bool = False) -> Scores:
    """Hold answers against the truth."""
    counted = overlap([one.segmentation.mask for one in said], [one.mask for one in asked])
    groups = tuple(one.kind if by_kind else one.category for one in asked)
    right = tuple(answer_right(a.answer, q.answer, q.aliases) for a, q in zip(said, asked, strict=True))
    return Scores(counted, groups, right if answered else None)


def pattern_figures(scored: Mapping[str, Scores], known_giou: float, seed: int) -> dict[str, float]:
    """Return the figures that the paper's pattern rests on, all in shares of one."""
    named = {"none": "static", "IRAG": "search", "IRAG + TPE": "irag_tpe", "IRAG + VPE": "irag_vpe", "all": "rose"}
    figures = {"static_known_giou": round(known_giou, 4)}
    for row, name in named.items():
        for part in (*GROUPS, "overall"):
            figures[f"{name}_{part}_giou"] = round(_part(scored[row], part), 4)
        if (right := scored[row].right) is not None:
            figures[f"{name}_acc"] = round(sum(right) / len(right), 4)
    gain = _difference(scored["all"], scored["IRAG"], seed)

    def over(one: str, other: str, part: str) -> float:
        return round(_part(scored[one], part) - _part(scored[other], part), 4)

    return figures | {
        "known_over_novel": round(known_giou - _part(scored["none"], "novel"), 4),
        "search_gain_novel": over("IRAG", "none", "novel"),
        "search_gain_emerging": over("IRAG", "none", "emerging"),
        "rose_over_search": round(gain.value, 4),
        "rose_over_search_low": round(gain.low, 4),
        "rose_over_search_high": round(gain.high, 4),
        "vpe_gain_novel": over("IRAG + VPE", "IRAG", "novel"),
        "vpe_over_tpe_novel": over("IRAG + VPE", "IRAG + TPE", "novel"),
        "tpe_gain_emerging": over("IRAG + TPE", "IRAG", "emerging"),
        "tpe_over_vpe_emerging": over("IRAG + TPE", "IRAG + VPE", "emerging"),
    }


def plus_systems(
    rose: Rose, nest: Sequence[Asked], rest: Sequence[Asked], nest_all: Sequence[Answered]
) -> tuple[dict[str, Scores], dict[str, Any]]:
    """Return NEST+ with the base alone, with ROSE that always retrieves, and with WebSense; and what WebSense decided."""
    whole = [*nest, *rest]
    always = [*nest_all, *answers(rose, rest, "rose", ABLATION["all"])]
    systems = {"static": answers(rose, whole, "static"), "ROSE without WebSense": always}
    notes: dict[str, Any] = {"decisions": {}, "reasons": {}}
    if rose.websense is not None:
        before = _counts(rose)
        systems["ROSE"] = answers(rose, whole, "rose", PARTS)
        notes["levels"] = {name: count - before.get(name, 0) for name, count in _counts(rose).items()}
        steps = [step for said in systems["ROSE"] for step in said.steps if step.part == "websense"]
        notes["decisions"] = dict(Counter(step.decision for step in steps))
        notes["reasons"] = dict(Counter(step.reason.partition(":")[0] for step in steps).most_common(20))
    return {name: scores(whole, said, answered=False, by_kind=True) for name, said in systems.items()}, notes


def websense_figures(plus: Mapping[str, Scores], notes: Mapping[str, Any]) -> dict[str, float]:
    """Return what WebSense saves and what that costs; nothing where there is none."""
    if "ROSE" not in plus:
        return {}
    nest, rest = ("nest",), ("reasoning", "referring")
    loss = _mean(plus["ROSE without WebSense"].of(*nest)) - _mean(plus["ROSE"].of(*nest))
    harm = _mean(plus["static"].of(*rest)) - _mean(plus["ROSE"].of(*rest))
    levels = notes.get("levels", {})
    share = {"websense_level2_share": round(levels["by_level2"] / levels["asked"], 4)} if levels.get("asked") else {}
    return share | {
        "websense_calls_saved": round(notes["decisions"].get("skip", 0) / len(plus["ROSE"].groups), 4),
        "websense_nest_loss": round(loss, 4),
        "websense_rest_loss": round(harm, 4),
        "plus_rose_giou": round(_mean(plus["ROSE"]), 4),
        "plus_static_giou": round(_mean(plus["static"]), 4),
    }


def write(tables: Mapping[str, Table], folder: Path) -> None:
    """Write tables as Markdown and JSON, and the main ones as plots."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tables.md").write_text("\n".join(one.to_markdown() for one in tables.values()), encoding="utf-8")
    content = {name: table.to_json() for name, table in tables.items()}
    (folder / "tables.json").write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for name, table in tables.items():
        (folder / f"{name}.svg").write_text(plot(table), encoding="utf-8")


def own_segmenter() -> ReferringSegmenter:
    """Load the example of a user's own segmenter from its file."""
    spec = importlib.util.spec_from_file_location("own_segmenter", OWN_SEGMENTER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: ReferringSegmenter = module.Salient()
    return made


def _counts(rose: Rose) -> dict[str, int]:
    """How many questions WebSense decided so far, and at which level."""
    return asdict(rose.websense.counts) if isinstance(rose.websense, WebSense) else {}


def _part(scored: Scores, part: str) -> float:
    return _mean(scored if part == "overall" else scored.of(part))


def _mean(scored: Scores) -> float:
    return float(scored.counted.ious.mean())


def _difference(one: Scores, other: Scores, seed: int) -> Interval:
    return difference(one.counted.ious, other.counted.ious, seed)
