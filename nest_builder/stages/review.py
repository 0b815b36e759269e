"""``review``: how likely each sample is right, and which of them people look at."""

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nest_builder.annotate.base import MODEL_ERRORS
from nest_builder.annotate.models import model_identity
from nest_builder.clock import Clock
from nest_builder.config import Settings
from nest_builder.digest import digest
from nest_builder.review.calibration import Prior, fit_calibrator, load_prior, reviewer_noise
from nest_builder.review.evidence import Evidence, read_evidence, read_seen
from nest_builder.review.looks import Look, LookFinder
from nest_builder.review.routing import Candidate, Rules, after_answers, route
from nest_builder.review.said import Said, by_annotation, by_sample, read_said, seconds_per_look
from nest_builder.rose.base import ImageEmbedder
from nest_builder.rose.cache import Cache
from nest_builder.rose.embed import ClipImages
from nest_builder.stage import Done, Failed, Item, Outcome, Postponed
from nest_builder.store.blobs import Blobs
from nest_builder.store.tables import Annotation, Article, Decision, Image, Route, Row, Sample, Verdict

log = logging.getLogger(__name__)

_VERSION = 1  # raised when samples are routed in another way
_UPSTREAM: tuple[type[Row], ...] = (Sample, Annotation, Image, Verdict)
_ALL = "samples"  # the one item: a budget is shared out among all samples at once


