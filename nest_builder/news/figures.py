"""Pictures of an article with caption, credit and alternative text, by rules over the parsed page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from nest_builder.news.credits import CREDIT_CLASS, split_credit
from nest_builder.news.metadata import LinkedImage, Metadata
from nest_builder.news.sources import image_source, picture_key
from nest_builder.news.text import squeeze
from nest_builder.web.urls import join_url

MAX_FIGURES = 60
_MAX_CAPTION = 2000
_MAX_LOOKED_AT = 2000
_SMALL = 64
_LONGEST_CAPTION = 1200
_CAPTION_CLASS = re.compile(
    r"caption|cutline|bildunterschrift|legend(?:e)?(?:$|[\s_-])|infotext|(?:^|\s)(?:bu|fn)(?:$|\s)|"
    r"(?:image|img|bild|photo|picture|media)[\w-]*(?:description|info|text)",
    re.I,
)
_ELSEWHERE_TAGS = frozenset({"nav", "footer", "aside", "form", "iframe", "dialog"})
# Teasers of other stories, portraits of authors, logos and advertisements are not the article's pictures.
_ELSEWHERE = re.compile(
    r"(?:^|[\s_-])(?:related|recommend\w*|teaser\w*|promo\w*|newsletter\w*|avatar|author|byline|share|social|sharing|"
    r"comment\w*|sidebar|advert\w*|ads?|sponsor\w*|logo|icon|breadcrumb\w*|footer|nav|menu|most-?read|read-?more|"
    r"more-?(?:from|on|stories)|trending|outbrain|taboola|paywall|subscri\w*|podcast|playlist|thumb(?:nail)?s)"
    r"(?:$|[\s_-])",
    re.I,
)
_NO_PICTURE = re.compile(r"(?:logo|icon|avatar|sprite|pixel|spacer|placeholder|blank|badge|favicon)", re.I)
_IMAGE_FILE = re.compile(r"\.(?:jpe?g|png|webp|gif|avif|tiff?)$", re.I)


@dataclass(frozen=True)
class Figure:
    """A picture in an article.

    Attributes:
        image_url: absolute, normalised; the largest version that the page offers.
        caption: plain text without the credit; empty where there is none.
        credit: who made or owns it, e.g. "Ann Lee/Agency"; empty where the page doesn't say.
        alt: the alternative text; empty where there is none.
        position: 0 for the first of the article.
    """

    image_url: str
    caption: str
    credit: str
    alt: str
    position: int


def find_figures(tree: HtmlElement, url: str, metadata: Metadata) -> tuple[Figure, ...]:
    """Returns the article's pictures, each once.

    First those inside the element that holds the article, in the page's order; then captioned ones of the rest of the
    page (a picture above the headline); where there are none, what JSON-LD names; and last og:image, without a caption.

    Args:
        tree: the parsed page; not changed.
        url: the page's, against which links are resolved.
        metadata: what the page says of itself.
    """
    base = _base_url(tree, url)
    body = tree.find("body")
    whole = body if body is not None else tree
    scope = _article_scope(whole)
    found = _collect(scope, base, captioned_only=False)
    if scope is not whole:
        for key, figure in _collect(whole, base, captioned_only=True).items():
            if key not in found or not found[key].caption:
                found[key] = figure
    _add_linked(found, metadata.images, base)
    if not found and metadata.lead_image:
        lead = join_url(base, metadata.lead_image)
        if lead and not _NO_PICTURE.search(urlsplit(lead).path.rpartition("/")[2]):
            found[picture_key(lead)] = Figure(lead, "", "", "", 0)
    kept = list(found.values())[:MAX_FIGURES]
    return tuple(replace(figure, position=index) for index, figure in enumerate(kept))


def _base_url(tree: HtmlElement, url: str) -> str:
    declared = tree.find(".//base[@href]")
    return (join_url(url, declared.get("href")) if declared is not None else None) or url


def _article_scope(body: HtmlElement) -> HtmlElement:
    """Returns the element that holds the article: around the paragraphs with most text, up to `article` or `main`."""
    scores: dict[HtmlElement, int] = {}
    for paragraph in body.iter("p"):
        length = len(paragraph.text_content().strip())
        parent = paragraph.getparent()
        if length >= 40 and parent is not None:
            scores[parent] = scores.get(parent, 0) + length
    if not scores:
        return body
    best = max(scores, key=lambda element: scores[element])
    parent = best
    for ancestor in [best, *best.iterancestors()]:
        if ancestor.tag in ("article", "main") or ancestor.get("role") == "main":
            return ancestor
        if ancestor is body:
            break
    for _ in range(2):
        above = parent.getparent()
        if above is None or parent is body:
            break
        parent = above
    return parent


def _collect(scope: HtmlElement, base: str, captioned_only: bool) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    for number, image in enumerate(scope.iter("img")):
        if number >= _MAX_LOOKED_AT or len(found) >= MAX_FIGURES:
            break
        if _is_elsewhere(image, scope):
            continue
        figure = _figure(image, base)
        if figure is None or (captioned_only and (not figure.caption or _links_to_page(image))):
            continue
        key = picture_key(figure.image_url)
        # The same picture may stand there twice, lazily loaded and in <noscript>; the caption belongs to both.
        if key not in found or (figure.caption and not found[key].caption):
            found[key] = figure
    return found


def _is_elsewhere(image: HtmlElement, scope: HtmlElement) -> bool:
    """Whether the picture belongs to something beside the article."""
    for ancestor in image.iterancestors():
        if ancestor is scope:
            return False
        if ancestor.tag in _ELSEWHERE_TAGS:
            return True
        if ancestor.tag != "figure" and _ELSEWHERE.search(f"{ancestor.get('class') or ''} {ancestor.get('id') or ''}"):
            return True
    return False


def _figure(image: HtmlElement, base: str) -> Figure | None:
    source = image_source(image, base)
    if source is None:
        return None
    caption, credit = _caption_and_credit(image)
    alt = squeeze(image.get("alt"), _MAX_CAPTION)
    if _is_small(image):
        return None
    # Within a figure or a paragraph it is the author's choice; elsewhere a picture without words has to prove itself.
    if not caption and next(image.iterancestors("figure", "p"), None) is None:
        name = urlsplit(source).path.rpartition("/")[2]
        if _NO_PICTURE.search(f"{name} {image.get('class') or ''}") or _links_to_page(image):
            return None
    return Figure(source, caption, credit, alt, 0)


def _is_small(image: HtmlElement) -> bool:
    for side in ("width", "height"):
        value = (image.get(side) or "").strip().removesuffix("px")
        if value.isascii() and value.isdigit() and int(value[:6]) < _SMALL:
            return True
    return False


def _links_to_page(image: HtmlElement) -> bool:
    """Whether the picture is the face of a link to another page, and so most often a teaser."""
    link = next(image.iterancestors("a"), None)
    href = (link.get("href") or "") if link is not None else ""
    return bool(href) and not href.startswith("#") and not _IMAGE_FILE.search(_link_path(href))


def _link_path(href: str) -> str:
    """Returns a link's path; empty where it is no URL."""
    try:
        return urlsplit(href).path
    except ValueError:
        return ""


