"""What each host of the simulated web answers: a function of the world, the day, the request and how often it came before."""

import gzip
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import cached_property, lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from PIL import Image

from nest_builder.newsworld import feeds, pages
from nest_builder.newsworld.canon import OUTLETS
from nest_builder.newsworld.encyclopedia import Encyclopedia
from nest_builder.newsworld.model import NOW, Outlet
from nest_builder.newsworld.pictures import CONTENT_TYPES, bomb_png, damage, panel_png, small_gif
from nest_builder.newsworld.search import SearchIndex
from nest_builder.newsworld.world import World

HTML: Final = "text/html; charset=utf-8"
DOMAIN: Final = ".newsworld.test"
SLOW_SECONDS: Final = 0.3
STALL_SECONDS: Final = 6.0
_HOSTS: Final = {outlet.host: outlet for outlet in OUTLETS}
_MEDIA_HOSTS: Final = frozenset(outlet.media_host for outlet in OUTLETS if outlet.media_host)
_NO_VALIDATORS: Final = "citywire"  # this outlet sends neither ETag nor Last-Modified
_NO_ETAG: Final = "plainview"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; `delay` is the pause, in seconds, in the middle of the body."""

    status: int
    body: bytes = b""
    type: str = HTML
    modified: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Request:
    """What the answer depends on. `earlier` counts the earlier requests of the same address."""

    host: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    earlier: int = 0

    @property
    def path(self) -> str:
        """The path without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def url(self) -> str:
        """The address, without a port and without the query."""
        return f"http://{self.host}{self.path}"


