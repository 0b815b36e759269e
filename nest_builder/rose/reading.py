"""Pages read for their names and claims, by the same rules by which the pipeline reads articles."""

import datetime as dt
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nest_builder.digest import digest
from nest_builder.entities.base import KnowledgeBase, Reading, Recognizer
from nest_builder.entities.claims import Rules, Statement, statements
from nest_builder.entities.hypernyms import Lexicon, lexicon
from nest_builder.entities.linking import Part, link
from nest_builder.entities.roles import RoleBook
from nest_builder.rose.pages import Page

MAX_PARAGRAPHS: Final = 200  # of one page
MAX_HELD: Final = 2000  # pages whose reading is kept


@dataclass(frozen=True, slots=True)
class Named:
    """A name in a page.

    Attributes:
        key: The entity key within the page.
        name: Its full form there.
        label: Its entity label.
        surface: As it stands.
        sentence: The sentence it stands in.
    """

    key: str
    name: str
    label: str
    surface: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A page with its names and claims, both in reading order."""

    page: Page
    names: tuple[Named, ...]
    statements: tuple[Statement, ...]


class Reader:
    """Reads pages; a page that was read before is not read again.

    Args:
        recognizer: Finds names.
        knowledge: Lends names, aliases and roles.
        words: Words for kinds of things; by default the built-in ones.
    """

    def __init__(self, recognizer: Recognizer, knowledge: KnowledgeBase, words: Lexicon | None = None) -> None:
        self._recognizer, self._knowledge = recognizer, knowledge
        self.lexicon = words or lexicon()
        self.book = RoleBook(knowledge)
        self._held: OrderedDict[str, ReadPage] = OrderedDict()

    def read(self, pages: Sequence[Page]) -> list[ReadPage]:
        """Read n pages together, in order."""
        names = [digest(page.url, page.title, page.text, page.published_at) for page in pages]
        fresh = {name: page for name, page in zip(names, pages, strict=True) if name not in self._held}
        texts = {name: _texts(page) for name, page in fresh.items()}
        readings = iter(self._recognizer.read([text for name in fresh for _, text in texts[name]]))
        for name, page in fresh.items():
            parts = [Part(field, None, 0, next(readings)) for field, _ in texts[name]]
            self._held[name] = self._claims(page, parts)
        for name in names:
            self._held.move_to_end(name)
        read = [self._held[name] for name in names]
        while len(self._held) > MAX_HELD:
            self._held.popitem(last=False)
        return read

    def known(self, name: str) -> dt.date | None:
        """Return since when something of that name is known; None where it is not."""
        found = self._knowledge.find(name)
        return found.since if found else None

    def _claims(self, page: Page, parts: Sequence[Part]) -> ReadPage:
        linked = link(parts, self._knowledge)
        said = page.published_at.date() if page.published_at else None
        found = statements(linked, said, Rules(self.lexicon, self.book))
        names = tuple(
            Named(
                item.key,
                item.name,
                item.label,
                part.part.reading.text[item.start : item.end],
                _around(part.part.reading, item.start),
            )
            for part in linked
            for item in part.links
        )
        return ReadPage(page, names, tuple(found))


def _texts(page: Page) -> list[tuple[str, str]]:
    """Return (field, text) of everything that is read in a page."""
    paragraphs = re.findall(r"[^\n]+", page.text)[:MAX_PARAGRAPHS]
    texts = [("title", page.title), *(("text", text) for text in paragraphs)]
    texts += [("caption", figure.caption) for figure in page.figures]
    return [(field, text) for field, text in texts if text.strip()]


def _around(reading: Reading, at: int) -> str:
    """Return the sentence at a character of a text."""
    start, end = next(((s, e) for s, e in reading.sentences if s <= at < e), (0, len(reading.text)))
    return reading.text[start:end].strip()