def _caption_and_credit(image: HtmlElement) -> tuple[str, str]:
    """Returns the caption and credit from the nearest element around the picture that has them."""
    credit = ""
    above_figure = 0
    for depth, ancestor in enumerate(image.iterancestors()):
        if depth >= 8 or above_figure > 2 or ancestor.tag in ("article", "main", "body", "section"):
            break
        alone = ancestor.tag == "figure" or _pictures(ancestor) == 1
        captions = list(_caption_elements(ancestor)) if alone or depth < 3 else []
        # An element with captions of several pictures says nothing of this one alone.
        if captions and (alone or len(captions) == 1):
            caption, found = _texts(captions)
            credit = credit or found
            if caption:
                return caption, credit or _credit_near(ancestor)
        if ancestor.tag == "figure":
            credit = credit or _credit_near(ancestor)
        # Some put the caption beside the figure, not into it.
        if ancestor.tag == "figure" or above_figure:
            above_figure += 1
    return "", credit


def _pictures(element: HtmlElement) -> int:
    sources = {image.get("src") or image.get("data-src") for image in element.iter("img")}
    return len(sources)


def _caption_elements(element: HtmlElement) -> Iterator[HtmlElement]:
    """Yields the outermost caption elements below an element; `figcaption` silences class names."""
    marked = list(element.iter("figcaption"))
    if not marked:
        marked = [
            child
            for child in element.iter()
            if isinstance(child.tag, str)
            and child is not element
            and child.tag not in ("img", "picture", "source", "figure", "button", "a", "script", "style")
            and _CAPTION_CLASS.search(child.get("class") or "")
            and child.find(".//img") is None
            and len(child.text_content()) <= _LONGEST_CAPTION
        ]
    seen: set[HtmlElement] = set()
    for child in marked:
        if not any(ancestor in seen for ancestor in child.iterancestors()):
            seen.add(child)
            yield child


