"""What a page says of itself: title, authors, date, language and pictures, from JSON-LD, OpenGraph and markup."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lxml.html import HtmlElement

from nest_builder.news.dates import date_in_url, first_date
from nest_builder.news.text import author_names, plain, squeeze

_MAX_TITLE = 500
_MAX_JSON = 500_000
_MAX_NODES = 5000
_MAX_IMAGES = 40
_ARTICLE_TYPES = re.compile(r"(?:article|posting|report|review|creativework|webpage)$", re.I)
_DATE_META = ("article:published_time", "og:article:published_time", "og:published_time", "datepublished", "date",
              "parsely-pub-date", "sailthru.date", "dc.date.issued", "dc.date", "dcterms.created", "dcterms.date",
              "publishdate", "publish-date", "pubdate", "article.published", "cxenseparse:recs:publishtime",
              "last-modified", "article:modified_time")  # fmt: skip
_AUTHOR_META = ("author", "article:author", "parsely-author", "sailthru.author", "dc.creator", "dcterms.creator",
                "byl", "cxenseparse:author", "twitter:creator")  # fmt: skip
_TITLE_SEPARATOR = re.compile(r"\s+[|\u2013\u2014\u00b7»:-]\s+")
_BYLINE_CLASS = re.compile(r"(?:^|[\s_-])(?:byline|author(?:s|[_-]name)?)(?:$|[\s_-])", re.I)


@dataclass(frozen=True)
class LinkedImage:
    """A picture that the page's JSON-LD names.

    Attributes:
        url: as written.
        caption: empty where there is none.
        credit: likewise.
    """

    url: str
    caption: str = ""
    credit: str = ""


@dataclass(frozen=True)
class Metadata:
    """A page's own statements about its article.

    Attributes:
        title: empty where there is none.
        authors: names.
        published_at: UTC and aware, or None.
        language: the primary subtag of the page's declared language, lower case; empty where there is none.
        images: pictures that JSON-LD names.
        lead_image: og:image or its like, as written; empty without one.
        linked_text: JSON-LD's articleBody; empty without one.
    """

    title: str
    authors: tuple[str, ...]
    published_at: datetime | None
    language: str
    images: tuple[LinkedImage, ...]
    lead_image: str
    linked_text: str


def read_metadata(tree: HtmlElement, url: str) -> Metadata:
    """Collects the page's metadata; each field from the most reliable source that has it.

    Args:
        tree: the parsed page.
        url: where it is, since many paths hold the date.
    """
    metas: dict[str, list[str]] = {}
    for element in tree.iter("meta"):
        name = element.get("property") or element.get("name") or element.get("itemprop")
        if name and element.get("content"):
            metas.setdefault(name.strip().lower(), []).append(element.get("content"))
    nodes = list(_linked_nodes(tree))
    articles = [node for node in nodes if _is_article(node)]
    # A page often describes itself and its site beside the article; what is typed as news speaks first.
    articles.sort(key=lambda node: "webpage" in str(node.get("@type")).lower())

    def meta(*names: str) -> list[str]:
        return [value for name in names for value in metas.get(name, [])]

    heading_tag = tree.find(".//h1")
    heading = squeeze(heading_tag.text_content() if heading_tag is not None else "", _MAX_TITLE)
    titles = [plain(_text_of(node.get("headline")), _MAX_TITLE) for node in articles]
    titles += [squeeze(value, _MAX_TITLE) for value in meta("og:title", "twitter:title", "headline")]
    titles.append(heading)
    title_tag = tree.find(".//title")
    if title_tag is not None:
        titles.append(_TITLE_SEPARATOR.split(squeeze(title_tag.text_content(), _MAX_TITLE))[0])
    linked_text = max((_text_of(node.get("articleBody")) for node in articles), key=len, default="")
    return Metadata(
        title=_without_site(next(filter(None, titles), ""), heading, meta("og:site_name")),
        authors=_authors(tree, articles, meta(*_AUTHOR_META)),
        published_at=_published(tree, articles, meta(*_DATE_META), url),
        language=_language(tree, meta("og:locale", "content-language", "language", "dc.language")),
        images=_images(articles, nodes),
        lead_image=next(iter(meta("og:image", "og:image:url", "og:image:secure_url", "twitter:image")), ""),
        linked_text=linked_text,
    )


def _without_site(title: str, heading: str, sites: list[str]) -> str:
    """Returns a title without the site's name at its end ("... | The Post"), where the page tells it apart."""
    rest = title[len(heading) :]
    if heading and title.startswith(heading) and _TITLE_SEPARATOR.match(rest):
        return heading
    parts = _TITLE_SEPARATOR.split(title)
    if len(parts) > 1 and parts[-1].casefold() in (squeeze(site).casefold() for site in sites):
        return title[: title.rindex(parts[-1])].rstrip(" |-:\u2013\u2014\u00b7\u00bb")
    return title


