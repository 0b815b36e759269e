"""A sample as a task: what the page shows fits the labelling interface, whatever the article says."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pictures

from nest_builder.annotate.masks import decode_mask, encode_mask
from nest_builder.review.brush import decode_mask as decode_brush
from nest_builder.review.tasks import Subject, TaskKey, labelling_interface, make_task, picture_file, subjects
from nest_builder.store.session import Store
from nest_builder.store.tables import Image
from tests.builders import fill_store, new_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = new_store(tmp_path_factory.mktemp("store"))
    fill_store(made, 12)
    return made


@pytest.fixture
def shown(store: Store) -> list[Subject]:
    with store.sessions() as session:
        return [Subject(*row) for row in session.execute(subjects())]


def test_a_task(shown: list[Subject]) -> None:
    subject = next(one for one in shown if not one.sample.negative and one.sample.category == "novel")
    task = make_task(subject, "/data/upload/1/x.jpg", 0.4)
    assert task["data"]["image"] == "/data/upload/1/x.jpg"
    assert task["data"]["question"] == subject.sample.question
    assert subject.entity.name in task["data"]["claim"]
    assert task["data"]["status"].startswith("novel: ")
    assert "No page about" in task["data"]["evidence"]
    assert TaskKey.parse(task["meta"]["nest"]) == subject.key
    (prediction,) = task["predictions"]
    (region,) = prediction["result"]
    mask = decode_brush(region["value"]["rle"], subject.image.height, subject.image.width)
    assert np.array_equal(mask, decode_mask(subject.annotation.mask))
    assert prediction["score"] == 0.4


def test_a_negative_has_no_prediction(shown: list[Subject]) -> None:
    task = make_task(next(one for one in shown if one.sample.negative), "/x", 0.5)
    assert "predictions" not in task
    assert "not there" in task["data"]["target_question"]


def test_hostile_texts_are_bounded_and_cleaned(shown: list[Subject]) -> None:
    subject = shown[0]
    assert subject.article is not None
    subject.article.text = "\x00<script>alert(1)</script>\x1b" + "a" * 100_000
    subject.entity.evidence = [{"kind": "article", "text": "b" * 10_000}] * 100
    subject.image.caption = subject.image.credit = "\x07"
    task = make_task(subject, "/x", 0.5)
    assert task["data"]["article"].startswith("<script>")  # shown as text, see the interface
    assert len(task["data"]["article"]) <= 8000
    assert len(task["data"]["evidence"]) < 6000
    assert task["data"]["caption"] == "·"
    assert all(letter >= " " or letter == "\n" for text in task["data"].values() for letter in text)


def test_the_interface_shows_foreign_text_as_text_only() -> None:
    text = labelling_interface()
    assert "HyperText" not in text
    assert (
        text.count('valueType="text"') == text.count("<Text ") == 3
    )  # else a text that is an address would be fetched


def test_a_mask_of_another_size_is_refused(shown: list[Subject]) -> None:
    subject = next(one for one in shown if not one.sample.negative)
    subject.annotation.mask = encode_mask(np.ones((4, 4), bool))
    with pytest.raises(ValueError, match="a mask of"):
        make_task(subject, "/x", 0.5)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"question": "Another?"}, False),
        ({"answer": "Another"}, False),
        ({"support_text": "Another"}, True),
    ],
)
def test_the_key_changes_with_what_a_decision_rests_on(store: Store, change: dict[str, str], same: bool) -> None:
    def subject() -> Subject:
        with store.sessions() as session:
            return Subject(*session.execute(subjects()).first())  # type: ignore[misc]

    first, second = subject(), subject()
    for name, value in change.items():
        setattr(second.sample, name, value)
    assert (first.key == second.key) is same
    second.annotation.mask = encode_mask(np.zeros((180, 240), bool))
    assert first.key.mask != second.key.mask


@pytest.mark.parametrize("text", ["", "a:b:c", "0" * 16, ":".join(["0" * 16] * 4), ":".join(["g" * 16] * 3)])
def test_keys_that_are_none(text: str) -> None:
    assert TaskKey.parse(text) is None


@pytest.mark.parametrize(("format_", "extension"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("BMP", "png")])
def test_pictures_that_browsers_show_go_as_they_are(store: Store, format_: str, extension: str) -> None:
    file = io.BytesIO()
    Pictures.new("RGB", (30, 20), "teal").save(file, format_)
    sha256 = store.blobs.put(file.getvalue())
    values: dict[str, Any] = {"sha256": sha256, "format": format_}
    name, data, kind = picture_file(Image(**values), store.blobs)
    assert name == f"{sha256}.{extension}"
    assert kind.startswith("image/")
    assert (data == file.getvalue()) is (extension != "png" or format_ == "PNG")
    with Pictures.open(io.BytesIO(data)) as picture:
        assert picture.size == (30, 20)


def test_the_schema_is_a_file_of_the_checkout() -> None:
    assert (Path(__file__).parents[2] / "schemas" / "label_studio.xml").read_text(
        encoding="utf-8"
    ) == labelling_interface()
