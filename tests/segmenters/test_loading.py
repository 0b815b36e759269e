"""Segmenters by name."""

import importlib.metadata
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from PIL import Image

from examples.own_segmenter import Salient
from nest_builder.segmenters import loading
from nest_builder.segmenters.grounded_sam import GroundedSam
from nest_builder.segmenters.lisa import Lisa
from nest_builder.segmenters.loading import load_segmenter
from nest_builder.segmenters.remote import RemoteSegmenter

ready = Salient()
number = 7


def make(**options: object) -> Salient:
    if options:
        raise TypeError(f"no option {options}")
    return Salient()


class HalfDone:
    def identity(self) -> str:
        return "half"


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ("grounded-sam", GroundedSam),
        ("remote:http://127.0.0.1:9", RemoteSegmenter),
        ("lisa", Lisa),
        ("lisa:xinlai/LISA-7B-v1", Lisa),
        ("examples.own_segmenter:Salient", Salient),
        (f"{__name__}:ready", Salient),
        (f"{__name__}:make", Salient),
    ],
)
def test_loads(reference, kind):
    assert isinstance(load_segmenter(reference), kind)


@pytest.mark.parametrize(
    ("reference", "options", "message"),
    [
        ("nonsense", {}, "choose one of lisa, grounded-sam, remote:URL.*package.module:attribute"),
        ("no.such.module:Thing", {}, "cannot load 'no.such.module:Thing'"),
        ("examples.own_segmenter:Nothing", {}, "cannot load"),
        (f"{__name__}:HalfDone", {}, "it has no segment"),
        (f"{__name__}:number", {}, "it has no identity and no segment"),
        (f"{__name__}:make", {"size": 3}, "cannot be made with the options"),
        (f"{__name__}:ready", {"size": 3}, "takes no options"),
        ("grounded-sam", {"size": 3}, "cannot be made"),
        ("grounded-sam:big", {}, "takes nothing after its name"),
        ("lisa", {"size": 3}, "cannot be made"),
        ("remote", {}, "write remote:http"),
        ("remote:gpu-box", {}, "write remote:http"),
    ],
)
def test_says_what_to_do(reference, options, message):
    with pytest.raises(ValueError, match=message):
        load_segmenter(reference, options)


def test_options_reach_the_segmenter():
    assert load_segmenter("grounded-sam", {"min_score": 0.3}).identity() != load_segmenter("grounded-sam").identity()


def test_entry_points(monkeypatch):
    points = importlib.metadata.EntryPoints(
        [
            EntryPoint("salient", "examples.own_segmenter:Salient", loading.GROUP),
            EntryPoint("gone", "examples.own_segmenter:Gone", loading.GROUP),
        ]
    )
    monkeypatch.setattr(loading, "entry_points", lambda group: points.select(group=group))
    assert isinstance(load_segmenter("salient"), Salient)
    with pytest.raises(ValueError, match=r"Gone.*cannot be loaded"):
        load_segmenter("gone")
    with pytest.raises(ValueError, match="gone, salient"):
        load_segmenter("other")


def test_the_example_segments_what_stands_out():
    picture = Image.new("RGB", (60, 40), "gray")
    picture.paste("red", (20, 10, 35, 25))
    (said,) = load_segmenter("examples.own_segmenter:Salient").segment([picture], ["anything"])
    assert said.mask.shape == (40, 60)
    assert int((said.mask & (np.asarray(picture)[..., 0] > 200)).sum()) == int(said.mask.sum()) == 15 * 15


def test_a_name_after_the_colon():
    assert load_segmenter("lisa:xinlai/LISA-7B-v1").identity() == "xinlai/LISA-7B-v1@main"
    assert load_segmenter("lisa", {"name": "other/one"}).identity() == "other/one@main"
