from __future__ import annotations

import pytest

from nest_builder.news.figures import Figure, find_figures
from nest_builder.news.metadata import read_metadata
from nest_builder.news.pages import parse_page
from nest_builder.news.sources import parse_srcset

URL = "http://news.example/a/b"
TEXT = "<p>" + "A paragraph of prose that is long enough to count as one. " * 5 + "</p>"


def figures(markup: str, head: str = "") -> list[tuple[str, str, str]]:
    page = f"<html><head>{head}</head><body><main><article>{TEXT}{markup}{TEXT}</article></main></body></html>"
    tree = parse_page(page.encode())
    found: tuple[Figure, ...] = find_figures(tree, URL, read_metadata(tree, URL))
    assert [figure.position for figure in found] == list(range(len(found)))
    return [(figure.image_url.removeprefix("http://news.example"), figure.caption, figure.credit) for figure in found]


LAZY = '<figure><img src="data:image/gif;base64,x" {}><figcaption>C</figcaption></figure>'


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ('<figure><img src="/one.jpg"><figcaption>Ann. Photo: Bo</figcaption></figure>', [("/one.jpg", "Ann.", "Bo")]),
        ('<figure><div><img src="c.jpg"></div></figure>', [("/a/c.jpg", "", "")]),
        ('<div><img src="/one.jpg"><p class="wp-caption-text">Ann</p></div>', [("/one.jpg", "Ann", "")]),
        ('<figure><img src="/one.jpg"></figure><p class="caption">Of something else</p>', [("/one.jpg", "", "")]),
        ('<div><figure><img src="/one.jpg"></figure><figcaption>Ann</figcaption></div>', [("/one.jpg", "Ann", "")]),
        ('<figure><img src="/one.jpg"><figcaption><p>Ann <em>and</em> Bo</p><small class="photo-credit">© Cy</small>'
         "</figcaption></figure>", [("/one.jpg", "Ann and Bo", "Cy")]),
        ('<figure><img src="/one.jpg"><span itemprop="copyrightHolder">Cy</span><figcaption>Ann</figcaption></figure>',
         [("/one.jpg", "Ann", "Cy")]),
        ('<figure><img src="/one.jpg"><figcaption>C</figcaption></figure><noscript><img src="/one.jpg"></noscript>',
         [("/one.jpg", "C", "")]),
        ('<figure><img src="/one-300x200.jpg"><figcaption>First</figcaption></figure>'
         '<figure><img src="/two.jpg"><figcaption>Second</figcaption></figure>',
         [("/one-300x200.jpg", "First", ""), ("/two.jpg", "Second", "")]),
        (LAZY.format('data-src="/one.jpg"'), [("/one.jpg", "C", "")]),
        (LAZY.format('srcset="/s.jpg 300w, /l.jpg 1200w, /m.jpg 600w"'), [("/l.jpg", "C", "")]),
        (LAZY.format('data-srcset="/x1.jpg 1x, /x2.jpg 2x"'), [("/x2.jpg", "C", "")]),
        (LAZY.format('srcset="/t,w_300/a.jpg 300w,/t,w_900/a.jpg 900w"'), [("/t,w_900/a.jpg", "C", "")]),
        (LAZY.format('src="/placeholder.gif"'), []),
        ('<picture><source type="image/avif" srcset="/a.avif 2000w"><source srcset="/b.webp 900w"><img src="/c.jpg">'
         "</picture>", [("/b.webp", "", "")]),
        ('<img src="/pixel.gif" width="1" height="1"><img src="/site-logo.png"><img class="icon" src="/one.jpg">', []),
        ('<img src="javascript:alert(1)"><img src=""><img>', []),
        ('<div class="related-stories"><figure><img src="/one.jpg"><figcaption>Else</figcaption></figure></div>', []),
        ('<a href="/other-story"><img src="/one.jpg"></a>', []),
        ('<a href="/one-large.jpg"><img src="/one.jpg"></a>', [("/one.jpg", "", "")]),
    ],
)  # fmt: skip
def test_find_figures(markup: str, expected: list[tuple[str, str, str]]) -> None:
    assert figures(markup) == expected


LD = '<script type="application/ld+json">{"@type": "NewsArticle", "image": %s}</script>'


@pytest.mark.parametrize(
    ("markup", "head", "expected"),
    [
        ("", '<meta property="og:image" content="/lead.jpg">', [("/lead.jpg", "", "")]),
        ("", '<meta property="og:image" content="/site-logo.jpg">', []),
        ("", LD % '{"url": "/ld.jpg", "caption": "Ann. Photo: Bo"}', [("/ld.jpg", "Ann.", "Bo")]),
        ("", LD % '["/1.jpg", "/2.jpg"]', [("/1.jpg", "", ""), ("/2.jpg", "", "")]),
        ('<figure><img src="/one.jpg"></figure>', LD % '[{"url": "/one.jpg", "caption": "Ann"}, "/more.jpg"]',
         [("/one.jpg", "Ann", "")]),
        ('<figure><img src="one.jpg"></figure>', '<base href="http://news.example/x/">', [("/x/one.jpg", "", "")]),
    ],
)  # fmt: skip
def test_what_the_head_adds(markup: str, head: str, expected: list[tuple[str, str, str]]) -> None:
    assert figures(markup, head) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, []),
        ("a.jpg", [(100.0, "a.jpg")]),
        ("a.jpg 1.5x , b.jpg 300w", [(150.0, "a.jpg"), (300.0, "b.jpg")]),
        ("a,b.jpg 10w,\n c.jpg 20w", [(10.0, "a,b.jpg"), (20.0, "c.jpg")]),
        (", ,", []),
    ],
)
def test_parse_srcset(value: str | None, expected: list[tuple[float, str]]) -> None:
    assert parse_srcset(value) == expected