def _texts(captions: list[HtmlElement]) -> tuple[str, str]:
    """Returns caption and credit of caption elements, the parts marked as credit kept apart."""
    words: list[str] = []
    credits: list[str] = []
    for element in captions:
        _walk(element, words, credits)
    caption, credit = split_credit(squeeze("".join(words), _MAX_CAPTION))
    marked = squeeze(" ".join(credits), 300)
    if marked:
        _, named = split_credit(marked)
        return (caption, named or marked) if not credit else (caption, credit)
    return caption, credit


_SKIPPED = frozenset({"script", "style", "noscript", "button", "svg", "template"})


def _walk(root: HtmlElement, words: list[str], credits: list[str]) -> None:
    """Sorts an element's text into caption and credit; with its own stack, since a page may nest without end."""
    stack: list[tuple[HtmlElement | None, str]] = [(root, "")]
    while stack:
        element, tail = stack.pop()
        if element is None:
            words.append(tail)
            continue
        stack.append((None, tail))
        if not isinstance(element.tag, str) or element.tag in _SKIPPED:
            continue
        if element is not root and CREDIT_CLASS.search(f"{element.get('class') or ''} {element.get('itemprop') or ''}"):
            credits.append(element.text_content())
            continue
        words.append((" " if element.tag in ("p", "div", "br", "span", "li") else "") + (element.text or ""))
        for child in reversed(element):
            stack.append((child, child.tail or ""))


def _credit_near(element: HtmlElement) -> str:
    """Returns the text of an element that is marked as a credit, beside the caption."""
    for child in element.iter("span", "p", "div", "small", "cite", "em", "figcaption"):
        if child is not element and CREDIT_CLASS.search(f"{child.get('class') or ''} {child.get('itemprop') or ''}"):
            text = squeeze(child.text_content(), 300)
            if text:
                return split_credit(text)[1] or text
    return ""


def _add_linked(found: dict[str, Figure], images: tuple[LinkedImage, ...], base: str) -> None:
    """Fills captions and credits in from JSON-LD; adds its captioned pictures where the page showed none."""
    nothing_shown = not found
    for linked in images:
        source = join_url(base, linked.url)
        if source is None:
            continue
        key = picture_key(source)
        known = found.get(key)
        caption, credit = split_credit(linked.caption)
        if known is not None:
            if not known.caption:
                found[key] = replace(known, caption=caption, credit=known.credit or linked.credit or credit)
        elif nothing_shown:
            found[key] = Figure(source, caption, linked.credit or credit, "", 0)
