"""``validate``: which samples defeat the static models, and what solves them."""

import datetime as dt
import logging
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from nest_builder.annotate.base import MODEL_ERRORS, Mask
from nest_builder.annotate.masks import decode_mask, encode_mask
from nest_builder.annotate.models import load_attribute, model_identity
from nest_builder.clock import Clock
from nest_builder.config import Settings
from nest_builder.digest import canonical, digest
from nest_builder.images.decode import BadImageError, decode_rgb
from nest_builder.reasons import Reason
from nest_builder.review.said import mask_digest
from nest_builder.rose.models import load_models
from nest_builder.rose.rose import Rose
from nest_builder.rose.websense_model import WEIGHTS
from nest_builder.stage import Done, Failed, Item, Outcome, Postponed, Rejected
from nest_builder.store.session import Store
from nest_builder.store.tables import Annotation, Article, Entity, Image, Row, Sample, Verdict
from nest_builder.validate.run import Case, Validator
from nest_builder.validate.verdicts import Rule
from nest_builder.validate.verdicts import Verdict as Judged
from nest_builder.web import PoliteClient

log = logging.getLogger(__name__)

_VERSION = 2  # raised when verdicts are drawn in another way
_MAX_PIXELS = 1 << 30  # `gather` has checked each picture against its own limit
_TOGETHER = (
    50_000_000  # pixels of the pictures that are asked about at a time: each gets up to 15 masks of a byte a pixel
)
_PATIENCE = 3  # samples, one after the other, for which a service gives nothing: then it is down


