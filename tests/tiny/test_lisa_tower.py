import numpy as np
import pytest
import torch

from nest_builder.newsworld.looks import Look
from nest_builder.tiny.lisa_scenes import GRID, ROW, row_of
from nest_builder.tiny.lisa_tower import IGNORED, PatchHead, descend, kind_sizes, patch_labels

CAR = Look("car", "red", "white", "plain", None, (0.5,) * 6, 0)
OWL = Look("owl", "teal", "black", "striped", "star", (0.5,) * 6, 0)


def labels():
    rows = np.array([row_of(CAR, 7, 0.1, (0.0, 0.0, 0.25, 0.5)), row_of(OWL, -1, 0.1, (0.5, 0.5, 1.0, 1.0))], ROW)
    patches = np.zeros((GRID, GRID), np.uint8)
    patches[0, 0], patches[-1, -1] = 1, 2
    return patch_labels([patches], [rows])


def test_patches_are_asked_what_they_show():
    made = labels()
    first, last, between = ({name: int(kind[0, at]) for name, kind in made.kinds.items()} for at in (0, -1, 5))
    assert first == {"category": 10, "colour": 0, "second": IGNORED, "pattern": 0, "emblem": 0, "entity": 8}
    assert last["entity"] == 0
    assert last["second"] != IGNORED
    assert last["emblem"] == 1
    assert between == {"category": 0} | dict.fromkeys(list(first)[1:], IGNORED)
    assert made.inside[0].sum() == 2
    assert made.boxes[0, 0].tolist() == [0.0, 0.0, 0.25, 0.5], "where the thing is in the picture"


def test_a_right_answer_costs_nothing_and_learning_goes_there():
    torch.manual_seed(0)
    made, head = labels(), PatchHead(10, width=32)
    states = torch.randn(1, GRID * GRID, 32)
    optimizer = torch.optim.AdamW(head.parameters())
    for group in optimizer.param_groups:
        group["peak"] = 0.02
    before = head.loss(states, made).item()
    for step in range(60):
        descend((optimizer,), head.loss(states, made), step / 60)
    assert head.loss(states, made).item() < before / 4


@pytest.mark.parametrize("entities", [0, 100])
def test_answers_have_room_for_every_class(entities):
    head = PatchHead(entities, width=8)
    logits, boxes = head(torch.randn(2, 3, 8))
    assert {name: values.shape[-1] for name, values in logits.items()} == kind_sizes(entities)
    assert boxes.shape == (2, 3, 4)
