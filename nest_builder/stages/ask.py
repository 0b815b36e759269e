"""ask: questions about an annotated picture, with their answers and the sentence that supports them."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.config import AskSettings
from nest_builder.digest import digest, short_id
from nest_builder.entities.hypernyms import Lexicon, lexicon
from nest_builder.entities.names import fold
from nest_builder.entities.roles import role_key
from nest_builder.questions.checks import fault, giveaways, mentions
from nest_builder.questions.phrasing import Subject, ask, signatures
from nest_builder.reasons import Reason
from nest_builder.stage import Done, Item, Outcome, Rejected
from nest_builder.store.tables import Annotation, Article, Claim, Entity, Image, Mention, Row, Sample

_RULES_VERSION = 2  # raised when phrasings or checks change
_FACTS = ("launched", "made_by")
_TELLING = ("took", "holds_office", "holds_title", "won", "launched", "debut")


class Ask:
    """Asks about annotations. Item: an annotation.

    Args:
        settings: The least confidence that an annotation must have.
        hypernyms: Hypernym -> further words for it, of ``EntitySettings``; the built-in list where it is empty.
    """

    name = "ask"
    batch_size = 100
    tables: tuple[type[Row], ...] = (Sample,)
    keeps_history = False
    spread = True

    def __init__(self, settings: AskSettings, hypernyms: Mapping[str, tuple[str, ...]]) -> None:
        self._settings, self._hypernyms = settings, hypernyms
        self._lexicon: Lexicon = lexicon(hypernyms)

    def identity(self) -> Any:
        """Return the settings and the rules' version."""
        return {"settings": self._settings, "hypernyms": self._hypernyms, "rules": _RULES_VERSION}

    def items(self, session: Session) -> list[Item]:
        """List the annotations; inputs are also entity, picture and article, and whoever else a question could mean."""
        subjects = _subjects(session)
        holders = _holders(subjects.values())
        entities = dict(session.execute(select(Entity.key, Entity.digest)).tuples().all())
        rows = session.execute(
            select(Annotation.id, Annotation.entity_key, Annotation.digest, Image.digest, Article.digest)
            .join(Image, Image.id == Annotation.image_id)
            .join(Article, Article.url == Image.article_url)
            .order_by(Annotation.id)
        )
        return [
            Item(
                key,
                digest(
                    annotation, image, article, entities[entity],
                    subjects[entity].maker, subjects[entity].launched,
                    sorted((sign, sorted(holders[sign])) for sign in signatures(subjects[entity])),
                ),
            )
            for key, entity, annotation, image, article in rows
            if entity in subjects
        ]  # fmt: skip

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        """Ask about a batch of annotations."""
        subjects = _subjects(session)
        holders = _holders(subjects.values())
        annotations = {
            row.id: row
            for row in session.scalars(select(Annotation).where(Annotation.id.in_([item.key for item in batch])))
        }
        images = {
            row.id: row
            for row in session.scalars(select(Image).where(Image.id.in_({a.image_id for a in annotations.values()})))
        }
        articles = {
            row.url: row
            for row in session.scalars(select(Article).where(Article.url.in_({i.article_url for i in images.values()})))
        }
        labels = dict(session.execute(select(Entity.key, Entity.type)).tuples().all())
        outcomes: list[Outcome] = []
        for item in batch:
            annotation = annotations[item.key]
            image, subject = images[annotation.image_id], subjects[annotation.entity_key]
            sentences = _support(session, image, subject)
            outcomes.append(
                self._ask(
                    annotation, image, articles[image.article_url], subject, labels[subject.key], holders, sentences
                )
            )
        return outcomes

    def _ask(
        self,
        annotation: Annotation,
        image: Image,
        article: Article,
        subject: Subject,
        label: str,
        holders: Mapping[tuple[str, ...], frozenset[str]],
        sentences: Sequence[str],
    ) -> Outcome:
        if annotation.p_correct < self._settings.min_p_correct:
            return Rejected(annotation.id, Reason.LOW_CONFIDENCE, f"p_correct {annotation.p_correct:.3f}")
        published = article.published_at or image.published_at
        as_of = max(published.date(), subject.first_seen) if published else subject.first_seen
        pick = int(short_id("phrasing", annotation.id), 16)
        names = giveaways(subject, label, self._lexicon)
        support = "\n".join((article.title, article.text, image.caption))
        rows: list[Row] = []
        dropped: Counter[Reason] = Counter()
        for question in ask(subject, as_of, pick):
            if (reason := fault(question, subject, names, support, holders)) is not None:
                dropped[reason] += 1
                continue
            rows.append(
                Sample(
                    id=short_id("sample", annotation.id, question.text), annotation_id=annotation.id, image_id=image.id,
                    entity_key=subject.key, question=question.text, answer=subject.name, category=subject.category,
                    negative=annotation.negative, support_text=_sentence(sentences, support, subject),
                )
            )  # fmt: skip
        if not rows:
            reason = next(iter(sorted(dropped)), Reason.EVIDENCE_MISSING)
            return Rejected(annotation.id, reason, f"no question about {subject.name} is left")
        return Done(annotation.id, rows, dict(dropped))


