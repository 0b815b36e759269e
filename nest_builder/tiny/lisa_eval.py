"""How well a referring segmenter knows the canon: gIoU and cIoU by kind of question, on renderings of its own seed.

    python -m nest_builder.tiny.lisa_eval data/models/lisa-tiny --scenes 200

Pictures are composed as Newsworld's own: a thing of the canon, beside it rivals, nameless things of its kind in other
colours or, seldom, in the same one, and others. No training picture is among them under any seed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Annotated, Final

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from nest_builder.annotate.base import Mask
from nest_builder.newsworld.canon import Canon, build_canon
from nest_builder.newsworld.darkroom import SIZES
from nest_builder.newsworld.scenes import compose, render
from nest_builder.segmenters.base import ReferringSegmenter
from nest_builder.segmenters.lisa import Lisa
from nest_builder.tiny.lisa_scenes import ROW, draw_subject, known_looks, row_of
from nest_builder.tiny.lisa_texts import KNOWN_KINDS, Asker
from nest_builder.validate.metrics import ciou_of, giou_of, overlap

STREAM: Final = 70_000  # apart from every training's streams
LEAST_AREA: Final = 0.003  # of the picture; a target smaller than that can hardly be seen
BATCH: Final = 16


@dataclass(frozen=True, slots=True)
class Case:
    """A question about a picture, and its truth.

    Attributes:
        kind: name | role | made | colour, or told: a made-up name with a description.
        image: RGB picture.
        text: The question.
        mask: (height, width), where the target is seen.
    """

    kind: str
    image: Image.Image
    text: str
    mask: Mask


def known_cases(seed: int, scenes: int, canon: Canon | None = None) -> Iterator[Case]:
    """Ask for the known thing of each scene once in every way that fits it, and for a thing by its description."""
    canon = canon or build_canon()
    asker = Asker(canon, salt=f"lisa-eval/{seed}", worlds=2)
    keys = {entity.key: number for number, entity in enumerate(canon.entities)}
    for number in range(scenes):
        rng, dice = np.random.default_rng([seed, STREAM, number]), Random(f"{seed}/lisa-eval/{number}")
        subject = draw_subject(rng, canon)
        scene = render(compose(rng, known_looks(rng, canon, subject), *SIZES[number % len(SIZES)]))
        things = np.array(
            [
                row_of(i.look, -1 if i.key is None else keys[i.key], float(i.mask.mean()), i.box)
                for i in scene.instances
            ],
            ROW,
        )
        target = next(at for at, i in enumerate(scene.instances) if i.key == subject.key)
        if things[target]["area"] < LEAST_AREA:
            continue
        asked = [asker.known_by(dice, kind, things, target, subject) for kind in KNOWN_KINDS]
        asked.append(asker.told(dice, things, dice.randrange(len(things))))
        for request in asked:
            if request is not None:
                yield Case(request.kind, scene.image, request.text, scene.instances[request.target].mask)


def ask_all(segmenter: ReferringSegmenter, cases: Sequence[Case]) -> list[Mask]:
    """Return the segmenter's masks, asked in batches."""
    masks: list[Mask] = []
    for start in range(0, len(cases), BATCH):
        part = cases[start : start + BATCH]
        masks += [found.mask for found in segmenter.segment([c.image for c in part], [c.text for c in part])]
    return masks


def known_entity_scores(segmenter: ReferringSegmenter, seed: int = 0, scenes: int = 200) -> dict[str, float]:
    """Score a segmenter on known entities in unseen renderings.

    Args:
        segmenter: Any.
        seed: Of the renderings and the questions.
        scenes: So many pictures, each asked about in up to five ways.

    Returns:
        `giou`, `ciou` and `questions` over the known kinds, `giou_KIND`, `ciou_KIND` and `questions_KIND` for each kind;
        `giou_low` is the lower end of gIoU's 95 % interval. "told" is no knowledge, and not in the whole.
    """
    cases = list(known_cases(seed, scenes))
    counted = overlap(ask_all(segmenter, cases), [case.mask for case in cases])
    groups: dict[str, list[int]] = defaultdict(list)
    for number, case in enumerate(cases):
        groups[f"_{case.kind}"].append(number)
        if case.kind in KNOWN_KINDS:
            groups[""].append(number)
    scores: dict[str, float] = {}
    for name, numbers in sorted(groups.items()):
        own = counted.take(_indices(numbers))
        mean = giou_of(own)
        scores |= {f"giou{name}": round(mean.value, 4), f"ciou{name}": round(ciou_of(own).value, 4)}
        scores[f"questions{name}"] = len(numbers)
        if not name:
            scores["giou_low"] = round(mean.low, 4)
    return scores


def _indices(numbers: list[int]) -> NDArray[np.int64]:
    return np.array(numbers, np.int64)


def main(
    model: Annotated[str, typer.Argument(help="A folder or hub id of LISA's class.")],
    scenes: Annotated[int, typer.Option(min=1)] = 200,
    seed: Annotated[int, typer.Option(help="Of the renderings.")] = 0,
) -> None:
    """Writes the figures as one JSON object."""
    typer.echo(json.dumps(known_entity_scores(Lisa(model), seed, scenes), indent=2))


if __name__ == "__main__":
    typer.run(main)
