"""SAM, any size of it: masks from boxes, one encoding of a picture for all its boxes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from nest_builder.annotate.base import Boxes, Outline
from nest_builder.annotate.masks import stability
from nest_builder.annotate.models import choose_device, model_identity
from nest_builder.config import AnnotateSettings


class Segmenter:
    """A promptable mask model (Kirillov et al. 2023, "Segment Anything").

    Args:
        settings: Names the model (a folder or a hub id), the device and the batch size.
    """

    def __init__(self, settings: AnnotateSettings) -> None:
        self._settings = settings
        self._parts: tuple[Any, Any, str] | None = None

    def identity(self) -> str:
        """Return the model's name with the hash of its files."""
        return model_identity(self._settings.mask_model)

    def segment(self, images: Sequence[Image.Image], boxes: Sequence[Boxes]) -> list[list[Outline]]:
        """Outline the main thing in each box; see `MaskModel.segment`."""
        outlines: list[list[Outline]] = [[] for _ in images]
        asked = [index for index, found in enumerate(boxes) if len(found)]
        for start in range(0, len(asked), self._settings.batch_size):
            part = asked[start : start + self._settings.batch_size]
            results = self._forward([images[index] for index in part], [boxes[index] for index in part])
            for index, result in zip(part, results, strict=True):
                outlines[index] = result
        return outlines

    def _forward(self, images: Sequence[Image.Image], boxes: Sequence[Boxes]) -> list[list[Outline]]:
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
                results.append(
                    [
                        Outline(logit > 0, round(float(iou), 4), round(stability(logit), 4))
                        for logit, iou in zip(logits.cpu().numpy(), ious[row], strict=False)
                    ]
                )
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
