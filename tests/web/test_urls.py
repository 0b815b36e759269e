from __future__ import annotations

import pytest

from nest_builder.web import FetchReason, FetchRejected, canonical_url, join_url, normalise_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("https://example.org:443/a#b", "https://example.org/a"),
        ("http://example.org:8080/a", "http://example.org:8080/a"),
        ("http://müller.example/ä b?q=ü", "http://xn--mller-kva.example/%C3%A4%20b?q=%C3%BC"),
        ("http://example.org/%7Ea%2Fb", "http://example.org/%7Ea%2Fb"),
        ("http://example.org./", "http://example.org/"),
        ("  http://[::1]:80/x\n", "http://[::1]/x"),
    ],
)
def test_normalise_url(url: str, expected: str) -> None:
    assert normalise_url(url) == expected
    assert normalise_url(expected) == expected


@pytest.mark.parametrize(
    "url",
    ["", "no url", "ftp://a/b", "javascript:alert(1)", "file:///etc/passwd", "http://", "http://u:p@h/", "http://h:x/",
     "http://h:99999/", "http://a b/", "http://[::1", "http://\u2603..\u2603/", "http://h/" + "a" * 5000],
)  # fmt: skip
def test_bad_urls(url: str) -> None:
    with pytest.raises(FetchRejected) as caught:
        normalise_url(url)
    assert caught.value.reason is FetchReason.BAD_URL


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a.org/x?utm_source=rss&id=3&fbclid=z", "http://a.org/x?id=3"),
        ("http://a.org/x?utm_source=rss", "http://a.org/x"),
        ("http://a.org/x?b=%20&a=1", "http://a.org/x?b=%20&a=1"),
    ],
)
def test_canonical_url(url: str, expected: str) -> None:
    assert canonical_url(url) == expected


def test_join_url() -> None:
    assert join_url("http://a.org/b/c", " ../d?e#f ") == "http://a.org/d?e"
    assert join_url("http://a.org/", "mailto:x@a.org") is None
    assert join_url("http://a.org/", "http://[bad") is None
