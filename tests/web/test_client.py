from __future__ import annotations

import gzip
import hashlib
import socket
import time
import zlib
from collections.abc import Callable

import pytest

from nest_builder.web import (
    Exchange,
    Expect,
    FetchFailed,
    FetchReason,
    FetchRejected,
    PoliteClient,
    RobotsVerdict,
    Validators,
)

from .conftest import NOW, Asked, FakeTime, Loopback, Reply

Make = Callable[..., PoliteClient]
HTML = [("Content-Type", "text/html; charset=UTF-8")]


def refused(client: PoliteClient, url: str, expect: Expect = Expect.ANY) -> FetchRejected:
    with pytest.raises(FetchRejected) as caught:
        client.fetch(url, expect)
    return caught.value


def test_a_plain_page_gives_a_full_record(loopback: Loopback, make_client: Make) -> None:
    loopback.routes["/a?x=1"] = Reply(200, b"<p>hi", [*HTML, ("ETag", '"1"'), ("Last-Modified", "Mon, 29 Sep 2025")])
    got = make_client().fetch("https://News.Test/a?x=1#top", Expect.HTML)
    assert (got.requested_url, got.responded_url) == ("https://news.test/a?x=1",) * 2
    assert (got.status, got.body, got.fetched_at, got.redirects) == (200, b"<p>hi", NOW, ())
    assert (got.content_type, got.charset) == ("text/html", "utf-8")
    assert got.validators == Validators('"1"', "Mon, 29 Sep 2025", hashlib.sha256(b"<p>hi").hexdigest())
    assert got.consent.robots is RobotsVerdict.ABSENT
    assert not got.consent.opt_out
    assert not got.not_modified
    assert loopback.asked[-1].host == "news.test"
    assert "nest-builder" in loopback.asked[-1].headers["user-agent"]


def test_304_and_an_equal_body_are_not_modified(loopback: Loopback, make_client: Make) -> None:
    def conditional(asked: Asked, nth: int) -> Reply:
        same = asked.headers.get("if-none-match") == '"1"' and asked.headers.get("if-modified-since") == "then"
        return Reply(304) if same else Reply(200, b"x", [("ETag", '"1"'), ("Last-Modified", "then")])

    loopback.routes.update({"/marked": conditional, "/plain": Reply(200, b"x")})
    client = make_client()
    for path, status in (("/marked", 304), ("/plain", 200)):
        first = client.fetch("http://a.test" + path)
        again = client.fetch("http://a.test" + path, previous=first.validators)
        assert (first.not_modified, again.not_modified, again.status) == (False, True, status)
        assert again.validators == first.validators


def test_a_304_without_being_asked_is_refused(loopback: Loopback, make_client: Make) -> None:
    loopback.routes["/a"] = Reply(304)
    assert refused(make_client(), "http://a.test/a").reason is FetchReason.HTTP_STATUS


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, FetchReason.NOT_FOUND),
        (410, FetchReason.NOT_FOUND),
        (403, FetchReason.FORBIDDEN),
        (451, FetchReason.FORBIDDEN),
        (418, FetchReason.HTTP_STATUS),
    ],
)
def test_final_statuses_are_rejected_at_once(
    loopback: Loopback, make_client: Make, status: int, reason: FetchReason
) -> None:
    loopback.routes["/a"] = Reply(status, b"no")
    assert refused(make_client(), "http://a.test/a").reason is reason
    assert loopback.paths() == ["/a"]


