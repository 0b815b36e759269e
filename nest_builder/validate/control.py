"""The control set: a static model that does not find what it knows was loaded wrongly, and its failures prove nothing."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image

from nest_builder.annotate.base import MODEL_ERRORS, Mask
from nest_builder.segmenters.base import ReferringSegmenter
from nest_builder.validate.metrics import Interval, giou

log = logging.getLogger(__name__)

FLOOR: Final = 0.6  # gIoU on known entities
SMALLEST: Final = 30  # questions; fewer say little
_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True)
class Known:
    """A question about something that every model of its time knows.

    Attributes:
        image: RGB picture.
        text: The question.
        mask: (height, width), what is asked for.
    """

    image: Image.Image
    text: str
    mask: Mask


@dataclass(frozen=True, slots=True)
class Control:
    """How a static model does on the control set.

    Attributes:
        segmenter: Its identity.
        giou: None where it could not be asked.
        floor: What it has to reach.
        questions: How many it was asked.
        reason: Why its failures prove nothing; "" where they do.
    """

    segmenter: str
    giou: Interval | None
    floor: float
    questions: int
    reason: str

    @property
    def passed(self) -> bool:
        """Return whether verdicts may rest on it."""
        return not self.reason


def require_enough(known: Sequence[Known]) -> None:
    """Refuse a control set that says little, whatever the models.

    Raises:
        ValueError: There are too few questions.
    """
    if len(known) < SMALLEST:
        raise ValueError(f"a control set has at least {SMALLEST} questions, not {len(known)}")


def check(segmenter: ReferringSegmenter, known: Sequence[Known], floor: float = FLOOR, seed: int = 0) -> Control:
    """Ask a static model about known entities.

    Args:
        segmenter: The static model.
        known: At least 30 questions; masks of the pictures' sizes.
        floor: The gIoU under which no verdict may rest on it.
        seed: Of the interval's resamples.

    Raises:
        ValueError: There are too few questions: that is no model's fault.
        OSError: The model cannot be reached or read now, which says nothing of its weights.
    """
    require_enough(known)
    name = segmenter.identity()
    predicted: list[Mask] = []
    try:
        for start in range(0, len(known), _AT_ONCE):
            part = known[start : start + _AT_ONCE]
            said = segmenter.segment([one.image for one in part], [one.text for one in part])
            predicted += [one.mask for one in said]
        figure = giou(predicted, [one.mask for one in known], seed)
    except MODEL_ERRORS as error:  # weights of another shape, or that give no masks
        log.warning("the static model %s fails on the control set: %s", name, error)
        reason = f"{name} cannot answer the control set: {type(error).__name__}: {error}"[:500]
        return Control(name, None, floor, len(known), reason)
    reason = ""
    if figure.value < floor:
        reason = (
            f"{name} reaches a gIoU of {figure.value:.3f} on {len(known)} questions about known entities, under the floor of "
            f"{floor:g}: it is loaded wrongly or too weak, so that its failures prove nothing"
        )
    return Control(name, figure, floor, len(known), reason)
