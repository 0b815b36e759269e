"""Losses of the embedded detector on hand-made cases."""

from __future__ import annotations

import pytest
import torch
from transformers import GroundingDinoConfig
from transformers.loss.loss_grounding_dino import GroundingDinoForObjectDetectionLoss, GroundingDinoImageLoss

from nest_builder.tiny.detector_loss import (
    Label,
    MendedImageLoss,
    TokenHead,
    decoder_loss,
    dense_loss,
    focal,
    paired_giou,
    positive_tokens,
    token_grid,
)

TOKENS = 6


def label(*spans: tuple[int, ...], boxes: list[list[float]] | None = None) -> Label:
    """One box a span, with 1 at the span's tokens."""
    maps = torch.zeros(len(spans), TOKENS, dtype=torch.long)
    for row, span in enumerate(spans):
        maps[row, list(span)] = 1
    where = torch.tensor(boxes or [[0.5, 0.5, 0.4, 0.4]] * len(spans)).reshape(-1, 4)
    return {"boxes": where, "token_maps": maps, "class_labels": torch.arange(len(spans))}


def one_hot(criterion: type[GroundingDinoImageLoss], labels: list[Label]) -> torch.Tensor:
    """Targets of the classification term when query k is matched to box k."""
    outputs = {"logits": torch.zeros(len(labels), 2, TOKENS), "label_maps": tuple(x["token_maps"] for x in labels)}
    indices = [(torch.arange(len(x["boxes"])), torch.arange(len(x["boxes"]))) for x in labels]
    result: torch.Tensor = criterion(None, 0.25, [])._get_target_classes_one_hot(outputs, labels, indices)
    return result


@pytest.mark.parametrize(
    "labels",
    [
        [label((1,), (3, 4)), label((2,)), label((5,), (1, 2))],
        [label((1,)), label(), label((3,)), label((4, 5))],
        [label(), label()],
    ],
    ids=["uneven", "an image without boxes", "no boxes at all"],
)
def test_each_image_gets_its_own_phrases(labels: list[Label]) -> None:
    targets = one_hot(MendedImageLoss, labels)
    for image, truth in enumerate(labels):
        count = len(truth["boxes"])
        assert targets[image, :count].equal(truth["token_maps"])
        assert targets[image, count:].sum() == 0


def test_the_library_still_has_the_fault_that_we_mend() -> None:
    labels = [label((1,), (3, 4)), label((2,), (3,)), label((5,), (1, 2))]
    theirs, ours = one_hot(GroundingDinoImageLoss, labels), one_hot(MendedImageLoss, labels)
    assert theirs[:2].equal(ours[:2])
    assert not theirs[2].equal(ours[2])


def test_decoder_loss_of_one_image_is_the_librarys_without_the_proposals() -> None:
    """One image has no offset to get wrong, so there the library's own decoder terms are the reference."""
    torch.manual_seed(0)
    config = GroundingDinoConfig(max_text_len=TOKENS, decoder_layers=2, auxiliary_loss=True, two_stage=False)
    labels = [label((1,), (3, 4), boxes=[[0.3, 0.3, 0.2, 0.2], [0.7, 0.6, 0.4, 0.3]])]
    outputs = {
        "logits": torch.randn(1, 5, TOKENS),
        "pred_boxes": torch.rand(1, 5, 4) * 0.4 + 0.3,
        "outputs_class": torch.randn(2, 1, 5, TOKENS),
        "outputs_coord": torch.rand(2, 1, 5, 4) * 0.4 + 0.3,
        "text_mask": torch.ones(1, 5, TOKENS, dtype=torch.bool),
    }
    outputs["logits"], outputs["pred_boxes"] = outputs["outputs_class"][-1], outputs["outputs_coord"][-1]
    maps = (labels[0]["token_maps"],)
    arguments = {"labels": labels, "device": torch.device("cpu"), "config": config, "label_maps": maps, **outputs}
    total, terms, _ = decoder_loss(**arguments)
    expected, _, _ = GroundingDinoForObjectDetectionLoss(**arguments)
    assert total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert total.item() == pytest.approx(sum(term.item() for term in terms.values()), rel=1e-5)


def test_token_grid_covers_every_level_in_the_encoders_order() -> None:
    grid = token_grid(64, (8, 16), torch.device("cpu"))
    assert grid.shape == (64 + 16, 3)
    assert grid[1].tolist() == pytest.approx([12 / 64, 4 / 64, 8 / 64])  # x runs first
    assert grid[64].tolist() == pytest.approx([8 / 64, 8 / 64, 16 / 64])


