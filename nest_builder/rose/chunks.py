"""Pages cut into passages of a few sentences, and the passages nearest to a query."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from nest_builder.rose.base import Features, Passage, TextEmbedder
from nest_builder.rose.pages import Page

WINDOW: Final = 3  # sentences of a passage
STRIDE: Final = 2  # so that each sentence stands beside both of its neighbours in one passage or another
MAX_PASSAGES: Final = 120  # of one page
MAX_CHARACTERS: Final = 1200  # of one passage: a "sentence" without an end is no prose
_END: Final = re.compile(r"(?<=[a-z0-9)%’”\"][.!?])[”\"’)]*\s+(?=[“\"‘(]?[A-ZÀ-Þ0-9])|\n+")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A passage and how near it is to the query, in [-1, 1]."""

    passage: Passage
    score: float


def passages(page: Page) -> list[Passage]:
    """Cut a page into windows of sentences that do not reach beyond a paragraph's neighbour; each caption is one of its own.

    The title begins the first window and is named with all of them.
    """
    sentences = [text for text in _END.split(page.text) if text.strip()]
    texts = [page.title] if page.title else []
    for start in range(0, max(1, len(sentences) - 1), STRIDE):
        texts.append(" ".join(sentences[start : start + WINDOW]))
    texts += [figure.caption for figure in page.figures]
    kept = [text.strip()[:MAX_CHARACTERS] for text in dict.fromkeys(texts) if text.strip()]
    return [Passage(text, page.url, page.title, page.published_at) for text in kept[:MAX_PASSAGES]]


def nearest(query: Features, found: Sequence[Passage], features: Features, count: int) -> list[Ranked]:
    """Return the passages nearest to a query, the nearest first.

    Args:
        query: (d,) feature of unit length.
        found: n passages.
        features: (n, d), theirs.
        count: How many.
    """
    if not found:
        return []
    scores = features @ query
    order = np.argsort(-scores, kind="stable")[:count]
    return [Ranked(found[index], float(scores[index])) for index in order]


def embed_passages(embedder: TextEmbedder, found: Sequence[Passage]) -> Features:
    """Embed n passages with their titles as (n, d): "he took over on Monday" says little without the headline."""
    return embedder.embed([text if (text := item.text) == item.title else f"{item.title}. {text}" for item in found])
