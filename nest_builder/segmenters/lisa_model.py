"""LISA on transformers' classes: CLIP's tower, LLaMA and SAM, joined by a projector and the `[SEG]` token.

A picture's patches stand before the text. When LLaMA predicts `[SEG]`, the hidden state from which it does so is
projected to SAM's width and prompts SAM's mask decoder, as the only sparse token: the official code shifts its mask of
`[SEG]` tokens one place to the left, so it takes the state at the token before `[SEG]`, not the one at `[SEG]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn
from transformers import CLIPVisionModel, DynamicCache, LlamaForCausalLM, PreTrainedModel, SamModel

from nest_builder.segmenters.lisa_config import LisaConfig

IGNORED = -100  # a label that is not learned; the library's and torch's own value


@dataclass(frozen=True, slots=True)
class Encoded:
    """Pictures after both encoders.

    Attributes:
        words: (p, n, d) projected patches, as LLaMA reads them.
        embeddings: (p, c, h, w) of SAM.
    """

    words: Tensor
    embeddings: Tensor


@dataclass(frozen=True, slots=True)
class Heard:
    """What LLaMA makes of t texts.

    Attributes:
        hidden: (t, l, d) last hidden states.
        states: (t, d), those from which each text's first `[SEG]` is predicted.
        attention: (t, heads, k + n) of these in the last layer, upon what stands before the text; None if not told.
    """

    hidden: Tensor
    states: Tensor
    attention: Tensor | None


@dataclass(frozen=True, slots=True)
class LisaOutput:
    """What LISA makes of t texts whose answers are given.

    Attributes:
        loss: Of the language, scalar; None without labels.
        logits: (t, l, vocabulary), the next token at each of the text's.
        states: (t, d) LLaMA's last hidden states where the next token is `[SEG]`.
        prompts: (t, c) the same in SAM's width.
        masks: (t, h, w) logits.
        ious: (t,) predicted.
    """

    loss: Tensor | None
    logits: Tensor
    states: Tensor
    prompts: Tensor
    masks: Tensor
    ious: Tensor


@dataclass(frozen=True, slots=True)
class Answers:
    """Generated answers to t texts.

    Attributes:
        tokens: (t, n) ids; after an answer's end its padding.
        found: (t,) bool, whether `[SEG]` was said.
        probability: (t,) of `[SEG]` where it was said, else 0.
        masks: (t, h, w) logits; meaningless where nothing was found.
        ious: (t,) predicted.
    """

    tokens: Tensor
    found: Tensor
    probability: Tensor
    masks: Tensor
    ious: Tensor


class LisaForSegmentation(PreTrainedModel):  # type: ignore[no-untyped-call]  # the library ships no types
    """The model; `Lisa` in `segmenters.lisa` takes pictures and words.

    SESAME and READ are of this family and differ little. SESAME (Wu et al. 2024) starts from LLaVA 1.5: a tower of
    336 pixels and a projector of two layers (`mm_projector.0`, `mm_projector.2`), else the same names; it says where
    the premise is false and then no `[SEG]`, which is an empty mask here. READ (Qian et al. 2025) adds points, taken
    from the likeness of `[SEG]` and the picture's patches, to SAM's prompt; its weights have LISA's names, its forward
    pass does not fit this class without these points.
    """

    config_class = LisaConfig
    base_model_prefix = ""
    main_input_name = "pixel_values"
    _supports_sdpa = True

    def __init__(self, config: LisaConfig) -> None:
        super().__init__(config)
        self.vision_tower = CLIPVisionModel(config.vision_config)
        inner, outer = config.vision_config.hidden_size, config.text_config.hidden_size
        self.projector: nn.Module = nn.Linear(inner, outer)
        if config.projector_layers == 2:
            self.projector = nn.Sequential(nn.Linear(inner, outer), nn.GELU(), nn.Linear(outer, outer))
        self.language_model = LlamaForCausalLM(config.text_config)
        self.mask_model = SamModel(config.mask_config)
        width = config.mask_config.prompt_encoder_config.hidden_size
        self.text_hidden_fcs = nn.Sequential(nn.Linear(outer, outer), nn.ReLU(), nn.Linear(outer, width), nn.Dropout(0))
        self.post_init()  # type: ignore[no-untyped-call]

    def encode(self, pixels: Tensor, mask_pixels: Tensor) -> Encoded:
        """Encode p pictures: (p, 3, s, s) for CLIP's tower, (p, 3, S, S) for SAM."""
        return Encoded(self.read(pixels), self.mask_model.vision_encoder(mask_pixels).last_hidden_state)

    def read(self, pixels: Tensor) -> Tensor:
        """Turn pictures (p, 3, s, s) into words (p, n, d): the patches' hidden states without that of the class."""
        states = self.vision_tower(pixels, output_hidden_states=True).hidden_states
        return cast(Tensor, self.projector(states[self.config.vision_select_layer][:, 1:]))

    def remember(self, words: Tensor, before: Tensor) -> DynamicCache:
        """Let LLaMA read what stands before the texts, once a picture.

        Args:
            words: (p, n, d) pictures.
            before: (k,) ids that come before every picture.

        Returns:
            Keys and values of p pictures.
        """
        start = self.language_model.get_input_embeddings()(before)[None].expand(len(words), -1, -1)
        embedded = torch.cat([start.to(words.dtype), words], 1)
        cache = DynamicCache(config=self.config.text_config)
        self.language_model.model(inputs_embeds=embedded, past_key_values=cache, use_cache=True)
        return cache

    def decode(self, prompts: Tensor, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Turn prompts (t, c) and pictures (t, c, h, w) into mask logits (t, 4 h, 4 w) and predicted IoUs (t,)."""
        sam = self.mask_model
        positions: Tensor = cast(Any, sam).get_image_wide_positional_embeddings().to(embeddings.dtype)
        nothing = sam.prompt_encoder.no_mask_embed.weight.reshape(1, -1, 1, 1)
        masks, ious = sam.mask_decoder(
            image_embeddings=embeddings,
            image_positional_embeddings=positions.expand(len(prompts), -1, -1, -1),
            sparse_prompt_embeddings=prompts[:, None, None],
            dense_prompt_embeddings=nothing.expand(len(prompts), -1, *embeddings.shape[-2:]),
            multimask_output=False,
        )
        return masks[:, 0, 0], ious[:, 0, 0]

    def hear(self, memory: DynamicCache, picture: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Heard:
        """Read t texts with their answers; arguments and errors as for `forward`.

        Args:
            memory: Of `remember`; it stays as it is.
            picture: (t,) the picture of each text.
            input_ids: (t, l)
            attention_mask: (t, l)

        Attention is told only by a model that computes it eagerly.
        """
        said = input_ids[:, 1:] == self.config.seg_token_id
        if not bool(said.any(1).all()):
            raise ValueError("every text needs an answer with [SEG]")
        cache = _select(memory, picture)
        start = cache.get_seq_length()
        out = self.language_model.model(
            input_ids=input_ids,
            attention_mask=F.pad(attention_mask, (start, 0), value=1),
            past_key_values=cache,
            output_attentions=self.language_model.config._attn_implementation == "eager",
        )
        rows, places = torch.arange(len(said), device=said.device), said.int().argmax(1)
        attention = out.attentions[-1][rows, :, places, :start] if out.attentions else None
        return Heard(out.last_hidden_state, out.last_hidden_state[rows, places], attention)

    def forward(
        self,
        encoded: Encoded,
        before: Tensor,
        picture: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor,
        labels: Tensor | None = None,
    ) -> LisaOutput:
        """Read t texts with their answers, and outline what each answer's first `[SEG]` means.

        Args:
            encoded: p pictures.
            before: (k,) ids before every picture.
            picture: (t,) the picture of each text.
            input_ids: (t, l) what follows the picture, answer included, padded at the right.
            attention_mask: (t, l), 0 for padding.
            labels: (t, l) ids to be learned, `IGNORED` elsewhere.

        Raises:
            ValueError: A text has no `[SEG]` after its first token.
        """
        heard = self.hear(self.remember(encoded.words, before), picture, input_ids, attention_mask)
        logits, states = self.language_model.lm_head(heard.hidden), heard.states
        prompts = self.text_hidden_fcs(states)
        masks, ious = self.decode(prompts, encoded.embeddings[picture])
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten(), ignore_index=IGNORED)
        return LisaOutput(loss, logits, states, prompts, masks, ious)

    @torch.inference_mode()
    def answer(
        self, encoded: Encoded, before: Tensor, picture: Tensor, input_ids: Tensor, attention_mask: Tensor, end: int
    ) -> Answers:
        """Answer t texts greedily, and outline what the first `[SEG]` of each answer means.

        Args:
            encoded: p pictures.
            before: (k,) ids before every picture.
            picture: (t,) the picture of each text.
            input_ids: (t, l) what follows the picture, padded at the right.
            attention_mask: (t, l), 0 for padding.
            end: The id that ends an answer.
        """
        cache = _select(self.remember(encoded.words, before), picture)
        start = cache.get_seq_length()
        lengths = attention_mask.sum(1)
        mask = F.pad(attention_mask, (start, 0), value=1)
        hidden = self._step(input_ids, mask, None, cache)
        states = hidden[torch.arange(len(lengths), device=lengths.device), lengths - 1]
        chosen = torch.zeros_like(states)
        found = torch.zeros(len(states), dtype=torch.bool, device=states.device)
        done, probability = found.clone(), torch.zeros(len(states), device=states.device)
        tokens = []
        for number in range(self.config.max_new_tokens):
            odds = self.language_model.lm_head(states).float().softmax(-1)
            token = odds.argmax(-1).masked_fill(done, end)
            new = (token == self.config.seg_token_id) & ~found & ~done
            chosen = torch.where(new[:, None], states, chosen)
            probability = torch.where(new, odds[:, self.config.seg_token_id], probability)
            found, done = found | new, done | (token == end)
            tokens.append(token)
            if bool(done.all()):
                break
            mask = F.pad(mask, (0, 1), value=1)
            places = (start + lengths + number)[:, None]
            states = self._step(token[:, None], mask, places, cache)[:, 0]
        masks, ious = self.decode(self.text_hidden_fcs(chosen), encoded.embeddings[picture])
        return Answers(torch.stack(tokens, 1), found, probability, masks, ious)

    def _step(self, ids: Tensor, mask: Tensor, places: Tensor | None, cache: DynamicCache) -> Tensor:
        """Read on: ids (t, l) at `places` (t, l), or right behind the cache. Returns hidden states (t, l, d)."""
        given: dict[str, Any] = {} if places is None else {"position_ids": places}
        out = self.language_model.model(input_ids=ids, attention_mask=mask, past_key_values=cache, **given)
        return cast(Tensor, out.last_hidden_state)


def _select(memory: DynamicCache, picture: Tensor) -> DynamicCache:
    """Return a new cache with the keys and values of the picture of each text, (t,)."""
    chosen = DynamicCache()
    for number, layer in enumerate(cast(Any, memory).layers):
        chosen.update(layer.keys[picture], layer.values[picture], number)
    return chosen
