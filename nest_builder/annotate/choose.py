"""Which of the things that were found is the entity. The detector cannot know a new name: look and place decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from nest_builder.annotate.base import Boxes, Detections, Outline
from nest_builder.annotate.boxes import box_iou
from nest_builder.annotate.colours import agreement, colour_shares, second_agreement
from nest_builder.annotate.masks import distinct, implausible, mask_box
from nest_builder.annotate.positions import caption_position, position_fit
from nest_builder.annotate.uncertainty import Absence, Confidence, Uncertainty

LOOKALIKE = 0.6  # from this agreement on a thing has the colour
RIVAL = 0.5  # a box counts for a phrase only if no other phrase fits it twice as well
CANDIDATE_SHARE = 0.5  # of the threshold: a detector that has found one red car scores the next one low
SAME_THING = 0.7  # overlap from which on two entities cannot both be there


@dataclass(frozen=True, slots=True)
class Target:
    """An entity that a picture may show.

    Attributes:
        key: Its key.
        names: Name and aliases.
        hypernym: The detector's word for it.
        colour: Of its look, "" where the articles do not say.
        others: Further colours of its look.
        support: Where it is named: "caption" or "article".
    """

    key: str
    names: tuple[str, ...]
    hypernym: str
    colour: str
    others: tuple[str, ...]
    support: str

    @property
    def phrase(self) -> str:
        """Return the most specific thing to ask for: "red car", "person in red", or the hypernym alone."""
        if not self.colour:
            return self.hypernym
        return f"person in {self.colour}" if self.hypernym == "person" else f"{self.colour} {self.hypernym}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The decision about one entity in one picture.

    Attributes:
        key: The entity.
        phrase: What was asked for.
        index: The chosen detection, or None for "not in the picture".
        p_correct: Probability that this decision is right.
        candidates: Detections of the kind, the likeliest first.
        record: The uncertainty record, JSON types.
    """

    key: str
    phrase: str
    index: int | None
    p_correct: float
    candidates: tuple[int, ...]
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One candidate for one entity, before a decision."""

    index: int
    uncertainty: Uncertainty


def phrases_for(targets: Sequence[Target]) -> list[str]:
    """Return what to ask the detector for, each phrase once, the bare hypernyms first."""
    return list(dict.fromkeys([*(target.hypernym for target in targets), *(target.phrase for target in targets)]))


def weigh(
    targets: Sequence[Target],
    phrases: Sequence[str],
    found: Detections,
    outlines: Sequence[Outline],
    image: Image.Image,
    caption: str,
    threshold: float,
) -> list[list[Evidence]]:
    """Collect, for each entity, the evidence for every thing of its kind.

    Args:
        targets: The entities.
        phrases: What the detector was asked for, in its order.
        found: What it found.
        outlines: One mask for each of its boxes.
        image: The picture, RGB.
        caption: Its caption.
        threshold: The detector's; a thing may be of the kind from half of it on.
    """
    plausible = [index for index, outline in enumerate(outlines) if implausible(outline.mask) is None]
    plausible = [plausible[index] for index in distinct([outlines[index].mask for index in plausible])]
    result = []
    for target in targets:
        general, special = phrases.index(target.hypernym), phrases.index(target.phrase)
        own = found.scores[:, [general, special]].max(1) if len(found.boxes) else []
        floor = threshold * CANDIDATE_SHARE
        kind = [i for i in plausible if own[i] >= floor and own[i] >= RIVAL * found.scores[i].max()]
        masks = [outlines[index].mask for index in kind]
        person = target.hypernym == "person"
        fits = [agreement(colour_shares(image, mask, person=person), target.colour) for mask in masks]
        seconds = [second_agreement(colour_shares(image, mask, person=False), target.others) for mask in masks]
        largest = max((int(mask.sum()) for mask in masks), default=1)
        place = caption_position(caption, target.names)
        places = position_fit(place, found.boxes[kind], image.width) if place else [None] * len(kind)
        others = [phrases.index(other.phrase) for other in targets if other.phrase != target.phrase]
        evidence = []
        for at, index in enumerate(kind):
            score, rest = float(found.scores[index, special]), [i for i in kind if i != index]
            fit, rival_fits = fits[at], _without(fits, at)
            second, rival_seconds = seconds[at], _without(seconds, at)
            outline = outlines[index]
            evidence.append(
                Evidence(
                    index,
                    Uncertainty(
                        detector_score=score,
                        hypernym_score=float(found.scores[index, general]),
                        phrase_margin=score - max((float(found.scores[i, special]) for i in rest), default=0.0),
                        rival_phrase_margin=score - max((float(found.scores[index, i]) for i in others), default=0.0),
                        same_hypernym=len(rest),
                        colour_known=bool(target.colour),
                        colour_agreement=fit,
                        colour_margin=0.0 if fit is None else fit - max(rival_fits, default=0.0),
                        second_agreement=second,
                        second_margin=0.0 if second is None else second - max(rival_seconds, default=0.0),
                        lookalikes=sum(value >= LOOKALIKE for value in rival_fits),
                        position=place or "",
                        position_fit=places[at],
                        support=target.support,
                        predicted_iou=outline.predicted_iou,
                        stability=outline.stability,
                        box_agreement=_agreement(found.boxes, index, outline),
                        area_share=float(outline.mask.mean()),
                        relative_area=int(outline.mask.sum()) / largest,
                    ),
                )
            )
        result.append(evidence)
    return result


def absence(
    target: Target, phrases: Sequence[str], found: Detections, evidence: Sequence[Evidence], best: float
) -> Absence:
    """Collect what speaks for an entity not being there; ``best`` is what its likeliest candidate reached."""
    scores = found.scores if len(found.boxes) else None
    fits = [item.uncertainty.colour_agreement for item in evidence]
    known = [fit for fit in fits if fit is not None]
    return Absence(
        best_score=0.0 if scores is None else float(scores[:, phrases.index(target.phrase)].max()),
        best_hypernym=0.0 if scores is None else float(scores[:, phrases.index(target.hypernym)].max()),
        best_agreement=max(known) if known else None,
        candidates=len(evidence),
        p_present=best,
        support=target.support,
    )


def decide(
    targets: Sequence[Target],
    phrases: Sequence[str],
    found: Detections,
    evidence: Sequence[Sequence[Evidence]],
    confidence: Confidence,
) -> list[Choice]:
    """Choose for each entity one thing or none; the surest entity chooses first and no thing is given away twice."""
    rated = [
        sorted(
            ((confidence.match.probability(item.uncertainty.features()), item) for item in items), key=lambda p: -p[0]
        )
        for items in evidence
    ]
    order = sorted(range(len(targets)), key=lambda t: (-max((p for p, _ in rated[t]), default=0.0), t))
    taken: list[int] = []
    choices: dict[int, Choice] = {}
    for number in order:
        target = targets[number]
        free = [(p, item) for p, item in rated[number] if not _overlaps(found.boxes, item.index, taken)]
        best, chosen = free[0] if free else (0.0, None)
        missing = absence(target, phrases, found, [item for _, item in free], best)
        p_absent = confidence.absent.probability(missing.features())
        candidates = tuple(item.index for _, item in rated[number])
        if chosen is not None and best >= p_absent:
            taken.append(chosen.index)
            record = chosen.uncertainty.record() | {"p_absent": p_absent}
            choices[number] = Choice(target.key, target.phrase, chosen.index, best, candidates, record)
        else:
            record = {
                "detector_score": round(missing.best_score, 4),
                "hypernym_score": round(missing.best_hypernym, 4),
                "colour_agreement": missing.best_agreement
                if missing.best_agreement is None
                else round(missing.best_agreement, 4),
                "same_hypernym": missing.candidates,
                "support": target.support,
                "p_present": best,
            }
            choices[number] = Choice(target.key, target.phrase, None, p_absent, candidates, record)
    return [choices[number] for number in range(len(targets))]


def _without(values: Sequence[float | None], index: int) -> list[float]:
    """The known values but one."""
    return [value for at, value in enumerate(values) if at != index and value is not None]


def _overlaps(boxes: Boxes, index: int, others: Sequence[int]) -> bool:
    return bool(others) and bool(box_iou(boxes[[index]], boxes[list(others)]).max() >= SAME_THING)


def _agreement(boxes: Boxes, index: int, outline: Outline) -> float:
    return float(box_iou(boxes[[index]], np.array([mask_box(outline.mask)]))[0, 0])
