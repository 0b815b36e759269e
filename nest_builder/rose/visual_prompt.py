"""VPE, the visual prompt enhancer: is the mask of what the answer looks like, and if not, what in the picture is?

How the answer looks is learnt from its reference pictures: the largest cluster of what they show, counted by pictures, gives the
*prototype* (`regions.make_prototype`). The feature of the segmented region is compared with it (cosine). Little likeness, or
another box of the picture that is clearly more like it, has the mask corrected: the best box prompts the mask model.

What the paper leaves open is decided here: references are cut into detector boxes, as news pictures show several things (a whole
picture stands in where nothing is found); a box has to be better than the mask by a margin, so that no good mask is given up for
the detector's next best guess; a mask that is of the right thing is outlined anew in that thing's box, since the mask model sees it
larger than the base did; and where nothing in the picture is like the answer, there is nothing to outline.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nest_builder.annotate.base import Boxes, Detector, Mask, MaskModel
from nest_builder.annotate.boxes import box_iou
from nest_builder.annotate.masks import mask_box, mask_iou
from nest_builder.entities.hypernyms import lexicon
from nest_builder.rose.base import ImageEmbedder, Reference, Retrieval, Step
from nest_builder.rose.parts import Case
from nest_builder.rose.regions import Prototype, Prototypes, RegionFinder, Regions, RegionSettings
from nest_builder.sections import Section
from nest_builder.segmenters.base import Segmentation


class VisualPromptSettings(Section):
    """Thresholds of cosine similarity, found for the embedded CLIP; another embedder has a scale of its own.

    Of 57 Newsworld photographs with the detector's boxes (`tiny.clip_fit`, seeds 0 to 4) the box most like the prototype was the right
    one in 96 %; with the thresholds found there 98 % of masks of the right thing stay and 92 % of those of another become right. In 96
    photographs that showed the answer and 96 that showed another of its kind (the same seeds), nothing was less like it than 0.4 in
    none of the former and in 74 % of the latter (`absent`). `accept`, `same`, `slack` and `agree` were chosen on the questions of
    seeds 1 to 4, 100 each.
    """

    regions: RegionSettings = RegionSettings()
    reach: float = 0.4  # cosine distance up to which crops of references are of one thing
    verify: float = 0.7  # a mask at least this like the prototype may stay
    margin: float = 0.1  # by which a box must be more like it than such a mask is
    accept: float = 0.45  # a box less like it than this is not the answer
    absent: float = 0.4  # where nothing is as like as that to what two pictures agree on, the answer is not there
    sure: float = 0.5  # confidence of an answer from which on its absence means anything
    same: float = 0.6  # IoU of the mask's box and a detector's box from which both are of one thing
    slack: float = 0.05  # by which such a box may be less like the answer than the mask's own
    agree: float = 0.5  # IoU from which another outline of that thing takes the mask's place


@dataclass(frozen=True, slots=True)
class Answer:
    """What the picture is searched for.

    Attributes:
        name: The answer's name.
        hypernym: The detector's word for its kind, "" where that is not known.
        confidence: That it is the answer at all.
        only: The picture shows one thing of this kind only, so that it needs no reference picture to be told.
    """

    name: str
    hypernym: str = ""
    confidence: float = 1.0
    only: bool = False


@dataclass(frozen=True, slots=True)
class Correction:
    """What became of a mask.

    Attributes:
        mask: (height, width), the given one or a better one.
        box: The box that prompted it, in pixels; None where the mask was kept or emptied.
        similarity_before: Of the given mask's region to the prototype; None where there was nothing to compare.
        similarity_after: Of the returned mask's region; the same as before where the mask was kept, None where it was emptied.
        step: The decision: "kept", "refined" (of the same thing, outlined anew), "corrected" or "emptied", with reason and figures.
    """

    mask: Mask
    box: tuple[float, float, float, float] | None
    similarity_before: float | None
    similarity_after: float | None
    step: Step


@dataclass(frozen=True, slots=True)
class _Choice:
    """A decision before the mask model is asked."""

    reason: str
    before: float | None = None
    after: float | None = None
    box: NDArray[np.float64] | None = None
    absent: bool = False  # nothing in the picture is like the answer
    same: bool = False  # ``box`` is of what the mask is of


class VisualPrompt:
    """Verifies masks by reference pictures and corrects them, a batch at a time.

    Args:
        detector: Finds what can be meant.
        masks: Outlines the best box.
        embedder: Of crops.
        settings: Thresholds.
        finder: Regions of pictures; one that is shared with `ReferenceMatch` computes nothing twice.
    """

    def __init__(
        self,
        detector: Detector,
        masks: MaskModel,
        embedder: ImageEmbedder,
        settings: VisualPromptSettings | None = None,
        finder: RegionFinder | None = None,
    ) -> None:
        self.settings = settings or VisualPromptSettings()
        self._masks = masks
        self.finder = finder or RegionFinder(detector, embedder, self.settings.regions)
        self.prototypes = Prototypes(self.finder, self.settings.reach)

    def correct(self, cases: Sequence[Case]) -> list[tuple[Segmentation, Step]]:
        """Verify or correct the segmentations of n cases; see `CorrectsMasks`."""
        fixed = self.verify(
            [case.image for case in cases],
            [case.segmentation.mask for case in cases],
            [as_answer(case.retrieval) if case.retrieval else Answer("", case.only, only=True) for case in cases],
            [case.retrieval.references if case.retrieval else () for case in cases],
        )
        return [(replace(case.segmentation, mask=one.mask), one.step) for case, one in zip(cases, fixed, strict=True)]

    def verify(
        self,
        images: Sequence[Image.Image],
        masks: Sequence[Mask],
        answers: Sequence[Answer],
        references: Sequence[Sequence[Reference]],
    ) -> list[Correction]:
        """Hold masks against reference pictures.

        Args:
            images: n RGB pictures.
            masks: For each the base model's mask (height, width); may be empty.
            answers: What each mask should be of.
            references: For each answer its pictures; may be none.

        Returns:
            For each picture what became of its mask.

        Raises:
            RuntimeError: A model fails (or another of `annotate.base.MODEL_ERRORS`).
            OSError: A model is not to be had.
        """
        work = list(zip(images, masks, answers, references, strict=True))
        return self._outline(work, self._choose(work))

    def _choose(self, work: "_Work") -> list[_Choice]:
        """Decide on every mask; all pictures of the batch are searched, and all crops embedded, together."""
        asked = [at for at, (_, _, _, references) in enumerate(work) if references]
        alone = [at for at, (_, _, answer, _) in enumerate(work) if answer.only]
        pictures = [work[at][0] for at in asked]
        shown = [(reference.image, work[at][2].hypernym) for at in asked for reference in work[at][3]]
        every = [*((work[at][0], work[at][2].hypernym) for at in [*asked, *alone]), *shown]
        searched = self.finder.find([image for image, _ in every], [kind for _, kind in every])
        regions = dict(zip([*asked, *alone], searched, strict=False))
        prototypes = dict(
            zip(asked, self.prototypes.of([(work[at][2].hypernym, work[at][3]) for at in asked]), strict=True)
        )
        boxes = [np.array([mask_box(work[at][1])]) if work[at][1].any() else np.empty((0, 4)) for at in asked]
        own = dict(zip(asked, zip(boxes, self.finder.embed(pictures, boxes), strict=True), strict=True))
        choices = []
        for at, (_, _, answer, _) in enumerate(work):
            if answer.only and at in regions and len(regions[at].boxes):
                choices.append(_Choice(f"the picture shows one {answer.hypernym} only", box=regions[at].boxes[0]))
                continue
            if at not in own:
                choices.append(_Choice("there is no reference picture"))
                continue
            box, feature = own[at]
            likeness = float(feature[0] @ prototypes[at].feature) if len(box) else None
            choices.append(self._decide(answer, regions[at], prototypes[at], box, likeness))
        return choices

    def _decide(
        self, answer: Answer, regions: Regions, prototype: Prototype, box: Boxes, likeness: float | None
    ) -> _Choice:
        """Keep a mask whose region (box of (1, 4) or (0, 4)) has this likeness to the prototype, or name a better box."""
        limits = self.settings
        held = "empty" if likeness is None else f"{likeness:.2f} like"
        basis = f"the mask is {held} the prototype of {prototype.pictures} of {prototype.shown} pictures"
        similar = regions.features @ prototype.feature
        best = float(similar.max(initial=-1))
        basis += f", the best of {len(similar)} boxes {best:.2f}" if len(similar) else ", and no box is found"
        known = 2 * prototype.pictures > prototype.shown > 1 and answer.confidence >= limits.sure
        if known and max(best, -1 if likeness is None else likeness) < limits.absent:
            return _Choice(f"{basis}: the picture does not show it", likeness, absent=True)
        if not len(similar):
            return _Choice(basis, likeness, likeness)
        chosen, stays = int(np.argmax(similar)), _Choice(basis, likeness, likeness)
        overlap = box_iou(box, regions.boxes)[0] if len(box) else np.zeros(len(similar))
        # A box that is less like the answer than the mask's own crop shows less of it, or more of something else.
        fits = (overlap >= limits.same) & (similar >= (-1 if likeness is None else likeness - limits.slack))
        if fits.any():
            own = int(np.argmax(np.where(fits, overlap, 0)))
            stays = _Choice(basis, likeness, float(similar[own]), regions.boxes[own], same=True)
        if overlap[chosen] >= limits.same:
            return replace(stays, reason=f"{basis}, and the mask is of it")
        if likeness is not None and likeness >= limits.verify and best - likeness < limits.margin:
            return replace(stays, reason=f"{basis}: verified")
        if best < limits.accept:
            return _Choice(f"{basis}, too little to go by", likeness, likeness)
        if likeness is not None and best <= likeness:
            return replace(stays, reason=f"{basis}: nothing is better")
        return _Choice(basis, likeness, best, regions.boxes[chosen])

    def _outline(self, work: "_Work", choices: Sequence[_Choice]) -> list[Correction]:
        """Have the chosen boxes outlined, in one call."""
        # Paraphrases of a question end with the same box of the same picture, which is outlined once.
        keys = [
            None if choice.box is None else (id(one[0]), *choice.box) for one, choice in zip(work, choices, strict=True)
        ]
        firsts = {key: at for at, key in reversed(list(enumerate(keys))) if key is not None}
        boxes = [np.asarray(choices[at].box, np.float64)[None] for at in firsts.values()]
        images = [work[at][0] for at in firsts.values()]
        outlines = dict(zip(firsts, self._masks.segment(images, boxes), strict=True)) if firsts else {}
        made = []
        for at, ((_, mask, _, _), choice) in enumerate(zip(work, choices, strict=True)):
            if choice.absent:
                made.append(
                    Correction(np.zeros_like(mask), None, choice.before, None, Step("vpe", "emptied", choice.reason))
                )
            elif choice.box is None:
                made.append(_kept(mask, choice))
            elif not (found := outlines[keys[at]][0].mask).any():
                reason = f"{choice.reason}, but the mask model finds nothing in it"
                made.append(_kept(mask, replace(choice, reason=reason, after=choice.before)))
            elif choice.same and mask_iou(found, mask) < self.settings.agree:
                reason = f"{choice.reason}, but the mask model outlines something else there"
                made.append(_kept(mask, replace(choice, reason=reason, after=choice.before)))
            else:
                x0, y0, x1, y1 = (float(value) for value in choice.box)
                step = Step("vpe", "refined" if choice.same else "corrected", choice.reason)
                made.append(Correction(found, (x0, y0, x1, y1), choice.before, choice.after, step))
        return made


_Work = Sequence[tuple[Image.Image, Mask, Answer, Sequence[Reference]]]


def _kept(mask: Mask, choice: _Choice) -> Correction:
    return Correction(mask, None, choice.before, choice.after, Step("vpe", "kept", choice.reason))


def as_answer(retrieval: Retrieval) -> Answer:
    """Return what to look for: the answer's name, with the kind that the question tells, or the answer's description."""
    answer = retrieval.answer
    if answer is None:
        return Answer("", retrieval.hypernym)
    words = lexicon()
    match = words.pattern.search(answer.description)
    hypernym = retrieval.hypernym or (match and words.hypernym(match.group())) or ""
    return Answer(answer.text, hypernym, answer.confidence)
