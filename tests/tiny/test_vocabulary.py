"""The vocabulary that Grounding DINO's fixed ids demand."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer
from transformers.models.grounding_dino.modeling_grounding_dino import SPECIAL_TOKENS

from nest_builder.newsworld.looks import CATEGORIES, COLOURS
from nest_builder.tiny.vocabulary import UNK, PromptEncoder, vocabulary, write_tokenizer


def test_the_ids_that_the_library_fixes() -> None:
    tokens = vocabulary()
    assert [tokens[index] for index in SPECIAL_TOKENS] == ["[CLS]", "[SEP]", ".", "?"]
    assert tokens[0] == "[PAD]"
    assert len(set(tokens)) == len(tokens)
    assert {*CATEGORIES, *COLOURS, "in", "a", "the", "with"} <= set(tokens)


@pytest.mark.parametrize(
    "phrases",
    [["red car", "phone"], ["person in blue"], ["a two-tone bag"], ["smartphone", "Red Car"], ["vehicle"]],
)
def test_encoder_agrees_with_the_tokenizer(tmp_path: Path, phrases: list[str]) -> None:
    write_tokenizer(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    encoded = PromptEncoder()(phrases)
    assert tuple(tokenizer(". ".join(phrases) + ".")["input_ids"]) == encoded.ids
    for phrase, span in zip(phrases, encoded.spans, strict=True):
        ids = tokenizer(phrase, add_special_tokens=False)["input_ids"]
        assert [encoded.ids[position] for position in span] == ids


def test_words_that_are_not_listed_are_unknown(tmp_path: Path) -> None:
    tokenizer = write_tokenizer(tmp_path)
    assert tokenizer("red gadget", add_special_tokens=False)["input_ids"][1] == UNK