@pytest.mark.parametrize(
    ("header", "waited"),
    [
        ("7", 7.0),
        ("Wed, 01 Oct 2025 06:00:09 GMT", 9.0),
        ("Wed, 01 Oct 2025 05:00:00 GMT", 1.0),
        ("soon", 1.0),
        ("-5", 1.0),
    ],
)
def test_retry_after(loopback: Loopback, make_client: Make, fake_time: FakeTime, header: str, waited: float) -> None:
    def busy_once(asked: Asked, nth: int) -> Reply:
        # The reply's Date is the test's clock, so the HTTP date form doesn't depend on when the test runs.
        headers = [("Retry-After", header), ("X-Dummy", "1")]
        return Reply(429, b"", headers) if nth == 0 else Reply(200, b"ok")

    loopback.server.RequestHandlerClass.date_time_string = (  # type: ignore[attr-defined]
        lambda self, timestamp=None: "Wed, 01 Oct 2025 06:00:00 GMT"
    )
    loopback.routes["/a"] = busy_once
    assert make_client().fetch("http://a.test/a").body == b"ok"
    assert fake_time.slept == [waited]


def test_a_retry_after_beyond_the_limit_fails_for_now(
    loopback: Loopback, make_client: Make, fake_time: FakeTime
) -> None:
    loopback.routes["/a"] = Reply(503, b"", [("Retry-After", "86400")])
    with pytest.raises(FetchFailed) as caught:
        make_client().fetch("http://a.test/a")
    assert caught.value.reason is FetchReason.SERVER_ERROR
    assert fake_time.slept == []


@pytest.mark.parametrize(
    ("reply", "reason"), [(Reply(500), FetchReason.SERVER_ERROR), (Reply(429), FetchReason.RATE_LIMITED)]
)
def test_errors_are_retried_with_growing_waits_up_to_the_limit(
    loopback: Loopback, make_client: Make, fake_time: FakeTime, reply: Reply, reason: FetchReason
) -> None:
    loopback.routes["/a"] = reply
    with pytest.raises(FetchFailed) as caught:
        make_client(retries=2, backoff_s=1.0).fetch("http://a.test/a")
    assert caught.value.reason is reason
    assert fake_time.slept == [1.0, 2.0]
    assert loopback.paths() == ["/a"] * 3


def test_a_broken_connection_is_retried(loopback: Loopback, make_client: Make) -> None:
    def short(asked: Asked, nth: int) -> Reply:
        return Reply(200, b"cut", [("Content-Length", "10")], length=False) if nth == 0 else Reply(200, b"whole")

    loopback.routes["/a"] = short
    assert make_client().fetch("http://a.test/a").body == b"whole"


def test_no_server_at_all_fails(make_client: Make) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        client = make_client(resolve={"*.test": f"http://127.0.0.1:{free.getsockname()[1]}"}, retries=0)
        with pytest.raises(FetchFailed) as caught:
            client.fetch("http://a.test/")
    assert caught.value.reason is FetchReason.ROBOTS_UNAVAILABLE


@pytest.mark.parametrize(
    ("locations", "outcome"),
    [
        (["/1", "http://b.test/2", "//c.test/end"], "http://c.test/end"),
        (["/1", "/0"], FetchReason.REDIRECT_LOOP),
        (["/0"], FetchReason.REDIRECT_LOOP),
        ([f"/{n}" for n in range(1, 9)], FetchReason.TOO_MANY_REDIRECTS),
        (["ftp://a.test/x"], FetchReason.BAD_URL),
        ([""], FetchReason.BAD_URL),
        (["http://127.0.0.1:1/x"], FetchReason.PRIVATE_ADDRESS),
        (["http://[::1]:1/x"], FetchReason.PRIVATE_ADDRESS),
        (["/forbidden"], FetchReason.ROBOTS),
    ],
)
def test_redirects(loopback: Loopback, make_client: Make, locations: list[str], outcome: str | FetchReason) -> None:
    for number, location in enumerate(locations):
        loopback.routes[f"/{number}"] = Reply(302, b"", [("Location", location)])
    loopback.routes["/end"] = Reply(200, b"end")
    loopback.routes["/robots.txt"] = Reply(200, b"User-agent: *\nDisallow: /forbidden")
    client = make_client()
    if isinstance(outcome, FetchReason):
        assert refused(client, "http://a.test/0").reason is outcome
    else:
        got = client.fetch("http://a.test/0")
        assert (got.responded_url, got.body) == (outcome, b"end")
        assert got.redirects == ("http://a.test/0", "http://a.test/1", "http://b.test/2")


