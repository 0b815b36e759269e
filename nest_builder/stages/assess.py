"""assess: which entities are novel or emerging relative to the cutoff, and on what evidence."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from nest_builder.clock import Clock, system_clock
from nest_builder.config import EntitySettings
from nest_builder.digest import digest
from nest_builder.entities.base import FirstRevision, KnowledgeBase, KnownEntity
from nest_builder.entities.encyclopedia import MediaWiki
from nest_builder.entities.hypernyms import lexicon
from nest_builder.entities.knowledge import load_knowledge, snapshot_identity
from nest_builder.entities.names import STORED, entity_key
from nest_builder.entities.novelty import World, decide
from nest_builder.entities.profile import Naming, Profile, Saying
from nest_builder.entities.roles import role_key
from nest_builder.stage import Done, Item, Outcome, Rejected
from nest_builder.store.tables import Article, Claim, Entity, Mention, Row
from nest_builder.web import PoliteClient

_RULES_VERSION = 1  # raised when the rules of the decision change
_HOLDS = ("holds_office", "holds_title")


class Assess:
    """Decides about entities. Item: an entity key.

    Args:
        settings: Cutoff, snapshot, encyclopedia and how long its answers count.
        client: Fetches from the encyclopedia; without one it is not asked.
        clock: The present time, by which the encyclopedia's answers grow old.
        knowledge: By default the snapshot of the settings.
        first_revision: By default the encyclopedia of the settings.
    """

    name = "assess"
    batch_size = 200
    tables: tuple[type[Row], ...] = (Entity,)
    keeps_history = False
    spread = True

    def __init__(
        self,
        settings: EntitySettings,
        client: PoliteClient | None = None,
        clock: Clock = system_clock,
        knowledge: KnowledgeBase | None = None,
        first_revision: FirstRevision | None = None,
    ) -> None:
        self._settings, self._clock, self._given = settings, clock, knowledge
        self._first_revision = first_revision
        if first_revision is None and client is not None and settings.encyclopedia:
            self._first_revision = MediaWiki(client, settings.encyclopedia)

    @cached_property
    def _knowledge(self) -> KnowledgeBase:
        return self._given if self._given is not None else load_knowledge(self._settings.snapshot)

    @cached_property
    def _known(self) -> dict[str, KnownEntity]:
        """Entity key -> what the snapshot knows of it."""
        return {
            entity_key(known.name, STORED.get(known.type, known.type)): known for known in self._knowledge.entities()
        }

    @cached_property
    def _known_roles(self) -> frozenset[str]:
        facts = [fact for known in self._knowledge.entities() for fact in known.facts]
        return frozenset(role_key(fact.value) for fact in facts if fact.relation in _HOLDS)

    def identity(self) -> Any:
        """Return the cutoff and where knowledge comes from."""
        return {
            "cutoff": self._settings.cutoff,
            "knowledge": self._given.identity()
            if self._given is not None
            else snapshot_identity(self._settings.snapshot),
            "encyclopedia": self._first_revision.identity() if self._first_revision is not None else None,
            "hypernyms": self._settings.hypernyms,
            "min_articles": self._settings.min_articles,
            "rules": _RULES_VERSION,
        }

    def items(self, session: Session) -> list[Item]:
        """List the entity keys; inputs are mentions and claims, and everybody's claims to the roles that it claims.

        What the encyclopedia says is no row of the store: its age stands for it, see ``_age``.
        """
        mentions: defaultdict[str, list[str]] = defaultdict(list)
        articles: defaultdict[str, set[str]] = defaultdict(set)
        for key, url, content in session.execute(
            select(Mention.entity_key, Mention.article_url, Mention.digest).order_by(Mention.id)
        ):
            mentions[key].append(content)
            articles[key].add(url)
        claims: defaultdict[str, list[str]] = defaultdict(list)
        roles: defaultdict[str, set[str]] = defaultdict(set)
        holders: defaultdict[str, list[str]] = defaultdict(list)
        columns = select(Claim.entity_key, Claim.relation, Claim.value, Claim.digest).order_by(Claim.id)
        for key, relation, value, content in session.execute(columns):
            claims[key].append(content)
            if relation in _HOLDS:
                roles[key].add(role_key(value))
                holders[role_key(value)].append(content)
        elsewhere = _mentions_elsewhere({key: len(found) for key, found in mentions.items()})
        dates = dict(session.execute(select(Article.url, Article.published_at)).tuples().all())
        return [
            Item(
                key,
                digest(
                    mentions[key], claims[key], [(url, dates.get(url)) for url in sorted(articles[key])],
                    [(role, holders[role]) for role in sorted(roles[key])],
                    elsewhere[key], self._age(key, [dates.get(url) for url in articles[key]]),
                ),
            )
            for key in sorted(mentions)
        ]  # fmt: skip

    def _age(self, key: str, published: Iterable[dt.datetime | None]) -> int | None:
        """Return how many whole periods of ``recheck_days`` an entity's first sighting is old; a new one is a new look.

        Counted from its own first sighting, so that each night has a few to look at and no night has all. None where
        the encyclopedia is not asked: about what the snapshot knew at the cutoff, and about what no article dates.
        """
        first = min((date for date in published if date is not None), default=None)
        known = self._known.get(key) if self._first_revision is not None else None
        if self._first_revision is None or first is None or (known and known.since <= self._settings.cutoff.date()):
            return None
        return (self._clock() - first) // dt.timedelta(days=self._settings.recheck_days)

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        """Decide about a batch of entities."""
        keys = [item.key for item in batch]
        counted = select(Mention.entity_key, func.count()).group_by(Mention.entity_key)
        counts = dict(session.execute(counted).tuples().all())
        profiles = _profiles(session, keys, _mentions_elsewhere(counts))
        world = World(
            self._settings.cutoff,
            _rivals(session),
            self._known_roles,
            self._first_revision,
            self._settings.min_articles,
        )
        return [self._assess(profiles[key], world) for key in keys]

    def _assess(self, profile: Profile, world: World) -> Outcome:
        known = self._known.get(profile.key)
        hypernym = profile.hypernym(known, lexicon(self._settings.hypernyms))
        decision = decide(profile, known, hypernym, world)
        if decision.reason is not None or decision.first_seen is None or hypernym is None:
            assert decision.reason is not None
            return Rejected(profile.key, decision.reason, decision.detail)
        colour, description = profile.look()
        epoch = dt.datetime.max.replace(tzinfo=dt.UTC)
        entity = Entity(
            key=profile.key, name=known.name if known else profile.name, aliases=profile.aliases(known),
            type=profile.label, hypernym=hypernym, colour=colour, description=description, category=decision.category,
            relation=decision.relation, role=decision.role, first_seen=decision.first_seen,
            evidence=[piece.as_dict() for piece in decision.evidence],
            article_urls=sorted(profile.published, key=lambda url: (profile.published[url] or epoch, url)),
        )  # fmt: skip
        return Done(profile.key, [entity])


def _mentions_elsewhere(counts: Mapping[str, int]) -> dict[str, int]:
    """Return key -> the most mentions that another key of the same name has."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for key in counts:
        names[key.rsplit("/", 1)[0]].append(key)
    return {
        key: max((counts[other] for other in names[key.rsplit("/", 1)[0]] if other != key), default=0) for key in counts
    }


