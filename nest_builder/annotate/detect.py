"""Grounding DINO, any size of it: all phrases of a picture in one prompt, a score for every phrase and box."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nest_builder.annotate.base import Detections
from nest_builder.annotate.boxes import clip_boxes, suppress
from nest_builder.annotate.models import choose_device, model_identity
from nest_builder.config import AnnotateSettings

PHRASES_PER_PROMPT = 8  # what the embedded model was trained with; more phrases blur any such detector
FLOOR = 0.05  # boxes under every threshold that a caller may want are not worth carrying along


@dataclass(frozen=True, slots=True)
class Prompt:
    """Phrases of one picture that are asked together.

    Attributes:
        image: Index of the picture.
        first: Index of the first phrase among the picture's.
        ids: Token ids: ``[CLS] red car . car . [SEP]``.
        spans: For each phrase the positions of its tokens.
    """

    image: int
    first: int
    ids: tuple[int, ...]
    spans: tuple[tuple[int, ...], ...]


class GroundingDino:
    """An open-vocabulary detector (Liu et al. 2023, "Grounding DINO").

    A phrase's score for a box is the mean over the phrase's tokens, so that "red car" needs the red as well as the car.

    Args:
        settings: Names the model (a folder or a hub id), the device, the thresholds and the batch size.
        token_score: "max" scores a phrase by its best token, as the published model does with a whole sentence, most of
            whose words name nothing.
        floor: Boxes under it are dropped.
    """

    def __init__(
        self, settings: AnnotateSettings, token_score: Literal["mean", "max"] = "mean", floor: float = FLOOR
    ) -> None:
        self._settings, self._floor = settings, floor
        self._reduce = np.mean if token_score == "mean" else np.max
        self._parts: tuple[Any, Any, Any, str] | None = None

    def identity(self) -> str:
        """Return the model's name with the hash of its files."""
        return model_identity(self._settings.detector_model)

    def detect(self, images: Sequence[Image.Image], phrases: Sequence[Sequence[str]]) -> list[Detections]:
        """Find every phrase of a picture in it; see `Detector.detect`."""
        _, tokenizer, _, _ = self._load()
        prompts = [prompt for number, asked in enumerate(phrases) for prompt in self._prompts(tokenizer, number, asked)]
        boxes: list[list[NDArray[np.float64]]] = [[] for _ in images]
        scores: list[list[NDArray[np.float64]]] = [[] for _ in images]
        for start in range(0, len(prompts), self._settings.batch_size):
            part = prompts[start : start + self._settings.batch_size]
            probabilities, places = self._forward([images[prompt.image] for prompt in part], part)
            for row, prompt in enumerate(part):
                score = np.zeros((len(places[row]), len(phrases[prompt.image])))
                for offset, span in enumerate(prompt.spans):
                    score[:, prompt.first + offset] = (
                        self._reduce(probabilities[row][:, list(span)], 1) if span else 0.0
                    )
                boxes[prompt.image].append(places[row])
                scores[prompt.image].append(score)
        return [
            self._detections(image, found, rated, len(asked))
            for image, found, rated, asked in zip(images, boxes, scores, phrases, strict=True)
        ]

    def _detections(
        self,
        image: Image.Image,
        boxes: Sequence[NDArray[np.float64]],
        scores: Sequence[NDArray[np.float64]],
        phrases: int,
    ) -> Detections:
        """Put a picture's prompts together, in pixels. Rounded: the last bits depend on the batch's other pictures."""
        if not boxes:
            return Detections(np.empty((0, 4)), np.empty((0, phrases)))
        shares = np.concatenate(boxes)
        corners = np.concatenate([shares[:, :2] - shares[:, 2:] / 2, shares[:, :2] + shares[:, 2:] / 2], 1)
        width, height = image.size
        pixels = clip_boxes(corners * np.array([width, height, width, height]), width, height)
        return suppress(pixels.round(2), np.concatenate(scores).round(4), self._settings.nms_iou, self._floor)

    def _forward(
        self, images: Sequence[Image.Image], prompts: Sequence[Prompt]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return token probabilities (b, queries, tokens) and boxes (b, queries, 4) as centre and size, in shares."""
        import torch

        model, tokenizer, processor, device = self._load()
        width = max(len(prompt.ids) for prompt in prompts)
        padding = tokenizer.pad_token_id or 0
        ids = torch.tensor([[*prompt.ids, *[padding] * (width - len(prompt.ids))] for prompt in prompts])
        lengths = torch.tensor([len(prompt.ids) for prompt in prompts])
        mask = (torch.arange(width)[None] < lengths[:, None]).long()
        inputs = {name: value.to(device) for name, value in processor(list(images), return_tensors="pt").items()}
        with torch.inference_mode():
            out = model(**inputs, input_ids=ids.to(device), attention_mask=mask.to(device))
        return out.logits.sigmoid().double().cpu().numpy(), out.pred_boxes.double().cpu().numpy()

    def _prompts(self, tokenizer: Any, image: int, phrases: Sequence[str]) -> list[Prompt]:
        """Split a picture's phrases into prompts that the model can read."""
        stop = tokenizer.convert_tokens_to_ids(".")
        longest = int(self._load()[0].config.max_text_len)
        prompts: list[Prompt] = []
        ids: list[int] = [tokenizer.cls_token_id]
        spans: list[tuple[int, ...]] = []
        first = 0
        for index, phrase in enumerate(phrases):
            tokens = tokenizer.encode(phrase.lower(), add_special_tokens=False, truncation=True, max_length=longest - 3)
            if spans and (len(ids) + len(tokens) + 2 > longest or len(spans) == PHRASES_PER_PROMPT):
                prompts.append(Prompt(image, first, (*ids, tokenizer.sep_token_id), tuple(spans)))
                ids, spans, first = [tokenizer.cls_token_id], [], index
            spans.append(tuple(range(len(ids), len(ids) + len(tokens))))
            ids += [*tokens, stop]
        if spans:
            prompts.append(Prompt(image, first, (*ids, tokenizer.sep_token_id), tuple(spans)))
        return prompts

    def _load(self) -> tuple[Any, Any, Any, str]:
        """Load model, tokenizer and image processor when they are first needed."""
        if self._parts is None:
            device = choose_device(self._settings.device)
            self._parts = *_load_model(self._settings.detector_model, device, self.identity()), device
        return self._parts


@lru_cache(maxsize=2)
def _load_model(name: str, device: str, _identity: str) -> tuple[Any, Any, Any]:
    """Load weights once for all who use them, ROSE and a Grounded-SAM under it; other files under the same name are others."""
    import torch
    from transformers import AutoModelForZeroShotObjectDetection, AutoTokenizer, GroundingDinoImageProcessorPil

    # Weights may lie on disk in half precision, in which a CPU is slow and inexact.
    model = AutoModelForZeroShotObjectDetection.from_pretrained(name, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(name)
    return model.eval().to(device), tokenizer, GroundingDinoImageProcessorPil.from_pretrained(name)
