"""All that speaks for or against a sample's annotation, joined: its own record, the entity's other pictures, the verdicts.

Measured and left out, as they say nothing of whether the *target* is right beyond `p_models` (log loss on worlds left out of the fit):
the mask's stability when its box is jittered by a tenth (0.1999 -> 0.1992, area under the ROC curve 0.47) and its agreement with a
second prompt, a point (0.1999 -> 0.2008, 0.49), worlds 0 and 101, for a third more time in `annotate`; the likeness of thing and
description by CLIP's text tower (0.1283 -> 0.1297 beside everything else; worlds 0, 101, 102, 103). Verdicts are kept in the joined
record; the prior does not weigh them, as it was fitted where no system had been run.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nest_builder.review.looks import Look, Seen
from nest_builder.store.tables import Annotation, Image, Sample, Verdict

UNLIKE = 0.6  # a cosine of the embedded CLIP under which things are hardly ever the same
NO_RIVAL = 0.5  # the lead, a cosine, that counts as clear; and that of a thing without a rival
NOT_CERTAIN = 1e-3


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about one annotation.

    Attributes:
        annotation_id: The annotation.
        negative: Whether it says that the entity is not in the picture.
        p_models: What the annotation's models hold it to be worth.
        record: Its uncertainty record (see `annotate.uncertainty`).
        look: How it compares with the entity's other pictures.
        candidates: How many things of the kind the detector found.
        verdicts: Labels of its samples, where systems have been run on them.
    """

    annotation_id: str
    negative: bool
    p_models: float
    record: Mapping[str, Any]
    look: Look
    candidates: int
    verdicts: tuple[str, ...] = field(default=())

    def features(self) -> dict[str, float]:
        """Return the numbers that the logistic model weighs; neutral values stand for what is unknown.

        What the mask model thinks of its mask is in ``p_models`` already, and tells nothing more: without it, log loss on worlds left
        out of the fit stays the same (0.128) and the area under the ROC curve rises (0.948 to 0.952; four worlds).
        """
        look, record = self.look, self.record
        shared = {
            "p_models": _logit(self.p_models),
            "detector_score": float(record["detector_score"]),
            "hypernym_score": float(record["hypernym_score"]),
        }
        if self.negative:
            return shared | {
                "look_known": float(look.rival is not None),
                "look_rival": look.rival or 0.0,
                "none": float(self.candidates == 0),
            }
        known = look.own is not None
        lead = NO_RIVAL if look.own is None or look.rival is None else min(NO_RIVAL, look.own - look.rival)
        return shared | {
            "look_known": float(known),
            "look_own": look.own or 0.0,
            "look_unlike": min(0.0, look.own - UNLIKE) if look.own is not None else 0.0,
            "look_unusual": look.own - look.usual if look.own is not None and look.usual is not None else 0.0,
            "look_lead": lead if known else 0.0,
            "look_behind": float(known and lead < 0),
            "look_pictures": min(look.pictures, 4.0) if known else 0.0,
            "log_area": math.log(max(float(record["area_share"]), 1e-4)),
            "caption": float(record["support"] == "caption"),
            "alone": float(record["same_hypernym"] == 0),
            "lookalikes": float(record["lookalikes"] > 0),
            "present": -_logit(float(record["p_absent"])),
        }

    def summary(self) -> dict[str, Any]:
        """Return the part that the annotation's own record does not hold, JSON types."""
        look = self.look
        return {
            "p_models": self.p_models,
            "look": look.own,
            "look_rival": look.rival,
            "look_usual": look.usual,
            "look_pictures": look.pictures,
            **({"verdicts": sorted(self.verdicts)} if self.verdicts else {}),
        }


def read_seen(session: Session, said: Mapping[str, float]) -> list[Seen]:
    """Return all annotations as they are compared.

    Args:
        session: Reads the store.
        said: What people hold of annotations, which counts instead of what the models do.
    """
    rows = session.execute(
        select(Annotation, Image.sha256, Image.width, Image.height)
        .join(Image, Image.id == Annotation.image_id)
        .order_by(Annotation.id)
    )
    return [
        Seen(
            id=one.id,
            image_id=one.image_id,
            sha256=sha256,
            size=(width, height),
            entity_key=one.entity_key,
            box=tuple(float(value) for value in one.box),
            candidates=tuple(tuple(float(value) for value in candidate["box"]) for candidate in one.boxes),
            trust=said.get(one.id, one.p_correct),
        )
        for one, sha256, width, height in rows
    ]


def read_evidence(session: Session, looks: Mapping[str, Look]) -> list[Evidence]:
    """Join what is known about each annotation that has a sample, in the order of ids."""
    verdicts: dict[str, list[str]] = {}
    for annotation, label in session.execute(
        select(Sample.annotation_id, Verdict.label).join(Verdict, Verdict.sample_id == Sample.id).order_by(Sample.id)
    ):
        if label is not None:
            verdicts.setdefault(annotation, []).append(label)
    rows: Sequence[Annotation] = session.scalars(
        select(Annotation).where(Annotation.id.in_(select(Sample.annotation_id))).order_by(Annotation.id)
    ).all()
    nothing = Look(0.0, None, None)
    return [
        Evidence(
            row.id, row.negative, row.p_correct, row.uncertainty, looks.get(row.id, nothing), len(row.boxes),
            tuple(verdicts.get(row.id, ())),
        )
        for row in rows
    ]  # fmt: skip


def _logit(p: float) -> float:
    p = min(1 - NOT_CERTAIN, max(NOT_CERTAIN, p))
    return math.log(p / (1 - p))
