"""Embedders: pictures through any CLIP, texts through hashed terms or any transformer; and features that are computed once."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
from PIL import Image

from nest_builder.annotate.models import choose_device, model_identity
from nest_builder.rose.base import Features, ImageEmbedder

Device = Literal["auto", "cpu", "cuda"]
MAX_SIDE: Final = 4096  # pixels; a larger picture is reduced before anything else is done with it
MAX_CHARACTERS: Final = 4000  # of a text; what comes after adds nothing to its gist


class ClipImages:
    """Pictures as a CLIP model sees them (Radford et al. 2021), from a folder or the hub.

    Every picture is squeezed to the model's square, with its own normalisation: the usual centre crop would cut off the head
    and the feet of a person, both ends of a tram.

    Args:
        model: A folder or a hub id.
        device: "auto" takes a GPU where there is one.
        batch_size: Pictures at a time.
    """

    def __init__(self, model: str, device: Device = "auto", batch_size: int = 64) -> None:
        self._name, self._device, self._batch = model, device, batch_size

    def identity(self) -> str:
        """Return the model's name with the hash of its files."""
        return model_identity(self._name)

    def embed(self, images: Sequence[Image.Image]) -> Features:
        """Embed n pictures as (n, d) rows of unit length.

        Raises:
            OSError: The model is not to be had.
            ValueError: A picture has no pixels.
        """
        import torch

        model, processor, device = self._parts
        rows = [np.empty((0, int(model.config.projection_dim)), np.float32)]
        for start in range(0, len(images), self._batch):
            small = [_plain(image) for image in images[start : start + self._batch]]
            pixels = processor(small, return_tensors="pt")["pixel_values"].to(device)
            with torch.inference_mode():
                features = model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)
            rows.append(unit_rows(features.float().cpu().numpy()))
        return np.concatenate(rows)

    @cached_property
    def _parts(self) -> tuple[Any, Any, str]:
        """The model, its processor without the crop, and the device; loaded when first needed."""
        import torch
        from transformers import CLIPImageProcessorPil, CLIPModel

        device = choose_device(self._device)
        model: Any = CLIPModel.from_pretrained(self._name, dtype=torch.float32)
        side = int(model.config.vision_config.image_size)
        processor = CLIPImageProcessorPil.from_pretrained(
            self._name, do_center_crop=False, size={"height": side, "width": side}
        )
        return model.eval().to(device), processor, device


def _plain(image: Image.Image) -> Image.Image:
    if min(image.size) < 1:
        raise ValueError(f"a picture of {image.width} x {image.height} pixels")
    if max(image.size) > MAX_SIDE:
        image = image.copy()
        image.thumbnail((MAX_SIDE, MAX_SIDE))
    return image if image.mode == "RGB" else image.convert("RGB")


class CachedImages:
    """An image embedder that never embeds the same pixels twice, within a bound.

    Pictures are told apart by size and pixels, not by name or place: a crop that comes again, from whichever picture, is found
    again. The least recently used features go first.

    Args:
        embedder: Does the work.
        capacity: Features that are kept: 100,000 of 128 numbers are 50 MB.
    """

    def __init__(self, embedder: ImageEmbedder, capacity: int = 50_000) -> None:
        self._embedder, self._capacity = embedder, capacity
        self._kept: OrderedDict[bytes, Features] = OrderedDict()
        self.computed = 0  # pictures that were embedded so far; all others were known

    def identity(self) -> str:
        """Return the embedder's name."""
        return self._embedder.identity()

    def embed(self, images: Sequence[Image.Image]) -> Features:
        """Embed n pictures as (n, d); only those that are new, and each of them once, reach the model."""
        keys = [content_key(image) for image in images]
        found = {key: self._kept[key] for key in keys if key in self._kept}
        fresh = {key: image for key, image in zip(keys, images, strict=True) if key not in found}
        if fresh or not images:
            rows = self._embedder.embed(list(fresh.values()))
            if not images:
                return rows
            found |= dict(zip(fresh, rows, strict=True))
            self.computed += len(fresh)
        for key in keys:
            self._kept[key] = found[key]
            self._kept.move_to_end(key)
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        return np.stack([found[key] for key in keys])


