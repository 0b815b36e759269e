"""The word-piece vocabulary of the embedded Grounding DINO.

Grounding DINO splits its prompt into phrases at ids that its code fixes (`[CLS]` 101, `[SEP]` 102, "." 1012 and "?"
1029, those of `bert-base-uncased`). A vocabulary of fifty words therefore still has to put these tokens there; the
ids between are `[unusedN]`, as in BERT's own file. Any word that is not listed is read as `[UNK]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from transformers import BertTokenizer

from nest_builder.newsworld.looks import CATEGORIES, COLOURS, PATTERNS

PAD, UNK, CLS, SEP, MASK, PERIOD, QUESTION = 0, 100, 101, 102, 103, 1012, 1029
SPECIAL = {PAD: "[PAD]", UNK: "[UNK]", CLS: "[CLS]", SEP: "[SEP]", MASK: "[MASK]", PERIOD: ".", QUESTION: "?"}
FIRST_WORD = 1030
FUNCTION_WORDS = ("in", "a", "the", "with", "and")
MAX_TOKENS = 64  # the longest prompt the model reads; longer ones are cut by the library


def pieces(text: str) -> list[str]:
    """Split lower-cased text as BERT's basic tokenizer does: at white space and around punctuation."""
    return re.findall(r"\w+|[^\w\s]", text.lower())


def words() -> tuple[str, ...]:
    """All words of the vocabulary, in id order from `FIRST_WORD`; the order is part of the trained weights."""
    listed = (piece for text in (*CATEGORIES, *COLOURS, *FUNCTION_WORDS, *PATTERNS) for piece in pieces(text))
    return tuple(dict.fromkeys(listed))


def vocabulary() -> list[str]:
    """The token of every id: `vocabulary()[i]` is the token with id i."""
    return [SPECIAL.get(index, f"[unused{index}]") for index in range(FIRST_WORD)] + list(words())


def write_tokenizer(folder: Path) -> BertTokenizer:
    """Write the tokenizer's files into `folder`, so that `AutoTokenizer.from_pretrained(folder)` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens = vocabulary()
    tokenizer = BertTokenizer(
        vocab={token: index for index, token in enumerate(tokens)}, do_lower_case=True, model_max_length=MAX_TOKENS
    )
    tokenizer.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    return tokenizer


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """A prompt as token ids, and for each phrase the positions of its tokens."""

    ids: tuple[int, ...]
    spans: tuple[tuple[int, ...], ...]


class PromptEncoder:
    """Encodes lists of phrases as the tokenizer encodes "phrase. phrase. ", but fast enough for a training loop."""

    def __init__(self) -> None:
        self._ids = {token: index for index, token in enumerate(vocabulary())}

    def __call__(self, phrases: Iterable[str]) -> EncodedPrompt:
        """Encode phrases (without full stops) into one prompt of the form `[CLS] phrase . phrase . [SEP]`."""
        ids, spans = [CLS], []
        for phrase in phrases:
            encoded = [self._ids.get(piece, UNK) for piece in pieces(phrase)]
            spans.append(tuple(range(len(ids), len(ids) + len(encoded))))
            ids += [*encoded, PERIOD]
        return EncodedPrompt((*ids, SEP), tuple(spans))
