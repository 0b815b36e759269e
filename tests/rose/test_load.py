"""Pictures from files and addresses, and ROSE from settings."""

import datetime as dt
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nest_builder.clock import fixed_clock
from nest_builder.config import Settings, load_settings
from nest_builder.images.decode import BadImageError
from nest_builder.rose.cache import Cache
from nest_builder.rose.load import assemble, load_rose, read_image
from nest_builder.rose.models import load_models
from nest_builder.rose.search import SearxNG
from nest_builder.rose.visual_entities import CloudVision
from nest_builder.web.exchange import Consent, Exchange, FetchFailed, FetchReason, RobotsVerdict, Validators
from tests.rose.fakes import query

NOW = dt.datetime(2025, 10, 1, tzinfo=dt.UTC)


def png(width: int = 40, height: int = 30, **more: Any) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(data, "PNG", **more)
    return data.getvalue()


class OneAnswer:
    """A client to which every address answers the same."""

    def __init__(self, body: bytes = b"", opt_out: bool = False, error: Exception | None = None) -> None:
        self.body, self.opt_out, self.error = body, opt_out, error

    def fetch(self, url: str, *_: Any, **__: Any) -> Exchange:
        if self.error:
            raise self.error
        consent = Consent(RobotsVerdict.ALLOWED, self.opt_out, "tdmrep.json" if self.opt_out else None, NOW)
        return Exchange(url, url, 200, self.body, NOW, consent, Validators())


def bounded(**web: Any) -> Settings:
    settings = load_settings()
    return settings.model_copy(
        update={
            "web": settings.web.model_copy(update=web),
            "images": settings.images.model_copy(update={"max_pixels": 10_000}),
        }
    )


def test_a_file_and_an_address_give_the_same_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    from_file = read_image(str(tmp_path / "a.png"), bounded(), OneAnswer())  # type: ignore[arg-type]
    from_web = read_image("http://a.test/a.png", bounded(), OneAnswer(png()))  # type: ignore[arg-type]
    assert from_file.mode == "RGB"
    assert from_file.size == (40, 30)
    assert from_file.tobytes() == from_web.tobytes()


def write(data: bytes) -> Callable[[Path], str]:
    def made(folder: Path) -> str:
        (folder / "x.png").write_bytes(data)
        return str(folder / "x.png")

    return made


@pytest.mark.parametrize(
    ("source", "client", "web", "error", "said"),
    [
        (lambda folder: str(folder / "absent.png"), OneAnswer(), {}, FileNotFoundError, "no such file: .*absent.png"),
        (str, OneAnswer(), {}, FileNotFoundError, "no such file"),
        (write(b"%PDF-1.7 no picture at all"), OneAnswer(), {}, BadImageError, "no picture"),
        (write(b""), OneAnswer(), {}, BadImageError, "broken image"),
        (write(png()[:60]), OneAnswer(), {}, BadImageError, "broken image"),
        (write(png(200, 100)), OneAnswer(), {}, BadImageError, "at most 10000 are decoded"),
        (write(png()), OneAnswer(), {"max_image_bytes": 20}, BadImageError, "too large: .* at most 20 are read"),
        (lambda _: "http://a.test/x", OneAnswer(png(200, 100)), {}, BadImageError, "at most 10000"),
        (lambda _: "http://a.test/x", OneAnswer(b"<html>"), {}, BadImageError, "no picture"),
        (lambda _: "https://a.test/x", OneAnswer(png(), opt_out=True), {}, BadImageError, "opted out: .*tdmrep.json"),
        (
            lambda _: "http://a.test/x",
            OneAnswer(error=FetchFailed(FetchReason.TOO_SLOW, "3 s")),
            {},
            FetchFailed,
            "3 s",
        ),
    ],
)
def test_what_is_no_picture_says_why(
    tmp_path: Path,
    source: Callable[[Path], str],
    client: Any,
    web: dict[str, Any],
    error: type[Exception],
    said: str,
) -> None:
    with pytest.raises(error, match=said):
        read_image(source(tmp_path), bounded(**web), client)


def test_opt_outs_count_only_where_settings_say_so() -> None:
    settings = bounded(respect_opt_out=False)
    assert read_image("http://a.test/x", settings, OneAnswer(png(), opt_out=True)).size == (40, 30)  # type: ignore[arg-type]


def with_rose(folder: Path, **rose: Any) -> Settings:
    settings = load_settings(workdir=folder)
    chosen = {"segmenter": "tests.rose.fakes:FakeSegmenter", "image_embedder": "", **rose}
    return settings.model_copy(update={"rose": settings.rose.model_copy(update=chosen)})


