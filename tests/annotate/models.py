"""Grounding DINO and SAM with random weights, small enough for a test: the same classes and files as the real ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import (
    BertConfig,
    BertTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessorPil,
    ResNetConfig,
    SamConfig,
    SamImageProcessorPil,
    SamMaskDecoderConfig,
    SamModel,
    SamPromptEncoderConfig,
    SamVisionConfig,
)

from nest_builder.annotate.base import Boxes, Outline

WORDS = ("car", "person", "red", "blue", "in", "owl")


def save_detector(folder: Path, seed: int = 0) -> Path:
    """Write a random Grounding DINO whose tokenizer knows six words."""
    torch.manual_seed(seed)
    special = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 1012: ".", 1029: "?"}
    tokens = [special.get(index, f"[unused{index}]") for index in range(1030)] + list(WORDS)
    text = BertConfig(
        vocab_size=len(tokens), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=32,
    )  # fmt: skip
    backbone = ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], layer_type="basic",
        out_features=["stage3", "stage4"],
    )  # fmt: skip
    config = GroundingDinoConfig(
        backbone_config=backbone, text_config=text, d_model=32, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=16,
        decoder_ffn_dim=16, encoder_attention_heads=2, decoder_attention_heads=2, num_queries=6, num_feature_levels=2,
        max_text_len=32, disable_custom_kernels=True,
    )  # fmt: skip
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    vocabulary = {token: index for index, token in enumerate(tokens)}
    BertTokenizer(vocab=vocabulary, do_lower_case=True, model_max_length=32).save_pretrained(folder)
    GroundingDinoImageProcessorPil(size={"height": 64, "width": 64}, do_pad=False).save_pretrained(folder)
    return folder


def save_mask_model(folder: Path, seed: int = 0) -> Path:
    """Write a random SAM that sees 64 pixels."""
    torch.manual_seed(seed)
    vision = SamVisionConfig(
        hidden_size=16, output_channels=16, num_hidden_layers=1, num_attention_heads=2, image_size=64, patch_size=8,
        use_rel_pos=False, window_size=0, global_attn_indexes=[0], num_pos_feats=8,
    )  # fmt: skip
    prompts = SamPromptEncoderConfig(hidden_size=16, image_size=64, patch_size=8)
    decoder = SamMaskDecoderConfig(hidden_size=16, mlp_dim=16, num_attention_heads=2, iou_head_hidden_dim=16)
    model: Any = SamModel(SamConfig(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder))
    model.save_pretrained(folder)
    square = {"height": 64, "width": 64}
    SamImageProcessorPil(size={"longest_edge": 64}, pad_size=square).save_pretrained(folder)
    return folder


def fill_boxes(images: Sequence[Image.Image], boxes: Sequence[Boxes]) -> list[list[Outline]]:
    """Answer as a mask model whose masks are the boxes, and which has no doubts."""
    results = []
    for image, found in zip(images, boxes, strict=True):
        outlines = []
        for x0, y0, x1, y1 in found.astype(int):
            mask = np.zeros((image.height, image.width), bool)
            mask[y0:y1, x0:x1] = True
            outlines.append(Outline(mask, 1.0, 1.0))
        results.append(outlines)
    return results
