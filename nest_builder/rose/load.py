"""ROSE from settings, and pictures from files and addresses."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from PIL import Image

from nest_builder.annotate.base import MaskModel
from nest_builder.annotate.segment import Segmenter
from nest_builder.clock import Clock, system_clock
from nest_builder.config import DATA, RoseSettings, Settings
from nest_builder.entities.hypernyms import lexicon
from nest_builder.entities.knowledge import load_knowledge
from nest_builder.entities.recognizer import SpacyRecognizer
from nest_builder.images.decode import BadImageError, decode_rgb
from nest_builder.reasons import Reason
from nest_builder.rose.base import LanguageModel, WebSearch
from nest_builder.rose.cache import Cache
from nest_builder.rose.embed import text_embedder
from nest_builder.rose.language import OpenAICompatible
from nest_builder.rose.reading import Reader
from nest_builder.rose.retrieval import IRAG
from nest_builder.rose.rose import Rose
from nest_builder.rose.search import ArticleSearch, Brave, SearxNG
from nest_builder.rose.text_prompt import TextPrompt
from nest_builder.segmenters.base import ReferringSegmenter
from nest_builder.segmenters.loading import load_segmenter
from nest_builder.store.session import Store
from nest_builder.web import Expect, PoliteClient


@contextmanager
def load_rose(
    settings: Settings, client: PoliteClient, store: Store | None = None, *, clock: Clock = system_clock
) -> Iterator[Rose]:
    """Build ROSE from settings. Models load when they are first needed, each once, whichever parts use it.

    Args:
        settings: Name segmenter, search, models, endpoint and cache.
        client: Reaches search, pages and pictures.
        store: The pipeline's articles, for the search among them.
        clock: The present time.

    Yields:
        ROSE with all of its parts; what it holds open is closed at the end.

    Raises:
        ValueError: A setting names what there is not.
        FileNotFoundError: A model's folder is missing.
    """
    with ExitStack() as stack:
        cache = Cache(_cache_file(settings))
        stack.callback(cache.close)
        search = _search(settings, client, store, stack)
        mask_model = Segmenter(settings.annotate)
        knowledge = load_knowledge(settings.entities.snapshot)
        recognizer = SpacyRecognizer(settings.entities.spacy_model, knowledge)
        words = lexicon(settings.entities.hypernyms)
        irag = IRAG(
            search,
            client,
            Reader(recognizer, knowledge, words),
            text_embedder(settings.rose.text_embedder, settings.annotate.device),
            language=_language(settings.rose),
            cache=cache,
            clock=clock,
        )
        yield Rose(_segmenter(settings, mask_model), None, irag, TextPrompt())


def _segmenter(settings: Settings, mask_model: MaskModel) -> ReferringSegmenter:
    """Make the base; the built-in ones get what ROSE has loaded already."""
    rose = settings.rose
    options = dict(rose.segmenter_options)
    short, _, model = rose.segmenter.partition(":")
    if short == "lisa":
        require_model(model or str(DATA / "models" / "lisa-tiny"))
        options.setdefault("device", settings.annotate.device)
    elif short == "grounded-sam":
        options = {"settings": settings.annotate, "mask_model": mask_model} | options
    return load_segmenter(rose.segmenter, options)


def _search(settings: Settings, client: PoliteClient, store: Store | None, stack: ExitStack) -> WebSearch:
    rose = settings.rose
    match rose.search:
        case "searxng":
            if not rose.search_url:
                raise ValueError("settings: rose.search_url: name the SearxNG instance")
            return SearxNG(client, rose.search_url)
        case "brave":
            return Brave(client, rose.search_url) if rose.search_url else Brave(client)
        case "articles":
            if store is None:
                raise ValueError("settings: rose.search: the search among articles needs a store")
            articles = ArticleSearch(store, settings.workdir / "articles.sqlite")
            stack.callback(articles.close)
            return articles


def _language(rose: RoseSettings) -> LanguageModel | None:
    if not rose.language_url:
        return None
    if not rose.language_model:
        raise ValueError("settings: rose.language_model: name the model at rose.language_url")
    return OpenAICompatible(rose.language_url, rose.language_model)


def _cache_file(settings: Settings) -> Path | None:
    if settings.rose.cache is None:
        return settings.workdir / "rose.sqlite"
    return Path(settings.rose.cache) if settings.rose.cache else None


def require_model(name: str) -> None:
    """Say early, and in words, that a model's folder is missing; a hub id is left to the hub.

    Raises:
        FileNotFoundError: The name is a path, and nothing is there.
    """
    path = Path(name)
    if (path.is_absolute() or name.startswith(".")) and not path.exists():
        raise FileNotFoundError(
            f"no model in {name}: `make train-tiny` makes the embedded ones; or name another in the settings"
        )


def read_image(source: str, settings: Settings, client: PoliteClient) -> Image.Image:
    """Read a picture as it is meant to be seen: upright, RGB, every pixel.

    Args:
        source: A file, or an address with http or https.
        settings: Bound bytes and pixels, and say whether opt-outs count.
        client: Fetches addresses.

    Raises:
        FileNotFoundError: There is no such file.
        BadImageError: It is no picture, a broken or too large one, or its publisher reserves such use.
        FetchError: The address gives nothing.
    """
    most = settings.web.max_image_bytes
    if source.startswith(("http://", "https://")):
        exchange = client.fetch(source, Expect.IMAGE, max_bytes=most)
        if exchange.consent.opt_out and settings.web.respect_opt_out:
            raise BadImageError(Reason.OPT_OUT, f"{source}: {exchange.consent.reason}")
        data = exchange.body
    else:
        path = Path(source)
        if not path.is_file():
            raise FileNotFoundError(f"no such file: {source}")
        if path.stat().st_size > most:
            raise BadImageError(Reason.TOO_LARGE, f"{source} has {path.stat().st_size} bytes, at most {most} are read")
        data = path.read_bytes()
    return decode_rgb(data, max_pixels=settings.images.max_pixels)