@pytest.mark.parametrize(
    ("box", "strides"),
    [
        ([0.5, 0.5, 0.2, 0.2], {8}),
        ([0.5, 0.5, 0.45, 0.4], {8, 16}),
        ([0.5, 0.5, 0.9, 0.9], {16, 32}),
        ([0.53, 0.53, 0.05, 0.05], {8}),
    ],
    ids=["small", "middle", "large", "too small for any level"],
)
def test_tokens_of_the_fitting_level_answer_for_a_box(box: list[float], strides: set[int]) -> None:
    grid = token_grid(128, (8, 16, 32), torch.device("cpu"))
    positive = positive_tokens(torch.tensor([box]), grid)[0]
    assert {round(stride * 128) for stride in grid[positive, 2].tolist()} == strides
    assert ((grid[positive, :2] - torch.tensor(box[:2])).abs() < 0.25).all()


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0.5, 0.5, 0.2, 0.2], [0.5, 0.5, 0.2, 0.2], 1.0),
        ([0.25, 0.5, 0.5, 1.0], [0.75, 0.5, 0.5, 1.0], 0.0),
        ([0.1, 0.5, 0.2, 0.2], [0.9, 0.5, 0.2, 0.2], -0.6),
    ],
    ids=["same", "touching", "apart"],
)
def test_giou(first: list[float], second: list[float], expected: float) -> None:
    assert paired_giou(torch.tensor([first]), torch.tensor([second])).item() == pytest.approx(expected, abs=1e-5)


def test_focal_ignores_missing_tokens_and_falls_as_the_answer_improves() -> None:
    target = torch.tensor([[1.0, 0.0, 0.0]])
    valid = torch.tensor([[True, True, False]])
    losses = [focal(torch.tensor([[x, -x, float("-inf")]]), target, valid).item() for x in (-2.0, 0.0, 2.0)]
    assert losses[0] > losses[1] > losses[2] > 0
    assert losses[1] == pytest.approx((0.25 + 0.75) * 0.25 * 0.6931, rel=1e-3)


def test_dense_loss_reaches_every_encoder_token() -> None:
    """The gradient that the library's detached proposals never get."""
    grid = token_grid(64, (8, 16), torch.device("cpu"))
    labels = [label((1,), boxes=[[0.5, 0.5, 0.6, 0.6]]), label()]
    logits = torch.zeros(2, len(grid), TOKENS)
    logits[..., 4:] = float("-inf")
    logits.requires_grad_()
    coordinates = torch.zeros(2, len(grid), 4, requires_grad=True)
    classes, box_terms = dense_loss(logits, coordinates, labels, grid)
    torch.autograd.backward(classes + box_terms)
    positive = positive_tokens(labels[0]["boxes"], grid)[0]
    assert logits.grad is not None
    assert coordinates.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert torch.isfinite(coordinates.grad).all()
    assert (logits.grad[0, positive, 1] < 0).all()
    assert (logits.grad[0, ~positive, 1] > 0).all()
    assert (logits.grad[1, :, :4] > 0).all()
    assert (coordinates.grad[0].abs().sum(-1) > 0).equal(positive)
    assert coordinates.grad[1].abs().sum() == 0


def test_dense_loss_without_any_box_has_no_box_terms() -> None:
    grid = token_grid(64, (8,), torch.device("cpu"))
    classes, box_terms = dense_loss(torch.zeros(1, len(grid), TOKENS), torch.zeros(1, len(grid), 4), [label()], grid)
    assert box_terms.item() == 0
    assert classes.item() > 0


def test_token_head_reads_each_level_at_its_own_fineness() -> None:
    cells = torch.zeros(1, 2, 4, 4, dtype=torch.long)
    cells[:, :, 2:, 2:] = 1
    head = TokenHead(1, categories=1, colours=1)
    for linear in head.heads:
        linear.weight.data, linear.bias.data = torch.tensor([[0.0], [20.0]]), torch.tensor([10.0, 0.0])
    fine = cells[0, 0].flatten().float()
    coarse = torch.tensor([0.0, 0.0, 0.0, 1.0])
    right = head(torch.cat([fine, coarse])[None, :, None], cells)
    wrong = head(torch.cat([fine, 1 - coarse])[None, :, None], cells)
    assert right.item() < 0.01
    assert wrong.item() > 1
