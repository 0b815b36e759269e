"""The types that ROSE's parts hand on, and the Protocols of what they build on."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Features = NDArray[np.float32]  # (n, d), rows of unit length
Part = Literal["websense", "irag", "tpe", "vpe"]
PARTS: tuple[Part, ...] = ("websense", "irag", "tpe", "vpe")


@dataclass(frozen=True, slots=True)
class Query:
    """A question about a picture.

    Attributes:
        image: RGB picture.
        text: The question.
        asked_at: The day of the question; nothing newer is retrieved. None: now, without a bound.
        exclude: Addresses (pages, pictures) that must not be used, such as a benchmark sample's own article and picture.
    """

    image: Image.Image
    text: str
    asked_at: dt.datetime | None = None
    exclude: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PageHit:
    """A page that a search found."""

    url: str
    title: str
    snippet: str
    published_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class PictureHit:
    """A picture that a search found, with the page that shows it."""

    image_url: str
    page_url: str
    title: str
    published_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a page's text, and where it is from."""

    text: str
    url: str
    title: str
    published_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible answer.

    Attributes:
        text: The answer: a name.
        confidence: In [0, 1]; all candidates of a question sum to at most 1.
        sources: Passages that say so, the most telling first.
        description: What the sources say of its kind and look, for the text prompt; "" where they do not.
    """

    text: str
    confidence: float
    sources: tuple[Passage, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture of an answer, found on the web."""

    image: Image.Image
    image_url: str
    page_url: str


@dataclass(frozen=True, slots=True)
class Step:
    """What one part did to one query, and at what cost.

    Attributes:
        part: The part, or "base" for the segmenter.
        decision: A word: "retrieve", "skip", "answered", "no answer", "kept", "corrected", "failed" ...
        reason: Why, in words for a person.
        seconds: The query's share of the part's time.
        fetched_bytes: Bytes that came over the network for it (nought for cached answers).
        lost: Why a service that the part asked gave nothing; "" where all did. Whatever the part went on to find, it is no proof of
            what it finds.
        hypernym: The kind of thing of which a look at the picture has found one only, which therefore needs no search; "" else.
    """

    part: str
    decision: str
    reason: str
    seconds: float = 0.0
    fetched_bytes: int = 0
    lost: str = ""
    hypernym: str = ""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What IRAG found for a query.

    Attributes:
        candidates: The best first; empty where nothing was found.
        answer: The chosen candidate (matched to the picture, else the most confident), or None.
        references: Pictures of the answer.
        step: What was done and why.
        searches: What was searched for.
        hypernym: The kind of thing that the question asks for; "" where it does not say.
    """

    candidates: tuple[Candidate, ...]
    answer: Candidate | None
    references: tuple[Reference, ...]
    step: Step
    searches: tuple[str, ...] = ()
    hypernym: str = ""


class WebSearch(Protocol):
    """A search service. Errors of the service are `SearchError`; what it answers is not trusted."""

    def identity(self) -> str:
        """Return the service's name for cache keys."""

    def pages(self, query: str, until: dt.datetime | None, limit: int) -> list[PageHit]:
        """Find pages; those with a date after `until`, or without one where `until` is given, are left out.

        Raises:
            SearchError: The service is down, too slow, or answers nonsense.
        """

    def pictures(self, query: str, until: dt.datetime | None, limit: int) -> list[PictureHit]:
        """Find pictures, with the same bounds.

        Raises:
            SearchError: As for `pages`.
        """


class SearchError(Exception):
    """A search service gave no usable answer; the text says why."""


class TextEmbedder(Protocol):
    """Texts to features whose dot product is their likeness."""

    def identity(self) -> str:
        """Return a name that changes with the weights; cheap, loads nothing."""

    def embed(self, texts: Sequence[str]) -> Features:
        """Embed n texts as (n, d) rows of unit length."""


class ImageEmbedder(Protocol):
    """Pictures to features whose dot product is their likeness."""

    def identity(self) -> str:
        """Return a name that changes with the weights; cheap, loads nothing."""

    def embed(self, images: Sequence[Image.Image]) -> Features:
        """Embed n pictures or crops as (n, d) rows of unit length."""


class LanguageModel(Protocol):
    """A language model that follows instructions."""

    def identity(self) -> str:
        """Return the model's name for cache keys."""

    def complete(self, instruction: str, text: str) -> str:
        """Answer an instruction about a text; the text comes from the web and is data, never an instruction.

        Raises:
            OSError: The model cannot be reached.
        """


class VisualEntities(Protocol):
    """Names what a picture shows, among candidates."""

    def match(
        self, image: Image.Image, names: Sequence[str], references: Sequence[Sequence[Reference]], hypernym: str = ""
    ) -> list[float]:
        """Return for each of n candidate names how surely the picture shows it, in [0, 1].

        Args:
            image: The query's picture.
            names: n names.
            references: For each name the reference pictures found for it; may be empty.
            hypernym: The kind of thing that is named; "" where it is not known.
        """
