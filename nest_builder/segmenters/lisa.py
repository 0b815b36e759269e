"""LISA as a referring segmenter: pictures and requests in, masks and answers out.

A model is a folder or a hub id with `LisaForSegmentation`'s weights and a tokenizer: LISA-tiny in `data/models`, or
what `segmenters.lisa_convert` makes of the official weights.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from PIL import Image
from torch import Tensor
from transformers import AutoTokenizer, CLIPImageProcessorPil, SamImageProcessorPil

from nest_builder.annotate.base import Mask
from nest_builder.annotate.models import choose_device, model_identity
from nest_builder.segmenters.base import Segmentation
from nest_builder.segmenters.lisa_config import LisaConfig
from nest_builder.segmenters.lisa_model import Encoded, LisaForSegmentation

SEG = "[SEG]"
_LONGEST_TEXT = 8_000  # characters; what is behind them is not even tokenised


class Prompter:
    """Turns requests into ids.

    Args:
        tokenizer: Knows `[SEG]` and the marks in the configuration's prompt.
        config: Of the model.
    """

    def __init__(self, tokenizer: Any, config: LisaConfig) -> None:
        self.tokenizer = tokenizer
        self._after, self._longest = config.prompt_after, config.max_text_tokens
        self._marks = {SEG, *tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
        start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
        self.before = [*start, *self._ids(config.prompt_before)]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def __call__(self, text: str) -> list[int]:
        """Return the ids behind the picture; marks within the text lose their meaning, and its end is cut off."""
        text = text[:_LONGEST_TEXT]
        for mark in self._marks:
            text = text.replace(mark, " ")
        text = " ".join(text.split())
        ids = self._ids(text)
        if len(ids) > self._longest:
            text = self.tokenizer.decode(ids[: self._longest], skip_special_tokens=True).rstrip("\ufffd")
        return self._ids(self._after.replace("{text}", text))


def pad(rows: Sequence[Sequence[int]], filler: int) -> tuple[Tensor, Tensor]:
    """Make one tensor of rows of ids, padded at the right: ids and attention mask, both (rows, longest)."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[filler] * (longest - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return ids, mask


def image_processors(config: LisaConfig) -> tuple[Any, Any]:
    """Return the library's processors of CLIP's tower and of SAM for a configuration's sizes."""
    side, frame = config.vision_config.image_size, config.mask_config.vision_config.image_size
    square = {"height": side, "width": side}
    tower = (
        CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size=square)
        if config.vision_crop
        else CLIPImageProcessorPil(size=square, do_center_crop=False, resample=Image.Resampling.BILINEAR)
    )
    return tower, SamImageProcessorPil(size={"longest_edge": frame}, pad_size={"height": frame, "width": frame})


