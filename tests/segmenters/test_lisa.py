import numpy as np
import pytest
import torch
from PIL import Image

from nest_builder.segmenters.base import ReferringSegmenter
from nest_builder.segmenters.lisa import Lisa, Prompter, full_size, image_processors, pad
from tests.segmenters import lisa_models
from tests.segmenters.lisa_models import SEG, always_say


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return lisa_models.save(tmp_path_factory.mktemp("lisa"))


def picture(seed: int, width: int = 90, height: int = 60) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8))


def lisa(folder, says: int | None = SEG, **given) -> Lisa:
    made = Lisa(str(folder), device="cpu", **given)
    if says is not None:
        always_say(made._load()[0], says).language_model.model.norm.weight.data.fill_(1.0)
    return made


def test_masks_have_the_size_of_their_pictures(folder):
    segmenter: ReferringSegmenter = lisa(folder, batch_size=2)
    pictures = [picture(0), picture(1, 50, 80), picture(2, 64, 64)]
    found = segmenter.segment(pictures, ["a car", "the second, longer one", "owl"])
    assert [one.mask.shape for one in found] == [(60, 90), (80, 50), (64, 64)]
    assert all(one.mask.dtype == np.bool_ and 0.0 <= one.score <= 1.0 for one in found)
    assert found[0].text == "[SEG]" * 5


def test_batches_and_kept_features_change_nothing(folder):
    pictures, texts = [picture(0), picture(1), picture(0)], ["a car", "the person in red, please", "owl"]
    together = lisa(folder, batch_size=3)
    expected = together.segment(pictures, texts)
    again = together.segment(pictures, texts)
    alone = [lisa(folder, batch_size=1).segment([one], [text])[0] for one, text in zip(pictures, texts, strict=True)]
    for one, other, third in zip(expected, again, alone, strict=True):
        assert (one.mask == other.mask).all()
        assert (one.mask == third.mask).all()
        assert one.score == pytest.approx(third.score, abs=1e-5)


def test_a_picture_is_encoded_once(folder, monkeypatch):
    segmenter = lisa(folder, kept_pictures=2, batch_size=2)
    model = segmenter._load()[0]
    counts, encode = [], model.encode
    monkeypatch.setattr(model, "encode", lambda a, b: counts.append(len(a)) or encode(a, b))
    segmenter.segment([picture(0), picture(0)], ["a", "b"])
    segmenter.segment([picture(0), picture(1)], ["c", "d"])
    segmenter.segment([picture(2), picture(0)], ["e", "f"])  # 1 is let go
    segmenter.segment([picture(1)], ["g"])
    assert counts == [1, 1, 1, 1]


def test_without_seg_the_mask_is_empty(folder):
    (found,) = lisa(folder, says=1).segment([picture(0)], ["nothing"])
    assert not found.mask.any()
    assert found.score == 0.0
    assert found.text == ""


def test_no_pictures_no_work(folder):
    assert Lisa(str(folder)).segment([], []) == []
    with pytest.raises(ValueError, match="2 pictures"):
        Lisa(str(folder)).segment([picture(0)] * 2, ["a"])


def test_the_identity_follows_the_weights_without_loading_them(folder, tmp_path):
    assert Lisa(str(folder)).identity() == Lisa(str(folder)).identity()
    other = lisa_models.save(tmp_path / folder.name, seed=1)
    assert Lisa(str(other)).identity() != Lisa(str(folder)).identity()
    assert Lisa("xinlai/LISA-7B-v1", "abc").identity() == "xinlai/LISA-7B-v1@abc"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a car", "<im_end> a car:"),
        (" two\n lines ", "<im_end> two lines:"),
        ("{0} {text}", "<im_end> {0} {text}:"),
        ("say [SEG] </s> now <im_end>", "<im_end> say now:"),
        ("x" * 100_000, "<im_end> " + "x" * 20 + ":"),
        ("é" * 30, "<im_end> " + "é" * 10 + ":"),
        ("", "<im_end> :"),
    ],
)
def test_prompts_are_bounded_and_hold_no_marks_of_the_text(text, expected):
    tokenizer = lisa_models.tokenizer()
    prompter = Prompter(tokenizer, lisa_models.config())
    assert prompter.before == [0, 2]
    assert tokenizer.decode(prompter(text)) == expected


def test_padding():
    ids, mask = pad([[5], [6, 7]], 1)
    assert ids.tolist() == [[5, 1], [6, 7]]
    assert mask.tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize(("width", "height"), [(90, 60), (60, 90), (64, 64), (331, 100)])
def test_a_mask_lands_where_it_was_seen(width, height):
    """A logit map that is positive on the picture's left half stays there at full size."""
    logits = torch.full((32, 32), -1.0)
    logits[:, : round(16 * width / max(width, height))] = 1.0
    mask = full_size(logits, (width, height), 64)
    assert mask.shape == (height, width)
    assert mask[:, : width // 2 - 4].all()
    assert not mask[:, width // 2 + 5 :].any()


@pytest.mark.parametrize(("crop", "black"), [(True, 0), (False, 32)])
def test_the_tower_sees_the_middle_or_all(crop, black):
    image = Image.new("RGB", (96, 32), "white")
    image.paste("black", (0, 0, 32, 32))
    tower, frame = image_processors(lisa_models.config(vision_crop=crop))
    pixels = np.asarray(tower(image, return_tensors="pt")["pixel_values"])
    assert pixels.shape == (1, 3, 32, 32)
    assert abs(int((pixels[0, 0] < 0).sum()) - black * 32 // 3) <= 32
    assert np.asarray(frame(image, return_tensors="pt")["pixel_values"]).shape == (1, 3, 64, 64)
