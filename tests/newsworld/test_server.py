"""The simulated web over HTTP: hosts, conditional requests, faults, search, encyclopedia."""

import gzip
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import quote, urlsplit

import feedparser
import pytest
from PIL import Image

from nest_builder.newsworld.canon import OUTLETS
from nest_builder.newsworld.markup import plain
from nest_builder.newsworld.server import Running, serve

STALL = 0.6


class Client:
    """One request a connection, to whatever host, always to loopback."""

    def __init__(self, running: Running) -> None:
        self.running, self.world = running, running.world

    def get(self, url: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
        parts = urlsplit(url)
        connection = HTTPConnection("127.0.0.1", self.running.port, timeout=10)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, url[len(f"http://{parts.netloc}") :] or "/", headers={"Host": parts.netloc, **named})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response, body

    def json(self, url: str) -> dict[str, object]:
        response, body = self.get(url)
        assert response.status == 200
        return json.loads(body)

    def faulty(self, kind: str, *, page: bool) -> str:
        articles, photos = self.world.articles, self.world.photos
        return next(u for u, k in self.world.faults.of.items() if k == kind and u in (articles if page else photos))


@pytest.fixture(scope="module")
def web() -> Iterator[Client]:
    with serve(3, stall=STALL) as running:
        yield Client(running)


@pytest.mark.parametrize("outlet", [o for o in OUTLETS if o.feed], ids=lambda o: o.key)
def test_feeds_list_the_articles(web: Client, outlet) -> None:
    response, body = web.get(f"http://{outlet.host}/{'atom.xml' if outlet.feed == 'atom' else 'feed.xml'}")
    parsed = feedparser.parse(body)
    assert bool(parsed.bozo) == (outlet.feed == "rss-broken")
    listed = {entry.link for entry in parsed.entries}
    mine = {web.world.faults.link(a.url) for a in web.world.articles.values() if a.outlet == outlet}
    assert mine <= listed
    assert response.headers["Content-Type"].startswith("application/")


def test_an_outlet_without_a_feed_is_reached_from_its_home_page(web: Client) -> None:
    found = set()
    for section in ("business", "technology", "city", "sport", "politics", "culture"):
        page = web.get(f"http://plainview.newsworld.test/section/{section}")[1].decode()
        found |= {u for u in map(web.world.faults.link, web.world.articles) if f'href="{u}"' in page}
    assert found == {web.world.faults.link(u) for u, a in web.world.articles.items() if a.outlet.key == "plainview"}
    assert web.get("http://plainview.newsworld.test/feed.xml")[0].status == 404


def test_conditional_requests(web: Client) -> None:
    first, _ = web.get("http://harbourpost.newsworld.test/feed.xml")
    assert web.get("http://harbourpost.newsworld.test/feed.xml", If_None_Match=first.headers["ETag"])[0].status == 304
    assert web.get("http://harbourpost.newsworld.test/feed.xml", If_None_Match='"other"')[0].status == 200
    dated = {"If_Modified_Since": first.headers["Last-Modified"]}
    assert web.get("http://harbourpost.newsworld.test/feed.xml", **dated)[0].status == 304
    bare, _ = web.get("http://citywire.newsworld.test/atom.xml")
    assert bare.headers["ETag"] is None
    assert bare.headers["Last-Modified"] is None