class Review:
    """Calibrates on what people decided, and routes. Item: all samples together.

    Args:
        settings: Budget and shares, the edition that the budget is of, and the embedder of pictures.
        blobs: Holds the pictures.
        clock: Names the edition where the settings do not.
        prior: Instead of the one that ships.
        embedder: Instead of the one that the settings name.
    """

    name = "review"
    batch_size = 1
    tables: tuple[type[Row], ...] = (Route,)
    keeps_history = False

    def __init__(
        self,
        settings: Settings,
        blobs: Blobs,
        clock: Clock,
        prior: Prior | None = None,
        embedder: ImageEmbedder | None = None,
    ) -> None:
        self._settings, self._blobs, self._clock = settings, blobs, clock
        self._prior, self._embedder = prior, embedder

    def identity(self) -> Any:
        """Return the settings that route, the edition, the prior and the embedder; not where people review."""
        settings = self._settings
        shares = settings.review.model_dump(include=set(ROUTING))
        embedder = settings.rose.image_embedder
        return {
            "version": _VERSION,
            "routing": shares,
            "edition": self._edition,
            "floor": settings.export.min_p_correct,  # what the edition leaves out needs no audit
            "prior": (self._prior or load_prior()).identity,
            "embedder": self._embedder.identity() if self._embedder else model_identity(embedder) if embedder else "",
        }

    def items(self, session: Session) -> Sequence[Item]:
        """List the one item, once there are samples; it depends on everything upstream and on every decision."""
        if session.scalar(select(Sample.id).limit(1)) is None:
            return []
        rows = [
            [list(row) for row in session.execute(select(*keys, table.digest).order_by(*keys)).tuples()]
            for table in _UPSTREAM
            for keys in [table.__mapper__.primary_key]
        ]
        decided = session.execute(
            select(Decision.id, Decision.status, Decision.is_target, Decision.mask, Decision.seconds)
            .where(Decision.state == "current")
            .order_by(Decision.id)
        ).tuples()
        return [Item(_ALL, digest(rows, [list(row) for row in decided]))]

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        """Route all samples."""
        return [self._route(session, item) for item in batch]

    def _route(self, session: Session, item: Item) -> Outcome:
        said = read_said(session)
        try:
            looks = self._looks(session, said)
        except OSError as error:
            return Postponed(item.key, f"the embedder of pictures cannot be had: {error}")
        except MODEL_ERRORS as error:
            return Failed(item.key, f"{type(error).__name__}: {error}")
        prior = self._prior or load_prior()
        evidence = {one.annotation_id: one for one in read_evidence(session, looks)}
        given = {key: prior.probability(one) for key, one in evidence.items()}
        known = [one for one in said if one.annotation_id in given]
        calibrator = fit_calibrator(
            prior.identity,
            [given[one.annotation_id] for one in known],
            [one.right for one in known],
            list(given.values()),
            reviewer_noise(by_sample(known)),
        )
        calibrated = dict(zip(given, calibrator(list(given.values())), strict=True))
        candidates = self._candidates(session, calibrated, known, calibrator.noise)
        routed = route(candidates, self._rules(candidates, known))
        rows: list[Row] = []
        for one in candidates:
            decision, joined = routed[one.sample_id], evidence[one.annotation_id]
            rows.append(
                Route(
                    sample_id=one.sample_id,
                    p_correct=one.p_correct,
                    action=decision.action,
                    priority=decision.priority,
                    audit=decision.audit,
                    reviewers=decision.reviewers,
                    evidence=_summary(joined, given[one.annotation_id], decision.settled_by),
                    version=calibrator.version,
                )
            )
        counts = Counter(row.action for row in rows if isinstance(row, Route))
        log.info("routed by %s after %d answers: %s", calibrator.version, len(known), dict(counts))
        return Done(item.key, rows)

    def _looks(self, session: Session, said: Sequence[Said]) -> dict[str, Look]:
        """Compare what annotations show; nothing without an embedder of pictures."""
        settings = self._settings
        if self._embedder is None and not settings.rose.image_embedder:
            return {}
        embedder = self._embedder or ClipImages(settings.rose.image_embedder, settings.annotate.device)
        with closing(Cache(settings.workdir / "looks.sqlite")) as cache:
            return LookFinder(embedder, self._blobs, cache).compare(read_seen(session, by_annotation(said)))

    def _candidates(
        self, session: Session, calibrated: dict[str, float], said: Sequence[Said], noise: float
    ) -> list[Candidate]:
        """Return the samples with their events: what one article's day says of one entity."""
        earlier = set(session.scalars(select(Route.sample_id).where(Route.audit)))
        looks = Counter(one.sample_id for one in said)
        spent = Counter(one.sample_id for one in said if one.project in ("", self._edition))
        right = {one.sample_id for one in said if one.right}
        answers = by_sample(said)
        day = func.coalesce(Article.published_at, Image.published_at)
        rows = session.execute(
            select(Sample.id, Sample.annotation_id, Sample.entity_key, day)
            .join(Image, Image.id == Sample.image_id)
            .outerjoin(Article, Article.url == Image.article_url)
            .order_by(Sample.id)
        ).tuples()
        return [
            Candidate(
                sample_id=key,
                annotation_id=annotation,
                event=f"{entity} {str(published)[:10]}",
                p_correct=calibrated[annotation],
                after=after_answers(calibrated[annotation], answers.get(key, ()), noise),
                looks=looks[key],
                spent=spent[key],
                audited=key in earlier,
                doubted=looks[key] == 1 and key not in right,
            )
            for key, annotation, entity, published in rows
            if annotation in calibrated
        ]

    def _rules(self, candidates: Sequence[Candidate], said: Sequence[Said]) -> Rules:
        settings = self._settings.review
        fresh = sum(
            one.looks == one.spent for one in candidates
        )  # what earlier editions paid for is no part of this one
        limits = [round(settings.budget_share * fresh)]
        if settings.budget_items is not None:
            limits.append(settings.budget_items)
        if settings.budget_minutes is not None:
            limits.append(int(settings.budget_minutes * 60 / seconds_per_look(said, settings.seconds_per_item)))
        return Rules(
            looks=min(limits),
            audit_share=settings.audit_share,
            double_share=settings.double_share,
            reject_below=self._settings.export.min_p_correct,
            same_event=settings.same_event,
            draw=self._edition,
        )

    @property
    def _edition(self) -> str:
        return self._settings.export.name_at(self._clock())


ROUTING = (
    "budget_share", "budget_items", "budget_minutes", "seconds_per_item", "audit_share", "double_share",
    "same_event",
)  # fmt: skip


def _summary(joined: Evidence, prior: float, settled_by: str | None) -> dict[str, Any]:
    """Return what a route rests on, JSON types."""
    return joined.summary() | {"prior": prior, "settled_by": settled_by}