def test_keys_do_not_follow_a_redirect_to_another_host(loopback: Loopback, make_client: Make) -> None:
    loopback.routes["/0"] = Reply(302, b"", [("Location", "http://b.test/1")])
    loopback.routes["/1"] = Reply(200, b"")
    make_client().fetch("http://a.test/0", headers={"X-Key": "secret"}, service=True)
    assert [asked.headers.get("x-key") for asked in loopback.asked] == ["secret", None]


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"x" * 2000, [], FetchReason.TOO_LARGE),
        (gzip.compress(bytes(1_000_000)), [("Content-Encoding", "gzip")], FetchReason.TOO_LARGE),
        (zlib.compress(bytes(1_000_000)), [("Content-Encoding", "deflate")], FetchReason.TOO_LARGE),
        (b"no gzip at all", [("Content-Encoding", "gzip")], FetchReason.BAD_ENCODING),
        (b"x", [("Content-Encoding", "br")], FetchReason.BAD_ENCODING),
        (b"x", [("Content-Encoding", "gzip, gzip")], FetchReason.BAD_ENCODING),
    ],
)
@pytest.mark.parametrize("length", [True, False])
def test_bodies_are_bounded(
    loopback: Loopback,
    make_client: Make,
    body: bytes,
    headers: list[tuple[str, str]],
    reason: FetchReason,
    length: bool,
) -> None:
    loopback.routes["/a"] = Reply(200, body, headers, length)
    assert refused(make_client(max_bytes=1500), "http://a.test/a").reason is reason


def test_a_stall_gets_one_more_chance(loopback: Loopback, make_client: Make) -> None:
    def stall_once(asked: Asked, nth: int) -> Reply:
        if nth == 0:
            time.sleep(0.5)
        return Reply(200, b"ok")

    loopback.routes["/a"] = stall_once
    assert make_client(total_timeout_s=0.3).fetch("http://a.test/a").body == b"ok"


def test_a_gzip_body_is_decoded(loopback: Loopback, make_client: Make) -> None:
    text = b"a word " * 1000
    loopback.routes["/a"] = Reply(200, gzip.compress(text), [("Content-Encoding", "gzip")])
    assert make_client().fetch("http://a.test/a").body == text


