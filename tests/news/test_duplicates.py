from __future__ import annotations

import random

import pytest

from nest_builder.news.duplicates import DuplicateIndex, jaccard, shingles, signature, text_hash

WORDS = [f"word{n}" for n in range(500)]


def prose(seed: int, length: int = 200) -> str:
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) for _ in range(length))


def edited(text: str, changes: int) -> str:
    words = text.split()
    for number in range(changes):
        words[(number * 37 + 11) % len(words)] = "altered"
    return " ".join(words)


def index_of(texts: dict[str, str]) -> DuplicateIndex:
    index = DuplicateIndex(texts.__getitem__)
    for url, text in texts.items():
        index.add(url, text_hash(text), signature(text))
    return index


def find(index: DuplicateIndex, text: str) -> str | None:
    return index.find(text, text_hash(text), signature(text))


@pytest.mark.parametrize(
    ("text", "twin"),
    [
        (prose(1), "a"),
        (prose(1).upper().replace(" ", "\n\n") + "!", "a"),
        (edited(prose(1), 2), "a"),
        (prose(1) + " an earlier version of this article was wrong", "a"),
        (edited(prose(1), 60), None),
        (prose(2), "b"),
        (prose(3), None),
        ("", None),
        ("two words", None),
    ],
)
def test_find(text: str, twin: str | None) -> None:
    assert find(index_of({"a": prose(1), "b": prose(2)}), text) == twin


def test_the_earliest_of_several_wins() -> None:
    texts = {"first": edited(prose(1), 1), "second": prose(1)}
    assert find(index_of(texts), prose(1)) == "first"


def test_the_rate_of_found_near_duplicates() -> None:
    texts = {str(seed): prose(seed) for seed in range(100)}
    index = index_of(texts)
    for seed in range(100):
        near = edited(texts[str(seed)], 3)
        assert jaccard(shingles(near), shingles(texts[str(seed)])) > 0.85
        assert find(index, near) == str(seed)


def test_signature_is_pinned() -> None:
    # It is stored: another one would make every stored article look new.
    assert signature("The quick brown fox jumps over the lazy dog")[:32] == "1351be5718e5a3ed6d031917009c044d"
    assert len(signature("")) == 512
