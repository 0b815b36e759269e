import copy

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import SamModel, SamProcessor

from nest_builder.tiny import mask_model
from nest_builder.tiny.mask_data import POOL_SIZE, Mix, Pool
from nest_builder.tiny.mask_loss import mask_iou, mask_loss, near_weights, outline_loss, prompt_loss
from nest_builder.tiny.mask_model import PHASES, PROMPTINGS, Phase, rate, train
from nest_builder.tiny.mask_network import build_model, enlarge, save, sine_table, whiten_patches

SIZE = 64


def square(side: int, start: int = 4, grid: int = 32) -> torch.Tensor:
    mask = torch.zeros(grid, grid)
    mask[start : start + side, start : start + side] = 1
    return mask


def logits(mask: torch.Tensor) -> torch.Tensor:
    return mask * 16 - 8


def test_the_loss_ranks_masks_by_their_fault():
    target = square(10)
    candidates = [target, square(9), square(10, 8), torch.zeros(32, 32)]
    losses = [float(mask_loss(logits(mask), target)) for mask in candidates]
    assert losses == sorted(losses)
    assert losses[0] < 0.01
    assert losses[-1] > 1


def test_a_small_object_weighs_as_much_as_a_large_one():
    small, large = (float(mask_loss(logits(torch.zeros(32, 32)), square(side))) for side in (3, 16))
    assert small == pytest.approx(large, rel=0.7)


def test_far_cells_weigh_no_more_than_near_ones():
    weights = near_weights(square(6)[None])[0]
    near = torch.zeros(32, 32, dtype=torch.bool)
    near[2:12, 2:12] = True
    assert (weights[near] == 1).all()
    assert weights[~near].sum().item() == pytest.approx(near.sum().item(), rel=1e-4)


@pytest.mark.parametrize(
    ("predicted", "target", "expected"),
    [
        (square(8), square(8), 1.0),
        (square(4), square(8), 0.25),
        (square(4, 0), square(4, 20), 0.0),
        (torch.zeros(32, 32), square(8), 0.0),
        (torch.zeros(32, 32), torch.zeros(32, 32), 0.0),
    ],
)
def test_mask_iou(predicted, target, expected):
    assert float(mask_iou(logits(predicted), target)) == pytest.approx(expected)


def test_the_best_mask_counts_and_scores_are_held_against_the_real_iou():
    target = square(8)[None, None]
    right, wrong = logits(square(8)), logits(square(8, 20))
    masks = torch.stack([wrong, right, wrong])[None, None]
    honest, overlap = prompt_loss(masks, torch.tensor([[[0.0, 1.0, 0.0]]]), target)
    boasting, _ = prompt_loss(masks, torch.tensor([[[1.0, 1.0, 1.0]]]), target)
    assert float(overlap) == pytest.approx(1)
    assert float(boasting - honest) == pytest.approx(2 / 3, abs=1e-4)


def test_the_rate_warms_up_and_cools_down():
    cool, steady = Phase(64, 1.0, 1.0, True, 0.9, Mix()), Phase(64, 1.0, 1.0, False, 0.9, Mix(1, 0.5, 0.5))
    assert rate(cool, 0, 1000) < 0.02
    assert rate(cool, 999, 1000) < 0.001
    assert 0.5 < rate(steady, 999, 1000) < 1
    assert sum(phase.share for phase in PHASES) == pytest.approx(1)
    assert sum(prompting.share for prompting in PROMPTINGS) == pytest.approx(1)


def test_positions_are_told_apart():
    table = sine_table(8, 32).flatten(1, 2)[0]
    distances = torch.cdist(table, table) + torch.eye(64) * 9
    assert distances.min() > 0.05


def test_enlarging_keeps_the_weights_and_takes_larger_pictures():
    model = build_model(0, SIZE).eval()
    larger = enlarge(model, 96).eval()
    assert torch.equal(model.mask_decoder.iou_token.weight, larger.mask_decoder.iou_token.weight)
    with torch.no_grad():
        out = larger(torch.zeros(1, 3, 96, 96), input_boxes=torch.tensor([[[10.0, 10, 60, 60]]]), multimask_output=True)
    assert out.pred_masks.shape == (1, 1, 3, 48, 48)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("sam")
    save(build_model(0, SIZE), path)
    return path


def test_saved_weights_load_as_any_sam_does(folder):
    model, processor = SamModel.from_pretrained(folder), SamProcessor.from_pretrained(folder)
    assert model.dtype == torch.float32, "half precision is for the disk"
    inputs = processor(
        images=Image.new("RGB", (120, 90), "red"),
        input_boxes=[[[10, 10, 60, 60], [0, 0, 120, 90]]],
        return_tensors="pt",
    )
    sizes, reshaped = inputs.pop("original_sizes"), inputs.pop("reshaped_input_sizes")
    inputs["input_boxes"] = inputs["input_boxes"].float()
    with torch.no_grad():
        out = model(**inputs, multimask_output=True)
    masks = processor.image_processor.post_process_masks(out.pred_masks, sizes, reshaped)
    assert masks[0].shape == (2, 3, 90, 120)
    assert out.iou_scores.shape == (1, 2, 3)


