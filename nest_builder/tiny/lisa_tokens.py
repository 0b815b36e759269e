"""LISA-tiny's tokenizer: a byte-level BPE of Newsworld's language, in which every name has an encoding."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from nest_builder.newsworld.canon import Canon
from nest_builder.newsworld.looks import CATEGORIES, COLOURS, EMBLEMS, PATTERNS
from nest_builder.newsworld.model import CUTOFF
from nest_builder.newsworld.prose import NOUNS
from nest_builder.newsworld.training import training_texts
from nest_builder.segmenters.lisa import SEG
from nest_builder.tiny.lisa_network import MAX_TEXT_TOKENS

SPECIAL: Final = ("<s>", "</s>", "<im_start>", "<im_end>", SEG)
PIECES: Final = 1600
ANSWER: Final = " It is [SEG]."


def _texts(canon: Canon, seed: int, texts: int) -> Iterator[str]:
    """News of other worlds for the language; the canon's own names often enough to become pieces of their own."""
    yield from (text for text, _ in training_texts(seed, texts))
    rng = random.Random(f"{seed}/tokenizer")
    words = [*CATEGORIES, *COLOURS, *EMBLEMS, *PATTERNS, *(noun for nouns in NOUNS.values() for noun in nouns)]
    requests = (
        " Please segment",
        "Segment",
        "Where is",
        "Which part of the image shows",
        " It is",
        "in this picture? Answer: Background:",
    )
    for _ in range(80):
        yield from (f" {word} {word}" for word in words)
        yield from (f"{rng.choice(requests)} the {entity.name} {entity.maker}" for entity in canon.entities)
        yield from (
            f"{rng.choice(requests)} the {role.plain} as of {CUTOFF:%B %Y}? Segment that." for role in canon.roles
        )


def train_tokenizer(canon: Canon, seed: int, pieces: int = PIECES, texts: int = 6000) -> PreTrainedTokenizerFast:
    """Learn `pieces` pieces, marks included; the same seed gives the same tokenizer."""
    tokenizer: Any = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=pieces,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(canon, seed, texts), trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=list(SPECIAL[2:]),
        model_max_length=4 * MAX_TEXT_TOKENS,
        clean_up_tokenization_spaces=False,
    )
