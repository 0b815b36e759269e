"""Real questions, a real (simulated) web, the real parts: search, pages, pictures, detector and mask model."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from nest_builder.annotate.masks import mask_iou
from nest_builder.clock import fixed_clock
from nest_builder.config import load_settings
from nest_builder.newsworld.model import CUTOFF, NOW
from nest_builder.newsworld.questions import Asked, nest_questions, referring_questions
from nest_builder.newsworld.server import Running
from nest_builder.newsworld.world import World
from nest_builder.rose.base import Features, Query
from nest_builder.rose.cache import Cache
from nest_builder.rose.load import assemble
from nest_builder.rose.models import load_models
from nest_builder.rose.rose import Answered, Rose, System
from nest_builder.rose.search import SearxNG
from nest_builder.segmenters.base import Segmentation
from nest_builder.web import PoliteClient

QUESTIONS = 4
pytestmark = pytest.mark.slow


class WholePicture:
    """The poorest base there is: whatever is asked, the whole picture. What becomes of its masks is ROSE's doing."""

    def identity(self) -> str:
        return "whole picture"

    def segment(self, images: Sequence[Image.Image], texts: Sequence[str]) -> list[Segmentation]:
        return [Segmentation(np.ones((image.height, image.width), bool), "", 0.5) for image in images]


class Colours:
    """Features without weights, so that no training changes what is expected here: the share of each of 64 colours."""

    def identity(self) -> str:
        return "colours"

    def embed(self, images: Sequence[Image.Image]) -> Features:
        return np.array([self._one(image) for image in images], np.float32).reshape(len(images), 64)

    @staticmethod
    def _one(image: Image.Image) -> Features:
        pixels = np.asarray(image.convert("RGB").resize((24, 24)))[4:-4, 4:-4].reshape(-1, 3) // 64
        counts = np.bincount(pixels @ np.array([16, 4, 1]), minlength=64)
        root: Features = np.sqrt(counts / counts.sum()).astype(np.float32)
        return root


@pytest.fixture(scope="module")
def world() -> World:
    return World(0)


@pytest.fixture(scope="module")
def asked(world: World) -> list[Asked]:
    return nest_questions(world, QUESTIONS, 3)


@pytest.fixture(scope="module")
def rose(world: World) -> Iterator[Rose]:
    settings = load_settings()
    settings = settings.model_copy(
        update={"rose": settings.rose.model_copy(update={"segmenter": "grounded-sam", "image_embedder": ""})}
    )
    models = replace(load_models(settings), images=Colours(), segmenter=WholePicture())
    clock = fixed_clock(NOW)
    with (
        Running(world) as web,
        PoliteClient(settings.web, clock=clock, resolve={"*.newsworld.test": web.origin}) as client,
    ):
        yield assemble(settings, models, client, SearxNG(client, settings.rose.search_url), Cache(), clock)


@pytest.fixture(scope="module")
def compared(rose: Rose, asked: list[Asked]) -> dict[System, list[Answered]]:
    queries = [Query(one.image, one.text, one.asked_at, one.exclude) for one in asked]
    return rose.compare(queries, ("static", "rose"), ("irag", "tpe", "vpe"))


@pytest.fixture(scope="module")
def said(compared: dict[System, list[Answered]]) -> list[Answered]:
    return compared["rose"]


def test_novel_and_emerging_entities_are_found_by_name(asked: list[Asked], said: list[Answered]) -> None:
    assert {one.category for one in asked} == {"novel", "emerging"}
    right = [one.answer in (truth.answer, *truth.aliases) for one, truth in zip(said, asked, strict=True)]
    assert sum(right) >= QUESTIONS - 1, [one.answer for one in said]
    assert all(truth.answer in one.prompt for one, truth, good in zip(said, asked, right, strict=True) if good)


def test_nothing_from_the_future_and_nothing_of_the_sample_itself_is_used(
    asked: list[Asked], said: list[Answered]
) -> None:
    for one, truth in zip(said, asked, strict=True):
        assert truth.asked_at is not None
        assert truth.exclude
        for candidate in one.candidates:
            for passage in candidate.sources:
                assert passage.published_at is not None
                assert CUTOFF < passage.published_at <= truth.asked_at
                assert passage.url not in truth.exclude


def test_masks_become_those_of_what_is_meant(asked: list[Asked], compared: dict[System, list[Answered]]) -> None:
    static, said = compared["static"], compared["rose"]
    shown = [at for at, one in enumerate(said) if one.references_count]
    assert len(shown) >= QUESTIONS / 2
    before = np.mean([mask_iou(static[at].segmentation.mask, asked[at].mask) for at in shown])
    after = np.mean([mask_iou(said[at].segmentation.mask, asked[at].mask) for at in shown])
    assert after >= before + 0.3
    assert {step.part for step in said[shown[0]].steps} == {"irag", "tpe", "base", "vpe"}


def test_what_is_known_is_not_fetched_again(rose: Rose, asked: list[Asked], said: list[Answered]) -> None:
    queries = [Query(one.image, one.text, one.asked_at, one.exclude) for one in asked]
    again = rose.segment(queries, parts=("irag", "tpe", "vpe"))
    assert sum(step.fetched_bytes for one in said for step in one.steps) > 10_000
    assert sum(step.fetched_bytes for one in again for step in one.steps) == 0
    assert [one.answer for one in again] == [one.answer for one in said]
    assert all(np.array_equal(a.segmentation.mask, b.segmentation.mask) for a, b in zip(again, said, strict=True))


def test_websense_leaves_plain_questions_alone(rose: Rose, asked: list[Asked]) -> None:
    plain = [Query(one.image, one.text) for one in referring_questions(4, 1)]
    named = [Query(one.image, one.text, one.asked_at) for one in asked]
    steps = [one.steps[0] for one in rose.segment([*plain, *named], parts=("websense", "irag"))]
    assert [step.decision for step in steps[:4]] == ["skip"] * 4
    # What is new is looked up, but where the picture shows one thing of its kind only.
    assert all(step.decision == "retrieve" or "shows one" in step.reason for step in steps[4:])
