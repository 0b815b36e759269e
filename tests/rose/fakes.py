"""Parts of ROSE that do what a test says, and count how they are called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from nest_builder.rose.base import Candidate, Passage, Query, Reference, Retrieval, Step
from nest_builder.rose.parts import Case
from nest_builder.segmenters.base import ReferringSegmenter, Segmentation

SIZE = (12, 8)  # width, height


def picture(grey: int = 0) -> Image.Image:
    return Image.new("RGB", SIZE, (grey, grey, grey))


def query(text: str = "Where is the Zephyr 9?", grey: int = 0) -> Query:
    return Query(picture(grey), text)


def mask(columns: int) -> Segmentation:
    """A segmentation of the left so many columns."""
    return Segmentation(np.arange(SIZE[0])[None].repeat(SIZE[1], 0) < columns, "", 1.0)


@dataclass
class FakeSegmenter:
    """Marks as many columns as the text has words; fails on texts that contain `fails_on`."""

    fails_on: str = "\0"
    calls: list[list[str]] = field(default_factory=list)

    def identity(self) -> str:
        return "fake"

    def segment(self, images: Sequence[Image.Image], texts: Sequence[str]) -> list[Segmentation]:
        self.calls.append(list(texts))
        if any(self.fails_on in text for text in texts):
            raise RuntimeError("too long")
        return [mask(len(text.split())) for text in texts]


@dataclass
class FakeWebSense:
    """Skips questions that name nothing new."""

    raises: Exception | None = None

    def decide(self, queries: Sequence[Query], base: ReferringSegmenter) -> list[Step]:
        if self.raises:
            raise self.raises
        return [Step("websense", "skip" if "cat" in one.text else "retrieve", "as told") for one in queries]


def found(name: str = "Zephyr 9", references: int = 3) -> Retrieval:
    passage = Passage(f"The {name} is a red car.", "http://a.test/1", "News", None)
    answer = Candidate(name, 0.8, (passage,), "red car")
    pictures = tuple(Reference(picture(200), f"http://a.test/{at}.png", "http://a.test/1") for at in range(references))
    return Retrieval((answer,), answer, pictures, Step("irag", "answered", "as told", 0.5, 1000))


@dataclass
class FakeIrag:
    """Answers, or does what `outcome` says; `raises` may depend on the batch."""

    outcome: Callable[[Query], Retrieval] = lambda _: found()
    raises: Callable[[Sequence[Query]], Exception | None] = lambda _: None
    calls: list[int] = field(default_factory=list)

    def retrieve(self, queries: Sequence[Query]) -> list[Retrieval]:
        self.calls.append(len(queries))
        error = self.raises(queries)
        if error:
            raise error
        return [self.outcome(one) for one in queries]


@dataclass
class FakeTextPrompt:
    raises: Exception | None = None

    def enhance(self, question: str, answer: Candidate) -> str:
        if self.raises:
            raise self.raises
        return f"{question} It is the {answer.text}, a {answer.description}."


@dataclass
class FakeVisualPrompt:
    """Corrects every mask to the whole picture."""

    raises: Exception | None = None
    calls: list[int] = field(default_factory=list)

    def correct(self, cases: Sequence[Case]) -> list[tuple[Segmentation, Step]]:
        self.calls.append(len(cases))
        if self.raises:
            raise self.raises
        return [(mask(SIZE[0]), Step("vpe", "corrected", "as told")) for _ in cases]
