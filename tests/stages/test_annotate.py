"""`annotate` with made-up models that see colours exactly, so that what the stage does with them can be held to the pixel."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures
from sqlalchemy import select

from nest_builder.annotate.base import Boxes, Detections, Outline
from nest_builder.annotate.masks import decode_mask, mask_box
from nest_builder.clock import fixed_clock
from nest_builder.config import AnnotateSettings
from nest_builder.digest import short_id
from nest_builder.reasons import Reason
from nest_builder.runner import Runner
from nest_builder.stages.annotate import Annotate
from nest_builder.store.session import Store, open_store
from nest_builder.store.tables import Annotation, Depiction, Entity, Image, LedgerEntry
from tests.annotate.models import save_detector, save_mask_model
from tests.images.pictures import encoded

NOW = dt.datetime(2025, 10, 1, 6, tzinfo=dt.UTC)
COLOURS = {"red": (208, 34, 38), "blue": (36, 82, 208)}
BOX = (40, 30, 120, 90)


class ColourDetector:
    """Boxes whatever has exactly a phrase's colour; fails on pictures of 13 pixels' multiple in width if told so."""

    def __init__(self, name: str = "colours", fails: bool = False) -> None:
        self.name, self.fails, self.calls = name, fails, 0

    def identity(self) -> str:
        return self.name

    def detect(self, images: Sequence[Pictures.Image], phrases: Sequence[Sequence[str]]) -> list[Detections]:
        self.calls += 1
        if self.fails and any(image.width % 13 == 0 for image in images):
            raise RuntimeError("cannot digest this")
        return [self._one(image, asked) for image, asked in zip(images, phrases, strict=True)]

    def _one(self, image: Pictures.Image, asked: Sequence[str]) -> Detections:
        boxes, scores = [], []
        for name, colour in COLOURS.items():
            mask = np.abs(np.asarray(image).astype(int) - colour).max(-1) < 30
            if mask.any():
                boxes.append(mask_box(mask))
                scores.append([0.9 if phrase == "car" or name in phrase else 0.1 for phrase in asked])
        return Detections(np.array(boxes).reshape(-1, 4), np.array(scores).reshape(-1, len(asked)))


class BoxMasks:
    """Outlines the box itself, or nothing."""

    def __init__(self, name: str = "boxes", empty: bool = False) -> None:
        self.name, self.empty = name, empty

    def identity(self) -> str:
        return self.name

    def segment(self, images: Sequence[Pictures.Image], boxes: Sequence[Boxes]) -> list[list[Outline]]:
        results = []
        for image, found in zip(images, boxes, strict=True):
            outlines = []
            for x0, y0, x1, y1 in found.astype(int):
                mask = np.zeros((image.height, image.width), bool)
                mask[y0:y1, x0:x1] = not self.empty
                outlines.append(Outline(mask, 0.9, 0.95))
            results.append(outlines)
        return results


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path}/nest.sqlite", str(tmp_path / "blobs"))


def entity(key: str, colour: str, hypernym: str = "car") -> Entity:
    return Entity(
        key=key, name=key.title(), aliases=[], type="PRODUCT", hypernym=hypernym, colour=colour, description=colour,
        category="novel", relation="launched", role="", first_seen=NOW, evidence=[], article_urls=[],
    )  # fmt: skip


def add_picture(
    store: Store, name: str, colour: str, entities: Sequence[str], width: int = 200, data: bytes = b""
) -> None:
    """Store a white picture with a rectangle, said to show some entities."""
    picture = Pictures.new("RGB", (width, 150), "white")
    picture.paste(COLOURS.get(colour, (255, 255, 255)), BOX)
    sha256 = store.blobs.put(data or encoded(picture, "PNG"))
    image = Image(
        id=name, figure_id=name, image_url=f"http://a.test/{name}", article_url="http://a.test/1", sha256=sha256, width=width,
        height=150, format="PNG", phash="0" * 16, caption="", credit="", published_at=NOW, fetched_at=NOW, consent={},
    )  # fmt: skip
    shown = [
        Depiction(id=short_id(name, key), image_id=name, entity_key=key, support="caption") for key in entities
    ]  # fmt: skip
    with store.sessions() as session:
        for row in (image, *shown):
            row.seal(name)
        session.add_all([image, *shown])
        session.commit()


def add_entities(store: Store, *entities: Entity) -> None:
    with store.sessions() as session:
        for row in entities:
            row.seal(row.key)
        session.add_all(entities)
        session.commit()


def annotations(store: Store) -> dict[tuple[str, str], Annotation]:
    with store.sessions() as session:
        return {(row.image_id, row.entity_key): row for row in session.scalars(select(Annotation))}


def run(store: Store, detector: ColourDetector, masks: BoxMasks, batch: int = 8) -> int:
    stage = Annotate(AnnotateSettings(batch_size=batch), store.blobs, detector, masks)
    return Runner(store.sessions, fixed_clock(NOW)).run(stage, "test").worked


def test_positives_negatives_and_a_second_run(store: Store) -> None:
    add_entities(store, entity("zephyr", "red"), entity("rival", "blue"))
    add_picture(store, "i1", "red", ["zephyr"])
    add_picture(store, "i2", "red", ["rival"])
    add_picture(store, "i3", "", ["zephyr"])
    add_picture(store, "i4", "red", [])
    detector, masks = ColourDetector(), BoxMasks()
    assert run(store, detector, masks) == 3  # i4 is said to show nobody
    rows = annotations(store)
    assert {key: row.negative for key, row in rows.items()} == {
        ("i1", "zephyr"): False,
        ("i2", "rival"): True,
        ("i3", "zephyr"): True,
    }
    right = rows["i1", "zephyr"]
    assert right.box == list(BOX)
    assert mask_box(decode_mask(right.mask)) == BOX
    assert right.mask["size"] == [150, 200]
    assert (right.phrase, right.detector, right.mask_model) == ("red car", "colours", "boxes")
    assert set(right.uncertainty) >= {"detector_score", "phrase_margin", "predicted_iou", "stability", "box_agreement"}
    assert right.p_correct > 0.7
    assert rows["i2", "rival"].mask == {}
    assert run(store, detector, masks) == 0


def test_a_new_mask_model_runs_again_and_a_known_one_does_not(store: Store) -> None:
    add_entities(store, entity("zephyr", "red"))
    add_picture(store, "i1", "red", ["zephyr"])
    assert run(store, ColourDetector(), BoxMasks()) == 1
    assert run(store, ColourDetector(), BoxMasks("better")) == 1
    assert annotations(store)["i1", "zephyr"].mask_model == "better"
    assert run(store, ColourDetector(), BoxMasks("better")) == 0


def test_one_indigestible_picture_does_not_stop_the_others(store: Store) -> None:
    add_entities(store, entity("zephyr", "red"))
    add_picture(store, "i1", "red", ["zephyr"])
    add_picture(store, "i2", "red", ["zephyr"], width=208)
    add_picture(store, "i3", "red", ["zephyr"], data=b"\xff\xd8\xff broken after all")
    add_picture(store, "i4", "red", ["zephyr"], width=220)
    run(store, ColourDetector(fails=True), BoxMasks())
    assert set(annotations(store)) == {("i1", "zephyr"), ("i4", "zephyr")}
    with store.sessions() as session:
        reasons = {entry.item: entry.reason for entry in session.scalars(select(LedgerEntry))}
    assert reasons == {
        "i1": None,
        "i2": Reason.RETRIES_EXHAUSTED.value,
        "i3": Reason.BROKEN_IMAGE.value,
        "i4": None,
    }


def test_empty_masks_leave_no_positive(store: Store) -> None:
    add_entities(store, entity("zephyr", "red"))
    add_picture(store, "i1", "red", ["zephyr"])
    run(store, ColourDetector(), BoxMasks(empty=True))
    assert all(row.negative for row in annotations(store).values())


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_real_classes_with_random_weights_give_the_same_rows_in_any_batches(tmp_path: Path, batch: int) -> None:
    settings = AnnotateSettings(
        detector_model=str(save_detector(tmp_path / "detector")), mask_model=str(save_mask_model(tmp_path / "masks")),
        device="cpu", box_threshold=0.05, batch_size=batch,
    )  # fmt: skip
    store = open_store(f"sqlite:///{tmp_path}/nest.sqlite", str(tmp_path / "blobs"))
    add_entities(store, entity("zephyr", "red"), entity("okoro", "blue", "person"))
    for number in range(5):
        add_picture(store, f"i{number}", "red" if number % 2 else "blue", ["zephyr", "okoro"], width=160 + 10 * number)
    stage = Annotate(settings, store.blobs)
    report = Runner(store.sessions, fixed_clock(NOW)).run(stage, "test")
    assert report.failed == 0
    assert report.worked == 5
    assert Runner(store.sessions, fixed_clock(NOW)).run(Annotate(settings, store.blobs), "again").worked == 0