def _profiles(session: Session, keys: Sequence[str], elsewhere: Mapping[str, int]) -> dict[str, Profile]:
    namings: defaultdict[str, list[Naming]] = defaultdict(list)
    for row in _chunked(session, Mention, Mention.entity_key, keys):
        namings[row.entity_key].append(Naming(row.article_url, row.field, row.surface, row.label, row.sentence))
    sayings: defaultdict[str, list[Saying]] = defaultdict(list)
    for row in _chunked(session, Claim, Claim.entity_key, keys):
        sayings[row.entity_key].append(_saying(row))
    urls = sorted({naming.url for found in namings.values() for naming in found})
    dates = {row.url: row.published_at for row in _chunked(session, Article, Article.url, urls)}
    return {
        key: Profile(
            key,
            tuple(namings[key]),
            tuple(sayings[key]),
            {url: dates.get(url) for url in sorted({n.url for n in namings[key]})},
            elsewhere[key],
        )
        for key in keys
    }


def _rivals(session: Session) -> dict[str, list[Saying]]:
    rivals: defaultdict[str, list[Saying]] = defaultdict(list)
    for row in session.scalars(select(Claim).where(Claim.relation.in_(_HOLDS)).order_by(Claim.id)):
        rivals[role_key(row.value)].append(_saying(row))
    return dict(rivals)


def _saying(row: Claim) -> Saying:
    return Saying(row.entity_key, row.article_url, row.relation, row.value, row.polarity, row.date, row.sentence)


def _chunked(session: Session, table: Any, column: InstrumentedAttribute[str], keys: Sequence[str]) -> list[Any]:
    """Select rows by keys, 500 at a time, in the order of their primary key."""
    order = next(iter(table.__table__.primary_key))
    return [
        row
        for start in range(0, len(keys), 500)
        for row in session.scalars(select(table).where(column.in_(keys[start : start + 500])).order_by(order))
    ]
