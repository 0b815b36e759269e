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
        """Return how many things of its noun each of n pictures shows; 0 where there is no noun.

        Raises:
            RuntimeError: A model fails (or another of `annotate.base.MODEL_ERRORS`).
        """
        counts = [0] * len(images)
        named = [at for at, noun in enumerate(nouns) if noun]
        found = self._finder.find([images[at] for at in named], [nouns[at] for at in named])
        for at, regions in zip(named, found, strict=True):
            counts[at] = len(regions.boxes)
        return counts
