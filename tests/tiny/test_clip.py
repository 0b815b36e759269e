import json

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoTokenizer, CLIPModel

from nest_builder.config import DATA
from nest_builder.rose.embed import ClipImages
from nest_builder.tiny.clip import (
    Plan,
    Training,
    TraitHeads,
    draw_phrases,
    make_optimizers,
    one_cycle,
    phrase_loss,
    view_loss,
)
from nest_builder.tiny.clip_data import STORED, VIEWS, CropPool, draw_looks
from nest_builder.tiny.clip_model import HIDDEN, SIZE, build_model, inherit, save, to_pixels, train_tokenizer

PLAN = Plan(steps=4, families=1)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(0, looks=32)


@pytest.fixture(scope="module")
def pool() -> CropPool:
    looks = draw_looks(0, 0)
    images = np.random.default_rng(0).integers(0, 255, (len(looks), VIEWS, STORED, STORED, 3), np.uint8)
    boxes = np.tile(np.float32([0.2, 0.2, 0.8, 0.8]), (len(looks), VIEWS, 1))
    return CropPool((images,), boxes, tuple(looks))


def test_any_text_can_be_read(tokenizer):
    ids = tokenizer(["teal robot, with white stripes", "Zürich & ✈ 42"], padding=True)["input_ids"]
    assert len(ids[0]) == len(ids[1])
    assert tokenizer.decode(ids[0], skip_special_tokens=True).split() == [
        "teal",
        "robot",
        ",",
        "with",
        "white",
        "stripes",
    ]
    assert ids[0][0] == tokenizer.bos_token_id
    assert tokenizer.pad_token_id != tokenizer.eos_token_id


def test_views_attract_each_other_and_repel_the_rest():
    one = torch.eye(4)
    good, found = view_loss(one, one)
    bad, lost = view_loss(one, one.roll(1, 0))
    assert good < 0.1 < bad
    assert (found, lost) == (1.0, 0.0)


def test_a_phrase_that_fits_two_pictures_asks_for_both():
    images = torch.tensor([[1.0, 0], [1, 0], [0, 1]])
    texts = torch.tensor([[1.0, 0], [0, 1]])
    fits = torch.tensor([[True, False], [True, False], [False, True]])
    right = phrase_loss(images, texts, fits, torch.tensor(20.0))
    wrong = phrase_loss(images, texts.flip(0), fits, torch.tensor(20.0))
    assert float(right) == pytest.approx(np.log(2) / 4, abs=1e-3), "two equals for one phrase of two"
    assert wrong > 5


def test_phrases_fit_their_own_look(pool):
    import random

    phrases, fits = draw_phrases(random.Random(0), list(pool.looks))
    assert len(phrases) == len(pool.looks)
    assert fits.diagonal().all()
    assert fits.float().mean() < 0.3


def test_the_tower_inherits_the_mask_models_encoder(tokenizer):
    """With the norm that CLIP has more, and without its class token, the towers agree on what a patch is like."""
    from transformers import SamModel

    model = build_model(0, tokenizer)
    inherit(model, DATA / "models" / "sam-tiny")
    encoder = SamModel.from_pretrained(DATA / "models" / "sam-tiny").vision_encoder
    pixels = torch.randn(1, 3, SIZE, SIZE)
    with torch.no_grad():
        ours = model.vision_model.embeddings(pixels)[:, 1:]
        cells = SIZE // 8
        edge = (encoder.pos_embed.shape[1] - cells) // 2
        theirs = encoder.patch_embed.projection(pixels).permute(0, 2, 3, 1)
        theirs = theirs + encoder.pos_embed[:, edge : edge + cells, edge : edge + cells]
        assert torch.allclose(ours, theirs.reshape(1, -1, HIDDEN), atol=1e-5)
        own, other = model.vision_model.encoder.layers[3], encoder.layers[3]
        assert torch.allclose(own.mlp(ours), other.mlp(ours), atol=1e-2), "but for the approximated activation"


def test_a_training_goes_on_where_it_was_broken_off(tmp_path, tokenizer, pool):
    whole = Training(PLAN, tokenizer, pool)
    figures = [whole.step() for _ in range(2)]
    assert all(np.isfinite(list(one.values())).all() for one in figures)
    part = Training(PLAN, tokenizer, pool)
    part.step()
    part.save(tmp_path / "checkpoint.pt")
    resumed = Training(PLAN, tokenizer, pool)
    resumed.load(tmp_path / "checkpoint.pt")
    resumed.step()
    assert resumed.done == 2
    left, right = whole.averaged().state_dict(), resumed.averaged().state_dict()
    assert all(torch.allclose(left[name], right[name], atol=1e-4) for name in left)


def test_a_loss_that_is_no_number_stops_the_training(tokenizer, pool):
    training = Training(PLAN, tokenizer, pool)
    with torch.no_grad():
        training.model.visual_projection.weight.fill_(float("nan"))
    with pytest.raises(FloatingPointError):
        training.step()


def test_every_weight_is_trained_once(tokenizer):
    model, heads = build_model(0, tokenizer), TraitHeads()
    trained = [
        id(p) for optimizer in make_optimizers(model, heads) for g in optimizer.param_groups for p in g["params"]
    ]
    assert len(trained) == len(set(trained))
    assert set(trained) == {id(p) for p in (*model.parameters(), *heads.parameters())}


@pytest.mark.parametrize(
    ("progress", "least", "most"), [(0.0, 0.04, 0.06), (0.05, 0.99, 1.01), (0.5, 0.4, 0.6), (1.0, 0, 0.01)]
)
def test_the_rate_rises_and_falls(progress, least, most):
    assert least <= one_cycle(progress) <= most


def test_saved_weights_load_as_any_clip_does(tmp_path, tokenizer):
    model = build_model(0, tokenizer)
    save(model, tokenizer, tmp_path)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 6 << 20
    loaded = CLIPModel.from_pretrained(tmp_path)
    assert loaded.dtype == torch.float32, "half precision is for the disk"
    assert AutoTokenizer.from_pretrained(tmp_path)("teal robot")["input_ids"] == tokenizer("teal robot")["input_ids"]
    assert json.loads((tmp_path / "preprocessor_config.json").read_text())["do_center_crop"] is False
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (SIZE, SIZE, 3), np.uint8))
    with torch.no_grad():
        pixels = to_pixels(torch.from_numpy(np.array(picture))[None])
        own = torch.nn.functional.normalize(
            model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)
        )
    assert np.allclose(ClipImages(str(tmp_path)).embed([picture]), own.numpy(), atol=0.01)
