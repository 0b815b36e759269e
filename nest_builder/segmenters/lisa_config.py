"""LISA's configuration: CLIP's tower, LLaMA and SAM, and how they are joined."""

from __future__ import annotations

from typing import Any, ClassVar

from transformers import AutoConfig, CLIPVisionConfig, LlamaConfig, PretrainedConfig, SamConfig


class LisaConfig(PretrainedConfig):  # type: ignore[no-untyped-call]  # the library ships no types
    """What LISA is made of (Lai et al. 2024, "LISA: Reasoning Segmentation via Large Language Model").

    Args:
        vision_config: CLIP's vision tower, a configuration or its dictionary.
        text_config: LLaMA.
        mask_config: SAM.
        vision_select_layer: Which of the tower's hidden states become words: -2 as in LLaVA, -1 the last.
        vision_crop: Whether the tower sees the middle of the picture, reduced to its shorter side, as CLIP's own
            processor does; else all of it, squeezed into a square.
        projector_layers: 1 for LLaVA's first, linear projector, 2 for an MLP with GELU as in LLaVA 1.5.
        seg_token_id: The id of `[SEG]`.
        prompt_before: What comes before the picture in every prompt.
        prompt_after: What comes after it; `{text}` is the place of the request.
        max_text_tokens: Requests are cut to so many tokens.
        max_new_tokens: Longest answer.
        parts: What `PretrainedConfig` takes.
    """

    model_type = "lisa"
    sub_configs: ClassVar[dict[str, Any]] = {
        "vision_config": CLIPVisionConfig,
        "text_config": LlamaConfig,
        "mask_config": SamConfig,
    }

    def __init__(
        self,
        vision_config: CLIPVisionConfig | dict[str, Any] | None = None,
        text_config: LlamaConfig | dict[str, Any] | None = None,
        mask_config: SamConfig | dict[str, Any] | None = None,
        vision_select_layer: int = -2,
        vision_crop: bool = True,
        projector_layers: int = 1,
        seg_token_id: int = 0,
        prompt_before: str = "",
        prompt_after: str = "{text}",
        max_text_tokens: int = 256,
        max_new_tokens: int = 16,
        **parts: Any,
    ) -> None:
        given = {"vision_config": vision_config, "text_config": text_config, "mask_config": mask_config}
        for name, kind in self.sub_configs.items():
            config = given[name]
            setattr(self, name, config if isinstance(config, PretrainedConfig) else kind(**(config or {})))
        if projector_layers not in (1, 2):
            raise ValueError(f"a projector has 1 or 2 layers, not {projector_layers}")
        if "{text}" not in prompt_after:
            raise ValueError(f"the prompt has no place for the text: {prompt_after!r}")
        self.vision_select_layer = vision_select_layer
        self.vision_crop = vision_crop
        self.projector_layers = projector_layers
        self.seg_token_id = seg_token_id
        self.prompt_before = prompt_before
        self.prompt_after = prompt_after
        self.max_text_tokens = max_text_tokens
        self.max_new_tokens = max_new_tokens
        super().__init__(**parts)


AutoConfig.register(LisaConfig.model_type, LisaConfig, exist_ok=True)  # the tokenizer's loader asks what the folder is