class Lisa:
    """A model of LISA's class, loaded when it is first asked.

    A picture that was asked about lately is not encoded again: its features are kept, by its content.

    Args:
        name: A folder or a hub id.
        revision: Commit or tag of a hub id.
        device: auto takes a GPU where there is one.
        dtype: Of the weights while computing.
        batch_size: Texts that are answered together.
        kept_pictures: So many pictures' features are kept.
    """

    def __init__(
        self,
        name: str,
        revision: str | None = None,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        dtype: Literal["float32", "bfloat16", "float16"] = "float32",
        batch_size: int = 8,
        kept_pictures: int = 64,
    ) -> None:
        self._name, self._revision = name, revision
        self._device, self._dtype = device, dtype
        self._batch_size, self._kept_pictures = batch_size, max(kept_pictures, batch_size)
        self._parts: tuple[LisaForSegmentation, Prompter, Any, Any] | None = None
        self._kept: OrderedDict[bytes, tuple[Tensor, Tensor]] = OrderedDict()

    def identity(self) -> str:
        """Return the model's name with the hash of its files, or the hub id with its revision."""
        return model_identity(self._name, self._revision)

    def segment(self, images: Sequence[Image.Image], texts: Sequence[str]) -> list[Segmentation]:
        """Outline, in each picture, what its text refers to.

        The score is the mean of SAM's predicted IoU, held within [0, 1], and of the probability with which `[SEG]` was
        said: one part believes in the outline, the other that there is something to outline. Without `[SEG]` the mask
        is empty and the score 0.

        Args:
            images: n RGB pictures of any sizes.
            texts: n texts; long ones are cut to the configuration's `max_text_tokens`.

        Raises:
            ValueError: The numbers of pictures and texts differ.
        """
        if len(images) != len(texts):
            raise ValueError(f"{len(images)} pictures, but {len(texts)} texts")
        results: list[Segmentation] = []
        for start in range(0, len(images), self._batch_size):
            part = slice(start, start + self._batch_size)
            results += self._answer(images[part], texts[part])
        return results

    @torch.inference_mode()
    def _answer(self, images: Sequence[Image.Image], texts: Sequence[str]) -> list[Segmentation]:
        model, prompter, _, _ = self._load()
        encoded, places = self._encode(images)
        tokenizer = prompter.tokenizer
        ids, mask = pad([prompter(text) for text in texts], tokenizer.eos_token_id)
        device = model.device
        answers = model.answer(
            encoded,
            torch.tensor(prompter.before, dtype=torch.long, device=device),
            torch.tensor(places, device=device),
            ids.to(device),
            mask.to(device),
            tokenizer.eos_token_id,
        )
        results = []
        for row, image in enumerate(images):
            said = [token for token in answers.tokens[row].tolist() if token != tokenizer.eos_token_id]
            text = tokenizer.decode(said, skip_special_tokens=False).strip()
            found = bool(answers.found[row])
            outline = full_size(answers.masks[row], image.size, model.config.mask_config.vision_config.image_size)
            iou = float(answers.ious[row].float().clamp(0, 1))
            score = (iou + float(answers.probability[row])) / 2 if found else 0.0
            results.append(Segmentation(outline if found else outline & False, text, score))
        return results

    def _encode(self, images: Sequence[Image.Image]) -> tuple[Encoded, list[int]]:
        """Return the different pictures' features, and the place among them of each picture."""
        model, _, tower, frame = self._load()
        marks = [_content(image) for image in images]
        fresh = {mark: image for mark, image in zip(marks, images, strict=True) if mark not in self._kept}
        if fresh:
            pictures = [image.convert("RGB") for image in fresh.values()]
            pixels = tower(pictures, return_tensors="pt")["pixel_values"].to(model.device, model.dtype)
            framed = frame(pictures, return_tensors="pt")["pixel_values"].to(model.device, model.dtype)
            new = model.encode(pixels, framed)
            for mark, words, embeddings in zip(fresh, new.words, new.embeddings, strict=True):
                self._kept[mark] = words, embeddings
        asked = list(dict.fromkeys(marks))
        for mark in asked:
            self._kept.move_to_end(mark)
        words, embeddings = (torch.stack(group) for group in zip(*(self._kept[mark] for mark in asked), strict=True))
        while len(self._kept) > self._kept_pictures:
            self._kept.popitem(last=False)
        return Encoded(words, embeddings), [asked.index(mark) for mark in marks]

    def _load(self) -> tuple[LisaForSegmentation, Prompter, Any, Any]:
        """Load model, tokenizer and image processors when they are first needed."""
        if self._parts is None:
            dtype = getattr(torch, self._dtype)
            model = LisaForSegmentation.from_pretrained(self._name, revision=self._revision or "main", dtype=dtype)
            model = cast(Any, model).to(choose_device(self._device)).eval()
            tokenizer = AutoTokenizer.from_pretrained(self._name, revision=self._revision or "main")
            self._parts = model, Prompter(tokenizer, model.config), *image_processors(model.config)
        return self._parts


def _content(image: Image.Image) -> bytes:
    """Return what tells a picture from others: a hash of its size, mode and pixels."""
    whole = hashlib.sha256(f"{image.size} {image.mode}".encode())
    whole.update(image.tobytes())
    return whole.digest()


def full_size(logits: Tensor, size: tuple[int, int], frame: int) -> Mask:
    """Bring a mask to its picture's size, as SAM's published processor does.

    Args:
        logits: (h, w) over the padded frame.
        size: The picture's width and height.
        frame: The frame's side in pixels, to which the picture's longest side was reduced.

    Returns:
        (height, width) bool.
    """
    width, height = size
    scale = frame / max(width, height)
    inside = int(height * scale + 0.5), int(width * scale + 0.5)
    whole = F.interpolate(logits[None, None].float(), (frame, frame), mode="bilinear", align_corners=False)
    fitted = F.interpolate(whole[..., : inside[0], : inside[1]], (height, width), mode="bilinear", align_corners=False)
    mask: Mask = (fitted[0, 0] > 0).cpu().numpy()
    return mask