class Site:
    """Every host of a world.

    Args:
        world: What there is to serve.
        stall: Seconds for which the bodies of stalling addresses pause; longer than a client's patience.
        now: What was published later is not there yet. robots.txt is: a newsroom closes an address before it prints.
    """

    def __init__(self, world: World, stall: float = STALL_SECONDS, now: datetime = NOW) -> None:
        self._world, self._stall, self._now = world, stall, min(now, NOW)
        self._articles = {url: article for url, article in world.articles.items() if article.published <= self._now}
        listed = world.faults.listed.items()
        self._targets = {other: url for url, other in listed if other != url and self._is_out(url)}
        self._page = lru_cache(maxsize=512)(self._article_body)
        self._document = lru_cache(maxsize=128)(self._document_body)

    @cached_property
    def _index(self) -> SearchIndex:
        return SearchIndex(self._world, self._now)

    @cached_property
    def _encyclopedia(self) -> Encyclopedia:
        return Encyclopedia(self._world, self._now)

    def _is_out(self, url: str) -> bool:
        """Whether a page, or an article that shows the picture or the poster, is published."""
        if url in self._world.articles:
            return url in self._articles
        shown = self._world.article_urls_of.get(url)
        if shown is None:
            shown = [page for page, bomb in self._world.faults.bombs.items() if bomb == url]
        return any(page in self._articles for page in shown)

    def respond(self, request: Request) -> Response:
        """Answer a request, conditional ones with 304, and compress where a page's plan says so."""
        response = self._route(request)
        if response.status != 200:
            return response
        headers = dict(response.headers)
        if not request.host.startswith(_NO_VALIDATORS):
            tag = f'"{hashlib.sha256(response.body).hexdigest()[:20]}"'
            if not request.host.startswith(_NO_ETAG):
                headers["ETag"] = tag
            if response.modified:
                headers["Last-Modified"] = format_datetime(response.modified, usegmt=True)
            if _unchanged(request.headers, headers.get("ETag"), response.modified):
                return Response(304, headers=headers)
        body = response.body
        if self._world.faults.of.get(request.url) == "gzip" and "gzip" in request.headers.get("accept-encoding", ""):
            body, headers["Content-Encoding"] = gzip.compress(body, mtime=0), "gzip"
        return replace(response, body=body, headers=headers)

    def _route(self, request: Request) -> Response:
        if request.host == f"search{DOMAIN}":
            return self._search(request)
        if request.host == f"encyclopedia{DOMAIN}":
            return self._reference(request)
        outlet = _HOSTS.get(request.host)
        if outlet is None and request.host not in _MEDIA_HOSTS:
            known = ", ".join((*_HOSTS, *sorted(_MEDIA_HOSTS), f"search{DOMAIN}", f"encyclopedia{DOMAIN}"))
            return Response(421, pages.plain_page("Misdirected request", f"These hosts live here: {known}").encode())
        document = self._document(request.host, request.path)
        if document:
            return document
        if request.url in self._targets:
            return self._redirect(request)
        fault = self._world.faults.of.get(request.url, "")
        if fault in ("not_found", "gone"):
            return _missing(410 if fault == "gone" else 404)
        if fault == "too_many" and request.earlier == 0:
            body = pages.plain_page("Too many requests", "Slow down.").encode()
            return Response(429, body, headers={"Retry-After": "1"})
        if fault == "unavailable" and request.earlier == 0:
            return Response(503, pages.plain_page("Service unavailable", "Back soon.").encode())
        delay = {"stall": self._stall, "slow": SLOW_SECONDS}.get(fault, 0.0)
        if request.url in self._articles:
            body = self._page(request.url)
            kind = "image/jpeg" if fault == "page_as_image" else HTML
            return Response(200, body, kind, self._articles[request.url].published, delay=delay)
        return replace(self._media(request, fault), delay=delay)

    def _article_body(self, url: str) -> bytes:
        return pages.article_page(self._world, self._articles[url], self._now).encode()

    def _document_body(self, host: str, path: str) -> Response | None:
        """Robots, feeds, lists and furniture: what does not change from request to request."""
        outlet = _HOSTS.get(host)
        if path == "/robots.txt":
            return Response(200, self._robots(host).encode(), "text/plain; charset=utf-8", NOW)
        if path == "/.well-known/tdmrep.json":
            reserved = [
                {"location": urlsplit(url).path, "tdm-reservation": 1}
                for url, fault in self._world.faults.of.items()
                if fault == "tdm" and urlsplit(url).hostname == host
            ]
            return Response(200, json.dumps(reserved).encode(), "application/json", NOW) if reserved else _missing(404)
        if path.startswith(("/assets/", "/ads/")):
            return _furniture(host, path)
        return self._listing(outlet, path) if outlet else None

    def _listing(self, outlet: Outlet, path: str) -> Response | None:
        changed = feeds.last_change(self._world, outlet, self._now)
        if path == "/":
            return Response(200, pages.front_page(self._world, outlet, now=self._now).encode(), HTML, changed)
        if path.startswith("/section/") and path[9:] in pages.SECTIONS:
            return Response(200, pages.front_page(self._world, outlet, path[9:], self._now).encode(), HTML, changed)
        if path == pages.feed_path(outlet):
            kind = "application/atom+xml" if outlet.feed == "atom" else "application/rss+xml"
            return Response(200, feeds.feed(self._world, outlet, self._now).encode(), f"{kind}; charset=utf-8", changed)
        if path in ("/about", "/privacy", "/contact", "/newsletter"):
            text = f"{outlet.name} is written for people who like to know."
            return Response(200, pages.plain_page(path[1:].capitalize(), text).encode(), HTML, NOW)
        if path == "/sitemap.xml":
            return Response(200, feeds.sitemap(self._world, outlet, self._now).encode(), "application/xml", changed)
        return None

    def _robots(self, host: str) -> str:
        if self._world.closed(f"http://{host}/"):
            return "User-agent: *\nAllow: /feed.xml\nAllow: /robots.txt\nDisallow: /\n"
        closed = [
            f"Disallow: {urlsplit(url).path}"
            for url, fault in sorted(self._world.faults.of.items())
            if fault == "robots" and urlsplit(url).hostname == host
        ]
        lines = [
            "User-agent: *",
            "Disallow: /admin/",
            "Disallow: /subscribe",
            *closed,
            "",
            f"Sitemap: http://{host}/sitemap.xml",
        ]
        return "\n".join(lines) + "\n"

    def _redirect(self, request: Request) -> Response:
        """From the address that feeds list to the page: at once, in three steps, or never."""
        url = self._targets[request.url]
        asked = request.query.get("hop", "0")
        fault, hop = self._world.faults.of[url], int(asked[:3]) if asked.isdecimal() else 0
        status = 301 if fault == "redirect_301" else 302
        if fault == "redirect_loop":
            target = request.path if hop else f"{request.path}?hop=1"
        elif fault == "redirect_chain" and hop < 2:
            target = f"{request.path}?hop={hop + 1}"
        else:
            target = url
        return Response(status, b"", headers={"Location": target})

    def _media(self, request: Request, fault: str) -> Response:
        url = request.url.replace("/media/moved/", "/media/")
        if not self._is_out(url):
            return _missing(404)
        if fault == "bomb":
            return Response(200, bomb_png(), "image/png", NOW)
        if url not in self._world.photos:
            return _missing(404)
        if fault == "redirect_302":
            return Response(302, headers={"Location": request.path.replace("/media/", "/media/moved/", 1)})
        photo = self._world.photos[url]
        source = self._world.photos[photo.base] if photo.base and not photo.transform else photo
        kind = CONTENT_TYPES[source.format]
        headers = {"noai": {"X-Robots-Tag": "noai"}, "noimageai": {"X-Robots-Tag": "noai, noimageai"}}.get(fault, {})
        if fault == "html_as_image":
            page = pages.plain_page("Picture", "Please log in to see this picture.")
            return Response(200, page.encode(), "image/jpeg", NOW)
        data = self._world.pictures.data(url)
        if fault in ("truncated", "corrupt"):
            data = damage(data, fault)
        if request.query.get("width") == "160":
            data, kind = _thumbnail(data), "image/jpeg"
        return Response(200, data, HTML if fault == "image_as_html" else kind, photo.taken, headers)

    def _search(self, request: Request) -> Response:
        asked = request.query
        if request.path == "/robots.txt":
            return Response(200, b"User-agent: *\nAllow: /\n", "text/plain; charset=utf-8")
        if request.path not in ("/", "/search"):
            return _missing(404)
        if not asked.get("q"):
            return Response(400, pages.plain_page("Bad request", "No query").encode())
        if asked.get("format") != "json":
            return Response(403, pages.plain_page("Forbidden", "This instance answers format=json only.").encode())
        number = asked.get("pageno", "1")
        page = int(number) if number.isdecimal() else 1
        category = asked.get("categories", "general").split(",")[0]
        return _json(self._index.search(asked["q"], category, max(1, page)))

    def _reference(self, request: Request) -> Response:
        if request.path == "/robots.txt":
            return Response(200, b"User-agent: *\nDisallow: /wiki/Special:\n", "text/plain; charset=utf-8")
        if request.path == "/w/api.php":
            return _json(self._encyclopedia.query(request.query))
        title = request.path.removeprefix("/wiki/").replace("_", " ")
        if request.path.startswith("/wiki/") and self._encyclopedia.has(title):
            return Response(200, pages.plain_page(title, f"{title} is described in this encyclopedia.").encode())
        return _missing(404)


