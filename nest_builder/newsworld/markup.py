"""Marked text: prose in which every named entity carries its label, and the small grammar that writes it.

A mark is three private-use characters around a label and a name, so that marked strings can be formatted, joined and
capitalised like any other; `unmark` gives the plain text and the character spans.
"""

import random
import re
from collections.abc import Mapping
from typing import Final

Span = tuple[int, int, str]

_OPEN, _MID, _CLOSE = "\ue000", "\ue001", "\ue002"
_MARK: Final = re.compile(f"{_OPEN}([A-Z]+){_MID}([^{_CLOSE}]*){_CLOSE}")
_CHOICE: Final = re.compile(r"\[([^\[\]]*)\]")
_SENTENCE_START: Final = re.compile(r"(^|[.!?][\"”]?\s+)([a-zäöü])")
_ARTICLE: Final = re.compile(rf"\b([Aa]) (?=(?:{_OPEN}[A-Z]+{_MID})?(?!one\b|uni|use|eu)(?:[aeiou]|[AEIO][a-z]))")
_SPACES: Final = re.compile(r"[ \t]{2,}")
_LOOSE: Final = re.compile(r"[ ,]+(?=[,.;:!?])")


def mark(label: str, name: str) -> str:
    """Mark `name` as an entity of the spaCy label `label`, for example ORG."""
    return f"{_OPEN}{label}{_MID}{name}{_CLOSE}"


def unmark(text: str) -> tuple[str, list[Span]]:
    """Split marked text into plain text and its entity spans (start, end, label), in characters."""
    parts: list[str] = []
    spans: list[Span] = []
    at = last = 0
    for match in _MARK.finditer(text):
        before, name = text[last : match.start()], match.group(2)
        at += len(before)
        spans.append((at, at + len(name), match.group(1)))
        parts += (before, name)
        at += len(name)
        last = match.end()
    parts.append(text[last:])
    return "".join(parts), spans


def plain(text: str) -> str:
    """The text without its marks."""
    return unmark(text)[0]


def expand(rng: random.Random, template: str, slots: Mapping[str, str]) -> str:
    """Write a template out: `[a|b|]` chooses, `{name}` fills, then sentences are made clean.

    Args:
        rng: Chooses among the alternatives.
        template: Text with nested `[..|..]` choices and `{slot}` places.
        slots: Marked strings by slot.

    Raises:
        KeyError: The template asks for a slot that `slots` does not have.
    """
    while "[" in template:
        template = _CHOICE.sub(lambda match: rng.choice(match.group(1).split("|")), template)
    return tidy(template.format_map(slots))


def tidy(text: str) -> str:
    """One space between words, "an" before vowels, a capital at the head of every sentence."""
    text = _LOOSE.sub("", _SPACES.sub(" ", text)).strip()
    text = _ARTICLE.sub(r"\1n ", text)
    return _SENTENCE_START.sub(lambda match: match.group(1) + match.group(2).upper(), text)
