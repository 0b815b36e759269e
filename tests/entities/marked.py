"""Articles for tests, with their names marked by hand: ``[Ada Okoro|PERSON] spoke.``"""

import re

from nest_builder.entities.base import Reading, Span
from nest_builder.entities.knowledge import SnapshotKnowledge
from nest_builder.entities.linking import Part

MARK = re.compile(r"\[([^|\]]+)\|(\w+)\]")

SNAPSHOT = SnapshotKnowledge(
    [
        {"name": "Harwick", "aliases": [], "type": "GPE", "hypernym": "town", "since": "1840-01-01"},
        {"name": "Vantor", "aliases": [], "type": "ORG", "hypernym": "company", "since": "1990-01-01"},
        {"name": "Coastal Rally", "aliases": [], "type": "EVENT", "hypernym": "event", "since": "1980-01-01"},
        {
            "name": "Ben Tull", "aliases": ["Tull"], "type": "PERSON", "hypernym": "person", "since": "2014-01-01",
            "facts": [{"relation": "holds_office", "value": "mayor of Harwick", "from": "2020-01-01", "to": None}],
        },
        {"name": "Ada Okoro", "aliases": ["Okoro"], "type": "PERSON", "hypernym": "person", "since": "2015-03-01"},
        {
            "name": "Vantor Atlas", "aliases": ["Atlas"], "type": "PRODUCT", "hypernym": "car", "since": "2019-01-01",
            "facts": [{"relation": "holds_title", "value": "winner of the Coastal Rally", "from": "2024-01-01"}],
        },
        {"name": "Lumo Dart", "aliases": ["Dart"], "type": "PRODUCT", "hypernym": "car", "since": "2018-01-01"},
        {"name": "Kestrel Tower", "aliases": ["Kestrel"], "type": "FACILITY", "hypernym": "tower",
        "since": "2010-01-01"},
    ],
    "test",
)  # fmt: skip


def reading(text: str) -> Reading:
    """Read marked text; sentences end at a full stop, a question mark or an exclamation mark before a space."""
    plain, spans, last = "", [], 0
    for match in MARK.finditer(text):
        plain += text[last : match.start()]
        spans.append(Span(len(plain), len(plain) + len(match.group(1)), match.group(2)))
        plain += match.group(1)
        last = match.end()
    plain += text[last:]
    ends = [match.end() for match in re.finditer(r"[.?!]”?(?=\s)", plain)] + [len(plain)]
    starts = [0, *ends[:-1]]
    return Reading(plain, tuple(spans), tuple(zip(starts, ends, strict=True)))


def parts(title: str, *paragraphs: str, captions: tuple[str, ...] = ()) -> list[Part]:
    """Build an article's parts from marked texts."""
    made = [Part("title", None, 0, reading(title))] if title else []
    made += [Part("text", None, 0, reading(text)) for text in paragraphs]
    return made + [Part("caption", f"figure-{number}", 0, reading(text)) for number, text in enumerate(captions)]


class MarkedRecognizer:
    """A recogniser that knows some names by heart and splits sentences at full stops."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        self.calls = 0

    def identity(self) -> str:
        """Return a constant."""
        return "marked"

    def read(self, texts: list[str]) -> list[Reading]:
        """Mark the names that occur."""
        self.calls += 1
        pattern = re.compile("|".join(sorted(map(re.escape, self.names), key=len, reverse=True)))
        return [reading(pattern.sub(lambda match: f"[{match[0]}|{self.names[match[0]]}]", text)) for text in texts]
