"""A look at the picture before anything is retrieved: where there is nothing to choose from, there is nothing to look up."""

from collections.abc import Sequence

from PIL import Image

from nest_builder.rose.regions import RegionFinder


class RegionGlance:
    """Counts things of a kind by the regions that VPE works on, so that each picture is searched once for both.

    Args:
        finder: Regions of pictures.
    """

    def __init__(self, finder: RegionFinder) -> None:
        self._finder = finder

    def count(self, images: Sequence[Image.Image], nouns: Sequence[str]) -> list[int]:
        """Return how many things of its noun each of n pictures shows; 0 for a noun that is not looked for.

        Raises:
            RuntimeError: A model fails (or another of `annotate.base.MODEL_ERRORS`).
        """
        counts = []
        for found, noun in zip(self._finder.find(images), nouns, strict=True):
            kind = self._finder.kind(noun)
            if kind is None or not len(found.boxes):
                counts.append(0)
            else:
                counts.append(int((found.scores[:, kind] >= self._finder.settings.box_score).sum()))
        return counts
