"""A segmenter of your own in twenty lines: whatever differs most from the picture's border, ROSE does the rest.

Use it by name, from the checkout:
`PYTHONPATH=. nest segment picture.jpg "Where is the new Vantor?" --segmenter examples.own_segmenter:Salient`.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from nest_builder.segmenters.base import Segmentation


class Salient:
    """Knows no words at all, and yet can be a base: ROSE verifies its masks and corrects them."""

    def identity(self) -> str:
        """Return a name that changes when the answers would."""
        return "salient-1"

    def segment(self, images: Sequence[Image.Image], texts: Sequence[str]) -> list[Segmentation]:
        """Return the fifth of each picture that is least like its border."""
        return [Segmentation(self._odd_ones_out(np.asarray(image, np.float32)), "", 0.5) for image in images]

    @staticmethod
    def _odd_ones_out(pixels: np.ndarray) -> np.ndarray:
        border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        distance = np.abs(pixels - np.median(border, 0)).sum(2)
        return distance > np.quantile(distance, 0.8)
