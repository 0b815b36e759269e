"""VPE with the embedded models, on looks and photographs that none of them has seen."""

import numpy as np
import pytest

from nest_builder.annotate.detect import GroundingDino
from nest_builder.annotate.masks import mask_iou
from nest_builder.annotate.segment import Segmenter
from nest_builder.config import AnnotateSettings, RoseSettings
from nest_builder.newsworld.looks import CATEGORIES, Look, anonymous_look, new_look
from nest_builder.newsworld.scenes import compose, render
from nest_builder.rose.base import Reference
from nest_builder.rose.embed import CachedImages, ClipImages
from nest_builder.rose.visual_prompt import Answer, VisualPrompt


def photograph(rng: np.random.Generator, looks: list[Look]):
    scene = render(compose(rng, [(look, str(n)) for n, look in enumerate(looks)], 360, 270))
    return scene.image, [one.mask for one in sorted(scene.instances, key=lambda one: int(one.key))]


@pytest.mark.slow
def test_masks_of_another_thing_of_the_kind_are_corrected():
    images, wrong, right, references = [], [], [], []
    for number, category in enumerate(CATEGORIES):
        rng = np.random.default_rng([9, number])
        look = new_look(rng, category)
        image, (own, other, *_) = photograph(rng, [look, anonymous_look(rng, category), anonymous_look(rng, "lamp")])
        images.append(image)
        right.append(own)
        wrong.append(other)
        shown = [photograph(rng, [look, anonymous_look(rng, "phone")])[0] for _ in range(3)]
        references.append([Reference(one, f"http://a.test/{n}.jpg", "") for n, one in enumerate(shown)])
    settings = AnnotateSettings()
    embedder = CachedImages(ClipImages(RoseSettings().image_embedder))
    part = VisualPrompt(GroundingDino(settings), Segmenter(settings), embedder)
    answers = [Answer("it", category) for category in CATEGORIES]
    fixed = part.verify(images, wrong, answers, references)
    mended = [mask_iou(one.mask, own) > 0.6 for one, own in zip(fixed, right, strict=True)]
    assert np.mean(mended) >= 0.7, [one.step.reason for one in fixed]
    again = part.verify(images, right, answers, references)
    assert np.mean([mask_iou(one.mask, own) > 0.6 for one, own in zip(again, right, strict=True)]) >= 0.9
