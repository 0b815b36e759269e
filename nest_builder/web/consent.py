"""Opt-outs from AI use and text and data mining, wherever a publisher may state them.

Sources: the X-Robots-Tag header and robots meta element (form: Google's documentation; the directives `noai` and
`noimageai`: DeviantArt's), and the TDM Reservation Protocol (W3C community group's final report, 2024).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from lxml.html import HtmlElement

OPT_OUT_DIRECTIVES = frozenset({"noai", "noimageai"})
_MAX_RULES = 1000
# A directive with a value is no agent's name: what stands before its colon is known.
_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


def opt_out_of_directives(value: str, product: str) -> str | None:
    """Returns the directive that opts us out in one X-Robots-Tag value or robots meta content, or None.

    `agent: noai, noindex` binds the directives after the colon to that agent, until another agent is named.

    Args:
        value: one header field (a header sent twice is two values).
        product: our product token in lower case, e.g. "nest-builder".
    """
    ours = True
    for part in value.lower().split(","):
        name, colon, rest = part.partition(":")
        directive = part.strip()
        if colon and name.strip() not in _VALUED:
            ours = name.strip() in ("*", product)
            directive = rest.strip()
        if ours and directive in OPT_OUT_DIRECTIVES:
            return directive
    return None


def header_opt_out(robots_tags: Iterable[str], tdm_reservation: str | None, product: str) -> str | None:
    """Returns why a response's headers opt out, or None.

    Args:
        robots_tags: the values of each X-Robots-Tag header.
        tdm_reservation: the value of the tdm-reservation header, if there.
        product: our product token in lower case.
    """
    for value in robots_tags:
        directive = opt_out_of_directives(value, product)
        if directive:
            return f"x-robots-tag: {directive}"
    if tdm_reservation is not None and tdm_reservation.strip() == "1":
        return "tdm-reservation: 1"
    return None


def meta_opt_out(tree: HtmlElement, product: str) -> str | None:
    """Returns why a page's own meta elements opt out, or None.

    Looks at `<meta name="robots">`, at one named after our product token, and at `tdm-reservation`.
    """
    for meta in tree.iter("meta"):
        name = (meta.get("name") or "").strip().lower()
        content = meta.get("content") or ""
        if name in ("robots", product):
            directive = opt_out_of_directives(content, product)
            if directive:
                return f"meta {name}: {directive}"
        elif name == "tdm-reservation" and content.strip() == "1":
            return "meta tdm-reservation: 1"
    return None


@dataclass(frozen=True)
class TDMRules:
    """A host's /.well-known/tdmrep.json.

    Attributes:
        rules: (location pattern, whether rights are reserved), in the file's order.
    """

    rules: tuple[tuple[str, bool], ...] = ()

    @classmethod
    def parse(cls, body: bytes) -> TDMRules:
        """Reads the file; entries that aren't rules are left out, as the protocol asks.

        Raises:
            ValueError: the body is no JSON array of objects.
        """
        try:
            found = json.loads(body)
        except RecursionError as error:
            raise ValueError("JSON nested too deeply") from error
        if not isinstance(found, list):
            raise ValueError(f"expected a JSON array, got {type(found).__name__}")
        rules = []
        for entry in found[:_MAX_RULES]:
            if not isinstance(entry, dict):
                continue
            location, reservation = entry.get("location"), entry.get("tdm-reservation")
            if isinstance(location, str) and reservation in (0, 1, "0", "1"):
                rules.append((location, str(int(reservation)) == "1"))
        return cls(tuple(rules))

    def reserved(self, url: str) -> bool:
        """Whether the first rule that matches the URL's path reserves the rights."""
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        return next((reserved for location, reserved in self.rules if _matches(location, target)), False)


def _matches(location: str, target: str) -> bool:
    """Whether a robots.txt-like path pattern (`*`, a closing `$`) matches a path from its start.

    Piece by piece and without a regular expression: its time is bounded for any pattern a host may send.
    """
    path, anchored = (location[:-1], True) if location.endswith("$") else (location, False)
    head, *rest = (path if path.startswith(("/", "*")) else "/" + path).split("*")
    if not target.startswith(head):
        return False
    if not rest:
        return not anchored or target == head
    tail = rest.pop() if anchored else ""
    position = len(head)
    for piece in rest:
        position = target.find(piece, position)
        if position < 0:
            return False
        position += len(piece)
    return target.endswith(tail) and len(target) - len(tail) >= position
