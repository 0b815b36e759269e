"""Telling a photograph's credit from its caption."""

from __future__ import annotations

import re

CREDIT_CLASS = re.compile(
    r"credit|copyright|(?:^|[\s_-])(?:source|rights|photographer|agency|attribution)(?:$|[\s_-])|"
    r"bildquelle|fotograf|quelle|author(?:$|\s)",
    re.I,
)
_LABEL = (
    r"(?:(?:photo(?:graph)?|image|picture|pic|foto|bild|file photo|illustration)s?(?:\s+(?:credit|courtesy|by|von))?"
    r"(?:\s*[:=]|\s+(?:by|courtesy of|von)\b)|credit\s*:|courtesy(?:\s+of|\s*:)|quelle\s*:|\u00a9|\(c\)|copyright\b)"
)
# At the caption's end, after a sentence's end, a bar, a bracket or a line of its own.
_TAIL = re.compile(
    rf"(?:^|(?<=[.!?\u2026\"\u201d\u2019)])\s*|\s*[|\u2013\u2014/-]\s+|\s*[(\[]|\s{{2,}}|\s)({_LABEL})\s*", re.I
)
_NAME = r"[^()\[\]]{2,120}"
_AGENCY = re.compile(
    r"\s*\(((?:[^()]{1,60}[/,\u2013-]\s*)?(?:AP|AFP|Reuters|EPA|PA|dpa|Getty|Getty Images|Bloomberg|ANSA|Keystone|"
    r"The Canadian Press|Canadian Press|Associated Press|Press Association|picture alliance|imago|Shutterstock|Alamy)"
    r"(?:[^()]{0,80}))\)\s*\.?$",
    re.I,
)
_MAX_CREDIT = 160


def split_credit(caption: str) -> tuple[str, str]:
    """Returns (caption, credit) of a caption that may end in one: "... Photo: Ann Lee/Agency" or "... (AP/Ann Lee)".

    Args:
        caption: squeezed plain text.
    """
    text = caption.strip()
    last = None
    for match in _TAIL.finditer(text):
        last = match
    if last is not None and len(text) - last.end() <= _MAX_CREDIT:
        credit = text[last.end() :].strip(" .:;|()[]\u2013\u2014-")
        # A credit names somebody; a whole sentence after "photo by" is part of the story.
        if re.fullmatch(_NAME, credit) and not re.search(r"[.!?]\s+[A-Z]\w+\s+\w+\s+\w+", credit):
            return text[: last.start()].strip(" |([\u2013\u2014/-").strip(), credit
    agency = _AGENCY.search(text)
    if agency:
        return text[: agency.start()].strip(), agency.group(1).strip()
    return text, ""
