"""``annotate``: says where in each picture its entities are, outlines them, and how sure that is."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image as Pictures
from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.annotate.base import MODEL_ERRORS, Boxes, Detections, Detector, MaskModel, Outline
from nest_builder.annotate.choose import CANDIDATE_SHARE, Choice, Target, decide, phrases_for, weigh
from nest_builder.annotate.colours import named_colours
from nest_builder.annotate.masks import encode_mask, implausible, mask_box, resize_mask
from nest_builder.annotate.models import load_attribute, model_identity
from nest_builder.annotate.segment import Segmenter
from nest_builder.annotate.uncertainty import COEFFICIENTS, load_confidence
from nest_builder.config import AnnotateSettings
from nest_builder.digest import digest, short_id
from nest_builder.images.decode import BadImageError, decode_rgb
from nest_builder.reasons import Reason
from nest_builder.stage import Done, Failed, Item, Outcome, Rejected
from nest_builder.store.blobs import Blobs
from nest_builder.store.tables import Annotation, Depiction, Entity, Image, Row

log = logging.getLogger(__name__)

WORKING_SIDE = 1280  # models see no more than this, so decoded pictures and masks of a batch stay within bounds
CANDIDATES = 12  # boxes of one picture that are outlined
USELESS = 0.2  # a decision that is less likely to be right is no annotation
_MAX_PIXELS = 1 << 30  # `gather` has checked each picture against its own limit


class Annotate:
    """Boxes from a detector, masks from a mask model, a choice among them, and the joined uncertainty record.

    Args:
        settings: Names the models and thresholds.
        blobs: Holds the pictures.
        detector: Instead of the one that the settings name.
        mask_model: Likewise.
    """

    name = "annotate"
    tables: tuple[type[Row], ...] = (Annotation,)
    keeps_history = False
    spread = True

    def __init__(
        self,
        settings: AnnotateSettings,
        blobs: Blobs,
        detector: Detector | None = None,
        mask_model: MaskModel | None = None,
    ) -> None:
        self._settings, self._blobs = settings, blobs
        self._detector: Detector = detector or load_attribute(settings.detector)(settings)
        self._mask_model: MaskModel = mask_model or Segmenter(settings)
        self.batch_size = settings.batch_size

    def identity(self) -> Any:
        """Return models, thresholds and the coefficients of the confidence."""
        thresholds = self._settings.model_dump(exclude={"device", "batch_size", "detector_model", "mask_model"})
        models = [self._detector.identity(), self._mask_model.identity(), model_identity(str(COEFFICIENTS))]
        return {"version": 1, "models": models, **thresholds}

    def items(self, session: Session) -> Sequence[Item]:
        """List pictures that may show an entity, by their id."""
        targets = targets_of(session, None)
        images = session.execute(select(Image.id, Image.sha256, Image.caption).order_by(Image.id))
        return [Item(row.id, digest(row.sha256, row.caption, targets[row.id])) for row in images if row.id in targets]

    def process(self, session: Session, batch: Sequence[Item]) -> list[Outcome]:
        """Run both models over the batch, then decide picture by picture."""
        keys = [item.key for item in batch]
        images = {image.id: image for image in session.scalars(select(Image).where(Image.id.in_(keys)))}
        targets = targets_of(session, keys)
        outcomes: dict[str, Outcome] = {}
        pictures: dict[str, Pictures.Image] = {}
        for key in keys:
            try:
                pictures[key] = self.picture(images[key].sha256)
            except BadImageError as error:  # kept by `gather` from a reduced decoding, broken at full size
                outcomes[key] = Rejected(key, error.reason, error.detail)
        for key, result in self.look(pictures, targets).items():
            if isinstance(result, Failed):
                outcomes[key] = result
            else:
                found, outlines = result
                outcomes[key] = self._settle(images[key], pictures[key], targets[key], found, outlines)
        return [outcomes[key] for key in keys]

    def picture(self, sha256: str) -> Pictures.Image:
        """Return a stored picture at the size that models work on.

        Raises:
            BadImageError: It is broken after all.
        """
        return decode_rgb(self._blobs.get(sha256), max_pixels=_MAX_PIXELS, max_side=WORKING_SIDE)

    def look(
        self, pictures: dict[str, Pictures.Image], targets: dict[str, list[Target]]
    ) -> dict[str, tuple[Detections, list[Outline]] | Failed]:
        """Run both models on pictures by key: together, or one by one if that fails: one must not stop the rest."""
        keys = list(pictures)
        try:
            phrases = [phrases_for(targets[key]) for key in keys]
            detections = self._detector.detect([pictures[key] for key in keys], phrases)
            found = [_best(result, self._settings.box_threshold * CANDIDATE_SHARE) for result in detections]
            boxes: list[Boxes] = [result.boxes for result in found]
            outlines = self._mask_model.segment([pictures[key] for key in keys], boxes)
        except MODEL_ERRORS as error:
            if len(keys) == 1:
                return {keys[0]: Failed(keys[0], f"{type(error).__name__}: {error}")}
            log.warning("a batch of %d pictures failed (%s); trying them one by one", len(keys), error)
            return {key: value for one in keys for key, value in self.look({one: pictures[one]}, targets).items()}
        return dict(zip(keys, zip(found, outlines, strict=True), strict=True))

    def _settle(
        self,
        image: Image,
        picture: Pictures.Image,
        targets: Sequence[Target],
        found: Detections,
        outlines: Sequence[Outline],
    ) -> Outcome:
        phrases = phrases_for(targets)
        evidence = weigh(targets, phrases, found, outlines, picture, image.caption, self._settings.box_threshold)
        rows, dropped = [], {Reason.UNCLEAR_TARGET: 0, Reason.MASK_REJECTED: 0}
        for choice in decide(targets, phrases, found, evidence, load_confidence()):
            if choice.p_correct < USELESS:
                dropped[Reason.UNCLEAR_TARGET] += 1
                continue
            row = self._row(image, picture, choice, phrases, found, outlines)
            if row is None:
                dropped[Reason.MASK_REJECTED] += 1
            else:
                rows.append(row)
        if rows:
            return Done(image.id, rows, dropped)
        reason = max(dropped, key=lambda name: dropped[name])
        return Rejected(image.id, reason, f"{len(found.boxes)} boxes for {', '.join(phrases)}")

    def _row(
        self,
        image: Image,
        picture: Pictures.Image,
        choice: Choice,
        phrases: Sequence[str],
        found: Detections,
        outlines: Sequence[Outline],
    ) -> Annotation | None:
        """Make the row in the stored picture's pixels; None for a mask that cannot be one."""
        scale = (image.width / picture.width, image.height / picture.height) * 2
        boxes = [[round(side * by, 2) for side, by in zip(box, scale, strict=True)] for box in found.boxes.tolist()]
        mask = None
        if choice.index is not None:
            mask = resize_mask(outlines[choice.index].mask, image.width, image.height)
            if implausible(mask) is not None:
                return None
        candidates = [
            {
                "box": boxes[index],
                "score": float(found.scores[index].max()),
                "phrase": phrases[int(found.scores[index].argmax())],
            }
            for index in choice.candidates
        ]
        return Annotation(
            id=short_id("annotation", image.id, choice.key),
            image_id=image.id,
            entity_key=choice.key,
            phrase=choice.phrase,
            negative=mask is None,
            box=[] if mask is None else list(mask_box(mask)),
            boxes=candidates,
            mask={} if mask is None else encode_mask(mask),
            uncertainty=choice.record,
            p_correct=choice.p_correct,
            detector=self._detector.identity(),
            mask_model=self._mask_model.identity(),
        )


def _best(found: Detections, threshold: float) -> Detections:
    """Keep the boxes that are worth an outline."""
    kept = np.flatnonzero(found.scores.max(1, initial=0) >= threshold)[:CANDIDATES]
    return Detections(found.boxes[kept], found.scores[kept])


def targets_of(session: Session, image_ids: Sequence[str] | None) -> dict[str, list[Target]]:
    """Return the entities that pictures (those given, or all) may show, by picture, in the order of keys."""
    query = (
        select(Depiction.image_id, Depiction.support, Entity)
        .join(Entity, Entity.key == Depiction.entity_key)
        .order_by(Depiction.image_id, Entity.key)
    )
    if image_ids is not None:
        query = query.where(Depiction.image_id.in_(image_ids))
    targets: dict[str, list[Target]] = {}
    for image_id, support, entity in session.execute(query):
        if entity.hypernym:
            names = (entity.name, *entity.aliases)
            others = tuple(colour for colour in named_colours(entity.description) if colour != entity.colour)
            target = Target(entity.key, names, entity.hypernym, entity.colour, others, support)
            targets.setdefault(image_id, []).append(target)
    return targets
