"""The small configuration of transformers' CLIP: its fresh weights, its tokenizer, its folder."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, cast

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer, SamModel

from nest_builder.newsworld.looks import CATEGORIES, COLOURS, EMBLEMS, PATTERNS
from nest_builder.tiny.clip_data import draw_looks
from nest_builder.tiny.clip_looks import describe
from nest_builder.tiny.mask_data import MEAN, STD
from nest_builder.tiny.mask_network import sine_table

SIZE: Final = 64  # pixels of a picture's side
PATCH: Final = 8
HIDDEN: Final = 160
TEXT_HIDDEN: Final = 96
FEATURES: Final = 128
MAX_TOKENS: Final = 32
VOCABULARY: Final = 700
BOS, EOS, PAD = "<|startoftext|>", "<|endoftext|>", "<|pad|>"
SPREAD: Final = 1.1  # of a token's channels in the mask model's encoder


def train_tokenizer(seed: int, looks: int = 256) -> CLIPTokenizer:
    """A byte-pair tokenizer of CLIP's own form, trained on phrases of looks; any text can be read with it."""
    tokenizer = Tokenizer(models.BPE(unk_token=EOS, end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Punctuation(),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        end_of_word_suffix="</w>",
    )
    tokenizer.train_from_iterator(_corpus(seed, looks), trainer)
    learned = json.loads(tokenizer.to_str())["model"]
    return CLIPTokenizer(
        vocab=learned["vocab"],
        merges=cast(Any, [tuple(pair) for pair in learned["merges"]]),  # declared as strings, wanted as pairs
        pad_token=PAD,
        model_max_length=MAX_TOKENS,
    )


def _corpus(seed: int, looks: int) -> Iterable[str]:
    yield from (*CATEGORIES, *COLOURS, *PATTERNS, *EMBLEMS) * 4
    rng = random.Random(f"clip/{seed}")
    drawn = [look for chunk in range(-(-looks // 32)) for look in draw_looks(seed, chunk)]
    for look in drawn:
        for _ in range(8):
            yield describe(rng, look)[0]


def build_model(seed: int, tokenizer: CLIPTokenizer) -> CLIPModel:
    """The untrained model (2.1 million parameters).

    As in `mask_network.build_model`, layers start with torch's own deviations instead of the library's 0.02, which
    makes narrow layers deaf, and positions start as sines.
    """
    torch.manual_seed(seed)
    config = CLIPConfig(
        vision_config={
            "hidden_size": HIDDEN,
            "intermediate_size": 4 * HIDDEN,
            "num_hidden_layers": 6,
            "num_attention_heads": HIDDEN // 32,
            "image_size": SIZE,
            "patch_size": PATCH,
            "hidden_act": "gelu_pytorch_tanh",
            "projection_dim": FEATURES,
        },
        text_config={
            "hidden_size": TEXT_HIDDEN,
            "intermediate_size": 3 * TEXT_HIDDEN,
            "num_hidden_layers": 2,
            "num_attention_heads": TEXT_HIDDEN // 32,
            "max_position_embeddings": MAX_TOKENS,
            "vocab_size": len(tokenizer),
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            "hidden_act": "gelu_pytorch_tanh",
            "projection_dim": FEATURES,
        },
        projection_dim=FEATURES,
    )
    # Eager attention: the backward pass of the CPU's fused kernel is several times slower in bfloat16.
    model: CLIPModel = cast(Any, CLIPModel)._from_config(config, attn_implementation="eager")
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            module.reset_parameters()
    with torch.no_grad():
        table = model.vision_model.embeddings.position_embedding.weight
        table[1:] = 0.5 * sine_table(SIZE // PATCH, HIDDEN)[0].flatten(0, 1)
        table[0] = 0
        for embedding in (model.text_model.embeddings.token_embedding, model.text_model.embeddings.position_embedding):
            embedding.weight.normal_(std=0.3)
    return model


@torch.no_grad()
def inherit(model: CLIPModel, folder: Path) -> None:
    """Start the vision tower from the embedded mask model's encoder, which has the same width, depth and patches.

    That tower knows edges, colours and things of Newsworld already; from nothing, a training of this length learns
    little more than colours. What CLIP's tower lacks goes where it has the same effect (the patches' bias into the
    positions), what the encoder lacks (its first layer norm) starts with the spread that the encoder's layers know.

    Args:
        model: its vision tower is overwritten, but for the class token.
        folder: of a `SamModel` in the configuration of `mask_network`.
    """
    encoder: Any = SamModel.from_pretrained(folder, dtype=torch.float32).vision_encoder
    tower: Any = model.vision_model
    cells = SIZE // PATCH
    tower.embeddings.patch_embedding.weight.copy_(encoder.patch_embed.projection.weight)
    edge = (encoder.pos_embed.shape[1] - cells) // 2
    middle = encoder.pos_embed[0, edge : edge + cells, edge : edge + cells] + encoder.patch_embed.projection.bias
    tower.embeddings.position_embedding.weight[1:] = middle.flatten(0, 1)
    tower.pre_layrnorm.weight.fill_(SPREAD)
    for ours, theirs in zip(tower.encoder.layers, encoder.layers, strict=True):
        parts = theirs.attn.qkv.weight.chunk(3), theirs.attn.qkv.bias.chunk(3)
        heads = (ours.self_attn.q_proj, ours.self_attn.k_proj, ours.self_attn.v_proj)
        for head, weight, bias in zip(heads, *parts, strict=True):
            head.weight.copy_(weight)
            head.bias.copy_(bias)
        ours.self_attn.out_proj.load_state_dict(theirs.attn.proj.state_dict())
        ours.layer_norm1.load_state_dict(theirs.layer_norm1.state_dict())
        ours.layer_norm2.load_state_dict(theirs.layer_norm2.state_dict())
        ours.mlp.fc1.load_state_dict(theirs.mlp.lin1.state_dict())
        ours.mlp.fc2.load_state_dict(theirs.mlp.lin2.state_dict())


def to_pixels(images: Tensor) -> Tensor:
    """(n, h, w, 3) bytes to normalised (n, 3, h, w) floats."""
    scaled = images.permute(0, 3, 1, 2).float() / 255
    return (scaled - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def save(model: CLIPModel, tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Write half-precision weights, tokenizer and processor as `from_pretrained` wants them.

    The configuration says float32, since half precision is meant for the disk: a CPU computes slowly in it. The
    processor squeezes every picture to a square: a centre crop would cut off the ends of tall and of wide things.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cast(Any, copy.deepcopy(model)).cpu().half().save_pretrained(folder)
    config_file = folder / "config.json"
    config = json.loads(config_file.read_text())
    config["dtype"] = "float32"
    config_file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    tokenizer.save_pretrained(folder)
    CLIPImageProcessorPil(
        size={"height": SIZE, "width": SIZE}, do_center_crop=False, image_mean=list(MEAN), image_std=list(STD)
    ).save_pretrained(folder)
