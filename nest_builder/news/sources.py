"""Where an `img` element's picture really is: lazy loading, srcset and picture elements."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from nest_builder.web.urls import join_url

_LAZY = ("data-src", "data-original", "data-lazy-src", "data-hi-res-src", "data-full-src", "data-image-src",
         "data-src-large", "data-url")  # fmt: skip
_SRCSETS = ("srcset", "data-srcset", "data-lazy-srcset")
# One candidate: a URL (which may hold commas, but not end in one), then perhaps a width or density.
_CANDIDATE = re.compile(r"\s*,*\s*(\S+?)(?:\s+(\d+(?:\.\d+)?)([wx]))?\s*(?:,\s|,$|$|,(?=https?:|/))")
_MAX_SRCSET = 20_000
_UNREADABLE = re.compile(r"\.(?:svg|avif)(?:$|\?)|image/(?:svg|avif)", re.I)
_FILLER = re.compile(
    r"(?:transparent|placeholder|blank|spacer|pixel|1x1|lazy[_-]?load)\w*\.(?:gif|png|svg|jpe?g)", re.I
)


def image_source(image: HtmlElement, base: str) -> str | None:
    """Returns the absolute URL of the largest version that the page offers, or None where there is no usable one.

    Args:
        image: the `img`.
        base: what relative links are resolved against.
    """
    candidates: list[tuple[float, str]] = []
    for attribute in _SRCSETS:
        candidates += parse_srcset(image.get(attribute))
    # libxml2 doesn't know that `source` is an empty element, and nests what follows into it.
    picture = next(image.iterancestors("picture"), None)
    if picture is not None:
        for source in picture.iter("source"):
            if not _UNREADABLE.search(source.get("type") or ""):
                for attribute in _SRCSETS:
                    candidates += parse_srcset(source.get(attribute))
    # sorted() is stable, so among equals the page's order decides.
    ordered = [url for _, url in sorted(candidates, key=lambda candidate: -candidate[0])]
    plain = [image.get(attribute) or "" for attribute in (*_LAZY, "src")]
    for url in [*ordered, *plain]:
        if not url or url.startswith("data:") or _UNREADABLE.search(url) or _FILLER.search(url):
            continue
        joined = join_url(base, url)
        if joined is not None:
            return joined
    return None


def parse_srcset(value: str | None) -> list[tuple[float, str]]:
    """Returns (weight, URL) of a srcset's candidates; the weight is the width, or the density times 100."""
    found = []
    for match in _CANDIDATE.finditer((value or "").strip()[:_MAX_SRCSET]):
        url, number, unit = match.groups()
        weight = float(number[:8]) * (1.0 if unit == "w" else 100.0) if number else 100.0
        if url.strip(","):
            found.append((weight, url.rstrip(",")))
    return found


def picture_key(url: str) -> str:
    """Returns what versions of one picture share: the file's name without size marks and extension, else the path."""
    path = urlsplit(url).path
    stem = re.sub(r"\.\w{2,5}$", "", path.rpartition("/")[2])
    stem = re.sub(r"[-_](?:\d{2,4}x\d{2,4}|\d{3,4}w|scaled)$", "", stem)
    return stem if len(stem) >= 8 else path
