import json
import math
from pathlib import Path

import pytest

from nest_builder.bench.result import Bound, Pin, Result, corpus_hash, meets


@pytest.mark.parametrize(
    ("figures", "targets", "broken", "ok"),
    [
        ({"iou": 0.9}, {"iou": (">=", 0.9)}, (), True),
        ({"iou": 0.899}, {"iou": (">=", 0.9)}, (), False),
        ({"rate": 0.05}, {"rate": ("<=", 0.05)}, (), True),
        ({"rate": 0.06}, {"rate": ("<=", 0.05)}, (), False),
        ({"iou": 0.9, "rate": 0.5}, {"iou": (">=", 0.9), "rate": ("<=", 0.05)}, (), False),
        ({"other": 1.0}, {"iou": (">=", 0.9)}, (), False),
        ({"iou": math.nan}, {"iou": (">=", 0.9)}, (), False),
        ({"rate": math.nan}, {"rate": ("<=", 0.9)}, (), False),
        ({"iou": 0.9}, {"iou": (">=", 0.9)}, ("iou fell",), False),
    ],
    ids=["met", "missed", "under", "over", "one of two", "missing", "nan", "nan below", "broken floor"],
)
def test_ok(figures: dict[str, float], targets: dict[str, Bound], broken: tuple[str, ...], ok: bool) -> None:
    result = Result("b", figures, targets, {}, {}, broken=broken)
    assert result.ok is ok
    assert result.to_json()["ok"] is ok
    assert result.to_json()["setup"] == ({"broken_floors": list(broken)} if broken else {})


def test_the_object_is_the_one_of_the_design() -> None:
    result = Result("b", {"iou": 0.9}, {"iou": (">=", 0.8)}, {"box": {"iou": 0.5}}, {"seed": 1}, {"iou": Pin("seed 1")})
    assert json.loads(json.dumps(result.to_json())) == {
        "name": "b",
        "ok": True,
        "figures": {"iou": 0.9},
        "targets": {"iou": [">=", 0.8]},
        "peers": {"box": {"iou": 0.5}},
        "setup": {"seed": 1},
    }


def test_an_unknown_sign_is_an_error() -> None:
    with pytest.raises(ValueError, match="'>' is none of"):
        Result("b", {}, {"iou": (">", 0.8)}, {}, {})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("pin", "measured", "bound"),
    [
        (Pin("x"), 0.93, 0.92),
        (Pin("x", "<=", 0.02), 0.03, 0.05),
        (Pin("x", margin=0.3, relative=True), 4.0, 2.8),
        (Pin("x", "<=", 0.5, relative=True), 4.0, 6.0),
    ],
)
def test_a_bound_leaves_room_for_what_was_measured(pin: Pin, measured: float, bound: float) -> None:
    assert pin.bound(measured) == bound
    assert meets(measured, (pin.sign, bound))


def test_a_corpus_hash_changes_with_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(b"1")
    found = {corpus_hash(tmp_path)}
    (tmp_path / "sub" / "a").write_bytes(b"2")
    found.add(corpus_hash(tmp_path))
    (tmp_path / "sub" / "a").rename(tmp_path / "sub" / "b")
    found.add(corpus_hash(tmp_path))
    assert len(found) == 3