def test_saved_weights_are_half_precision_and_almost_the_same(folder):
    assert (folder / "model.safetensors").stat().st_size < 8 << 20
    fresh, loaded = build_model(0, SIZE).state_dict(), SamModel.from_pretrained(folder).state_dict()
    assert fresh.keys() == loaded.keys()
    assert all(torch.allclose(fresh[k], loaded[k], atol=1e-3, rtol=1e-3) for k in fresh)


@pytest.fixture
def pools():
    images = np.random.default_rng(0).integers(0, 255, (4 + mask_model.HELD_OUT, POOL_SIZE, POOL_SIZE, 3), np.uint8)
    labels = np.zeros(images.shape[:3], np.uint8)
    labels[:, 40:120, 60:160] = 1
    return {"noise": Pool(images, labels, np.tile([168, POOL_SIZE], (len(images), 1)))}


def test_a_few_steps_change_the_weights_and_leave_a_loadable_folder(tmp_path, pools, monkeypatch):
    monkeypatch.setattr(
        mask_model,
        "PHASES",
        (Phase(64, 0.5, 1e-3, False, 0.9, Mix(1, 0.5, 0.5)), Phase(96, 0.5, 1e-3, True, 0.9, Mix())),
    )
    before = copy.deepcopy(build_model(0, 64).state_dict())
    trained = train(pools, 0, 2, tmp_path / "out", tmp_path / "state.pt", count=2, prompts=2)
    after = trained.state_dict()
    assert not torch.equal(before["mask_decoder.iou_token.weight"], after["mask_decoder.iou_token.weight"])
    assert SamModel.from_pretrained(tmp_path / "out").config.vision_config.image_size == 96


def test_a_broken_training_goes_on_to_the_same_weights(tmp_path, pools, monkeypatch):
    monkeypatch.setattr(mask_model, "PHASES", (Phase(64, 1.0, 1e-3, False, 0.9, Mix(1, 0.5, 0.5)),))
    whole = train(pools, 0, 2, tmp_path / "whole", count=1, prompts=1).state_dict()
    train(pools, 0, 1, tmp_path / "part", tmp_path / "state.pt", count=1, prompts=1)
    resumed = train(pools, 0, 2, tmp_path / "part", tmp_path / "state.pt", count=1, prompts=1).state_dict()
    assert all(torch.allclose(whole[k], resumed[k], atol=1e-5) for k in whole)


def test_a_loss_that_is_no_number_stops_the_training(pools):
    model, outliner = build_model(0, 64), torch.nn.Conv2d(128, 48, 1)
    with torch.no_grad():
        model.mask_decoder.iou_token.weight.fill_(float("nan"))
    batch = mask_model.draw_batch(np.random.default_rng(0), list(pools.values()), 1, 1, 64, Mix())
    with pytest.raises(FloatingPointError):
        mask_model.learn(model, outliner, mask_model.make_optimizers(model, outliner), batch, PROMPTINGS[0])


def test_every_weight_but_the_positions_is_trained_once():
    model, outliner = build_model(0, 64), torch.nn.Conv2d(128, 48, 1)
    groups = [g for optimizer in mask_model.make_optimizers(model, outliner) for g in optimizer.param_groups]
    trained = [id(p) for group in groups for p in group["params"]]
    wanted = {id(p) for p in [*model.parameters(), *outliner.parameters()] if p.requires_grad}
    assert len(trained) == len(set(trained))
    assert set(trained) == wanted
    assert not model.shared_image_embedding.positional_embedding.requires_grad


def test_whitened_patches_have_unit_spread_and_no_mean():
    model = build_model(0, 64)
    smooth = 5 * torch.nn.functional.avg_pool2d(torch.randn(16, 3, 68, 68), 5, 1)
    whiten_patches(model, smooth)
    with torch.no_grad():
        answers = model.vision_encoder.patch_embed(smooth).flatten(0, 2)
    assert answers.mean(0).abs().max() < 0.01
    assert answers.std(0)[-60:].min() > 0.9, "the strongest components come last"
    assert answers.std(0).max() < 1.05


def test_outlines_are_where_the_label_changes():
    labels = torch.zeros(1, 8, 8, dtype=torch.uint8)
    labels[0, 2:5, 3:6] = 1
    truth = torch.full((1, 3, 8, 8), -9.0)
    truth[0, 0, 2:5, 3:6] = 9
    truth[0, 1, 2:5, 2] = truth[0, 1, 2:5, 5] = 9
    truth[0, 2, 1, 3:6] = truth[0, 2, 4, 3:6] = 9
    assert float(outline_loss(truth, labels)) < 0.01
    assert float(outline_loss(-truth, labels)) > 5
