import json
import math

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from nest_builder.segmenters import lisa_convert
from nest_builder.segmenters.lisa import Lisa
from nest_builder.segmenters.lisa_convert import VOCABULARY_7B, check, convert, expected, official_config, renamed
from nest_builder.segmenters.lisa_model import LisaForSegmentation
from nest_builder.segmenters.lisa_names import SHARED, to_official, to_ours
from tests.segmenters import lisa_models, lisa_official

SETTINGS_7B = {
    "vocab_size": VOCABULARY_7B, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
    "num_attention_heads": 32, "mm_vision_select_layer": -2,
}  # fmt: skip
CLIP_LARGE = {
    "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16, "image_size": 224,
    "patch_size": 14,
}  # fmt: skip


@pytest.fixture(scope="module")
def wanted():
    return expected(official_config(SETTINGS_7B, {"vision_config": CLIP_LARGE}, 32_003))


def test_the_7b_architecture_has_exactly_the_official_weights(wanted):
    official = lisa_official.lisa_7b() | lisa_official.clip_large()
    converted = dict(renamed((name, torch.empty(shape, device="meta")) for name, shape in official.items()))
    check({name: tensor.shape for name, tensor in converted.items()}, wanted)
    assert converted.keys() == wanted.keys()
    counted = sum(math.prod(shape) for name, shape in lisa_official.lisa_7b().items() if "inv_freq" not in name)
    language, sam, projector = 6_738_415_616 + 2 * 4 * 4096, 641_090_608 + 2 * 128, 4096 * (1024 + 1)
    assert counted == language + sam + projector + 4096 * (4096 + 1) + 256 * (4096 + 1)


def test_names_go_both_ways(wanted):
    official = {n for n in lisa_official.lisa_7b() | lisa_official.clip_large() if to_ours(n) is not None}
    assert {to_official(name) for name in wanted} == official
    assert all(to_official(to_ours(name)) == name for name in official)
    assert len({to_ours(name) for name in official}) == len(official) == len(wanted) - len(SHARED)


@pytest.mark.parametrize(
    ("official", "ours"),
    [
        (
            "model.visual_model.image_encoder.blocks.31.attn.rel_pos_w",
            "mask_model.vision_encoder.layers.31.attn.rel_pos_w",
        ),
        ("model.visual_model.image_encoder.blocks.7.norm2.bias", "mask_model.vision_encoder.layers.7.layer_norm2.bias"),
        ("model.visual_model.image_encoder.neck.2.weight", "mask_model.vision_encoder.neck.conv2.weight"),
        (
            "model.visual_model.mask_decoder.output_hypernetworks_mlps.3.layers.1.weight",
            "mask_model.mask_decoder.output_hypernetworks_mlps.3.layers.0.weight",
        ),
        (
            "model.visual_model.mask_decoder.iou_prediction_head.layers.2.bias",
            "mask_model.mask_decoder.iou_prediction_head.proj_out.bias",
        ),
        ("model.visual_model.mask_decoder.output_upscaling.3.bias", "mask_model.mask_decoder.upscale_conv2.bias"),
        ("model.text_hidden_fcs.0.2.bias", "text_hidden_fcs.2.bias"),
        ("model.mm_projector.weight", "projector.weight"),
        ("model.mm_projector.2.weight", "projector.2.weight"),
        ("model.layers.11.mlp.up_proj.weight", "language_model.model.layers.11.mlp.up_proj.weight"),
        ("model.layers.11.self_attn.rotary_emb.inv_freq", None),
        ("text_model.encoder.layers.0.mlp.fc1.weight", None),
    ],
)
def test_official_names(official, ours):
    assert to_ours(official) == ours


@pytest.mark.parametrize(
    "name", ["model.unheard_of.weight", "lm_head.bias", "model.visual_model.image_encoder.neck.4.bias"]
)
def test_unheard_of_weights_are_refused(name):
    with pytest.raises(KeyError):
        to_ours(name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda shapes: shapes.pop("a"), r"1 missing: \['a'\]"),
        (lambda shapes: shapes.update(c=torch.Size([1])), r"1 left over: \['c'\]"),
        (lambda shapes: shapes.update(b=torch.Size([3, 2])), r"1 of another shape: \['b'\]"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    wanted = {"a": torch.Size([1]), "b": torch.Size([2, 3])}
    found = dict(wanted)
    check(found, wanted)
    change(found)
    with pytest.raises(ValueError, match=message):
        check(found, wanted)


def test_a_converted_folder_loads_and_answers_as_the_original(tmp_path, monkeypatch):
    """A small model is written with the official names, in two shards, and comes back as it was."""
    model = lisa_models.build(seed=5)
    source, tower, out = tmp_path / "source", tmp_path / "tower", tmp_path / "out"
    lisa_models.tokenizer().save_pretrained(source)
    official = {to_official(name): tensor.clone() for name, tensor in model.state_dict().items()}
    clip = {name: tensor for name, tensor in official.items() if name.startswith("vision_model.")}
    own = sorted(official.keys() - clip.keys())
    text, vision = model.config.text_config.to_dict(), model.config.vision_config.to_dict()
    (source / "config.json").write_text(
        json.dumps({k: text[k] for k in (*SETTINGS_7B, "max_position_embeddings") if k in text})
    )
    torch.save({name: official[name] for name in own[::2]}, source / "pytorch_model-00001-of-00002.bin")
    torch.save({name: official[name] for name in own[1::2]}, source / "pytorch_model-00002-of-00002.bin")
    tower.mkdir()
    (tower / "config.json").write_text(json.dumps({"vision_config": {k: vision[k] for k in CLIP_LARGE}}))
    save_file(clip | {"logit_scale": torch.ones(())}, tower / "model.safetensors")
    monkeypatch.setattr(lisa_convert, "sam_huge", lambda: model.config.mask_config)
    convert(source, tower, out, torch.float32)
    loaded = LisaForSegmentation.from_pretrained(out)
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in model.state_dict().items())
    assert loaded.config.seg_token_id == lisa_models.SEG
    (found,) = Lisa(str(out), device="cpu").segment([Image.new("RGB", (40, 30), "red")], ["the car"])
    assert found.mask.shape == (30, 40)
    (source / "pytorch_model-00002-of-00002.bin").unlink()
    with pytest.raises(ValueError, match="missing"):
        convert(source, tower, tmp_path / "half", torch.float32)


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no weights"):
        lisa_convert.shards(tmp_path)
