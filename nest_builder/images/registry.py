"""The pictures kept so far, asked whether a new one is a copy of one of them."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from nest_builder.images.near_duplicates import Frame, HashIndex
from nest_builder.reasons import Reason

FRAMES_KEPT = 2000  # prepared thumbnails in memory, about 90 kB each


class Kept(NamedTuple):
    """A picture that was kept."""

    image_id: str
    image_url: str
    sha256: str
    phash: int


class Registry:
    """Kept pictures by address, content, hash and entity, in the order in which they were kept.

    Args:
        bits: Hamming distance up to which perceptual hashes count as near.
        frame: Returns the prepared thumbnail of a kept picture by its SHA-256.
    """

    def __init__(self, bits: int, frame: Callable[[str], Frame]) -> None:
        self._frame = frame
        self._hashes = HashIndex(bits)
        self._kept: dict[str, Kept] = {}  # in order
        self._rank: dict[str, int] = {}
        self._by_url: dict[str, str] = {}
        self._by_sha256: dict[str, str] = {}
        self._shown: dict[str, set[str]] = {}

    def add(self, kept: Kept) -> None:
        """Remember a picture."""
        self._rank[kept.image_id] = len(self._rank)
        self._kept[kept.image_id] = kept
        self._by_url.setdefault(kept.image_url, kept.image_id)
        self._by_sha256[kept.sha256] = kept.image_id
        self._hashes.add(kept.image_id, kept.phash)

    def show(self, image_id: str, entity: str) -> None:
        """Remember that a picture may show an entity."""
        self._shown.setdefault(entity, set()).add(image_id)

    def shows(self, image_id: str, entity: str) -> bool:
        """Tell whether a picture is already said to show an entity."""
        return image_id in self._shown.get(entity, ())

    def count(self, entity: str) -> int:
        """Return how many pictures may show an entity."""
        return len(self._shown.get(entity, ()))

    def at(self, url: str) -> str | None:
        """Return the picture that was kept from an address."""
        return self._by_url.get(url)

    def copy_of(self, sha256: str, phash: int, frame: Frame, entities: Iterable[str]) -> tuple[str, Reason] | None:
        """Return the earliest kept picture that a new one is a copy of, and how near a copy it is.

        Args:
            sha256: Of the file.
            phash: Its perceptual hash.
            frame: Its prepared thumbnail.
            entities: What it may show; crops are looked for among their pictures only.
        """
        if (same := self._by_sha256.get(sha256)) is not None:
            return same, Reason.DUPLICATE_IMAGE
        for image_id in self._hashes.matches(phash):
            # Different photographs lie some 32 bits apart, but skies and stages come close by chance: so look at them.
            if frame.is_same_frame(self._frame(self._kept[image_id].sha256)):
                return image_id, Reason.NEAR_DUPLICATE_IMAGE
        related = {
            image_id for entity in entities for image_id in self._shown.get(entity, ()) if image_id in self._kept
        }
        for image_id in sorted(related, key=self._rank.__getitem__):
            if frame.is_recrop(self._frame(self._kept[image_id].sha256)):
                return image_id, Reason.NEAR_DUPLICATE_IMAGE
        return None


class FrameCache:
    """Prepared thumbnails by content hash, the most recently used `FRAMES_KEPT` of them.

    Args:
        make: Makes one from a picture's SHA-256 where it is not here.
    """

    def __init__(self, make: Callable[[str], Frame]) -> None:
        self._make = make
        self._frames: OrderedDict[str, Frame] = OrderedDict()

    def put(self, sha256: str, frame: Frame) -> None:
        """Keep a thumbnail."""
        self._frames[sha256] = frame
        self._frames.move_to_end(sha256)
        while len(self._frames) > FRAMES_KEPT:
            self._frames.popitem(last=False)

    def get(self, sha256: str) -> Frame:
        """Return a thumbnail."""
        if sha256 not in self._frames:
            self.put(sha256, self._make(sha256))
        self._frames.move_to_end(sha256)
        return self._frames[sha256]
