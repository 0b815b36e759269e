import pytest
import torch

from nest_builder.tiny.lisa_loss import StateHead, Teacher, box_loss, giou, patch_loss


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), 1.0),
        ((0, 0, 2, 2), (1, 0, 3, 2), 1 / 3),
        ((0, 0, 1, 1), (2, 0, 3, 1), -1 / 3),
        ((0, 0, 2, 2), (1, 1, 3, 3), 1 / 7 - 2 / 9),
    ],
)
def test_generalised_iou(one, other, expected):
    assert giou(torch.tensor([one]).float(), torch.tensor([other]).float()).item() == pytest.approx(expected)


def test_a_right_box_costs_nothing():
    boxes = torch.tensor([[0.1, 0.2, 0.4, 0.5]])
    assert box_loss(boxes, boxes).item() == pytest.approx(0, abs=1e-6)
    assert box_loss(boxes + 0.1, boxes).item() > 0.4


def test_attention_on_any_patch_of_the_target_is_right():
    inside = torch.tensor([[True, True, False], [False, False, False]])
    right = torch.tensor([[9.0, 0, -9], [0, 0, 9]]).log_softmax(-1)
    assert patch_loss(right, inside).item() == pytest.approx(0, abs=1e-3), "what no patch shows is left out"
    assert patch_loss(torch.tensor([[-9.0, -9, 9], [0, 0, 0]]).log_softmax(-1), inside).item() > 5


def test_shapes():
    head = StateHead(8)
    states = torch.randn(3, 8)
    boxes = head.boxes(states)
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert torch.allclose(head.looks(states, torch.randn(3, 5, 8)).exp().sum(-1), torch.ones(3))
    assert Teacher(4)(torch.randn(3, 8)).shape == (3, 4)
