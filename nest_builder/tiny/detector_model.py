"""The embedded Grounding DINO: its configuration, how it is built for training, and how it is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    BertConfig,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessorPil,
    GroundingDinoProcessor,
    ResNetConfig,
)

from nest_builder.tiny.detector_data import SIZE
from nest_builder.tiny.detector_loss import decoder_loss
from nest_builder.tiny.vocabulary import MAX_TOKENS, vocabulary, write_tokenizer

STRIDES = (8, 16, 32)  # of the backbone's stages 2 to 4


def detector_config() -> GroundingDinoConfig:
    """The small configuration: 2.5 million parameters, 3 levels of a 128-pixel picture, 24 queries."""
    backbone = ResNetConfig(
        embedding_size=32,
        hidden_sizes=[32, 64, 128, 192],
        depths=[2, 2, 2, 2],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],  # type: ignore[call-arg]  # set through a mixin
    )
    text = BertConfig(
        vocab_size=len(vocabulary()),
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=MAX_TOKENS,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return GroundingDinoConfig(
        backbone_config=backbone,
        text_config=text,
        d_model=64,
        encoder_layers=2,
        decoder_layers=2,
        encoder_ffn_dim=128,
        decoder_ffn_dim=128,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        num_queries=24,
        num_feature_levels=len(STRIDES),
        max_text_len=MAX_TOKENS,
        dropout=0.0,
        fusion_dropout=0.0,
        fusion_droppath=0.0,
        text_enhancer_dropout=0.0,
        auxiliary_loss=True,
        disable_custom_kernels=True,
    )


def build_model(backbone_state: dict[str, Tensor], device: torch.device, half_backbone: bool) -> Any:
    """A detector with the pre-trained backbone, all of it trainable, and our loss.

    The library freezes a ResNet's early stages by names ("stage.1") that its own backbone does not have ("stages.1"),
    and so freezes all of it; hence the explicit unfreezing. Its batch norms stay frozen, as in the paper.
    """
    model: Any = GroundingDinoForObjectDetection(detector_config())
    encoder = model.model.backbone.conv_encoder
    encoder.model.load_state_dict(backbone_state)
    model.model.unfreeze_backbone()
    model.loss_function = decoder_loss
    model.to(device)
    encoder.model.to(memory_format=torch.channels_last)
    if half_backbone:
        full = encoder.forward

        def forward(pixel_values: Tensor, pixel_mask: Tensor) -> list[tuple[Tensor, Tensor]]:
            with torch.autocast(device.type, torch.bfloat16):
                levels = full(pixel_values.contiguous(memory_format=torch.channels_last), pixel_mask)
            return [(level.float(), mask) for level, mask in levels]

        encoder.forward = forward
    return model


def save_detector(model: Any, folder: Path) -> None:
    """Write weights (fp16), configuration, tokenizer and image processor, as `from_pretrained` reads them.

    The configuration says float32, so that the weights are widened on loading: a CPU is slow in fp16.
    """
    model.half().save_pretrained(folder)
    model.config.dtype = torch.float32
    model.config.save_pretrained(folder)
    images = GroundingDinoImageProcessorPil(size={"height": SIZE, "width": SIZE}, do_pad=False)
    processor: Any = GroundingDinoProcessor(images, write_tokenizer(folder))  # type: ignore[no-untyped-call]
    processor.save_pretrained(folder)
