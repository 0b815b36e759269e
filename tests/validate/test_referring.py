"""RefCOCO/+/g and ReasonSeg: small files of the published form, and hostile ones."""

import io
import json
import os
import pickle

import numpy as np
import pytest
from PIL import Image

from nest_builder.validate import referring
from nest_builder.validate.referring import DatasetError, read_reasonseg, read_refcoco, segmentation_mask, shapes_mask

SQUARE = [2, 2, 8, 2, 8, 8, 2, 8]


def jpeg(width=20, height=10):
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "gray").save(buffer, "JPEG")
    return buffer.getvalue()


def reference(number, split="val", sentences=("the left one",), annotation=None):
    """Make a reference as the REFER API's files hold it."""
    return {
        "ref_id": number, "ann_id": annotation or 100 + number, "image_id": 7, "category_id": 1, "split": split,
        "file_name": f"COCO_train2014_000000000007_{number}.jpg", "sent_ids": [number * 10 + at for at in range(len(sentences))],
        "sentences": [
            {"tokens": text.split(), "raw": text.title(), "sent_id": number * 10 + at, "sent": text} for at, text in enumerate(sentences)
        ],
    }  # fmt: skip


@pytest.fixture
def dataset(tmp_path):
    """Write RefCOCO+ with one picture, three references and two annotations; return a function that changes its parts."""

    def write(name="refcoco+", by="unc", references=None, instances=None, picture=None, protocol=2):
        home, images = tmp_path / name, tmp_path / "train2014"
        home.mkdir(exist_ok=True)
        images.mkdir(exist_ok=True)
        (images / "COCO_train2014_000000000007.jpg").write_bytes(picture or jpeg())
        made = (
            [reference(1, sentences=("the left one", "leftmost")), reference(2), reference(3, "testA")]
            if references is None
            else references
        )
        (home / f"refs({by}).p").write_bytes(made if isinstance(made, bytes) else pickle.dumps(made, protocol))
        content = instances or {
            "images": [{"id": 7, "file_name": "COCO_train2014_000000000007.jpg", "width": 20, "height": 10}],
            "annotations": [
                {"id": 101, "image_id": 7, "category_id": 1, "iscrowd": 0, "segmentation": [SQUARE]},
                {
                    "id": 102,
                    "image_id": 7,
                    "category_id": 1,
                    "iscrowd": 0,
                    "segmentation": [SQUARE, [12, 0, 20, 0, 20, 10, 12, 10]],
                },
                {
                    "id": 103,
                    "image_id": 7,
                    "category_id": 1,
                    "iscrowd": 1,
                    "segmentation": {"size": [10, 20], "counts": [50, 10, 140]},
                },
            ],
            "categories": [{"id": 1, "name": "car"}],
        }
        (home / "instances.json").write_text(content if isinstance(content, str) else json.dumps(content))
        return tmp_path, images, name

    return write


@pytest.mark.parametrize(("name", "by"), [("refcoco", "unc"), ("refcoco+", "unc"), ("refcocog", "umd")])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_refcoco(dataset, name, by, protocol):
    samples = list(read_refcoco(*dataset(name, by, protocol=protocol), "val"))
    assert [(one.id, one.text) for one in samples] == [
        (f"{name} reference 1/10", "the left one"), (f"{name} reference 1/11", "leftmost"), (f"{name} reference 2/20", "the left one"),
    ]  # fmt: skip
    assert [int(one.mask.sum()) for one in samples] == [36, 36, 36 + 80]
    assert all(one.mask.shape == (10, 20) and one.image.size == (20, 10) and one.ignored is None for one in samples)


def test_a_split_by_others_and_run_lengths(dataset):
    (one,) = read_refcoco(*dataset("refcocog", "google"), "testA", split_by="google")
    assert np.flatnonzero(one.mask.ravel("F")).tolist() == list(range(50, 60))


def test_strings_of_python_2(dataset):
    """Protocol 2 as Python 2 wrote it: byte strings, not all of them ASCII."""
    old = b"(lp0\n(dp1\nS'split'\np2\nS'val'\np3\nsS'ref_id'\np4\nI1\nsS'ann_id'\np5\nI101\nsS'image_id'\np6\nI7\ns"
    old += b"S'sentences'\np7\n(lp8\n(dp9\nS'sent'\np10\nS'caf\\xc3\\xa9'\np11\nsS'sent_id'\np12\nI5\nsasa."
    (one,) = read_refcoco(*dataset(references=old), "val")
    assert (one.text, one.id) == ("café", "refcoco+ reference 1/5")


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/never",)


class Popped:
    def __reduce__(self):
        return getattr, ("x", "upper")


PICTURE = {"id": 7, "file_name": "COCO_train2014_000000000007.jpg", "width": 20, "height": 10}


