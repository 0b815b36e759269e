"""The parameters' names in LISA's official checkpoints, and ours.

A rule is a pair of patterns; `{n}`, `{m}` stand for a number, `{p}` for weight or bias, `{x}` for anything. The picture
encoder's CLIP tower is not among LISA's own weights: it comes from CLIP's checkpoint.
"""

from __future__ import annotations

import re
from typing import Final

_SAM, _OURS = "model.visual_model.", "mask_model."
_ENCODER, _PROMPTS, _DECODER = "image_encoder.", "prompt_encoder.", "mask_decoder."
_PARTS: Final = {"n": r"\d+", "m": r"\d+", "p": "weight|bias", "x": ".+"}

_SAM_RULES: Final = (
    (f"{_ENCODER}pos_embed", "vision_encoder.pos_embed"),
    (f"{_ENCODER}patch_embed.proj.{{p}}", "vision_encoder.patch_embed.projection.{p}"),
    (f"{_ENCODER}blocks.{{n}}.norm{{m}}.{{p}}", "vision_encoder.layers.{n}.layer_norm{m}.{p}"),
    (f"{_ENCODER}blocks.{{n}}.{{x}}", "vision_encoder.layers.{n}.{x}"),  # qkv, proj, rel_pos_h, rel_pos_w, the MLP
    (f"{_ENCODER}neck.0.weight", "vision_encoder.neck.conv1.weight"),
    (f"{_ENCODER}neck.1.{{p}}", "vision_encoder.neck.layer_norm1.{p}"),
    (f"{_ENCODER}neck.2.weight", "vision_encoder.neck.conv2.weight"),
    (f"{_ENCODER}neck.3.{{p}}", "vision_encoder.neck.layer_norm2.{p}"),
    (f"{_PROMPTS}pe_layer.positional_encoding_gaussian_matrix", f"{_PROMPTS}shared_embedding.positional_embedding"),
    (f"{_PROMPTS}point_embeddings.{{n}}.weight", f"{_PROMPTS}point_embed.{{n}}.weight"),
    (f"{_PROMPTS}not_a_point_embed.weight", f"{_PROMPTS}not_a_point_embed.weight"),
    (f"{_PROMPTS}no_mask_embed.weight", f"{_PROMPTS}no_mask_embed.weight"),
    (f"{_PROMPTS}mask_downscaling.0.{{p}}", f"{_PROMPTS}mask_embed.conv1.{{p}}"),
    (f"{_PROMPTS}mask_downscaling.1.{{p}}", f"{_PROMPTS}mask_embed.layer_norm1.{{p}}"),
    (f"{_PROMPTS}mask_downscaling.3.{{p}}", f"{_PROMPTS}mask_embed.conv2.{{p}}"),
    (f"{_PROMPTS}mask_downscaling.4.{{p}}", f"{_PROMPTS}mask_embed.layer_norm2.{{p}}"),
    (f"{_PROMPTS}mask_downscaling.6.{{p}}", f"{_PROMPTS}mask_embed.conv3.{{p}}"),
    (
        f"{_DECODER}transformer.layers.{{n}}.norm{{m}}.{{p}}",
        f"{_DECODER}transformer.layers.{{n}}.layer_norm{{m}}.{{p}}",
    ),
    (f"{_DECODER}transformer.norm_final_attn.{{p}}", f"{_DECODER}transformer.layer_norm_final_attn.{{p}}"),
    (f"{_DECODER}transformer.{{x}}", f"{_DECODER}transformer.{{x}}"),  # attentions and MLPs
    (f"{_DECODER}iou_token.weight", f"{_DECODER}iou_token.weight"),
    (f"{_DECODER}mask_tokens.weight", f"{_DECODER}mask_tokens.weight"),
    (f"{_DECODER}output_upscaling.0.{{p}}", f"{_DECODER}upscale_conv1.{{p}}"),
    (f"{_DECODER}output_upscaling.1.{{p}}", f"{_DECODER}upscale_layer_norm.{{p}}"),
    (f"{_DECODER}output_upscaling.3.{{p}}", f"{_DECODER}upscale_conv2.{{p}}"),
    *(
        (f"{_DECODER}{head}.layers.{layer}.{{p}}", f"{_DECODER}{head}.{name}.{{p}}")
        for head in ("output_hypernetworks_mlps.{n}", "iou_prediction_head")
        for layer, name in enumerate(("proj_in", "layers.0", "proj_out"))
    ),
)
RULES: Final = (
    *((_SAM + official, _OURS + ours) for official, ours in _SAM_RULES),
    ("lm_head.weight", "language_model.lm_head.weight"),
    ("model.embed_tokens.weight", "language_model.model.embed_tokens.weight"),
    ("model.norm.weight", "language_model.model.norm.weight"),
    ("model.layers.{n}.{x}", "language_model.model.layers.{n}.{x}"),
    ("model.mm_projector.{p}", "projector.{p}"),
    ("model.mm_projector.{n}.{p}", "projector.{n}.{p}"),  # SESAME's, of two layers
    ("model.text_hidden_fcs.0.{n}.{p}", "text_hidden_fcs.{n}.{p}"),
    ("vision_model.{x}", "vision_tower.{x}"),  # CLIP's own checkpoint
    ("model.vision_tower.vision_tower.vision_model.{x}", "vision_tower.{x}"),  # checkpoints that hold the tower
)
# Buffers that old versions of the library saved and all compute, and the half of CLIP that reads texts.
LEFT_OUT: Final = re.compile(
    r".*\.rotary_emb\.inv_freq|.*embeddings\.position_ids|.*\.pixel_(?:mean|std)"
    r"|text_model\..*|text_projection\..*|visual_projection\..*|logit_scale"
)
SHARED: Final = {
    "mask_model.prompt_encoder.shared_embedding.positional_embedding": "mask_model.shared_image_embedding.positional_embedding"
}
"""SAM's Fourier features, which transformers' class holds under two names."""


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w)\\\}", lambda found: f"(?P<{found[1]}>{_PARTS[found[1]]})", re.escape(pattern)))


_TO_OURS: Final = tuple((_compiled(official), ours) for official, ours in RULES)
_TO_OFFICIAL: Final = tuple((_compiled(ours), official) for official, ours in RULES)


def _renamed(name: str, rules: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, template in rules:
        if found := pattern.fullmatch(name):
            return template.format_map(found.groupdict())
    raise KeyError(name)


def to_ours(name: str) -> str | None:
    """Translate an official name; None for what is left out.

    Raises:
        KeyError: No rule knows the name.
    """
    return None if LEFT_OUT.fullmatch(name) else _renamed(name, _TO_OURS)


def to_official(name: str) -> str:
    """Translate one of our names.

    Raises:
        KeyError: No rule knows the name.
    """
    first = {second: first for first, second in SHARED.items()}
    return _renamed(first.get(name, name), _TO_OFFICIAL)
