"""ROSE from settings, and pictures from files and addresses."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from PIL import Image

from nest_builder.clock import Clock, system_clock
from nest_builder.config import Settings, load_settings
from nest_builder.entities.hypernyms import lexicon
from nest_builder.images.decode import BadImageError, decode_rgb
from nest_builder.reasons import Reason
from nest_builder.rose.base import VisualEntities, WebSearch
from nest_builder.rose.cache import Cache
from nest_builder.rose.embed import CachedImages
from nest_builder.rose.glance import RegionGlance
from nest_builder.rose.models import Models, load_models
from nest_builder.rose.reading import Reader
from nest_builder.rose.retrieval import IRAG
from nest_builder.rose.rose import Rose
from nest_builder.rose.search import ArticleSearch, Brave, SearxNG
from nest_builder.rose.text_prompt import TextPrompt
from nest_builder.rose.visual_entities import CloudVision, ReferenceMatch
from nest_builder.rose.visual_prompt import VisualPrompt, VisualPromptSettings
from nest_builder.rose.websense import WebSense
from nest_builder.rose.websense_model import OpenQuestions
from nest_builder.store.session import Store
from nest_builder.web import Expect, PoliteClient
from nest_builder.workspace import open_workspace


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
        models = load_models(settings)
        cache = Cache(_cache_file(settings))
        stack.callback(cache.close)
        yield assemble(settings, models, client, _search(settings, client, store, stack), cache, clock)


@contextmanager
def open_rose(settings: Settings | None = None) -> Iterator[Rose]:
    """Open ROSE with a store and a client of its own, for scripts.

    Args:
        settings: By default those that a command without options would have.

    Raises:
        ValueError: A setting names what there is not.
        FileNotFoundError: A model's folder is missing.
    """
    with (
        open_workspace(settings or load_settings()) as space,
        load_rose(space.settings, space.client, space.store, clock=space.clock) as rose,
    ):
        yield rose


def assemble(
    settings: Settings, models: Models, client: PoliteClient, search: WebSearch, cache: Cache, clock: Clock
) -> Rose:
    """Put ROSE together from models that are there already; what it has seen and read is its own."""
    words = lexicon(settings.entities.hypernyms)
    visual_prompt = glance = None
    matching: VisualEntities | None = CloudVision() if settings.rose.visual_entities == "cloud-vision" else None
    if models.images is not None:
        limits = VisualPromptSettings.model_validate(settings.rose.vpe)
        visual_prompt = VisualPrompt(models.detector, models.masks, CachedImages(models.images), limits)
        matching = matching or ReferenceMatch.beside(visual_prompt)
        glance = RegionGlance(visual_prompt.finder) if settings.rose.glance else None
    websense = WebSense(
        models.knowledge,
        settings.entities.cutoff,
        recognizer=models.recognizer,
        language=models.language,
        classifier=OpenQuestions(),
        glance=glance,
        words=words,
    )
    irag = IRAG(
        search,
        client,
        Reader(models.recognizer, models.knowledge, words),
        models.texts,
        language=models.language,
        visual=matching,
        cache=cache,
        clock=clock,
    )
    text_prompt = TextPrompt(known=models.knowledge if settings.rose.describe == "unknown" else None)
    return Rose(models.segmenter, websense, irag, text_prompt, visual_prompt)


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


def _cache_file(settings: Settings) -> Path | None:
    if settings.rose.cache is None:
        # Each simulated world has a web of its own, and one work directory may see several of them.
        return None if settings.newsworld.enabled else settings.workdir / "rose.sqlite"
    return Path(settings.rose.cache) if settings.rose.cache else None


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