def _unchanged(asked: Mapping[str, str], tag: str | None, modified: datetime | None) -> bool:
    """RFC 9110, 13.2.2: If-None-Match goes before If-Modified-Since."""
    if "if-none-match" in asked:
        tags = {item.strip().removeprefix("W/") for item in asked["if-none-match"].split(",")}
        return tag is not None and bool(tags & {tag, "*"})
    if "if-modified-since" in asked and modified:
        try:
            return modified.replace(microsecond=0) <= parsedate_to_datetime(asked["if-modified-since"])
        except (TypeError, ValueError):
            return False  # the header is to be ignored where its date makes no sense
    return False


def _json(value: dict[str, Any]) -> Response:
    return Response(200, json.dumps(value, ensure_ascii=False).encode(), "application/json; charset=utf-8")


def _missing(status: int) -> Response:
    return Response(status, pages.plain_page("Not here", "There is no such page.").encode())


def _furniture(host: str, path: str) -> Response:
    """Logos, advertisements, tracking pixels and spacers: what a gatherer of photographs must not gather."""
    if path in ("/assets/pixel.gif", "/assets/spacer.gif"):
        return Response(200, small_gif(1, 1) if "pixel" in path else small_gif(160, 1), "image/gif", NOW)
    if path == "/assets/site.css":
        return Response(200, b"body { font-family: serif; max-width: 60rem; margin: auto }\n", "text/css", NOW)
    if path.endswith(".png"):
        width, height = (468, 60) if path.startswith("/ads/") else (180, 40)
        return Response(200, panel_png(f"{host}{path}", width, height), "image/png", NOW)
    return _missing(404)


def _thumbnail(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        small = image.convert("RGB")
    small.thumbnail((160, 160))
    small.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
