"""The small configuration of transformers' SAM: its fresh weights, its growth to larger pictures, its folder."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn
from transformers import (
    SamConfig,
    SamImageProcessorPil,
    SamMaskDecoderConfig,
    SamModel,
    SamProcessor,
    SamPromptEncoderConfig,
    SamVisionConfig,
)

from nest_builder.tiny.mask_data import CELL

PATCH, HIDDEN, LAYERS, DECODER = 8, 160, 6, 128


def build_model(seed: int, size: int) -> SamModel:
    """The untrained model in its small configuration (about 2.8 million parameters) for pictures of side `size`.

    The library's initial values suit published weights only, and training from nothing stands still on them, so they
    are replaced: layers by torch's own defaults, as in the paper's code (a deviation of 0.02 makes narrow layers deaf);
    the Fourier features of positions, drawn with a deviation of half the hidden size, by a ladder of wavelengths along
    each axis, with which "inside the box" is a simple question; the encoder's empty position table by sines.
    """
    torch.manual_seed(seed)
    vision = SamVisionConfig(
        hidden_size=HIDDEN,
        output_channels=DECODER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HIDDEN // 32,
        image_size=size,
        patch_size=PATCH,
        use_rel_pos=False,  # most of an attention's time on a CPU, for little
        window_size=8,
        global_attn_indexes=[2, 5],
        num_pos_feats=DECODER // 2,
    )
    prompts = SamPromptEncoderConfig(hidden_size=DECODER, image_size=size, patch_size=PATCH)
    decoder = SamMaskDecoderConfig(hidden_size=DECODER, mlp_dim=256, num_attention_heads=4, iou_head_hidden_dim=128)
    config = SamConfig(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder)
    # Eager attention: the backward pass of the CPU's fused kernel is several times slower in bfloat16.
    model: SamModel = cast(Any, SamModel)._from_config(config, attn_implementation="eager")
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.Embedding)):
            module.reset_parameters()
    ladder = torch.logspace(math.log10(0.1), math.log10(6), DECODER // 4)  # cycles over half the picture
    axes = torch.stack([torch.cat([ladder, 0 * ladder]), torch.cat([0 * ladder, ladder])])
    with torch.no_grad():
        cast(nn.Parameter, model.vision_encoder.pos_embed).copy_(0.5 * sine_table(size // PATCH, HIDDEN))
        model.shared_image_embedding.positional_embedding.copy_(axes)
    model.shared_image_embedding.positional_embedding.requires_grad_(False)
    return model


def enlarge(model: SamModel, size: int) -> SamModel:
    """The same weights for pictures of another side; the encoder's position table is interpolated."""
    larger = cast(nn.Module, build_model(0, size)).to(model.device)
    state = model.state_dict()
    table = state["vision_encoder.pos_embed"].permute(0, 3, 1, 2)
    side = size // PATCH
    scaled = F.interpolate(table, (side, side), mode="bicubic", align_corners=False)
    larger.load_state_dict({**state, "vision_encoder.pos_embed": scaled.permute(0, 2, 3, 1)})
    return cast(SamModel, larger)


def sine_table(side: int, channels: int) -> Tensor:
    """Sines and cosines of row and column, (1, side, side, channels); per axis as Vaswani et al. 2017, section 3.5."""
    quarter = channels // 4
    rates = 1 / 100 ** (torch.arange(quarter) / quarter)
    wave = torch.arange(side)[:, None] * rates
    axis = torch.cat([wave.sin(), wave.cos()], 1)
    rows, columns = axis[:, None].expand(side, side, -1), axis[None].expand(side, side, -1)
    return torch.cat([rows, columns], -1)[None]


def save(model: SamModel, folder: Path) -> None:
    """Writes half-precision weights and the processor's settings as `from_pretrained` wants them.

    The configuration says float32, since half precision is meant for the disk: a CPU computes slowly in it.
    """
    cast(Any, copy.deepcopy(model)).cpu().half().save_pretrained(folder)
    config_file = folder / "config.json"
    config = json.loads(config_file.read_text())
    config["dtype"] = "float32"
    config_file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    size = picture_size(model)
    images = SamImageProcessorPil(
        size={"longest_edge": size},
        pad_size={"height": size, "width": size},
        mask_size={"longest_edge": size // CELL},
        mask_pad_size={"height": size // CELL, "width": size // CELL},
    )
    cast(Any, SamProcessor)(images).save_pretrained(folder)


@torch.no_grad()
def whiten_patches(model: SamModel, pixels: Tensor) -> None:
    """Sets the patch projection to the whitened principal components of real patches.

    A random projection sees little but a patch's mean colour, which holds nearly all the variance; where an edge runs
    within the patch would have to be dug out over thousands of steps.

    Args:
        model: its patch projection is overwritten.
        pixels: normalised pictures, (n, 3, S, S); all-zero patches count as padding.
    """
    patches = F.unfold(pixels, PATCH, stride=PATCH).transpose(1, 2).flatten(0, 1)
    patches = patches[patches.abs().amax(1) > 0]
    values, vectors = torch.linalg.eigh(torch.cov(patches.T))
    # A floor under the variances, about that of sensor noise, keeps noise from being blown up.
    components = vectors[:, -HIDDEN:] / (values[-HIDDEN:] + 0.02).sqrt()
    projection = model.vision_encoder.patch_embed.projection
    projection.weight.copy_(components.T.reshape(projection.weight.shape))
    cast(nn.Parameter, projection.bias).copy_(-patches.mean(0) @ components)


def picture_size(model: SamModel) -> int:
    """Longest side of the pictures that the model takes, in pixels."""
    return int(cast(Any, model).config.vision_config.image_size)
