import random

import pytest

from nest_builder.newsworld.captions import place_words
from nest_builder.newsworld.markup import expand, mark, plain, tidy, unmark


@pytest.mark.parametrize(
    ("marked", "text", "spans"),
    [
        ("nothing here", "nothing here", []),
        (mark("GPE", "Harwick"), "Harwick", [(0, 7, "GPE")]),
        (
            f"In {mark('GPE', 'Harwick')}, {mark('ORG', 'Vantor')} fell.",
            "In Harwick, Vantor fell.",
            [(3, 10, "GPE"), (12, 18, "ORG")],
        ),
    ],
)
def test_unmark(marked: str, text: str, spans: list[tuple[int, int, str]]) -> None:
    assert unmark(marked) == (text, spans)


@pytest.mark.parametrize(
    ("rough", "clean"),
    [
        ("it  opened . the end", "It opened. The end"),
        ("she won , at last ,.", "She won, at last."),
        ("he came, , and stood, .", "He came, and stood."),
        ("a owl and a uniform", "An owl and a uniform"),
        (f"a {mark('ORG', 'Arkdo')} phone", "An Arkdo phone"),
        ("he called it “a bold step”.", "He called it “a bold step”."),
        ("“it is early.” he left", "“it is early.” He left"),
    ],
)
def test_tidy(rough: str, clean: str) -> None:
    assert plain(tidy(rough)) == clean


def test_expand_chooses_and_fills() -> None:
    made = {expand(random.Random(n), "[a|b [c|d]|] {x}", {"x": "z"}) for n in range(40)}
    assert made == {"A z", "B c z", "B d z", "Z"}
    with pytest.raises(KeyError):
        expand(random.Random(0), "{missing}", {})


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (["k"], None),
        ([None, "x"], None),
        (["k", None], "left"),
        ([None, "k"], "right"),
        ([None, "k", None], "centre"),
        ([None, "k", None, None], "second from left"),
        ([None, None, "k", None], "second from right"),
    ],
)
def test_place_words(order: list[str | None], expected: str | None) -> None:
    place = place_words(order, "k")
    assert (place and place[0]) == expected
