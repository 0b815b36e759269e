"""recognize: the names in an article, linked to entities, and what the article states about them.

It reads title, text and captions. Alternative texts are left to `gather`, which looks in them for the names of entities:
as further mentions they gave no entity and no picture more, on Newsworld and on a real site.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.config import EntitySettings
from nest_builder.digest import digest, short_id
from nest_builder.entities.base import KnowledgeBase, Reading, Recognizer
from nest_builder.entities.claims import Rules, statements
from nest_builder.entities.hypernyms import lexicon
from nest_builder.entities.knowledge import load_knowledge, snapshot_identity
from nest_builder.entities.linking import LinkedPart, Part, link
from nest_builder.entities.recognizer import SpacyRecognizer, model_hash
from nest_builder.entities.roles import RoleBook
from nest_builder.reasons import Reason
from nest_builder.stage import Done, Item, Outcome, Rejected
from nest_builder.store.tables import Article, Claim, Figure, Mention, Row

MAX_PARAGRAPHS = 500  # of one article
_PARAGRAPH = re.compile(r"[^\n]+")
_RULES_VERSION = 2  # raised when the rules of linking or claims change


class Recognize:
    """Finds mentions and claims. Item: an article.

    Args:
        settings: The pipeline's name and the snapshot.
        recognizer: Reads texts; by default the spaCy pipeline of the settings.
        knowledge: Lends its names; by default the snapshot of the settings.
    """

    name = "recognize"
    batch_size = 32
    tables: tuple[type[Row], ...] = (Mention, Claim)
    keeps_history = False
    spread = True

    def __init__(
        self, settings: EntitySettings, recognizer: Recognizer | None = None, knowledge: KnowledgeBase | None = None
    ) -> None:
        self._settings, self._given_recognizer, self._given_knowledge = settings, recognizer, knowledge

    @cached_property
    def _knowledge(self) -> KnowledgeBase:
        given: KnowledgeBase | None = self._given_knowledge
        return given if given is not None else load_knowledge(self._settings.snapshot)

    @cached_property
    def _recognizer(self) -> Recognizer:
        given = self._given_recognizer
        return given if given is not None else SpacyRecognizer(self._settings.spacy_model, self._knowledge)

    @cached_property
    def _rules(self) -> Rules:
        return Rules(lexicon(self._settings.hypernyms), RoleBook(self._knowledge))

    def identity(self) -> Any:
        """Return hashes of model and snapshot, read without loading either."""
        model = self._given_recognizer.identity() if self._given_recognizer else model_hash(self._settings.spacy_model)
        known = (
            self._given_knowledge.identity() if self._given_knowledge else snapshot_identity(self._settings.snapshot)
        )
        return {"model": model, "knowledge": known, "hypernyms": self._settings.hypernyms, "rules": _RULES_VERSION}

    def items(self, session: Session) -> list[Item]:
        """List the articles."""
        figures: defaultdict[str, list[str]] = defaultdict(list)
        for url, figure in session.execute(select(Figure.article_url, Figure.digest).order_by(Figure.id)):
            figures[url].append(figure)
        articles = session.execute(select(Article.url, Article.digest).order_by(Article.url))
        return [Item(url, digest(article, figures[url])) for url, article in articles]

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        """Read a batch of articles together."""
        urls = [item.key for item in batch]
        articles = {row.url: row for row in session.scalars(select(Article).where(Article.url.in_(urls)))}
        figures: defaultdict[str, list[Figure]] = defaultdict(list)
        for figure in session.scalars(
            select(Figure).where(Figure.article_url.in_(urls)).order_by(Figure.position, Figure.id)
        ):
            figures[figure.article_url].append(figure)
        texts = {url: _texts(articles[url], figures[url]) for url in urls}
        readings = iter(self._recognizer.read([text for url in urls for _, _, _, text in texts[url]]))
        outcomes: list[Outcome] = []
        for url in urls:
            parts = [
                Part(field, figure, offset, _within(next(readings), text)) for field, figure, offset, text in texts[url]
            ]
            rows = self._rows(articles[url], link(parts, self._knowledge))
            outcomes.append(Done(url, rows) if rows else Rejected(url, Reason.NO_ENTITY))
        return outcomes

    def _rows(self, article: Article, parts: Sequence[LinkedPart]) -> list[Row]:
        rows: list[Row] = []
        for linked in parts:
            reading = linked.part.reading
            for found in linked.links:
                bounds = next(((s, e) for s, e in reading.sentences if s <= found.start < e), (0, len(reading.text)))
                start = linked.part.offset + found.start
                rows.append(
                    Mention(
                        id=short_id("mention", article.url, linked.part.field, linked.part.figure_id, start),
                        article_url=article.url, figure_id=linked.part.figure_id, field=linked.part.field,
                        start=start, end=linked.part.offset + found.end, surface=reading.text[found.start : found.end],
                        label=found.label, entity_key=found.key, sentence=reading.text[bounds[0] : bounds[1]].strip(),
                    )
                )  # fmt: skip
        said = article.published_at.date() if article.published_at else None
        for claim in statements(parts, said, self._rules):
            rows.append(
                Claim(
                    id=short_id("claim", article.url, claim.key, claim.relation, claim.value, claim.polarity,
                    claim.sentence),
                    article_url=article.url, entity_key=claim.key, relation=claim.relation, value=claim.value,
                    polarity=claim.polarity, date=article.published_at, sentence=claim.sentence,
                )
            )  # fmt: skip
        return rows


def _texts(article: Article, figures: Sequence[Figure]) -> list[tuple[str, str | None, int, str]]:
    """Return (field, figure, offset, text) of everything that is read in an article."""
    paragraphs = [match for match, _ in zip(_PARAGRAPH.finditer(article.text), range(MAX_PARAGRAPHS), strict=False)]
    texts: list[tuple[str, str | None, int, str]] = [("title", None, 0, article.title)]
    texts += [("text", None, match.start(), match.group()) for match in paragraphs]
    texts += [("caption", figure.id, 0, figure.caption) for figure in figures]
    return [entry for entry in texts if entry[3].strip()]


def _within(reading: Reading, text: str) -> Reading:
    """Keep offsets honest: a recogniser must not have changed the text beyond cutting its end."""
    if not text.startswith(reading.text):
        raise ValueError("the recogniser changed the text that it was given")
    return reading
