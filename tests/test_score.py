"""The score's arithmetic on hand-made cases."""

from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco

from nest_builder.bench.worlds import judge
from nest_builder.newsworld.world import World
from nest_builder.score import _statuses


def region(x0: int, x1: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    mask = np.zeros((10, 20), bool)
    mask[:, x0:x1] = True
    return mask


def sample(mask: np.ndarray[Any, np.dtype[np.bool_]], negative: bool = False) -> dict[str, Any]:
    rle = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"negative": negative, "mask": {"size": list(mask.shape), "counts": rle["counts"].decode()}}


TRUTH = {"target": region(0, 10), "rival": region(10, 20)}


@pytest.mark.parametrize(
    ("given", "key", "expected"),
    [
        (sample(region(0, 10)), "target", (True, 1.0)),
        (sample(region(0, 5)), "target", (True, 0.5)),
        (sample(region(8, 20)), "target", (False, None)),  # more of the rival than of the target
        (sample(region(0, 10)), "stranger", (False, None)),
        (sample(region(0, 10)), None, (False, None)),
        (sample(np.ones((5, 5), bool)), "target", (False, None)),  # another frame than the picture's
        (sample(region(0, 0), negative=True), "stranger", (True, None)),
        (sample(region(0, 0), negative=True), "target", (False, None)),
    ],
)
def test_judge(given: dict[str, Any], key: str | None, expected: tuple[bool, float | None]) -> None:
    assert judge(given, TRUTH, key) == expected


def test_statuses_count_what_is_wrong_missing_and_invented() -> None:
    world = World(3)
    truth = {entity.name: entity.status for entity in world.entities.values()}
    keys = {name.casefold(): {f"{name} as something else", name} for name in truth}
    found = {name: status for name, status in truth.items() if status != "known"}
    known = {name for name, status in truth.items() if status == "known"}
    assert _statuses(world, found, known, keys)["status_accuracy"] == 1.0
    wrong = dict.fromkeys(found, "novel")
    emerging = sum(status == "emerging" for status in truth.values())
    figures = _statuses(world, {**wrong, "Nobody Knows": "novel"}, known, keys)
    assert figures["invented_entities"] == 1
    assert figures["status_accuracy"] == round((len(truth) - emerging) / (len(truth) + 1), 4)
