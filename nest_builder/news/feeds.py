"""RSS and Atom, read by feedparser from bytes that our own client fetched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from time import struct_time
from typing import Any

import feedparser

from nest_builder.news.dates import plausible
from nest_builder.news.text import author_names, plain, squeeze
from nest_builder.web import canonical_url
from nest_builder.web.exchange import FetchRejected
from nest_builder.web.urls import join_url

MAX_FEED_BYTES = 3_000_000
MAX_ENTRIES = 1000
_MAX_TITLE = 500
_MAX_SUMMARY = 2000
_MAX_MEDIA = 20
# feedparser falls back to a parser in Python for what isn't well-formed, whose time grows with the square of a tag's
# length and of the depth; its search for an e-mail address does so with a word's. Real feeds stay far below these.
_MAX_TAGS = 60_000
_LONG_TAG = re.compile(rb"<[^!>][^>]{4000}")
_LONG_WORD = re.compile(rb"[A-Za-z0-9_.+-]{3000}")
_ENTITY = re.compile(rb"<!ENTITY\s{1,20}(?:%\s{1,20})?([^\s%>]{1,100})\s{1,20}([^>]*)")
_MAX_ENTITIES = 300
_MAX_EXPANSION = 1_000_000
_IMAGE_NAME = re.compile(r"\.(?:jpe?g|png|webp|gif|avif)(?:$|\?)", re.I)


class FeedError(ValueError):
    """The bytes are no feed, or one that no publisher would send."""


@dataclass(frozen=True)
class FeedMedia:
    """A picture that a feed entry carries.

    Attributes:
        image_url: absolute.
        caption: its description; empty where the feed gives several pictures and one can't tell whose it is.
        credit: likewise.
    """

    image_url: str
    caption: str = ""
    credit: str = ""


@dataclass(frozen=True)
class FeedEntry:
    """An article as its feed announces it.

    Attributes:
        url: absolute, normalised, without tracking parameters.
        title: plain text.
        summary: plain text.
        published_at: UTC and aware; None where the feed doesn't say.
        authors: names.
        media: pictures.
    """

    url: str
    title: str
    summary: str
    published_at: datetime | None
    authors: tuple[str, ...] = ()
    media: tuple[FeedMedia, ...] = ()


@dataclass(frozen=True)
class Feed:
    """What a feed gave.

    Attributes:
        title: the feed's own title.
        language: its language as it says, e.g. "en-gb"; empty if it doesn't.
        entries: in the feed's order, each URL once.
        without_link: entries that name no http(s) URL and were left out.
    """

    title: str
    language: str
    entries: tuple[FeedEntry, ...]
    without_link: int


def parse_feed(body: bytes, url: str, charset: str | None = None, max_entries: int = MAX_ENTRIES) -> Feed:
    """Reads a feed, well-formed or not.

    Args:
        body: as fetched.
        url: where from; relative links are resolved against it.
        charset: of the Content-Type header, if it named one.
        max_entries: entries taken, from the top.

    Raises:
        FeedError: too large, built to be slow, or no feed at all.
    """
    _check_bounds(body)
    content_type = f"application/xml; charset={charset}" if charset else "application/xml"
    try:
        parsed = feedparser.parse(
            # The leading blank keeps feedparser from ever taking a body for a URL or a file name to open.
            body if body[:1].isspace() or body[:1] in (b"<", b"\xef", b"\xff", b"\xfe", b"\x00") else b" " + body,
            response_headers={"content-type": content_type, "content-location": url},
            resolve_relative_uris=False,
            sanitize_html=False,
        )
    except (ValueError, LookupError, AssertionError, RecursionError, AttributeError, TypeError) as error:
        # feedparser promises not to raise, and mostly keeps it; its fallback parser has gaps on broken markup.
        raise FeedError(f"{type(error).__name__}: {str(error)[:200]}") from error
    entries = parsed.get("entries", [])
    if not entries and not parsed.get("version"):
        raise FeedError(f"no feed: {str(parsed.get('bozo_exception', 'unknown format'))[:200]}")
    found: dict[str, FeedEntry] = {}
    without_link = 0
    for raw in entries[:max_entries]:
        entry = _entry(raw, url)
        if entry is None:
            without_link += 1
        else:
            found.setdefault(entry.url, entry)
    head = parsed.get("feed", {})
    return Feed(
        plain(_string(head, "title"), _MAX_TITLE), _string(head, "language")[:35], tuple(found.values()), without_link
    )


def _check_bounds(body: bytes) -> None:
    """Refuses bodies whose parsing would take more time or memory than their size allows.

    Raises:
        FeedError: says which bound is broken.
    """
    if len(body) > MAX_FEED_BYTES:
        raise FeedError(f"{len(body)} bytes, limit {MAX_FEED_BYTES}")
    if body.count(b"<") > _MAX_TAGS:
        raise FeedError(f"more than {_MAX_TAGS} tags")
    if _LONG_TAG.search(body):
        raise FeedError("a tag of more than 4000 bytes")
    if _LONG_WORD.search(body):
        raise FeedError("a word of more than 3000 bytes")
    declared = _ENTITY.findall(body)
    if body.upper().count(b"<!ENTITY") != len(declared):
        raise FeedError("an entity declaration that is not well-formed")
    expansion = 0
    for name, value in declared[: _MAX_ENTITIES + 1]:
        # Only an entity that refers to others grows exponentially, and no feed needs one.
        if b"&" in value.replace(b"&#", b""):
            raise FeedError("entities that refer to entities")
        expansion += body.count(b"&" + name + b";") * len(value)
    if len(declared) > _MAX_ENTITIES or expansion > _MAX_EXPANSION:
        raise FeedError(f"{len(declared)} entities declared, which expand to {expansion} bytes")


def _entry(raw: Any, base: str) -> FeedEntry | None:
    link = _link(raw, base)
    if link is None:
        return None
    summary = _string(raw, "summary") or next(
        (_string(part, "value") for part in raw.get("content", []) if isinstance(part, dict)), ""
    )
    authors = [_string(author, "name") for author in raw.get("authors", []) if isinstance(author, dict)]
    return FeedEntry(
        url=link,
        title=plain(_string(raw, "title"), _MAX_TITLE),
        summary=plain(summary, _MAX_SUMMARY),
        published_at=_published(raw),
        authors=author_names(authors or [_string(raw, "author")]),
        media=_media(raw, base),
    )


def _link(raw: Any, base: str) -> str | None:
    """Returns the entry's article: its link, else an alternate one, else a permalink guid."""
    candidates = [_string(raw, "feedburner_origlink"), _string(raw, "link")]
    candidates += [
        _string(link, "href") for link in raw.get("links", []) if link.get("rel", "alternate") in ("alternate", "self")
    ]
    if raw.get("guidislink", True):
        candidates.append(_string(raw, "id"))
    for candidate in candidates:
        absolute = join_url(base, candidate) if candidate and len(candidate) <= 4000 else None
        if absolute is None:
            continue
        try:
            return canonical_url(absolute)
        except FetchRejected:
            continue
    return None


