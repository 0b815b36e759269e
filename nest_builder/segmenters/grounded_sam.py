"""Grounded-SAM as a referring segmenter: the text goes straight into Grounding DINO, the best box into SAM."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image

from nest_builder.annotate.base import Boxes, Detections, Detector, MaskModel, Outline
from nest_builder.annotate.detect import GroundingDino
from nest_builder.annotate.segment import Segmenter
from nest_builder.config import AnnotateSettings
from nest_builder.digest import short_id
from nest_builder.segmenters.base import Segmentation

_STOPS: Final = re.compile(r"[.?!]+")  # Grounding DINO's phrase ends at each of them
_LONGEST_PHRASE: Final = 4  # words
# Words that end a noun phrase, or that ask for a mask and name nothing.
_BETWEEN: Final = """a an the this that these those which who what where when how one it its them he she they there here
    in on at of from to by with for as into about between and or but not is are was were be been has have had did do
    does can could would will shall may please segment outline find show shows shown mark locate point picture image
    photo photograph scene part person's use used"""


class GroundedSam:
    """The static baseline of the ROSE paper. It has no words of its own, and by default always makes a guess.

    Args:
        settings: Names detector and mask model; the embedded ones by default.
        detector: Instead of the one that the settings name, which scores a text by its best word and keeps every box.
        mask_model: Likewise.
        min_score: A best box under this score is no box: the mask is empty.
        noun_phrases: At most so many noun phrases of the text are asked for, instead of the text as it stands; 0 for none.
    """

    def __init__(
        self,
        settings: AnnotateSettings | None = None,
        detector: Detector | None = None,
        mask_model: MaskModel | None = None,
        *,
        min_score: float = 0.0,
        noun_phrases: int = 0,
    ) -> None:
        chosen = settings or AnnotateSettings()
        self._detector: Detector = detector or GroundingDino(chosen, token_score="max", floor=0.0)
        self._mask_model: MaskModel = mask_model or Segmenter(chosen)
        self._min_score, self._noun_phrases = min_score, noun_phrases
        self._way = short_id(1, min_score, noun_phrases, chosen.nms_iou, chosen.mask_windows)

    def identity(self) -> str:
        """Return the names of both models with the hash of their files, and of the settings that count."""
        return f"grounded-sam({self._detector.identity()}, {self._mask_model.identity()}, {self._way})"

    def segment(self, images: Sequence[Image.Image], texts: Sequence[str]) -> list[Segmentation]:
        """Outline what each text refers to; see `ReferringSegmenter.segment`.

        Raises:
            ValueError: There are not as many texts as pictures.
        """
        if len(images) != len(texts):
            raise ValueError(f"{len(images)} pictures with {len(texts)} texts")
        found = [self._best(one) for one in self._detector.detect(images, [self._phrases(text) for text in texts])]
        outlines = self._outlines(images, [boxes for boxes, _ in found])
        return [
            Segmentation(_empty(image) if outline is None else outline.mask, "", score)
            for image, outline, (_, score) in zip(images, outlines, found, strict=True)
        ]

    def _phrases(self, text: str) -> list[str]:
        if self._noun_phrases and (phrases := noun_phrases(text, self._noun_phrases)):
            return phrases
        return [" ".join(_STOPS.sub(" ", text).split())]

    def _best(self, found: Detections) -> tuple[Boxes, float]:
        """Return the best box (1, 4) and its score; (0, 4) where there is none."""
        scores = found.scores.max(1, initial=0.0)
        if not len(scores) or scores.max() < self._min_score:
            return np.empty((0, 4)), 0.0
        at = int(scores.argmax())
        return found.boxes[at : at + 1], float(np.clip(scores[at], 0.0, 1.0))

    def _outlines(self, images: Sequence[Image.Image], boxes: Sequence[Boxes]) -> list[Outline | None]:
        """Outline a box or none in each picture; a picture that was asked about several times is encoded once."""
        asked: dict[int, list[int]] = {}
        for at, image in enumerate(images):
            if len(boxes[at]):
                asked.setdefault(id(image), []).append(at)
        groups = list(asked.values())
        made = self._mask_model.segment(
            [images[group[0]] for group in groups], [np.concatenate([boxes[at] for at in group]) for group in groups]
        )
        outlines: list[Outline | None] = [None] * len(images)
        for group, several in zip(groups, made, strict=True):
            for at, outline in zip(group, several, strict=True):
                outlines[at] = outline
        return outlines


def noun_phrases(text: str, most: int) -> list[str]:
    """Return up to ``most`` runs of naming words of a text, as "red car" of "Where is the red car?", in their order."""
    between = set(_BETWEEN.split())
    phrases: list[str] = []
    for piece in re.split(r"[^\w\s'’-]+", text.lower()):
        run: list[str] = []
        for word in (*piece.split(), "the"):
            if word not in between:
                run.append(word)
            elif run:
                phrases.append(" ".join(run[-_LONGEST_PHRASE:]))  # an English noun phrase ends with its noun
                run = []
    return list(dict.fromkeys(phrases))[:most]


def _empty(image: Image.Image) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    return np.zeros((image.height, image.width), bool)