def instances(segmentation=None, **picture):
    return {
        "images": [PICTURE | picture],
        "annotations": [{"id": 101, "segmentation": [SQUARE] if segmentation is None else segmentation}],
    }


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"references": [Evil()]}, r"(posix|nt)\.system has no place"),
        ({"references": [Popped()]}, "getattr has no place"),
        ({"references": [np.int64(3)]}, "has no place"),
        ({"references": b"\x80\x02]q\x00("}, "EOFError"),
        ({"references": b"garbage"}, "Error"),
        ({"references": {"a": 1}}, "a list, not dict"),
        ({"references": [{"split": "val", "ref_id": "1"}]}, '"ref_id" is a whole number'),
        ({"references": [reference(1, annotation=999)]}, "no annotation or image 999"),
        ({"references": [{**reference(1), "sentences": [{"sent_id": 1, "sent": 5}]}]}, '"sent" is a text'),
        ({"references": [{**reference(1), "sentences": "x"}]}, '"sentences" is a list'),
        ({"instances": "[]"}, "expected a JSON object"),
        ({"instances": "{"}, "no JSON"),
        ({"instances": "[" * 100_000}, "no JSON"),
        ({"instances": {"images": [], "annotations": 3}}, '"annotations" is a list'),
        ({"instances": instances(width=21)}, r"\(20, 10\), expected \(21, 10\)"),
        ({"instances": instances(file_name="../secret.jpg")}, "is no file name"),
        ({"instances": instances(file_name="gone.jpg")}, "cannot be read"),
        ({"instances": instances([[1, 2, 3]])}, "3 to 100000 points"),
        ({"instances": instances([[0, 0, 5, 0, 1e9, 5]])}, "coordinate of 1e"),
        ({"instances": instances([[0, 0, 5, 0, "9", 5]])}, "coordinate is a number"),
        ({"instances": instances({"size": [10, 20], "counts": [10**9]})}, "1000000000 pixels"),
        ({"instances": instances({"size": [10, 20], "counts": "compressed"})}, "run lengths"),
        ({"instances": instances("x")}, "polygons, or run lengths"),
        ({"picture": b"\xff\xd8\xff no picture"}, "broken image"),
    ],
)  # fmt: skip
def test_refcoco_that_is_none(dataset, parts, message):
    with pytest.raises(DatasetError, match=message):
        list(read_refcoco(*dataset(**{"references": [reference(1)], **parts}), "val"))


def test_files_too_large(dataset, monkeypatch):
    place = dataset()
    monkeypatch.setattr(referring, "MAX_REFERENCES_FILE", 100)
    with pytest.raises(DatasetError, match="at most 100 are read"):
        list(read_refcoco(*place, "val"))


def shape(label, *points):
    return {
        "label": label,
        "labels": [label],
        "shape_type": "polygon",
        "image_name": "1.jpg",
        "points": [list(point) for point in points],
        "group_id": None,
    }


BIG = ((0, 0), (9, 0), (9, 9), (0, 9))
SMALL = ((2, 2), (4, 2), (4, 4), (2, 4))


@pytest.mark.parametrize(
    ("shapes", "target", "ignored"),
    [
        ([shape("target", *BIG)], 100, 0),
        ([shape("target", *SMALL)], 9, 0),
        ([shape("target", *SMALL), shape("ignore", *BIG)], 9, 91),  # the smaller on top, whatever the order
        ([shape("ignore", *SMALL), shape("target", *BIG)], 91, 9),
        ([shape("flag", *BIG), shape("Target", *SMALL)], 9, 0),
        ([shape("target", (0, 0), (3, 0), (3, 3)), shape("target", *SMALL)], 10 + 9 - 3, 0),
        ([], 0, 0),
    ],
)
def test_shapes(shapes, target, ignored):
    mask, left_out = shapes_mask(shapes, 20, 10, "x")
    assert (int(mask.sum()), int(left_out.sum())) == (target, ignored)
    assert not (mask & left_out).any()


def write_reasonseg(folder, name, content, encoding="utf-8"):
    (folder / f"{name}.json").write_bytes(json.dumps(content, ensure_ascii=False).encode(encoding))
    (folder / f"{name}.jpg").write_bytes(jpeg())


def test_reasonseg(tmp_path):
    write_reasonseg(
        tmp_path,
        "b",
        {"text": ["what tells the time", "the clock"], "is_sentence": True, "shapes": [shape("target", *SMALL)]},
    )
    write_reasonseg(
        tmp_path,
        "a",
        {"text": ["the café"], "is_sentence": False, "shapes": [shape("target", *SMALL), shape("ignore", *BIG)]},
        "cp1252",
    )
    first, second = read_reasonseg(tmp_path)
    assert (first.id, first.text, int(first.mask.sum()), int(first.ignored.sum())) == ("a", "the café", 9, 91)
    assert (second.id, second.text, int(second.mask.sum()), second.ignored) == ("b", "what tells the time", 9, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"text": "x", "shapes": []}, '"text" is a list'),
        ({"text": [], "shapes": []}, '"text" is a list'),
        ({"text": ["x"]}, '"shapes" is a list'),
        ({"text": ["x"], "shapes": [{"points": []}]}, '"label" is a text'),
        ({"text": ["x"], "shapes": [shape("target", (1, 2))]}, "3 to 100000 points"),
        ({"text": ["x"], "shapes": [{"label": "target", "points": [[1, 2, 3]] * 3}]}, "pairs of numbers"),
        ({"text": ["x"], "shapes": [shape("target", (0, 0), (1, 1), (float("nan"), 3))]}, "a coordinate is a number"),
        ({"text": ["x"], "shapes": [shape("target", (0, 0), (1, 1), (1e7, 3))]}, "a coordinate of"),
        ([], "expected a JSON object"),
    ],
)
def test_reasonseg_that_is_none(tmp_path, content, message):
    write_reasonseg(tmp_path, "a", content)
    with pytest.raises(DatasetError, match=message):
        list(read_reasonseg(tmp_path))


def test_a_picture_is_missing(tmp_path):
    write_reasonseg(tmp_path, "a", {"text": ["x"], "shapes": []})
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(DatasetError, match="cannot be read"):
        list(read_reasonseg(tmp_path))


@pytest.mark.parametrize(("width", "height"), [(0, 5), (100_000, 100_000)])
def test_masks_of_impossible_size(width, height):
    with pytest.raises(DatasetError, match="a mask of"):
        segmentation_mask([SQUARE], width, height, "x")
