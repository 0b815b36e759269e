"""Sentences with their names masked: the form on which the rules for claims work.

Without a parser, a rule such as "X, the mayor of Y" is only safe if a name is one token of known kind. So every
mention is replaced by a
mark: ``⟨3p⟩`` is mention 3, a person. Kinds: p person, t thing (product, building), o organisation, g place, e event
    or work.
"""

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nest_builder.entities.linking import Link, LinkedPart
from nest_builder.entities.names import coarse

_KIND: Final = {
    "person": "p",
    "product": "t",
    "building": "t",
    "org": "o",
    "group": "o",
    "place": "g",
    "event": "e",
    "work": "e",
}
ANY: Final = r"⟨\d+\w⟩"
_FOREIGN: Final = str.maketrans("⟨⟩⟦⟧\u2019", "<>[]'")  # an article must not bring marks of its own
MARK: Final = re.compile(r"⟨(\d+)(\w)⟩")

_RUMOUR: Final = re.compile(
    r"\b(?:is|are|was|were) (?:widely )?(?:said|rumou?red|thought|believed|tipped|reported|expected|understood"
    r"|set) to\b|\breported(?:ly)?\b(?! (?:a|an|on|that it|from)\b)"
    r"|\bin line\b|\bconsider(?:s|ed|ing)\b|\brumou?rs?\b|\brumou?red\b|\bspeculat\w+|\b(?:may|might|could"
    r"|would) (?:be|become|also|soon|well|take|follow|succeed|"
    r"replace|step|launch|leave|return|run|open|win)\b|\bbid to\b|\bcandidates?\b|\bwill \S+ (?:be|become)\b[^.]*\?"
    r"|\ballegedly\b|\bunconfirmed\b|\bhopes? to\b"
    r"|\bplan(?:s|ning)? to\b|\bwants? to\b|\bfavou?rite to\b|\btipped\b|\b(?:is|are) to (?:be|become)\b|\bin talks\b"
    r"|\btalk of\b|\bmentioned as\b",
    re.IGNORECASE,
)
_DENIAL: Final = re.compile(
    r"\bden(?:y|ies|ied|ying)\b|\bwill not\b|\bwon['’]t\b|\b(?:is|was|are|were|has|have|had|did|does) not\b"
    r"|\bn['’]t\b|\bnever\b|\bnot true\b|\b(?:is|was) (?:wrong|false|untrue)\b"
    r"|\bearlier version\b|\b(?:wrongly|incorrectly|falsely|mistakenly)\b|\bcorrection\b|\brefut\w+|\bruled? out\b"
    r"|\bno truth\b|\bdismiss\w+ (?:reports|rumou?rs|talk)\b",
    re.IGNORECASE,
)
_FUTURE: Final = re.compile(r"\b(?:will|is due to|is to|are to|plans to)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Masked:
    """A sentence.

    Attributes:
        text: As it stands.
        masked: With its names masked.
        links: The mention of each mark.
        field: title, text or caption.
        paragraph: Number of the part it stands in.
        said: When the article appeared.
    """

    text: str
    masked: str
    links: tuple[Link, ...]
    field: str
    paragraph: int
    said: dt.date | None

    def link(self, mark: str) -> Link:
        """Return the mention of a mark's number."""
        return self.links[int(mark)]

    def unmask(self, text: str) -> str:
        """Put the names back, in full."""
        return MARK.sub(lambda match: self.links[int(match.group(1))].name, text)

    @property
    def things(self) -> list[Link]:
        """Return the mentions of what can be seen: persons and things, in order."""
        return [self.links[int(number)] for number, kind in MARK.findall(self.masked) if kind in "pt"]


def masked_sentences(parts: Sequence[LinkedPart], said: dt.date | None) -> Iterator[Masked]:
    """Yield the sentences of an article, in order."""
    for number, linked in enumerate(parts):
        text = linked.part.reading.text
        for start, end in linked.part.reading.sentences:
            links = tuple(link for link in linked.links if start <= link.start and link.end <= end)
            sentence = text[start:end].strip()
            if not sentence:
                continue
            pieces, at = [], start
            for index, link in enumerate(links):
                pieces += [text[at : link.start].translate(_FOREIGN), f"⟨{index}{_KIND.get(coarse(link.label), 'o')}⟩"]
                at = link.end
            masked = "".join([*pieces, text[at:end].translate(_FOREIGN)]).strip()
            yield Masked(sentence, masked, links, linked.part.field, number, said)


def polarity(masked: str) -> str:
    """Return stated, rumoured or denied, by the words of a (part of a) sentence."""
    if _DENIAL.search(masked):
        return "denied"
    if masked.rstrip(" ”\"'").endswith("?") or _RUMOUR.search(masked):
        return "rumoured"
    return "stated"