@pytest.mark.parametrize(
    ("rose", "error", "said"),
    [
        ({"segmenter": "lisa:/absent/model"}, FileNotFoundError, "no model in /absent/model: `make train-tiny`"),
        ({"segmenter": "sesame"}, ValueError, "no segmenter 'sesame': choose one of lisa"),
        ({"segmenter": "tests.rose.fakes:Nothing"}, ValueError, "cannot load"),
        ({"segmenter": "tests.rose.fakes:picture"}, ValueError, "is no segmenter"),
        ({"segmenter_options": {"colour": 1}}, ValueError, "cannot be made with the options"),
        ({"image_embedder": "./absent-clip"}, FileNotFoundError, "no model in ./absent-clip"),
        ({"search_url": ""}, ValueError, "rose.search_url: name the SearxNG instance"),
        ({"search": "articles"}, ValueError, "the search among articles needs a store"),
        ({"language_url": "http://localhost:1/v1"}, ValueError, "rose.language_model: name the model"),
        ({"image_embedder": "openai/clip-vit-base-patch32", "vpe": {"verified": 0.9}}, ValueError, "verified"),
    ],
)
def test_wrong_settings_are_said_before_anything_is_loaded(
    tmp_path: Path, rose: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said), load_rose(with_rose(tmp_path, **rose), OneAnswer()):  # type: ignore[arg-type]
        pass


def test_what_settings_name_is_what_is_built(tmp_path: Path) -> None:
    settings = with_rose(tmp_path, image_embedder="openai/clip-vit-base-patch32")
    with load_rose(settings, OneAnswer()) as rose:  # type: ignore[arg-type]
        assert rose.segmenter.identity() == "fake"
        assert None not in (rose.websense, rose.irag, rose.text_prompt, rose.visual_prompt)
        (said,) = rose.segment([query()], "static")
        assert said.segmentation.mask.any()
    with load_rose(with_rose(tmp_path, image_embedder="", cache=""), OneAnswer()) as rose:  # type: ignore[arg-type]
        assert rose.visual_prompt is None


@pytest.mark.parametrize(
    ("simulated", "cache", "files"),
    [(False, None, {"rose.sqlite"}), (True, None, set()), (False, "", set()), (True, "{}/own.sqlite", {"own.sqlite"})],
)
def test_what_the_web_gave_is_kept_but_for_simulated_ones(
    tmp_path: Path, simulated: bool, cache: str | None, files: set[str]
) -> None:
    settings = with_rose(tmp_path, cache=cache and cache.format(tmp_path))
    newsworld = settings.newsworld.model_copy(update={"enabled": simulated})
    with load_rose(settings.model_copy(update={"newsworld": newsworld}), OneAnswer()) as rose:  # type: ignore[arg-type]
        rose.irag._fetcher._cache.put(b"a page", "its key")  # type: ignore[union-attr]
        assert {file.name for file in tmp_path.glob("*.sqlite")} == files
    for file in files:
        kept = Cache(tmp_path / file)
        assert kept.get("its key") == b"a page"
        kept.close()


def test_thresholds_and_what_names_things_are_settings(tmp_path: Path) -> None:
    clip = "openai/clip-vit-base-patch32"
    settings = with_rose(tmp_path, image_embedder=clip, visual_entities="cloud-vision", vpe={"verify": 0.9}, cache="")
    with load_rose(settings, OneAnswer()) as rose:  # type: ignore[arg-type]
        assert isinstance(rose.irag._visual, CloudVision)  # type: ignore[union-attr]
        assert rose.visual_prompt.settings.verify == 0.9  # type: ignore[union-attr]


def test_parts_share_what_they_load(tmp_path: Path) -> None:
    settings = with_rose(tmp_path, segmenter="grounded-sam", image_embedder="openai/clip-vit-base-patch32", cache="")
    models = load_models(settings)
    client: Any = OneAnswer()
    rose = assemble(settings, models, client, SearxNG(client, "http://search.test"), Cache(), fixed_clock(NOW))
    finder = rose.visual_prompt.finder  # type: ignore[union-attr]
    assert rose.irag._visual._finder is finder  # type: ignore[union-attr]
    assert rose.websense._glance._finder is finder  # type: ignore[union-attr]
    assert finder._detector is models.detector
    assert rose.segmenter._mask_model is models.masks is rose.visual_prompt._masks  # type: ignore[attr-defined, union-attr]
