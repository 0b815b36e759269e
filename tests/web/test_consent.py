from __future__ import annotations

import time

import pytest
from lxml import html

from nest_builder.web.consent import TDMRules, meta_opt_out, opt_out_of_directives


@pytest.mark.parametrize(
    ("value", "directive"),
    [
        ("noai", "noai"),
        ("all, noimageai", "noimageai"),
        ("unavailable_after: 25 Jun 2030 15:00:00 PST, noai", "noai"),
        ("gptbot: noai, noimageai, nest-builder: noimageai", "noimageai"),
        ("*: noai", "noai"),
        ("gptbot: noai", None),
        ("noaid", None),
        ("", None),
        (":,:,noai", None),
    ],
)
def test_directives(value: str, directive: str | None) -> None:
    assert opt_out_of_directives(value, "nest-builder") == directive


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ('<meta name="Robots" content="index, NOAI">', "meta robots: noai"),
        ('<meta name="nest-builder" content="noimageai">', "meta nest-builder: noimageai"),
        ('<meta name="gptbot" content="noai">', None),
        ('<meta name="tdm-reservation" content="1">', "meta tdm-reservation: 1"),
        ('<meta name="tdm-reservation" content="0">', None),
        ('<meta name="robots"><meta property="og:x" content="noai">', None),
    ],
)
def test_meta(head: str, reason: str | None) -> None:
    tree = html.document_fromstring(f"<html><head>{head}</head><body>x</body></html>")
    assert meta_opt_out(tree, "nest-builder") == reason


@pytest.mark.parametrize(
    ("location", "path", "matches"),
    [
        ("/", "/anything", True),
        ("/a", "/b", False),
        ("a", "/abc", True),
        ("/*.jpg$", "/x/y.jpg", True),
        ("/*.jpg$", "/x/y.jpg?z", False),
        ("/a$", "/a", True),
        ("/a$", "/ab", False),
        ("*/b", "/a/b", True),
        ("/a*a$", "/a", False),
        ("/x*y*z", "/x-y-z-more", True),
    ],
)
def test_tdm_locations(location: str, path: str, matches: bool) -> None:
    assert TDMRules(((location, True),)).reserved("http://h" + path) is matches


def test_a_hostile_pattern_takes_no_time() -> None:
    rules = TDMRules((("/" + "*a" * 2000 + "b", True),))
    started = time.perf_counter()
    assert not rules.reserved("http://h/" + "a" * 4000)
    assert time.perf_counter() - started < 0.5


def test_parse_leaves_what_is_no_rule_out() -> None:
    body = b'[1, {}, {"location": 3, "tdm-reservation": 1}, {"location": "/a", "tdm-reservation": "1"}]'
    assert TDMRules.parse(body).rules == (("/a", True),)
    for bad in (b"", b"{}", b"\xff", b"[" * 50_000):
        with pytest.raises(ValueError, match=r"."):
            TDMRules.parse(bad)
