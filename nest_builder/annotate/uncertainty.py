"""The joined uncertainty record of an annotation, and the probability that it is right."""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from nest_builder.config import DATA

COEFFICIENTS = DATA / "models" / "p_correct.json"


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Everything that the models and the text say for or against one candidate being the entity.

    Attributes:
        detector_score: For the most specific phrase ("red car"), in [0, 1].
        hypernym_score: For the bare hypernym ("car").
        phrase_margin: Lead of `detector_score` over the next best box for that phrase.
        rival_phrase_margin: Lead over the best phrase of another entity at the same box.
        same_hypernym: How many other things of the kind were found.
        colour_known: Whether the articles name a colour.
        colour_agreement: Share of the named colour inside the mask, the commonest colour's being 1; None if unknown.
        colour_margin: Lead of that agreement over the next best thing of the kind.
        second_agreement: Share of the other colours that the articles name, 1 from a tenth on; None if they name none.
        second_margin: Lead of that over the next best thing of the kind.
        lookalikes: How many other things of the kind have the named colour.
        position: The caption's word for the entity's place, or "".
        position_fit: How well the candidate stands there, the best one being 1; None without a word.
        support: Where the entity is named: "caption" or "article".
        predicted_iou: The mask model's own estimate.
        stability: Of the mask against its threshold.
        box_agreement: IoU of the mask's box with the detector's box.
        area_share: Of the mask in the picture.
        relative_area: Of the mask, that of the largest thing of the kind being 1.
    """

    detector_score: float
    hypernym_score: float
    phrase_margin: float
    rival_phrase_margin: float
    same_hypernym: int
    colour_known: bool
    colour_agreement: float | None
    colour_margin: float
    second_agreement: float | None
    second_margin: float
    lookalikes: int
    position: str
    position_fit: float | None
    support: str
    predicted_iou: float
    stability: float
    box_agreement: float
    area_share: float
    relative_area: float

    def record(self) -> dict[str, Any]:
        """Return JSON types, rounded to what the models can tell."""
        values = dataclasses.asdict(self)
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}

    def features(self) -> dict[str, float]:
        """Return the numbers that the logistic model weighs; neutral values stand for what is unknown."""
        agreement = 0.5 if self.colour_agreement is None else self.colour_agreement
        fit = 0.5 if self.position_fit is None else self.position_fit
        return {
            "detector_score": self.detector_score,
            "hypernym_score": self.hypernym_score,
            "phrase_margin": self.phrase_margin,
            "rival_phrase_margin": self.rival_phrase_margin,
            "alone": float(self.same_hypernym == 0),
            "many": float(self.same_hypernym >= 2),
            "colour_unknown": float(not self.colour_known),
            "colour_unknown_rivals": float(not self.colour_known and self.same_hypernym > 0),
            "colour_agreement": agreement,
            "colour_margin": self.colour_margin,
            "second_agreement": 0.5 if self.second_agreement is None else self.second_agreement,
            "second_margin": self.second_margin,
            "lookalikes": float(min(self.lookalikes, 2)),
            "relative_area": self.relative_area,
            "placed": float(self.position_fit is not None) * (2 * fit - 1),
            "placed_rivals": float(self.position_fit is not None and self.same_hypernym > 0) * (2 * fit - 1),
            "caption": float(self.support == "caption"),
            "predicted_iou": self.predicted_iou,
            "stability": self.stability,
            "box_agreement": self.box_agreement,
            "log_area": math.log(max(self.area_share, 1e-4)),
        }


@dataclass(frozen=True, slots=True)
class Absence:
    """What speaks for the entity not being in the picture at all.

    Attributes:
        best_score: The most specific phrase's best score.
        best_hypernym: The hypernym's best score.
        best_agreement: The best colour agreement of anything of the kind; None without a colour or a thing.
        candidates: How many things of the kind were found.
        p_present: What the best candidate reached.
        support: Where the entity is named.
    """

    best_score: float
    best_hypernym: float
    best_agreement: float | None
    candidates: int
    p_present: float
    support: str

    def features(self) -> dict[str, float]:
        """Return the numbers that the logistic model weighs."""
        return {
            "best_score": self.best_score,
            "best_hypernym": self.best_hypernym,
            "best_agreement": 0.0 if self.best_agreement is None else self.best_agreement,
            "none": float(self.candidates == 0),
            "many": float(self.candidates >= 2),
            "logit_present": math.log(max(self.p_present, 1e-4) / max(1 - self.p_present, 1e-4))
            * (self.candidates > 0),
            "caption": float(self.support == "caption"),
        }


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic model: bias and a weight for each feature; features without a weight do not count."""

    bias: float
    weights: Mapping[str, float]

    def probability(self, features: Mapping[str, float]) -> float:
        """Return the probability, between 0.001 and 0.999: nothing here is ever certain."""
        total = self.bias + sum(self.weights.get(name, 0.0) * value for name, value in features.items())
        return round(min(0.999, max(0.001, 1 / (1 + math.exp(-max(-30.0, min(30.0, total)))))), 4)


@dataclass(frozen=True, slots=True)
class Confidence:
    """The two models: that a candidate is the entity, and that the entity is absent."""

    match: Logistic
    absent: Logistic


@lru_cache(maxsize=8)
def load_confidence(path: Path = COEFFICIENTS) -> Confidence:
    """Read the coefficients that `python -m nest_builder.tiny.confidence` fitted.

    Raises:
        FileNotFoundError: The file is not there.
        KeyError: It is of another form.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    match, absent = (Logistic(content[name]["bias"], content[name]["weights"]) for name in ("match", "absent"))
    return Confidence(match, absent)
