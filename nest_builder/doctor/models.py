"""The models that settings name: those of the pipeline, and those of ROSE and of validation."""

import json
from collections.abc import Callable
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from nest_builder.annotate.models import load_attribute, model_identity
from nest_builder.annotate.uncertainty import COEFFICIENTS, load_confidence
from nest_builder.config import DATA, Settings
from nest_builder.doctor.base import Found, Patient, State

REMEDY = "restore the files (git checkout data/models), or run `make train-tiny`"
LISA = str(DATA / "models" / "lisa-tiny")


def check_models(patient: Patient) -> Found:
    """Models that settings name by path: files readable, configuration and weights' headers whole."""
    settings = patient.settings
    for name in (settings.annotate.detector_model, settings.annotate.mask_model, settings.entities.spacy_model):
        yield from _model(name, "problem")
    yield from _file(COEFFICIENTS, load_confidence, "problem")
    if patient.deep:
        yield from _use(_pipeline_uses(settings), "problem")


def check_rose(patient: Patient) -> Found:
    """ROSE's models: a run stops without them only where it validates."""
    settings, worst = patient.settings, needed(patient.settings)
    for name in static_models(settings):
        short, _, rest = name.partition(":")
        if short == "lisa":
            yield from _model(rest or LISA, worst)
        elif short not in ("grounded-sam", "remote"):
            yield from _own_segmenter(name, worst)
    for name in (settings.rose.image_embedder, settings.rose.text_embedder):
        if name:
            yield from _model(name, worst)
    from nest_builder.rose.websense_model import WEIGHTS, OpenQuestions

    yield from _file(WEIGHTS, OpenQuestions, worst)
    if patient.deep:
        yield from _use(_rose_uses(settings), worst)


def needed(settings: Settings) -> State:
    """Return how bad it is where ROSE cannot work."""
    return "problem" if settings.validation.enabled else "warning"


def static_models(settings: Settings) -> list[str]:
    """Return the segmenters that settings name, each once."""
    return list(dict.fromkeys((settings.rose.segmenter, *settings.validation.segmenters)))


def _model(name: str, worst: State) -> Found:
    """Look at a model's files."""
    path = Path(name)
    if not path.exists():
        if path.is_absolute() or name.startswith("."):
            yield worst, f"{name} is no folder here", "correct the setting, or run `make train-tiny`"
        else:
            yield "ok", f"{name}: by its public name, fetched at first use", ""
        return
    try:
        _read_model(path)
    except (OSError, ValueError) as error:
        yield worst, f"{name}: {error}", REMEDY
    else:
        yield "ok", model_identity(name), ""


def _file(path: Path, read: Callable[[Path], object], worst: State) -> Found:
    """Read a small fitted model."""
    try:
        read(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield worst, f"{path.name}: {type(error).__name__}: {error}", REMEDY
    else:
        yield "ok", model_identity(str(path)), ""


def _own_segmenter(name: str, worst: State) -> Found:
    """Import a segmenter of one's own; making it is left to ``--deep``, since that may load it."""
    from nest_builder.segmenters.loading import GROUP

    try:
        if ":" in name:
            load_attribute(name)
        elif name not in entry_points(group=GROUP).names:
            raise ValueError(f"no segmenter {name!r}")
    except Exception as error:  # noqa: BLE001 - a module of one's own may raise anything
        yield worst, f"{name}: {type(error).__name__}: {error}", "correct rose.segmenter and validation.segmenters"
    else:
        yield "ok", name, ""


def _read_model(path: Path) -> None:
    """Parse a model's configuration and its weights' headers.

    Raises:
        OSError: A file is missing or unreadable.
        ValueError: One is broken.
    """
    from safetensors import SafetensorError, safe_open

    if path.is_file():
        with path.open("rb") as file:
            if len(file.read(1024)) < 1024:
                raise ValueError("too short for a model")
        return
    config = path / ("meta.json" if (path / "meta.json").exists() else "config.json")
    json.loads(config.read_text(encoding="utf-8"))
    for weights in path.glob("*.safetensors"):
        try:
            with safe_open(weights, "np"):
                pass
        except SafetensorError as error:
            raise ValueError(f"{weights.name}: {error}") from error


Uses = dict[str, Callable[[], object]]


def _pipeline_uses(settings: Settings) -> Uses:
    """Return what has each model of the pipeline look at an empty picture."""
    import numpy as np
    import spacy
    from PIL import Image

    from nest_builder.annotate.segment import Segmenter

    picture = Image.new("RGB", (96, 64), "grey")
    return {
        "detector": lambda: load_attribute(settings.annotate.detector)(settings.annotate).detect([picture], [["car"]]),
        "mask model": lambda: Segmenter(settings.annotate).segment([picture], [np.array([[8.0, 8, 56, 56]])]),
        "spaCy pipeline": lambda: spacy.load(settings.entities.spacy_model)("Ada Lind leads Vantor."),
    }


def _rose_uses(settings: Settings) -> Uses:
    """Return what has each model of ROSE look at an empty picture; those behind a service are left to ``--network``."""
    from PIL import Image

    from nest_builder.rose.embed import ClipImages, text_embedder
    from nest_builder.segmenters.loading import load_segmenter

    rose, device = settings.rose, settings.annotate.device
    picture = Image.new("RGB", (96, 64), "grey")
    uses: Uses = {}

    def segment(name: str) -> object:
        options: dict[str, Any] = dict(rose.segmenter_options) if name == rose.segmenter else {}
        if name == "grounded-sam":
            options.setdefault("settings", settings.annotate)
        return load_segmenter(name, options).segment([picture], ["the car"])

    for name in static_models(settings):
        if not name.startswith("remote:"):
            uses[f"segmenter {name}"] = partial(segment, name)
    if rose.image_embedder:
        uses["image embedder"] = lambda: ClipImages(rose.image_embedder, device).embed([picture])
    if rose.text_embedder:
        uses["text embedder"] = lambda: text_embedder(rose.text_embedder, device).embed(["a car"])
    return uses


def _use(uses: Uses, worst: State) -> Found:
    for name, use in uses.items():
        try:
            use()
        except Exception as error:  # noqa: BLE001 - whatever a model or a segmenter of one's own raises
            yield worst, f"{name}: {type(error).__name__}: {error}", "restore its files, or name another model"
        else:
            yield "ok", f"{name} loads and runs", ""
