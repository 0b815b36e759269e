"""Which of several names a picture shows: by their reference pictures, or by a cloud service that knows the web's pictures."""

import base64
import io
import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Final

import requests
from PIL import Image
from pydantic import BaseModel, Field, ValidationError
from urllib3.exceptions import HTTPError

from nest_builder.questions.checks import mentions
from nest_builder.rose.base import Reference
from nest_builder.rose.regions import Prototypes, RegionFinder
from nest_builder.rose.visual_prompt import VisualPrompt
from nest_builder.sections import Section

_MAX_BYTES: Final = 2_000_000  # of a service's answer
_MAX_SIDE: Final = 1024  # pixels of a picture that is sent
_MAX_ENTITIES: Final = 30


class ReferenceMatchSettings(Section):
    """How a likeness becomes a probability: a logistic curve, as `tiny.clip_fit` fits it to the embedded CLIP on seeds 0 to 4."""

    middle: float = 0.57  # cosine similarity at which it is as likely as not that the picture shows it
    width: float = 0.07  # by which the odds grow e-fold


class ReferenceMatch:
    """Compares the things in a picture with each candidate's reference pictures.

    A picture shows a candidate as surely as its best box resembles the candidate's prototype. Boxes, crops, features and
    prototypes are those of VPE, so that what one of them has computed the other finds done.

    Args:
        finder: Regions of pictures.
        prototypes: Of sets of reference pictures.
        settings: The curve.
    """

    def __init__(
        self, finder: RegionFinder, prototypes: Prototypes, settings: ReferenceMatchSettings | None = None
    ) -> None:
        self._finder, self._prototypes = finder, prototypes
        self._settings = settings or ReferenceMatchSettings()

    @classmethod
    def beside(cls, visual: VisualPrompt, settings: ReferenceMatchSettings | None = None) -> "ReferenceMatch":
        """Return one that shares everything with a `VisualPrompt`."""
        return cls(visual.finder, visual.prototypes, settings)

    def match(
        self, image: Image.Image, names: Sequence[str], references: Sequence[Sequence[Reference]], hypernym: str = ""
    ) -> list[float]:
        """Return for each of n names how surely the picture shows it; 0 for a name without reference pictures.

        Raises:
            RuntimeError: A model fails (or another of `annotate.base.MODEL_ERRORS`).
            OSError: A model is not to be had.
        """
        known = [at for at, (_, pictures) in enumerate(zip(names, references, strict=True)) if pictures]
        scores = [0.0] * len(names)
        if not known:
            return scores
        shown = [reference.image for at in known for reference in references[at]]
        found = self._finder.find([image, *shown], [hypernym] * (1 + len(shown)))[0]
        features = found.features if len(found.boxes) else self._finder.whole([image])
        made = self._prototypes.of([(hypernym, references[at]) for at in known])
        for at, prototype in zip(known, made, strict=True):
            scores[at] = self.probability(float((features @ prototype.feature).max()))
        return scores

    def probability(self, likeness: float) -> float:
        """Return how likely it is that what has this cosine similarity to a prototype is the same thing."""
        return 1 / (1 + math.exp(-(likeness - self._settings.middle) / self._settings.width))


class CloudError(OSError):
    """The service gave no usable answer; the text says why."""


class _Entity(BaseModel):
    description: str = ""
    score: float = 0.0


class _Label(BaseModel):
    label: str = ""


class _Web(BaseModel):
    entities: list[_Entity] = Field([], alias="webEntities")
    guesses: list[_Label] = Field([], alias="bestGuessLabels")


class _Status(BaseModel):
    message: str = ""


class _Response(BaseModel):
    web: _Web = Field(default_factory=_Web, alias="webDetection")
    error: _Status | None = None


class _Responses(BaseModel):
    responses: list[_Response] = Field(min_length=1, max_length=1)


class CloudVision:
    """Web detection of Google Cloud Vision (`images:annotate`), or of a service that answers like it.

    Args:
        url: The method's address.
        key_variable: The environment variable that holds the key; where it is unset none is sent.
        timeout_s: Seconds for one answer, from the first byte to the last.
        monotonic: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        url: str = "https://vision.googleapis.com/v1/images:annotate",
        *,
        key_variable: str = "GOOGLE_VISION_KEY",
        timeout_s: float = 20.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url, self._key_variable = url, key_variable
        self._timeout_s, self._monotonic = timeout_s, monotonic

    def match(
        self, image: Image.Image, names: Sequence[str], references: Sequence[Sequence[Reference]], hypernym: str = ""
    ) -> list[float]:
        """Return for each of n names how surely the service sees it; references and hypernym are not needed.

        An entity's score is the service's own, without an upper bound; held to 1 here, as is its best guess for the whole.

        Raises:
            CloudError: The service is down, too slow, refuses, or answers something else than web detection.
        """
        if not names:
            return []
        web = self._ask(image)
        seen = [(entity.description, entity.score) for entity in web.entities[:_MAX_ENTITIES]]
        seen += [(guess.label, 1.0) for guess in web.guesses[:1]]
        return [
            max((min(1.0, max(0.0, score)) for text, score in seen if _same(text, name)), default=0.0) for name in names
        ]

    def _ask(self, image: Image.Image) -> _Web:
        request = {
            "image": {"content": _jpeg(image)},
            "features": [{"type": "WEB_DETECTION", "maxResults": _MAX_ENTITIES}],
        }
        data = self._post({"requests": [request]})
        try:
            response = _Responses.model_validate_json(data).responses[0]
        except ValidationError as error:
            raise CloudError(f"{self._url} answers no web detection: {error.errors()[0]['msg']}") from error
        if response.error is not None:
            raise CloudError(f"{self._url} refuses: {response.error.message[:200]}")
        return response.web

    def _post(self, body: dict[str, object]) -> bytes:
        key = os.environ.get(self._key_variable, "")
        headers = {"X-Goog-Api-Key": key} if key else {}
        ends = self._monotonic() + self._timeout_s
        data = bytearray()
        try:
            with requests.post(
                self._url, json=body, headers=headers, timeout=self._timeout_s, stream=True, allow_redirects=False
            ) as response:
                if response.status_code != 200:
                    raise CloudError(f"{self._url} answers with status {response.status_code}")
                # read1 returns what has come so far, so that the clock is looked at however slowly the bytes drip.
                while chunk := response.raw.read1(16_384, decode_content=True):
                    data += chunk
                    if len(data) > _MAX_BYTES:
                        raise CloudError(f"{self._url} answers with more than {_MAX_BYTES} bytes")
                    if self._monotonic() > ends:
                        raise CloudError(f"{self._url} takes longer than {self._timeout_s:.0f} s")
        except (requests.RequestException, HTTPError) as error:
            raise CloudError(f"no answer from {self._url}: {type(error).__name__}") from error
        return bytes(data)


def _same(text: str, name: str) -> bool:
    """Tell whether one names the other: "Ada Okoro (politician)" is Ada Okoro, "Okoro" may be anyone."""
    return mentions(text, [name])


def _jpeg(image: Image.Image) -> str:
    small = image.convert("RGB")
    small.thumbnail((_MAX_SIDE, _MAX_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=90)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