def _subjects(session: Session) -> dict[str, Subject]:
    makers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    days: defaultdict[str, Counter[str]] = defaultdict(Counter)
    claims = (
        select(Claim.entity_key, Claim.relation, Claim.value)
        .join(Entity, Entity.key == Claim.entity_key)
        .where(Claim.relation.in_(_FACTS), Claim.polarity == "stated")
        .order_by(Claim.id)
    )
    for key, relation, value in session.execute(claims):
        if value:
            (makers if relation == "made_by" else days)[key][value] += 1
    return {
        entity.key: _subject(entity, makers[entity.key], days[entity.key])
        for entity in session.scalars(select(Entity).order_by(Entity.key))
    }


def _subject(entity: Entity, makers: Counter[str], days: Counter[str]) -> Subject:
    seen = entity.first_seen.date()
    # Only a launch near the first sighting is the one that made the news; other dates in such sentences belong to
    # other things.
    near = Counter({day: n for day, n in days.items() if abs((dt.date.fromisoformat(day) - seen).days) <= 62})
    bare = entity.hypernym in ("person", "tower") or " the " in entity.name
    return Subject(
        key=entity.key, name=entity.name, aliases=tuple(entity.aliases), hypernym=entity.hypernym,
        category=entity.category,
        role=entity.role, maker=_most(makers) if entity.category == "novel" and entity.relation == "launched" else "",
        launched=dt.date.fromisoformat(_most(near)) if near else seen, first_seen=seen, bare=bare,
    )  # fmt: skip


def _most(votes: Counter[str]) -> str:
    return min(votes, key=lambda value: (-votes[value], value), default="")


def _holders(subjects: Iterable[Subject]) -> dict[tuple[str, ...], frozenset[str]]:
    holders: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for subject in subjects:
        for sign in signatures(subject):
            holders[sign].add(subject.key)
    return {sign: frozenset(keys) for sign, keys in holders.items()}


def _support(session: Session, image: Image, subject: Subject) -> list[str]:
    """Return sentences of the picture's article about the subject, the most telling first."""
    claims = session.execute(
        select(Claim.relation, Claim.value, Claim.sentence)
        .where(Claim.article_url == image.article_url, Claim.entity_key == subject.key, Claim.polarity == "stated")
        .order_by(Claim.id)
    ).tuples()
    telling = [
        (
            _TELLING.index(relation)
            if not subject.role or role_key(value) == role_key(subject.role)
            else len(_TELLING),
            sentence,
        )
        for relation, value, sentence in claims
        if relation in _TELLING
    ]
    named = session.scalars(
        select(Mention.sentence)
        .where(Mention.article_url == image.article_url, Mention.entity_key == subject.key)
        .order_by(Mention.field.desc(), Mention.start, Mention.id)
    )
    return [sentence for _, sentence in sorted(telling)] + list(named)


def _sentence(sentences: Sequence[str], support: str, subject: Subject) -> str:
    """Return the sentence that holds the answer, in full where one does."""
    names = (subject.name, *subject.aliases)
    full = next((sentence for sentence in sentences if mentions(sentence, names[:1])), None)
    some = full or next((sentence for sentence in sentences if mentions(sentence, names)), None)
    return some or next((line for line in support.splitlines() if fold(subject.name) in fold(line)), "")