def _published(raw: Any) -> datetime | None:
    for key in ("published_parsed", "updated_parsed", "created_parsed"):
        parsed = dict.get(raw, key)  # past its own `get`, which lets other keys stand in for a missing one
        if isinstance(parsed, struct_time):
            try:
                return plausible(datetime(*parsed[:5], min(parsed.tm_sec, 59), tzinfo=UTC))
            except (ValueError, OverflowError):
                continue
    return None


def _media(raw: Any, base: str) -> tuple[FeedMedia, ...]:
    """Returns the entry's pictures: media:content, image enclosures, or else thumbnails."""
    candidates: list[tuple[str, str, str]] = []
    for item in raw.get("media_content", []):
        candidates.append((_string(item, "url"), _string(item, "medium"), _string(item, "type")))
    for link in raw.get("links", []):
        if link.get("rel") == "enclosure":
            candidates.append((_string(link, "href"), "", _string(link, "type")))
    images = [url for url, medium, kind in candidates if _is_image(url, medium, kind)]
    if not images:
        images = [_string(item, "url") for item in raw.get("media_thumbnail", [])]
    absolute = [joined for url in images[: 2 * _MAX_MEDIA] if url and (joined := join_url(base, url))]
    unique = list(dict.fromkeys(absolute))[:_MAX_MEDIA]
    if len(unique) != 1:
        return tuple(FeedMedia(url) for url in unique)
    credits = [_string(credit, "content") for credit in raw.get("media_credit", []) if isinstance(credit, dict)]
    # feedparser files media:description as further content, in plain text where content:encoded is HTML.
    described = [_string(part, "value") for part in raw.get("content", []) if _string(part, "type") == "text/plain"]
    caption = plain(described[-1] if described else "", _MAX_SUMMARY)
    return (FeedMedia(unique[0], caption, squeeze(", ".join(filter(None, credits)), 300)),)


def _is_image(url: str, medium: str, kind: str) -> bool:
    # feedparser gives a link without a type the type of a page.
    if medium or kind not in ("", "text/html"):
        return medium == "image" or kind.startswith("image/")
    return bool(_IMAGE_NAME.search(url))


def _string(record: Any, key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""
