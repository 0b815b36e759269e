"""Small text helpers that feeds, articles and figures share."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

_SPACE = re.compile(r"[\s\u200b\u200e\u200f\u202a-\u202e\ufeff]+")
_TAG = re.compile(r"<[^<>]{0,2000}>")
_BY = re.compile(r"^\s*(?:by|von|par|por|di|door|av)\s*[:\u00a0]?\s+", re.I)
_AUTHOR_SPLIT = re.compile(r"\s*(?:,|;|\||\b(?:and|und|og|et)\b|&)\s*")
_NO_NAME = re.compile(r"^(?:https?:|www\.|[(\[])|@|^\W*$", re.I)
_NOT_LETTERS = re.compile(r"[\W_]+")
MAX_AUTHORS = 20


def squeeze(text: str | None, limit: int | None = None) -> str:
    """Returns a text with every run of white space (and invisible marks) as one blank, cut to `limit` characters."""
    if not text:
        return ""
    return _SPACE.sub(" ", text[: 4 * limit] if limit else text).strip()[:limit]


def plain(markup: str | None, limit: int) -> str:
    """Returns the text of a short piece of HTML: tags out, entities resolved, squeezed, cut to `limit` characters."""
    if not markup:
        return ""
    # Feeds escape once or twice; after the first unescaping what looks like a tag is one.
    text = html.unescape(_TAG.sub(" ", markup[: 20 * limit]))
    return squeeze(html.unescape(_TAG.sub(" ", text)), limit)


def author_names(values: Iterable[str]) -> tuple[str, ...]:
    """Returns single names from bylines ("By Ann Lee and Bo Roe"), without doubles, links and titles after a comma.

    Args:
        values: bylines or names, in order.
    """
    names: dict[str, str] = {}
    for value in values:
        line = _BY.sub("", squeeze(value, 400))
        for part in _AUTHOR_SPLIT.split(line):
            name = part.strip(" .:-\u2013\u2014")
            if not _NO_NAME.match(name) and len(name) <= 80 and len(name.split()) <= 6:
                # "emma-lee" after "Emma Lee" is the same person's address on the site.
                names.setdefault(_NOT_LETTERS.sub(" ", name.casefold()).strip(), name)
    return tuple(names.values())[:MAX_AUTHORS]