class Validate:
    """Asks every system about every sample. Item: a sample.

    Args:
        settings: All settings: of the static models, of ROSE and of the models that it builds on.
        store: Holds pictures, and articles for the search among them.
        client: Reaches search, pages and pictures.
        clock: The present time.
        validator: Instead of the one that the settings name.

    Raises:
        ValueError: The settings name no control set: without one, a verdict would prove nothing.
    """

    name = "validate"
    batch_size = 64
    tables: tuple[type[Row], ...] = (Verdict,)
    keeps_history = False
    spread = True

    def __init__(
        self, settings: Settings, store: Store, client: PoliteClient, clock: Clock, validator: Validator | None = None
    ) -> None:
        if not settings.validation.control and validator is None:
            raise ValueError(
                "settings: validation.control: name a function that returns questions about known entities"
            )
        self._settings, self._store, self._client, self._clock = settings, store, client, clock
        self._validator = validator
        self._open = ExitStack()
        weakref.finalize(self, self._open.close)

    def identity(self) -> Any:
        """Return the static models, the settings of verdicts and of ROSE, and its models."""
        settings = self._settings
        # A remote segmenter is known by its address: asking who it is would be an exchange in every run.
        bases = [
            name if name.startswith("remote") else load_models(self._around(name)).segmenter.identity()
            for name in settings.validation.segmenters
        ]
        models = (
            settings.annotate.detector_model, settings.annotate.mask_model, settings.rose.image_embedder, settings.rose.text_embedder,
            settings.entities.spacy_model, settings.entities.snapshot, str(WEIGHTS),
        )  # fmt: skip
        return {
            "version": _VERSION,
            "bases": bases,
            "models": [model_identity(name) if name else "" for name in models],
            "validation": settings.validation.model_dump(exclude={"enabled"}),
            "rose": settings.rose.model_dump(
                exclude={"segmenter", "segmenter_options", "image_embedder", "text_embedder", "cache"}
            ),
            "annotate": settings.annotate.model_dump(exclude={"detector_model", "mask_model", "device", "batch_size"}),
            "entities": settings.entities.model_dump(mode="json", include={"cutoff", "hypernyms"}),
        }

    def items(self, session: Session) -> Sequence[Item]:
        """List the samples; the verdict depends on question, mask, picture and day."""
        rows = session.execute(
            _joined(
                select(
                    Sample.id, Sample.digest, Annotation.digest, Image.digest, Article.published_at, Entity.first_seen
                )
            )
        )
        return [Item(key, digest(list(facts))) for key, *facts in rows]

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        """Ask every system about the batch; about large pictures a few at a time."""
        keys = [item.key for item in batch]
        rows = session.execute(_joined(select(Sample, Annotation, Image, Article, Entity)).where(Sample.id.in_(keys)))
        outcomes: dict[str, Outcome] = {}
        waiting: list[Postponed] = []  # the last ones, without any other between them
        for part in _few_at_a_time(rows.all()):
            if len(waiting) >= _PATIENCE:
                outcomes |= {row.Sample.id: Postponed(row.Sample.id, waiting[-1].reason) for row in part}
                continue
            cases: dict[str, Case] = {}
            for sample, annotation, image, article, entity in part:
                try:
                    cases[sample.id] = self._case(sample, annotation, image, article, entity)
                except BadImageError as error:
                    outcomes[sample.id] = Rejected(sample.id, error.reason, error.detail)
            judged = self._judge(cases)
            outcomes |= judged
            waits = [outcome for outcome in judged.values() if isinstance(outcome, Postponed)]
            waiting = [*waiting, *waits] if len(waits) == len(judged) else []
        return [outcomes[key] for key in keys]

    def _case(
        self, sample: Sample, annotation: Annotation, image: Image, article: Article | None, entity: Entity
    ) -> Case:
        """Bring a sample together as systems see it: without its own article and picture, at a day after both."""
        published = (article.published_at if article else None) or image.published_at
        day = max(filter(None, (published, entity.first_seen)))
        mask: Mask = decode_mask(annotation.mask) if annotation.mask else np.zeros((image.height, image.width), bool)
        picture = decode_rgb(self._store.blobs.get(image.sha256), max_pixels=_MAX_PIXELS)
        return Case(
            picture,
            sample.question,
            mask,
            day + dt.timedelta(days=self._settings.validation.asked_after_days),
            frozenset({image.article_url, image.image_url}),
        )

    def _judge(self, cases: dict[str, Case]) -> dict[str, Outcome]:
        """Judge samples by key: together, or one by one where a model or a service fails: one must not stop the rest."""
        if not cases:
            return {}
        validator = self._load()
        try:
            verdicts = dict(zip(cases, validator.validate(list(cases.values())), strict=True))
        except OSError as error:
            return {key: Postponed(key, f"a static model cannot be asked: {error}") for key in cases}
        except MODEL_ERRORS as error:
            if len(cases) == 1:
                return {key: Failed(key, f"{type(error).__name__}: {error}") for key in cases}
            log.warning("a batch of %d samples failed (%s); trying them one by one", len(cases), error)
            return {key: outcome for one in cases for key, outcome in self._judge({one: cases[one]}).items()}
        outcomes = {key: self._outcome(key, cases[key], one, validator) for key, one in verdicts.items()}
        waiting = {key: cases[key] for key, outcome in outcomes.items() if isinstance(outcome, Postponed)}
        return outcomes if len(cases) == 1 else outcomes | self._retry(waiting)

    def _retry(self, cases: dict[str, Case]) -> dict[str, Outcome]:
        """Ask again, one by one, where a service gave nothing: one question may have cost the others their answers."""
        outcomes: dict[str, Outcome] = {}
        failures = 0
        for key, case in cases.items():
            outcomes |= self._judge({key: case})
            failures = failures + 1 if isinstance(outcomes[key], Postponed) else 0
            if failures == _PATIENCE:
                break
        return outcomes

    def _outcome(self, key: str, case: Case, judged: Judged, validator: Validator) -> Outcome:
        if judged.failure == "service":
            return Postponed(key, f"the search gives nothing: {judged.reason}")
        if judged.failure:
            return Failed(key, judged.reason)
        settings = self._settings.validation
        row = Verdict(
            sample_id=key,
            label=judged.label,
            reason=judged.reason,
            static_iou=judged.static_iou,
            search_iou=judged.search_iou,
            rose_iou=judged.rose_iou,
            attempts=canonical(judged.attempts),
            controls=canonical(validator.controls()),
            thresholds={
                "iou": judged.rule.iou,
                "defeated": judged.rule.defeated,
                "slack": judged.rule.slack,
                "paraphrases": settings.paraphrases,
                "control_floor": settings.control_floor,
                "mask": mask_digest(encode_mask(case.mask)),
            },
        )
        # The two reasons for which a sample that went well has no label.
        reason = Reason.TOO_CLOSE if judged.attempts else Reason.CONTROL_SET
        return Done(key, [row], {reason: int(judged.label is None)})

    def _load(self) -> Validator:
        """Open ROSE around each static model when there is work."""
        if self._validator is None:
            from nest_builder.rose.load import load_rose

            settings = self._settings
            first, *others = map(self._around, settings.validation.segmenters)
            rose = self._open.enter_context(load_rose(first, self._client, self._store, clock=self._clock))
            parts = rose.websense, rose.irag, rose.text_prompt, rose.visual_prompt
            systems = [rose, *(Rose(load_models(one).segmenter, *parts) for one in others)]
            rule = Rule(settings.validation.iou, settings.validation.defeated, settings.validation.slack)
            known = load_attribute(settings.validation.control)()
            self._validator = Validator(
                systems, known, rule, settings.validation.paraphrases, settings.validation.control_floor
            )
        return self._validator

    def _around(self, segmenter: str) -> Settings:
        """Return the settings with ROSE around a static model; the options are those of the one that `rose` names.

        WebSense does not look at the pictures: a verdict says what a search can do, and of a negative the look would take another
        thing of the kind for what is meant.
        """
        rose = self._settings.rose
        options = rose.segmenter_options if segmenter == rose.segmenter else {}
        own = rose.model_copy(update={"segmenter": segmenter, "segmenter_options": options, "glance": False})
        return self._settings.model_copy(update={"rose": own})


def _few_at_a_time(rows: Sequence[Any]) -> Iterator[list[Any]]:
    """Divide samples, in their order, so that the pictures of each part have `_TOGETHER` pixels at most, or are one."""
    part: list[Any] = []
    pixels = 0
    for row in rows:
        size = row.Image.width * row.Image.height
        if part and pixels + size > _TOGETHER:
            yield part
            part, pixels = [], 0
        part.append(row)
        pixels += size
    if part:
        yield part


def _joined(query: Select[Any]) -> Select[Any]:
    """Join a sample with its annotation, picture, article and entity.

    Samples of one entity, and of one picture, stand together: a batch then shares searches, pages, references and features.
    """
    return (
        query.join(Annotation, Annotation.id == Sample.annotation_id)
        .join(Image, Image.id == Sample.image_id)
        .join(Entity, Entity.key == Sample.entity_key)
        .outerjoin(Article, Article.url == Image.article_url)
        .order_by(Sample.entity_key, Sample.image_id, Sample.id)
    )
