"""LISA-tiny's small configuration: its fresh weights and its folder."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, PreTrainedTokenizerFast, SamConfig, SamModel

from nest_builder.segmenters.lisa import SEG
from nest_builder.segmenters.lisa_config import LisaConfig
from nest_builder.segmenters.lisa_model import LisaForSegmentation
from nest_builder.tiny.lisa_scenes import GRID, SIDE
from nest_builder.tiny.mask_network import sine_table

WIDTH, HEADS = 160, 5
TOWER_LAYERS, TEXT_LAYERS = 5, 4
PATCH = SIDE // GRID
MAX_TEXT_TOKENS = 128


def tower_config() -> CLIPVisionConfig:
    """CLIP's vision tower: 12 x 12 patches of 16 pixels."""
    return CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        num_hidden_layers=TOWER_LAYERS,
        num_attention_heads=HEADS,
        image_size=SIDE,
        patch_size=PATCH,
        hidden_act="gelu",
    )


def lisa_config(tokenizer: PreTrainedTokenizerFast, mask_config: SamConfig) -> LisaConfig:
    """The whole: about 5.6 million parameters, half of them SAM's."""
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=384,
        num_hidden_layers=TEXT_LAYERS,
        num_attention_heads=HEADS,
        max_position_embeddings=512,
        initializer_range=0.06,  # the library's 0.02 suits wide layers and makes narrow ones deaf
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=None,
    )
    return LisaConfig(
        vision_config=tower_config(),
        text_config=text,
        mask_config=mask_config,
        vision_select_layer=-1,  # no layer is to spare
        vision_crop=False,  # what is asked for may stand at the edge
        seg_token_id=cast(int, tokenizer.convert_tokens_to_ids(SEG)),
        prompt_before="<im_start>",
        prompt_after="<im_end> {text} ASSISTANT:",
        max_text_tokens=MAX_TEXT_TOKENS,
        max_new_tokens=8,
        tie_word_embeddings=True,
    )


def build_tower(seed: int) -> CLIPVisionModel:
    """An untrained tower: torch's own initial values, and sines for positions."""
    torch.manual_seed(seed)
    tower: CLIPVisionModel = cast(Any, CLIPVisionModel)._from_config(tower_config(), attn_implementation="sdpa")
    for module in tower.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            module.reset_parameters()
    table = 0.5 * sine_table(GRID, WIDTH).reshape(GRID * GRID, WIDTH)
    with torch.no_grad():
        tower.embeddings.position_embedding.weight.copy_(torch.cat([torch.zeros(1, WIDTH), table]))
    return tower


@torch.no_grad()
def whiten(tower: CLIPVisionModel, pixels: Tensor) -> None:
    """Set the patch projection to whitened principal components of real patches, (n, 3, SIDE, SIDE).

    As for SAM (`mask_network.whiten_patches`): a random projection sees little but a patch's mean colour.
    """
    patches = F.unfold(pixels, PATCH, stride=PATCH).transpose(1, 2).flatten(0, 1)
    values, vectors = torch.linalg.eigh(torch.cov(patches.T))
    components = vectors[:, -WIDTH:] / (values[-WIDTH:] + 0.02).sqrt()
    weight = tower.embeddings.patch_embedding.weight
    weight.copy_(components.T.reshape(weight.shape))


def build_model(
    seed: int, tokenizer: PreTrainedTokenizerFast, sam: SamModel, attention: str = "eager"
) -> LisaForSegmentation:
    """An untrained LISA-tiny around a trained SAM, whose encoder is frozen."""
    torch.manual_seed(seed)
    config = lisa_config(tokenizer, sam.config)
    model: LisaForSegmentation = cast(Any, LisaForSegmentation)._from_config(config, attn_implementation=attention)
    for part in (model.projector, model.text_hidden_fcs):
        for module in part.modules():
            if isinstance(module, nn.Linear):
                module.reset_parameters()
    model.mask_model.load_state_dict(sam.state_dict())
    for name, parameter in model.mask_model.named_parameters():
        # LISA trains the mask decoder only; the other prompts' embeddings stay those of the trained SAM.
        parameter.requires_grad_(name.startswith("mask_decoder."))
    return model


def save(model: LisaForSegmentation, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write half-precision weights and the tokenizer as `from_pretrained` wants them.

    The configuration says float32, since half precision is meant for the disk: a CPU computes slowly in it.
    """
    kept = cast(Any, copy.deepcopy(model)).cpu().half()
    kept.config.mask_config.name_or_path = ""  # the library would write the folder that it was loaded from
    kept.save_pretrained(folder)
    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config["dtype"] = "float32"
    file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    tokenizer.save_pretrained(folder)
