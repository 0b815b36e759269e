"""The models that ROSE's parts share, each made once from settings and loaded when it is first needed."""

from dataclasses import dataclass
from pathlib import Path

from nest_builder.annotate.base import Detector, MaskModel
from nest_builder.annotate.models import load_attribute
from nest_builder.annotate.segment import Segmenter
from nest_builder.config import DATA, RoseSettings, Settings
from nest_builder.entities.base import KnowledgeBase, Recognizer
from nest_builder.entities.knowledge import load_knowledge
from nest_builder.entities.recognizer import SpacyRecognizer
from nest_builder.rose.base import ImageEmbedder, LanguageModel, TextEmbedder
from nest_builder.rose.embed import ClipImages, text_embedder
from nest_builder.rose.language import OpenAICompatible
from nest_builder.segmenters.base import ReferringSegmenter
from nest_builder.segmenters.loading import load_segmenter


@dataclass(frozen=True, slots=True)
class Models:
    """What has weights, or stands for a service that has.

    Attributes:
        segmenter: The base.
        detector: Finds what VPE, the matching of candidates and WebSense look at.
        masks: Outlines boxes for VPE, and for Grounded-SAM where that is the base.
        images: Embeds crops; None: no VPE and no matching.
        texts: Embeds passages.
        knowledge: What was known at the cutoff.
        recognizer: Finds names.
        language: Where an endpoint is named.
    """

    segmenter: ReferringSegmenter
    detector: Detector
    masks: MaskModel
    images: ImageEmbedder | None
    texts: TextEmbedder
    knowledge: KnowledgeBase
    recognizer: Recognizer
    language: LanguageModel | None


def load_models(settings: Settings) -> Models:
    """Make the models that settings name.

    Raises:
        ValueError: A setting names what there is not.
        FileNotFoundError: A model's folder is missing.
    """
    rose, device = settings.rose, settings.annotate.device
    detector: Detector = load_attribute(settings.annotate.detector)(settings.annotate)
    masks = Segmenter(settings.annotate)
    knowledge = load_knowledge(settings.entities.snapshot)
    if rose.image_embedder:
        require_model(rose.image_embedder)
    return Models(
        segmenter=_segmenter(settings, masks),
        detector=detector,
        masks=masks,
        images=ClipImages(rose.image_embedder, device) if rose.image_embedder else None,
        texts=text_embedder(rose.text_embedder, device),
        knowledge=knowledge,
        recognizer=SpacyRecognizer(settings.entities.spacy_model, knowledge),
        language=_language(rose),
    )


def _segmenter(settings: Settings, masks: MaskModel) -> ReferringSegmenter:
    """Make the base; the built-in ones get what is made already."""
    options = dict(settings.rose.segmenter_options)
    short, _, model = settings.rose.segmenter.partition(":")
    if short == "lisa":
        require_model(model or str(DATA / "models" / "lisa-tiny"))
        options.setdefault("device", settings.annotate.device)
    elif short == "grounded-sam":
        options = {"settings": settings.annotate, "mask_model": masks} | options
    return load_segmenter(settings.rose.segmenter, options)


def _language(rose: RoseSettings) -> LanguageModel | None:
    if not rose.language_url:
        return None
    if not rose.language_model:
        raise ValueError("settings: rose.language_model: name the model at rose.language_url")
    return OpenAICompatible(rose.language_url, rose.language_model)


def require_model(name: str) -> None:
    """Say early, and in words, that a model's folder is missing; a hub id is left to the hub.

    Raises:
        FileNotFoundError: The name is a path, and nothing is there.
    """
    path = Path(name)
    if (path.is_absolute() or name.startswith(".")) and not path.exists():
        raise FileNotFoundError(
            f"no model in {name}: `make train-tiny` makes the embedded ones, or name another in the settings"
        )