def content_key(image: Image.Image) -> bytes:
    """Return a hash of a picture's mode, size and pixels."""
    whole = hashlib.blake2b(f"{image.mode} {image.size}".encode(), digest_size=16)
    whole.update(image.tobytes())
    return whole.digest()


class HashedTerms:
    """Texts as hashed words and pairs of words, damped by the logarithm of how often they occur; no weights at all.

    Term weights without document frequencies, since there is no corpus to count them in; common words are left out instead.

    Args:
        size: Length of a feature; more collide less.
    """

    def __init__(self, size: int = 4096) -> None:
        self._size = size

    def identity(self) -> str:
        """Return the method's name with its size."""
        return f"hashed-terms-1-{self._size}"

    def embed(self, texts: Sequence[str]) -> Features:
        """Embed n texts as (n, size) rows of unit length; a text without a word is a row of zeros, like nothing at all."""
        if not texts:
            return np.empty((0, self._size), np.float32)
        counts = self._vectorizer.transform([text[:MAX_CHARACTERS] for text in texts])
        counts.data = np.sign(counts.data) * np.log1p(np.abs(counts.data))
        return unit_rows(counts.toarray().astype(np.float32))

    @cached_property
    def _vectorizer(self) -> Any:
        from sklearn.feature_extraction.text import HashingVectorizer

        return HashingVectorizer(
            n_features=self._size, ngram_range=(1, 2), stop_words="english", norm=None, strip_accents="unicode"
        )


class TransformerTexts:
    """Texts through any transformer of the hub, the mean over its tokens (Reimers & Gurevych 2019, "Sentence-BERT").

    Args:
        model: A folder or a hub id.
        device: "auto" takes a GPU where there is one.
        batch_size: Texts at a time.
        max_tokens: Longer texts are cut.
    """

    def __init__(self, model: str, device: Device = "auto", batch_size: int = 32, max_tokens: int = 256) -> None:
        self._name, self._device, self._batch, self._max_tokens = model, device, batch_size, max_tokens

    def identity(self) -> str:
        """Return the model's name with the hash of its files."""
        return model_identity(self._name)

    def embed(self, texts: Sequence[str]) -> Features:
        """Embed n texts as (n, d) rows of unit length.

        Raises:
            OSError: The model is not to be had.
        """
        import torch

        model, tokenizer, device = self._parts
        rows = [np.empty((0, int(model.config.hidden_size)), np.float32)]
        longest = min(self._max_tokens, int(getattr(model.config, "max_position_embeddings", self._max_tokens)))
        for start in range(0, len(texts), self._batch):
            part = [text[:MAX_CHARACTERS] for text in texts[start : start + self._batch]]
            inputs = tokenizer(part, padding=True, truncation=True, max_length=longest, return_tensors="pt").to(device)
            with torch.inference_mode():
                states = model(**inputs).last_hidden_state.float()
            mask = inputs["attention_mask"].unsqueeze(-1)
            mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
            rows.append(unit_rows(mean.cpu().numpy()))
        return np.concatenate(rows)

    @cached_property
    def _parts(self) -> tuple[Any, Any, str]:
        import torch
        from transformers import AutoModel, AutoTokenizer

        device = choose_device(self._device)
        model: Any = AutoModel.from_pretrained(self._name, dtype=torch.float32)
        return model.eval().to(device), AutoTokenizer.from_pretrained(self._name), device


def unit_rows(features: Features) -> Features:
    """Scale the rows of (n, d) to unit length; rows of zeros stay what they are."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    scaled: Features = (features / np.maximum(lengths, 1e-12)).astype(np.float32)
    return scaled


def text_embedder(name: str, device: Device = "auto") -> HashedTerms | TransformerTexts:
    """Return the text embedder that a setting names: hashed words for "", else a transformer."""
    return TransformerTexts(name, device) if name else HashedTerms()