def _drip(preamble: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    def send(connection: socket.socket) -> None:
        connection.sendall(preamble)
        for _ in range(200):
            connection.sendall(drop)
            time.sleep(0.02)

    return send


@pytest.mark.parametrize(
    ("preamble", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    ],
    ids=["body", "headers", "chunk length"],
)
def test_a_server_that_drips_is_cut_off(loopback: Loopback, make_client: Make, preamble: bytes, drop: bytes) -> None:
    loopback.raw["/a"] = _drip(preamble, drop)
    started = time.monotonic()
    assert refused(make_client(total_timeout_s=0.3), "http://a.test/a").reason is FetchReason.TOO_SLOW
    assert time.monotonic() - started < 2.0


@pytest.mark.parametrize(
    ("content_type", "expect", "fits"),
    [
        ("text/html", Expect.HTML, True),
        ("TEXT/HTML; charset=x", Expect.HTML, True),
        ("image/png", Expect.HTML, False),
        ("text/html", Expect.IMAGE, False),
        ("image/webp", Expect.IMAGE, True),
        ("application/octet-stream", Expect.IMAGE, True),
        ("application/rss+xml", Expect.FEED, True),
        ("video/mp4", Expect.FEED, False),
        ("application/ld+json", Expect.JSON, True),
        ("text/html", Expect.JSON, False),
        ("", Expect.IMAGE, True),
    ],
)
def test_content_types(loopback: Loopback, make_client: Make, content_type: str, expect: Expect, fits: bool) -> None:
    loopback.routes["/a"] = Reply(200, b"x", [("Content-Type", content_type)] if content_type else [])
    client = make_client()
    if fits:
        assert client.fetch("http://a.test/a", expect).body == b"x"
    else:
        assert refused(client, "http://a.test/a", expect).reason is FetchReason.CONTENT_TYPE


@pytest.mark.parametrize(
    ("robots", "outcome"),
    [
        (Reply(200, b"User-agent: *\nDisallow: /p"), FetchReason.ROBOTS),
        (Reply(200, b"User-agent: nest-builder\nDisallow: /\n\nUser-agent: *\nAllow: /"), FetchReason.ROBOTS),
        (Reply(200, b"User-agent: *\nDisallow: /\n\nUser-agent: nest-builder\nAllow: /"), RobotsVerdict.ALLOWED),
        (Reply(200, b"User-agent: *\nDisallow: /*.pdf$"), RobotsVerdict.ALLOWED),
        (Reply(200, b"User-agent: *\nCrawl-delay: 3600"), FetchReason.ROBOTS),
        (Reply(200, b"\xff\xfe\x00 not text"), RobotsVerdict.ALLOWED),
        (Reply(404), RobotsVerdict.ABSENT),
        (Reply(403), RobotsVerdict.ABSENT),
        (Reply(500), FetchReason.ROBOTS_UNAVAILABLE),
        (Reply(301, b"", [("Location", "/robots.txt")]), RobotsVerdict.ABSENT),
        (Reply(200, b"User-agent: *\nDisallow: /p\n" + b"#" * 600_000), FetchReason.ROBOTS),
        (
            Reply(200, b"".join(b"User-agent: %d\n" % n for n in range(15_000)) + b"Allow: /\n" * 20_000),
            FetchReason.ROBOTS_UNAVAILABLE,
        ),
    ],
)
def test_robots(loopback: Loopback, make_client: Make, robots: Reply, outcome: FetchReason | RobotsVerdict) -> None:
    loopback.routes.update({"/robots.txt": robots, "/p": Reply(200, b"page")})
    client = make_client(retries=0)
    if isinstance(outcome, RobotsVerdict):
        assert client.fetch("http://a.test/p").consent.robots is outcome
        return
    with pytest.raises((FetchRejected, FetchFailed)) as caught:
        client.fetch("http://a.test/p")
    assert caught.value.reason is outcome
    assert loopback.paths() == []
    if outcome is FetchReason.ROBOTS:
        assert caught.value.consent is not None
        assert caught.value.consent.robots is RobotsVerdict.DISALLOWED


def test_robots_is_asked_once_a_host_and_again_when_expired(loopback: Loopback, make_client: Make) -> None:
    loopback.routes["/p"] = Reply(200, b"page")
    client = make_client()
    for host in ("a", "a", "b"):
        client.fetch(f"http://{host}.test/p")
    assert [asked.host for asked in loopback.asked if asked.path == "/robots.txt"] == ["a.test", "b.test"]
    fresh = make_client(policy_ttl_s=0.0)
    fresh.fetch("http://c.test/p")
    fresh.fetch("http://c.test/p")
    assert [asked.host for asked in loopback.asked if asked.path == "/robots.txt"][2:] == ["c.test", "c.test"]


def test_crawl_delay_and_interval_space_requests_of_a_host(
    loopback: Loopback, make_client: Make, fake_time: FakeTime
) -> None:
    loopback.routes["/p"] = Reply(200, b"page")
    loopback.routes["slow.test/robots.txt"] = Reply(200, b"User-agent: *\nCrawl-delay: 5")
    client = make_client(interval_s=0.0)
    for _ in range(3):
        client.fetch("http://slow.test/p")
    client.fetch("http://quick.test/p")
    assert fake_time.slept == [5.0, 5.0]


@pytest.mark.parametrize(
    ("headers", "tdmrep", "reason"),
    [
        ([], None, None),
        ([("X-Robots-Tag", "noindex, NoAI")], None, "x-robots-tag: noai"),
        ([("X-Robots-Tag", "googlebot: noindex"), ("X-Robots-Tag", "noimageai")], None, "x-robots-tag: noimageai"),
        ([("X-Robots-Tag", "nest-builder: noai")], None, "x-robots-tag: noai"),
        ([("X-Robots-Tag", "otherbot: noai, noimageai")], None, None),
        ([("tdm-reservation", "1")], None, "tdm-reservation: 1"),
        ([("tdm-reservation", "0")], b'[{"location": "/", "tdm-reservation": 1}]', None),
        ([], b'[{"location": "/", "tdm-reservation": 1}]', "tdmrep.json"),
        ([], b'[{"location": "/p", "tdm-reservation": 0}, {"location": "/", "tdm-reservation": 1}]', None),
        ([], b'{"not": "a list"}', None),
        ([], b"[" * 100_000, None),
    ],
)
def test_opt_outs_are_recorded(
    loopback: Loopback,
    make_client: Make,
    headers: list[tuple[str, str]],
    tdmrep: bytes | None,
    reason: str | None,
) -> None:
    loopback.routes["/p"] = Reply(200, b"page", headers)
    if tdmrep is not None:
        loopback.routes["/.well-known/tdmrep.json"] = Reply(200, tdmrep)
    consent = make_client().fetch("http://a.test/p").consent
    assert (consent.opt_out, consent.reason, consent.checked_at) == (reason is not None, reason, NOW)


def test_private_addresses_are_refused_unless_the_host_is_allowed(loopback: Loopback, make_client: Make) -> None:
    loopback.routes["/p"] = Reply(200, b"inside")
    port = loopback.origin.rpartition(":")[2]
    answers = {"evil.example": ["127.0.0.1"], "mixed.example": ["93.184.216.34", "10.0.0.1"]}

    def resolver(host: str, port: int) -> list[str]:
        return answers.get(host, [host])

    strict = make_client(resolver=resolver)
    for host in ("evil.example", "mixed.example", "127.0.0.1", "169.254.169.254"):
        assert refused(strict, f"http://{host}:{port}/p").reason is FetchReason.PRIVATE_ADDRESS
    assert loopback.asked == []
    allowed = make_client(resolver=resolver, allow_hosts=("evil.*",))
    assert allowed.fetch(f"http://evil.example:{port}/p").body == b"inside"
    assert refused(allowed, f"http://127.0.0.1:{port}/p").reason is FetchReason.PRIVATE_ADDRESS


def test_a_name_that_changes_its_address_gains_nothing(loopback: Loopback, make_client: Make) -> None:
    lookups: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        lookups.append(host)
        return ["127.0.0.1"] if len(lookups) > 1 else ["203.0.113.7"]

    client = make_client(resolver=rebinding, retries=0, connect_timeout_s=0.1)
    with pytest.raises((FetchRejected, FetchFailed)):
        client.fetch(f"http://rebind.example:{loopback.origin.rpartition(':')[2]}/p")
    assert loopback.asked == []


def test_fetch_many_keeps_the_order_and_puts_errors_in_place(loopback: Loopback, make_client: Make) -> None:
    loopback.routes.update({f"/{n}": Reply(200, str(n).encode()) for n in range(20) if n != 7})
    urls = [f"http://{'ab'[n % 2]}.test/{n}" for n in range(20)] + ["no url"]
    got = make_client().fetch_many(urls)
    bodies = [one.body if isinstance(one, Exchange) else one.reason for one in got]
    expected = [FetchReason.NOT_FOUND if n == 7 else str(n).encode() for n in range(20)]
    assert bodies == [*expected, FetchReason.BAD_URL]


def test_no_cookie_comes_back(loopback: Loopback, make_client: Make) -> None:
    loopback.routes["/p"] = Reply(200, b"", [("Set-Cookie", "a=b")])
    client = make_client()
    client.fetch("http://a.test/p")
    client.fetch("http://a.test/p")
    assert all("cookie" not in asked.headers for asked in loopback.asked)
