"""What a referring segmenter is: picture and text in; mask, text and score out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from nest_builder.annotate.base import Mask


@dataclass(frozen=True, slots=True)
class Segmentation:
    """What a segmenter says to one picture and text.

    Attributes:
        mask: (height, width) of the picture; empty where the model finds nothing.
        text: The model's words, such as "It is [SEG]."; "" for a model without any.
        score: The model's own belief in the mask, in [0, 1].
    """

    mask: Mask
    text: str
    score: float


class ReferringSegmenter(Protocol):
    """Outlines what a text refers to. Any model: LISA and its family, Grounded-SAM, a service, one of your own."""

    def identity(self) -> str:
        """Return a name that changes with the weights; cheap, loads nothing."""

    def segment(self, images: Sequence[Image.Image], texts: Sequence[str]) -> list[Segmentation]:
        """Outline, in each picture, what its text refers to.

        Args:
            images: n RGB pictures of any sizes.
            texts: n texts: a question, an instruction, a noun phrase.
        """
