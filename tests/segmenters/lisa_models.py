"""LISA with random weights, small enough for a test."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    PreTrainedTokenizerFast,
    SamConfig,
    SamMaskDecoderConfig,
    SamPromptEncoderConfig,
    SamVisionConfig,
)

from nest_builder.segmenters.lisa_config import LisaConfig
from nest_builder.segmenters.lisa_model import LisaForSegmentation

MARKS = ("<s>", "</s>", "<im_start>", "<im_end>", "[SEG]")
SEG = 4


def tokenizer() -> PreTrainedTokenizerFast:
    """Bytes, without merges."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate((*MARKS, *alphabet))}
    bare: Any = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=bare, bos_token="<s>", eos_token="</s>", additional_special_tokens=list(MARKS[2:])
    )


def config(**changes: Any) -> LisaConfig:
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=16
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer()), hidden_size=24, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=256, bos_token_id=0, eos_token_id=1, pad_token_id=None,
    )  # fmt: skip
    sam_vision = SamVisionConfig(
        hidden_size=16, output_channels=16, num_hidden_layers=1, num_attention_heads=2, image_size=64, patch_size=8,
        use_rel_pos=False, window_size=0, global_attn_indexes=[0], num_pos_feats=8,
    )  # fmt: skip
    prompts = SamPromptEncoderConfig(hidden_size=16, image_size=64, patch_size=8)
    decoder = SamMaskDecoderConfig(hidden_size=16, mlp_dim=16, num_attention_heads=2, iou_head_hidden_dim=16)
    mask = SamConfig(vision_config=sam_vision, prompt_encoder_config=prompts, mask_decoder_config=decoder)
    given: dict[str, Any] = {
        "vision_config": vision, "text_config": text, "mask_config": mask, "seg_token_id": SEG,
        "prompt_before": "<im_start>", "prompt_after": "<im_end> {text}:", "max_text_tokens": 20, "max_new_tokens": 5,
    }  # fmt: skip
    return LisaConfig(**(given | changes))


def build(seed: int = 0, **changes: Any) -> LisaForSegmentation:
    torch.manual_seed(seed)
    model = LisaForSegmentation(config(**changes))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.3)
    return model.eval()


def always_say(model: LisaForSegmentation, token: int) -> LisaForSegmentation:
    """Make the model say one token whatever it reads: a bias that its head does not have goes through the last norm."""
    with torch.no_grad():
        model.language_model.model.norm.weight.zero_()
        model.language_model.lm_head.weight.zero_()
    model.language_model.lm_head = _Says(model.language_model.lm_head, token)
    return model


class _Says(torch.nn.Module):
    def __init__(self, head: torch.nn.Linear, token: int) -> None:
        super().__init__()
        self.weight, self.token = head.weight, token

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(*states.shape[:-1], len(self.weight))
        logits[..., self.token] = 20.0
        return logits


def save(folder: Path, seed: int = 0, **changes: Any) -> Path:
    build(seed, **changes).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