def _linked_nodes(tree: HtmlElement) -> Iterator[dict[str, Any]]:
    """Yields every object in the page's JSON-LD blocks, outermost first, up to a bound."""
    count = 0
    for script in tree.iter("script"):
        if "ld+json" not in (script.get("type") or "").lower():
            continue
        text = (script.text or "").strip()
        if not text or len(text) > _MAX_JSON:
            continue
        try:
            queue: list[Any] = [json.loads(text, strict=False)]
        except (ValueError, RecursionError):
            continue  # A broken block says nothing; the other sources remain.
        while queue:
            value = queue.pop(0)
            count += 1
            if count > _MAX_NODES:
                return
            if isinstance(value, dict):
                yield value
                queue.extend(child for child in value.values() if isinstance(child, (dict, list)))
            elif isinstance(value, list):
                queue.extend(child for child in value if isinstance(child, (dict, list)))


def _is_article(node: dict[str, Any]) -> bool:
    kinds = node.get("@type")
    names = kinds if isinstance(kinds, list) else [kinds]
    return any(isinstance(name, str) and _ARTICLE_TYPES.search(name) for name in names)


def _text_of(value: Any) -> str:
    """Returns a JSON-LD value as text: a string, the first of a list, or an object's name or value.

    JSON can spell what no text may hold: halves of a character, and the NUL that PostgreSQL refuses.
    """
    if isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, dict):
        value = value.get("name") or value.get("@value") or ""
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode().replace("\x00", " ")


def _authors(tree: HtmlElement, articles: list[dict[str, Any]], metas: list[str]) -> tuple[str, ...]:
    for node in articles:
        authors = node.get("author") or node.get("creator")
        values = authors if isinstance(authors, list) else [authors]
        people = [v for v in values if not (isinstance(v, dict) and "organization" in str(v.get("@type")).lower())]
        names = author_names(plain(_text_of(value), 400) for value in people)
        if names:
            return names
    if names := author_names(metas):
        return names
    for element in tree.xpath("//*[@rel='author' or @itemprop='author' or @itemprop='creator']")[:20]:
        if names := author_names([element.text_content()]):
            return names
    for element in tree.xpath("//*[contains(@class, 'yline') or contains(@class, 'uthor')]")[:20]:
        line = squeeze(element.text_content(), 400)
        # A byline element often holds the date too, after a bar.
        names = author_names([_TITLE_SEPARATOR.split(line)[0]])
        if names and len(line) < 150 and _BYLINE_CLASS.search(element.get("class") or ""):
            return names
    return ()


def _published(tree: HtmlElement, articles: list[dict[str, Any]], metas: list[str], url: str) -> datetime | None:
    linked = [_text_of(node.get("datePublished")) for node in articles]
    linked += [_text_of(node.get("dateCreated")) for node in articles]
    times = [element.get("datetime") for element in tree.xpath("//time[@datetime]")[:5]]
    marked = [
        element.get("content") or element.get("datetime")
        for element in tree.xpath("//*[@itemprop='datePublished']")[:5]
    ]
    found = first_date([*linked, *metas[:20], *marked, *times])
    return found or date_in_url(url)


def _language(tree: HtmlElement, metas: list[str]) -> str:
    declared = [tree.get("lang"), tree.get("{http://www.w3.org/XML/1998/namespace}lang"), *metas]
    for value in declared:
        match = re.match(r"\s*([a-zA-Z]{2,3})(?:[-_].*)?\s*$", value or "")
        if match:
            return match.group(1).lower()
    return ""


def _images(articles: list[dict[str, Any]], nodes: list[dict[str, Any]]) -> tuple[LinkedImage, ...]:
    found: dict[str, LinkedImage] = {}
    values: list[Any] = [node.get("image") for node in articles]
    values += [node for node in nodes if node.get("@type") == "ImageObject"]
    for value in values:
        for image in value if isinstance(value, list) else [value]:
            linked = _linked_image(image)
            if linked is not None and (linked.url not in found or linked.caption):
                found[linked.url] = linked
    return tuple(found.values())[:_MAX_IMAGES]


def _linked_image(value: Any) -> LinkedImage | None:
    if isinstance(value, str) and value:
        return LinkedImage(value)
    if not isinstance(value, dict):
        return None
    url = _text_of(value.get("url")) or _text_of(value.get("contentUrl")) or _text_of(value.get("@id"))
    if not url:
        return None
    caption = _text_of(value.get("caption")) or _text_of(value.get("description"))
    credit = _text_of(value.get("creditText")) or _text_of(value.get("creator")) or _text_of(value.get("author"))
    return LinkedImage(url, plain(caption, 2000), plain(credit, 300))
