from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nest_builder.annotate.boxes import box_iou
from nest_builder.annotate.yolox import CLASSES, STRIDES, YoloxOnnx, class_of, decode, letter_box
from nest_builder.config import AnnotateSettings

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
WEIGHTS = SHARED / "weights" / "yolox_nano.onnx"


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("car", "car"),
        ("red car", "car"),
        ("person in red", "person"),
        ("woman", "person"),
        ("brown teddy bear", "teddy bear"),
        ("bear", "bear"),
        ("phone", "cell phone"),
        ("tram", "train"),
        ("orange", "orange"),
        ("dragon", None),
        ("", None),
    ],
)
def test_class_of(phrase: str, expected: str | None) -> None:
    index = class_of(phrase)
    assert (None if index is None else CLASSES[index][0]) == expected


def test_letter_box_keeps_the_aspect() -> None:
    pixels, ratio = letter_box(Image.new("RGB", (200, 100), (255, 0, 0)), 64)
    assert pixels.shape == (1, 3, 64, 64)
    assert ratio == pytest.approx(0.32)
    assert pixels[0, :, 10, 10].tolist() == [0, 0, 255]
    assert pixels[0, :, 50, 10].tolist() == [114, 114, 114]


def test_decoding_puts_a_cell_where_it_belongs() -> None:
    side = 64
    cells = sum((side // stride) ** 2 for stride in STRIDES)
    output = np.zeros((cells, 7), np.float32)
    output[8 + 2] = [0.5, 0.5, np.log(2), np.log(3), 0.5, 0.8, 0.2]  # second row, third column, stride 8
    boxes, scores = decode(output, side)
    assert boxes[10].tolist() == pytest.approx([12, 0, 28, 24], abs=1e-4)
    assert scores[10].tolist() == pytest.approx([0.4, 0.1])


def test_missing_file_and_phrases_without_a_class() -> None:
    detector = YoloxOnnx(AnnotateSettings(detector_model="/nowhere.onnx"))
    assert detector.detect([Image.new("RGB", (50, 50))], [["dragon"]])[0].scores.shape == (0, 1)
    with pytest.raises(RuntimeError, match=r"onnxruntime|no ONNX file"):
        detector.detect([Image.new("RGB", (50, 50))], [["car"]])


@pytest.mark.real
@pytest.mark.skipif(not WEIGHTS.exists(), reason=f"no weights at {WEIGHTS}")
def test_people_are_found_in_real_photographs() -> None:
    pytest.importorskip("onnxruntime")
    import json

    from nest_builder.tiny.mask_eval import photo_cases

    entries = json.loads((SHARED / "coco_free" / "instances.json").read_text())
    detector = YoloxOnnx(AnnotateSettings(detector_model=str(WEIGHTS)))
    hits = wanted = 0
    for entry, case in zip(entries, photo_cases(SHARED / "coco_free"), strict=True):
        people = [
            box for box, instance in zip(case.boxes, entry["instances"], strict=True)
            if instance["category"] == "person" and instance["area"] > 5000
        ]  # fmt: skip
        if not people:
            continue
        (found,) = detector.detect([case.image], [["person", "dragon"]])
        sure = found.boxes[found.scores[:, 0] >= 0.3]
        wanted += len(people)
        hits += int((box_iou(np.array(people), sure).max(1, initial=0) >= 0.5).sum())
        assert not found.scores[:, 1].any()
    assert wanted >= 10
    assert hits / wanted >= 0.6
