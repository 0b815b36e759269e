"""Readers of the corpora that the recogniser is trained on: real text in CoNLL form, mapped to one label scheme.

Labels: PERSON, ORG, GPE (every place that is not a building), FAC, PRODUCT, EVENT, WORK. A corpus that does not mark a
    kind of name
says nothing about it, so spans whose kind cannot be mapped are given the label ``None``: the trainer leaves their
tokens open instead of
teaching that they are no names.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Span = tuple[int, int, str | None]  # start and end in characters, label or None where it is not known


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and its spans, in order and without overlap."""

    text: str
    spans: tuple[Span, ...]


LABELS: Final = {
    "PER": "PERSON", "person": "PERSON", "Person": "PERSON",
    "ORG": "ORG", "corporation": "ORG", "group": "ORG", "Organisation": "ORG",
    "LOC": "GPE", "location": "GPE", "Location": "GPE",
    "product": "PRODUCT", "MilitaryPlatform": "PRODUCT",
    "creative-work": "WORK",
    "MISC": None, "Weapon": None, "DocumentReference": None, "OTH": None,
}  # fmt: skip

TRAIN_FILES: Final = {
    "uner-en-ewt": ("uner-en-ewt/en_ewt-ud-train.EARLY-2022-12-02.iob2",),
    "BTC": tuple(f"BTC/CONLL-format/data/{part}.conll" for part in "abefgh"),
    "wikigold": ("wikigold/CONLL-format/data/wikigold.conll.txt",),
    "re3d": ("re3d/CONLL-format/data/train/re3d-train.conll", "re3d/CONLL-format/data/test/re3d-test.conll"),
    "wnut17": ("wnut17/wnut17train.conll",),
}
DEV_FILES: Final = {"uner-en-ewt": "uner-en-ewt/en_ewt-ud-dev.iob2", "wnut17": "wnut17/emerging.dev.conll"}
_SMALL_WORDS: Final = frozenset(("of", "for", "and", "in", "on", "the", "al", "de", "la"))
_ROLE_WORDS: Final = frozenset((
    "Minister", "Secretary", "President", "Ambassador", "Envoy", "Commander", "Colonel", "General", "Director",
    "Representative", "Spokesman", "King", "I", "You", "He", "She", "They",
))  # fmt: skip

_NO_SPACE_BEFORE: Final = re.compile(r"^(?:[.,;:!?%)\]}…]+|['’](?:s|re|ve|ll|d|m|t)|n['’]t|['’])$", re.IGNORECASE)
_NO_SPACE_AFTER: Final = frozenset("([{$£€#@")


def read_conll(path: Path, *, tweets: bool = False) -> Iterator[Sentence]:
    """Read a CoNLL file: a token a line, a blank line between sentences.

    Args:
        path: Columns are separated by white space or tabs; UNER's first column is the token's number, its third the
            tag. The others have
            the token first and the tag last. Tags are IOB2 or IOB1.
        tweets: Leave out sentences that address users ("@name"), which are marked as persons in tweets and never occur
            in news.

    Raises:
        FileNotFoundError: There is no such file.
    """
    numbered = path.suffix == ".iob2"
    tokens: list[tuple[str, str]] = []
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if numbered and line.startswith("#"):
            continue
        columns = line.split("\t") if "\t" in line else line.split()
        if len(columns) >= 2 and columns[0].strip():
            tokens.append((columns[1], columns[2]) if numbered else (columns[0], columns[-1]))
            continue
        if tokens and not (tweets and any(word.startswith("@") for word, _ in tokens)):
            yield _sentence(tokens)
        tokens = []


def _sentence(tokens: Sequence[tuple[str, str]]) -> Sentence:
    """Write the tokens out as running text and turn tags into spans."""
    text, spans = "", list[Span]()
    quoted = False
    glue = True
    open_tag, start, end = "", 0, 0
    for word, tag in tokens:
        closing_quote = word == '"' and quoted
        if not (glue or closing_quote or _NO_SPACE_BEFORE.match(word)):
            text += " "
        kind = tag[2:] if tag[:2] in ("B-", "I-") else ""
        continues = kind and tag[0] == "I" and kind == open_tag
        if open_tag and not continues:
            spans.append((start, end, LABELS.get(open_tag)))
        if kind and not continues:
            start = len(text)
        open_tag = kind if kind in LABELS else ""
        text += word
        end = len(text)
        glue = word in _NO_SPACE_AFTER or (word == '"' and not quoted)
        if word == '"':
            quoted = not quoted
    if open_tag:
        spans.append((start, len(text), LABELS.get(open_tag)))
    return Sentence(text, tuple(spans))


def names_only(sentence: Sentence) -> Sentence:
    """Leave open what is marked but is no name: re3d also marks "the two leaders", "we" and "Foreign Minister"."""
    spans: list[Span] = []
    for start, end, label in sentence.spans:
        words = sentence.text[start:end].split()
        proper = all(word[0].isupper() or word in _SMALL_WORDS or not word[0].isalpha() for word in words)
        pronoun = len(words) == 1 and len(words[0]) < 4 and not words[0].isupper()
        name = proper and words[0] not in ("the", "The") and words[-1] not in _ROLE_WORDS and not pronoun
        spans.append((start, end, label if name else None))
    return Sentence(sentence.text, tuple(spans))


def paragraphs(sentences: Sequence[Sentence], size: int) -> list[Sentence]:
    """Join runs of ``size`` sentences, so that names are also learnt in the middle of a text."""
    joined = []
    for at in range(0, len(sentences), size):
        text, spans = "", list[Span]()
        for sentence in sentences[at : at + size]:
            text += " " if text else ""
            spans += [(start + len(text), end + len(text), label) for start, end, label in sentence.spans]
            text += sentence.text
        joined.append(Sentence(text, tuple(spans)))
    return joined


def training_sentences(root: Path) -> dict[str, list[Sentence]]:
    """Read every training corpus under ``root``: name -> texts; empty where the folder is missing."""
    if not root.is_dir():
        return {}
    corpora = {}
    for name, files in TRAIN_FILES.items():
        tweets = name in ("BTC", "wnut17")
        sentences = [sentence for file in files for sentence in read_conll(root / file, tweets=tweets)]
        if name == "re3d":
            sentences = [names_only(sentence) for sentence in sentences]
        corpora[name] = paragraphs(sentences, 1 if tweets else 3)
    return corpora


def dev_sentences(root: Path) -> dict[str, list[Sentence]]:
    """Read the development sets under ``root``: name -> sentences; empty where the folder is missing."""
    if not root.is_dir():
        return {}
    return {name: list(read_conll(root / file)) for name, file in DEV_FILES.items()}
