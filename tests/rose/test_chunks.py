"""Pages cut into passages, and the nearest ones."""

import datetime as dt

import numpy as np
import pytest

from nest_builder.rose.base import Passage
from nest_builder.rose.chunks import MAX_CHARACTERS, MAX_PASSAGES, embed_passages, nearest, passages
from nest_builder.rose.embed import HashedTerms
from nest_builder.rose.pages import Page, PageFigure

DAY = dt.datetime(2025, 8, 1, tzinfo=dt.UTC)


def page(text: str, title: str = "News", *captions: str) -> Page:
    return Page(
        "http://a.test/1",
        ("http://a.test/1",),
        title,
        text,
        DAY,
        tuple(PageFigure("http://a.test/p", c) for c in captions),
    )


@pytest.mark.parametrize(
    ("text", "captions", "expected"),
    [
        ("", (), ["News"]),
        ("One came.", (), ["News", "One came."]),
        ("One came. Two came. Three came.", (), ["News", "One came. Two came. Three came."]),
        ("A came. B came. C came. D came. E came.", (), ["News", "A came. B came. C came.", "C came. D came. E came."]),
        ("It cost 3.5 million. “Fine.” He left.", ("A caption.",), ["News", "It cost 3.5 million. “Fine. He left.", "A caption."]),
        ("One.\n\nTwo here.", (), ["News", "One. Two here."]),
    ],
)  # fmt: skip
def test_passages(text: str, captions: tuple[str, ...], expected: list[str]) -> None:
    found = passages(page(text, "News", *captions))
    assert [item.text for item in found] == expected
    assert {(item.url, item.title, item.published_at) for item in found} == {("http://a.test/1", "News", DAY)}


def test_passages_are_bounded() -> None:
    found = passages(page("A sentence without end " * 1000 + ". " + "Short one number 1. " * 5000))
    assert len(found) <= MAX_PASSAGES
    assert max(len(item.text) for item in found) <= MAX_CHARACTERS


def test_the_nearest_come_first() -> None:
    embedder = HashedTerms()
    found = passages(
        page("Vantor launched a phone. Rain fell in Harwick. The mayor spoke.", "Weather", "The mayor of Harwick.")
    )
    features = embed_passages(embedder, found)
    ranked = nearest(embedder.embed(["mayor of Harwick"])[0], found, features, 2)
    assert len(ranked) == 2
    assert ranked[0].passage.text == "The mayor of Harwick."
    assert ranked[0].score >= ranked[1].score
    assert nearest(np.zeros(4, np.float32), [], np.zeros((0, 4), np.float32), 3) == []


def test_a_passage_is_embedded_with_its_title() -> None:
    embedder = HashedTerms()
    bare, titled = (
        Passage("He took over on Monday.", "u", "", None),
        Passage("He took over on Monday.", "u", "New mayor of Harwick", None),
    )
    query = embedder.embed(["mayor of Harwick"])[0]
    low, high = embed_passages(embedder, [bare, titled]) @ query
    assert high > low