@pytest.mark.parametrize(
    ("kind", "page", "statuses"),
    [
        ("too_many", True, [429, 200, 200]),
        ("too_many", False, [429, 200]),
        ("unavailable", True, [503, 200]),
        ("not_found", True, [404, 404]),
        ("gone", True, [410]),
        ("not_found", False, [404]),
        ("redirect_302", False, [302]),
        ("second_address", True, [200]),
    ],
)
def test_statuses(web: Client, kind: str, page: bool, statuses: list[int]) -> None:
    url = web.faulty(kind, page=page)
    answers = [web.get(url)[0] for _ in statuses]
    assert [answer.status for answer in answers] == statuses
    if kind == "too_many":
        assert answers[0].headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("kind", "hops"), [("redirect_301", 1), ("redirect_302", 1), ("redirect_chain", 3), ("redirect_loop", None)]
)
def test_redirects(web: Client, kind: str, hops: int | None) -> None:
    page = web.faulty(kind, page=True)
    url, taken = web.world.faults.link(page), 0
    while taken < 8:
        response, _ = web.get(url)
        if response.status == 200:
            break
        assert response.status in (301, 302)
        target = response.headers["Location"]
        url = target if target.startswith("http") else f"http://{urlsplit(url).netloc}{target}"
        taken += 1
    assert taken == (hops or 8)
    assert (url == page) == (hops is not None)


def test_slow_bodies_pause_in_the_middle(web: Client) -> None:
    started = time.monotonic()
    response, body = web.get(web.faulty("stall", page=True))
    assert response.status == 200
    assert body.endswith(b"</html>")
    assert time.monotonic() - started >= STALL


def test_gzip_only_for_who_understands_it(web: Client) -> None:
    url = web.faulty("gzip", page=True)
    packed, body = web.get(url, Accept_Encoding="gzip, deflate")
    plain_answer, text = web.get(url)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert plain_answer.headers["Content-Encoding"] is None
    assert gzip.decompress(body) == text


@pytest.mark.parametrize(
    ("kind", "content_type", "readable"),
    [
        ("truncated", "image/jpeg", False),
        ("corrupt", "image/jpeg", False),
        ("html_as_image", "image/jpeg", False),
        ("image_as_html", "text/html; charset=utf-8", True),
        ("noai", None, True),
        ("noimageai", None, True),
    ],
)
def test_pictures_with_faults(web: Client, kind: str, content_type: str | None, readable: bool) -> None:
    response, body = web.get(web.faulty(kind, page=False))
    assert response.status == 200
    if content_type and not (kind == "truncated" or kind == "corrupt"):
        assert response.headers["Content-Type"] == content_type
    assert ("noai" in (response.headers["X-Robots-Tag"] or "")) == kind.startswith("noa") or kind == "noimageai"
    try:
        Image.open(io.BytesIO(body)).load()
        opened = True
    except OSError:
        opened = False
    assert opened == readable


def test_the_bomb_is_small_and_huge(web: Client) -> None:
    article, url = next(iter(web.world.faults.bombs.items()))
    assert url in web.get(article)[1].decode()
    body = web.get(url)[1]
    assert len(body) < 200_000
    width, height = int.from_bytes(body[16:20]), int.from_bytes(body[20:24])
    assert width * height > 2 * (Image.MAX_IMAGE_PIXELS or 0)


def test_opt_outs_and_robots(web: Client) -> None:
    reserved = web.faulty("tdm", page=False)
    body = web.json(f"http://{urlsplit(reserved).netloc}/.well-known/tdmrep.json")
    assert {"location": urlsplit(reserved).path, "tdm-reservation": 1} in body
    assert b'name="robots" content="noai, noimageai"' in web.get(web.faulty("noai_meta", page=True))[1]
    hidden = web.faulty("robots", page=True)
    assert f"Disallow: {urlsplit(hidden).path}\n" in web.get(f"http://{urlsplit(hidden).netloc}/robots.txt")[1].decode()
    assert b"\nDisallow: /\n" in web.get("http://sportsbeacon.newsworld.test/robots.txt")[1]


@pytest.mark.parametrize("style", ["semantic", "soup", "magazine"])
def test_pages_hold_text_captions_and_pictures(web: Client, style: str) -> None:
    article = next(a for a in web.world.articles.values() if a.outlet.style == style and a.figures and not a.flags)
    page = web.get(article.url)[1].decode()
    for figure in article.figures:
        assert f'src="{figure.url}"' in page
        assert figure.credit in page
        photo = web.world.photos[figure.url]
        if photo.transform or photo.url in web.world.faults.of:
            continue
        with Image.open(io.BytesIO(web.get(figure.url)[1])) as picture:
            assert picture.size == (photo.width, photo.height)
    assert plain(article.paragraphs[0]).replace("'", "&#39;") in page


