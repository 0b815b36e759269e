"""Duplicate articles: the same text, or nearly the same, on another page.

Near-duplicates are found by MinHash over word shingles (Broder, 1997), banded so that few pairs need a closer look
(Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, 3.4), and confirmed by the shingles' true Jaccard similarity.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SHINGLE_WORDS = 4
THRESHOLD = 0.8
# 16 bands of 4 rows find a pair of similarity 0.8 with probability 1 - (1 - 0.8^4)^16 > 0.9997.
_BANDS, _ROWS = 16, 4
_HASHES = _BANDS * _ROWS
_WORD = re.compile(r"\w+")
# Odd multipliers and offsets of 64 multiply-shift hash functions; any fixed draw does.
_RNG = np.random.Generator(np.random.PCG64(20250701))
_FACTORS = _RNG.integers(1, 2**63, size=_HASHES, dtype=np.uint64) | np.uint64(1)
_OFFSETS = _RNG.integers(0, 2**63, size=_HASHES, dtype=np.uint64)


def words_of(text: str) -> list[str]:
    """Returns a text's words in lower case, without punctuation."""
    return _WORD.findall(text.casefold())


def text_hash(text: str) -> str:
    """Returns the SHA-256 (hex) of a text's words: equal where texts differ in case, punctuation or spacing only."""
    return hashlib.sha256(" ".join(words_of(text)).encode()).hexdigest()


def shingles(text: str) -> frozenset[str]:
    """Returns a text's runs of four words; of a shorter text its only, shorter run."""
    words = words_of(text)
    count = max(1, len(words) - SHINGLE_WORDS + 1)
    return frozenset(" ".join(words[start : start + SHINGLE_WORDS]) for start in range(count))


def signature(text: str) -> str:
    """Returns the text's MinHash signature: 64 values of 32 bits as 512 hex digits."""
    parts = shingles(text)
    digests = b"".join(hashlib.blake2b(part.encode(), digest_size=8).digest() for part in sorted(parts))
    hashes: NDArray[np.uint64] = np.frombuffer(digests, dtype="<u8").astype(np.uint64)
    lowest = np.empty(_HASHES, dtype=np.uint32)
    for row in range(_HASHES):
        lowest[row] = ((hashes * _FACTORS[row] + _OFFSETS[row]) >> np.uint64(32)).min()
    return lowest.astype(">u4").tobytes().hex()


def jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    """Returns |intersection| / |union| of two sets that aren't both empty."""
    return len(first & second) / len(first | second)


class DuplicateIndex:
    """Articles in the order in which they count; says of a further one which earlier one it repeats.

    Args:
        text_of: URL -> text, asked for the few candidates that need a closer look.
        threshold: Jaccard similarity from which on a text is a near-duplicate.
    """

    def __init__(self, text_of: Callable[[str], str], threshold: float = THRESHOLD) -> None:
        self._text_of = text_of
        self._threshold = threshold
        self._by_hash: dict[str, str] = {}
        self._by_band: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
        self._order: dict[str, int] = {}

    def add(self, url: str, text_digest: str, minhash: str) -> None:
        """Adds an article; the earlier added one wins where both fit a later text."""
        self._order[url] = len(self._order)
        self._by_hash.setdefault(text_digest, url)
        for key in _bands(minhash):
            self._by_band[key].append(url)

    def find(self, text: str, text_digest: str, minhash: str) -> str | None:
        """Returns the URL of the earliest added article that this text repeats, or None."""
        candidates = {url for key in _bands(minhash) for url in self._by_band.get(key, ())}
        if text_digest in self._by_hash:
            candidates.add(self._by_hash[text_digest])
        own = shingles(text)
        for url in sorted(candidates, key=self._order.__getitem__):
            if self._by_hash.get(text_digest) == url or jaccard(own, shingles(self._text_of(url))) >= self._threshold:
                return url
        return None


def _bands(minhash: str) -> list[tuple[int, str]]:
    width = 8 * _ROWS
    return [(band, minhash[band * width : (band + 1) * width]) for band in range(_BANDS)]
