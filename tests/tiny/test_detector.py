"""Training of the embedded detector: a few steps, an interruption, and what is saved."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

from nest_builder.tiny.detector import Plan, Training, one_cycle, train
from nest_builder.tiny.detector_data import render_pool
from nest_builder.tiny.detector_model import build_model

CPU = torch.device("cpu")
PLAN = Plan(
    steps=2, backbone_steps=1, scenes=4, batch=2, backbone_batch=2, save_every=1, judge_every=2, judged_scenes=2
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `work` and `out` of a training of two steps."""
    folder = tmp_path_factory.mktemp("detector")
    train(PLAN, folder / "work", folder / "out", CPU)
    return folder


def test_the_saved_model_loads_as_the_full_size_one_does(trained: Path) -> None:
    model = AutoModelForZeroShotObjectDetection.from_pretrained(trained / "out")
    processor = AutoProcessor.from_pretrained(trained / "out")
    picture = Image.new("RGB", (480, 360), "gray")
    inputs = processor(images=picture, text="red car. person in blue.", return_tensors="pt")
    with torch.inference_mode():
        out = model(**inputs)
    assert model.dtype == torch.float32
    assert inputs["pixel_values"].shape == (1, 3, 128, 128)
    assert inputs["input_ids"][0, [0, 3, -2, -1]].tolist() == [101, 1012, 1012, 102]
    assert torch.isfinite(out.logits[..., : inputs["input_ids"].shape[1]]).all()
    found = processor.post_process_grounded_object_detection(
        out, inputs["input_ids"], threshold=0.0, target_sizes=[(360, 480)]
    )
    assert found[0]["boxes"].shape == (model.config.num_queries, 4)
    assert (trained / "out/model.safetensors").stat().st_size < 8e6


def test_an_interrupted_training_ends_like_an_undisturbed_one(trained: Path) -> None:
    pool = render_pool(trained / "work/pool", PLAN.scenes, PLAN.seed)
    state = torch.load(trained / "work/backbone.pt", weights_only=True)
    torch.manual_seed(PLAN.seed)
    first = Training(PLAN, build_model(state, CPU, half_backbone=False), CPU)
    first.model.train()
    first.step(pool)
    first.save(trained / "half.pt")
    second = Training(PLAN, build_model(state, CPU, half_backbone=False), CPU)
    second.load(trained / "half.pt")
    second.model.train()
    assert first.step(pool) == pytest.approx(second.step(pool))
    for name, value in first.average.items():
        assert torch.allclose(value, second.average[name], atol=1e-6), name


def test_every_part_learns_including_the_backbone(trained: Path) -> None:
    pool = render_pool(trained / "work/pool", PLAN.scenes, PLAN.seed)
    state = torch.load(trained / "work/backbone.pt", weights_only=True)
    training = Training(PLAN, build_model(state, CPU, half_backbone=False), CPU)
    training.model.train()
    before = {name: value.clone() for name, value in training.model.named_parameters()}
    terms = training.step(pool)
    assert {"classes", "boxes", "dense_classes", "dense_boxes", "token_classes"} == set(terms)
    after = dict(training.model.named_parameters())
    moved = {name.split(".")[1] for name in before if not before[name].equal(after[name])}
    assert {"backbone", "text_backbone", "encoder", "decoder", "encoder_output_bbox_embed"} <= moved


@pytest.mark.parametrize(("progress", "expected"), [(0.0, 0.04), (0.03, 0.52), (0.06, 1.0), (0.53, 0.5), (1.0, 0.0)])
def test_learning_rate(progress: float, expected: float) -> None:
    assert one_cycle(progress) == pytest.approx(expected, abs=1e-3)
