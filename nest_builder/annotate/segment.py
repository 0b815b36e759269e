"""SAM, any size of it: masks from boxes, in the whole picture or in windows around them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nest_builder.annotate.base import Boxes, Outline
from nest_builder.annotate.masks import stability
from nest_builder.annotate.models import choose_device, model_identity
from nest_builder.annotate.windows import into_window, out_of_window, window_around
from nest_builder.config import AnnotateSettings

Logits = NDArray[np.float32]
_OUTSIDE = -10.0  # the logit of what lies outside a window


class Segmenter:
    """A promptable mask model (Kirillov et al. 2023, "Segment Anything").

    A full-size model encodes a picture once for all its boxes. The embedded one sees 192 pixels: it is given windows
    around each box, and the windows' logits are averaged (`mask_windows`).

    Args:
        settings: Names the model (a folder or a hub id), the windows, the device and the batch size.
    """

    def __init__(self, settings: AnnotateSettings) -> None:
        self._settings = settings
        self._parts: tuple[Any, Any, str] | None = None

    def identity(self) -> str:
        """Return the model's name with the hash of its files."""
        return model_identity(self._settings.mask_model)

    def segment(self, images: Sequence[Image.Image], boxes: Sequence[Boxes]) -> list[list[Outline]]:
        """Outline the main thing in each box; see `MaskModel.segment`."""
        if self._settings.mask_windows:
            return [self._in_windows(image, found) for image, found in zip(images, boxes, strict=True)]
        outlines: list[list[Outline]] = [[] for _ in images]
        asked = [index for index, found in enumerate(boxes) if len(found)]
        for start in range(0, len(asked), self._settings.batch_size):
            part = asked[start : start + self._settings.batch_size]
            results = self._forward([images[index] for index in part], [boxes[index] for index in part])
            for index, (logits, ious) in zip(part, results, strict=True):
                outlines[index] = [_outline(logit, iou) for logit, iou in zip(logits, ious, strict=True)]
        return outlines

    def _in_windows(self, image: Image.Image, boxes: Boxes) -> list[Outline]:
        """Outline each box of one picture in windows of its own."""
        factors = self._settings.mask_windows
        windows = [window_around(box, *image.size, factor) for box in boxes for factor in factors]
        crops = [image.crop(window) for window in windows]
        inside = [into_window(boxes[at // len(factors)], window)[None] for at, window in enumerate(windows)]
        results: list[tuple[Logits, list[float]]] = []
        for start in range(0, len(crops), self._settings.batch_size):
            part = slice(start, start + self._settings.batch_size)
            results += self._forward(crops[part], inside[part])
        outlines = []
        for start in range(0, len(windows), len(factors)):
            own = range(start, start + len(factors))
            total = sum(out_of_window(results[at][0][0], windows[at], *image.size, outside=_OUTSIDE) for at in own)
            mean_iou = sum(results[at][1][0] for at in own) / len(factors)
            outlines.append(_outline(np.asarray(total / len(factors), np.float32), mean_iou))
        return outlines

    def _forward(self, images: Sequence[Image.Image], boxes: Sequence[Boxes]) -> list[tuple[Logits, list[float]]]:
        """Return, for each picture, logits (n, height, width) at its size and predicted IoUs of its n >= 1 boxes."""
        import torch
        import torch.nn.functional as F  # noqa: N812 - the name everybody knows

        model, processor, device = self._load()
        inputs = processor(list(images), return_tensors="pt")
        original, reshaped = inputs["original_sizes"].tolist(), inputs["reshaped_input_sizes"].tolist()
        most = max(len(found) for found in boxes)
        prompts = np.zeros((len(images), most, 4), np.float32)
        for row, found in enumerate(boxes):
            scale = np.array([reshaped[row][1] / original[row][1], reshaped[row][0] / original[row][0]] * 2)
            # Rows must be of one length: the last box is asked again, and its repeated answer left out.
            prompts[row] = (found * scale)[np.minimum(np.arange(most), len(found) - 1)]
        padded = tuple(inputs["pixel_values"].shape[-2:])
        with torch.inference_mode():
            embedded = model.get_image_embeddings(inputs["pixel_values"].to(device))
            out = model(
                image_embeddings=embedded, input_boxes=torch.from_numpy(prompts).to(device), multimask_output=False
            )
            masks, ious = out.pred_masks[:, :, 0].float(), out.iou_scores[:, :, 0].float().cpu()
            results = []
            for row, found in enumerate(boxes):
                # First to the padded frame, then without the padding to the picture, as the published processor does.
                logits = F.interpolate(masks[row, : len(found), None], padded, mode="bilinear", align_corners=False)
                logits = logits[..., : reshaped[row][0], : reshaped[row][1]]
                logits = F.interpolate(logits, original[row], mode="bilinear", align_corners=False)[:, 0]
                results.append((logits.cpu().numpy(), ious[row, : len(found)].tolist()))
        return results

    def _load(self) -> tuple[Any, Any, str]:
        """Load model and image processor when they are first needed."""
        if self._parts is None:
            import torch
            from transformers import SamImageProcessorPil, SamModel

            name, device = self._settings.mask_model, choose_device(self._settings.device)
            model: Any = SamModel.from_pretrained(name, dtype=torch.float32)
            self._parts = model.to(device), SamImageProcessorPil.from_pretrained(name), device
        return self._parts


def _outline(logits: Logits, predicted_iou: float) -> Outline:
    return Outline(logits > 0, round(predicted_iou, 4), round(stability(logits), 4))