def test_search_answers_like_searxng(web: Client) -> None:
    entity = web.world.timeline.having("novel")[0]
    answer = web.json(f"http://search.newsworld.test/search?q={quote(entity.name)}&format=json")
    assert set(answer) >= {"query", "number_of_results", "results", "answers", "infoboxes", "suggestions"}
    best = answer["results"][0]
    assert entity.name.split()[-1] in best["title"] + best["content"]
    assert set(best) >= {"url", "title", "content", "engine", "score", "category", "publishedDate"}
    images = web.json(f"http://search.newsworld.test/search?q={quote(entity.name)}&format=json&categories=images")
    first = images["results"][0]
    assert first["img_src"] in web.world.photos
    thumbnail = web.get(first["thumbnail_src"])[1]
    assert thumbnail or first["img_src"] in web.world.faults.of
    assert web.get("http://search.newsworld.test/search?q=x")[0].status == 403
    assert web.json("http://search.newsworld.test/search?q=zzzzqq&format=json")["results"] == []


def test_encyclopedia_answers_like_mediawiki(web: Client) -> None:
    base = "http://encyclopedia.newsworld.test/w/api.php?action=query&prop=revisions&format=json&formatversion=2"
    first = f"{base}&rvdir=newer&rvlimit=1&redirects=1&titles="
    entity = web.world.canon.entities[0]
    page = web.json(first + quote(entity.name))["query"]["pages"][0]
    assert page["title"] == entity.name
    assert page["revisions"][0]["timestamp"] < "2025-06-30"
    moved = web.json(first + quote(entity.short))["query"]
    assert moved["redirects"] == [{"from": entity.short, "to": entity.name}]
    assert web.json(first + "no_such_page")["query"] == {
        "normalized": [{"fromencoded": False, "from": "no_such_page", "to": "No such page"}],
        "pages": [{"ns": 0, "title": "No such page", "missing": True}],
    }
    assert web.json(f"{first}A|B")["error"]["code"] == "rvmultpages"
    novel = web.world.timeline.having("novel")
    late = [web.json(first + quote(e.name))["query"]["pages"][0] for e in novel]
    begun = [page["revisions"][0]["timestamp"] for page in late if "revisions" in page]
    assert 0.1 < len(begun) / len(novel) < 0.6
    assert min(begun) > "2025-06-30"


def test_nonsense_is_answered(web: Client) -> None:
    listed = web.world.faults.link(web.faulty("redirect_chain", page=True))
    assert web.get(f"{listed}?hop=x")[0].status == 302
    assert web.get(f"{listed}?hop=99999")[0].status == 302
    assert web.get("http://search.newsworld.test/search?q=x&format=json&pageno=-1")[0].status == 200
    assert web.get("http://encyclopedia.newsworld.test/w/api.php?action=delete")[1].startswith(b'{"error"')
    assert web.get("http://harbourpost.newsworld.test/../../etc/passwd")[0].status == 404


def test_unknown_hosts_and_head(web: Client) -> None:
    assert web.get("http://elsewhere.test/")[0].status == 421
    response, body = web.get("http://harbourpost.newsworld.test/", method="HEAD")
    assert response.status == 200
    assert body == b""
    assert int(response.headers["Content-Length"]) > 1000


def test_the_program_announces_its_port_and_ends_with_its_parent() -> None:
    command = [sys.executable, "-m", "nest_builder.newsworld.server", "--seed", "1", "--announce", "--with-parent"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    port = json.loads(process.stdout.readline())["port"]
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/robots.txt", headers={"Host": "harbourpost.newsworld.test"})
    assert connection.getresponse().status == 200
    connection.close()
    process.stdin.close()
    assert process.wait(timeout=10) == 0
    process.stdout.close()
