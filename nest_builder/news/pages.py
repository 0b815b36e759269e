"""Bytes to a parsed page, within bounds."""

from __future__ import annotations

import re

from lxml import etree
from lxml.html import HtmlElement
from trafilatura import load_html

from nest_builder.news.base import PageError

MAX_PAGE_BYTES = 8_000_000
MAX_TAGS = 100_000
# libxml2 itself stops at a depth of 256 (2048 in later versions); what comes after is Python's and lxml's to walk.
MAX_DEPTH = 500
_LONG_TAG = re.compile(rb"<[a-zA-Z][^>]{200000}")


def parse_page(body: bytes) -> HtmlElement:
    """Returns the page's root element, whatever the state of its markup.

    Raises:
        PageError: too large, too deep, empty, or no markup.
    """
    if len(body) > MAX_PAGE_BYTES:
        raise PageError(f"{len(body)} bytes, limit {MAX_PAGE_BYTES}")
    if body.count(b"<") > MAX_TAGS:
        raise PageError(f"more than {MAX_TAGS} tags")
    if _LONG_TAG.search(body):
        raise PageError("a tag of more than 200,000 bytes")
    try:
        tree = load_html(body)
    except (etree.LxmlError, ValueError, LookupError) as error:
        raise PageError(f"{type(error).__name__}: {str(error)[:200]}") from error
    if tree is None:
        raise PageError("no markup")
    depth = _depth(tree)
    if depth > MAX_DEPTH:
        raise PageError(f"elements {depth} deep, limit {MAX_DEPTH}")
    return tree


def _depth(tree: HtmlElement) -> int:
    deepest = depth = 0
    for event, _ in etree.iterwalk(tree, events=("start", "end")):
        depth += 1 if event == "start" else -1
        deepest = max(deepest, depth)
    return deepest
