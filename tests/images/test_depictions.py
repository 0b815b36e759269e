import pytest

from nest_builder.images.depictions import NamedEntity, Shown, by_article, names_any, shown_entities


def named(key: str, *fields: str, figures: tuple[str, ...] = (), names: tuple[str, ...] = ()) -> NamedEntity:
    return NamedEntity(key, names or (key,), fields, frozenset(figures))


@pytest.mark.parametrize(
    ("alt", "entities", "expected"),
    [
        ("", (), ()),
        ("", (named("a", "title"), named("b", "text")), (Shown("a", "article"),)),
        ("", (named("a", "title"), named("b", "title")), (Shown("a", "article"), Shown("b", "article"))),
        ("", (named("a", "text"), named("b", "text", "text")), (Shown("b", "article"),)),
        ("", (named("a", "text"), named("b", "text")), (Shown("a", "article"), Shown("b", "article"))),
        ("", (named("a", "caption", figures=("other",)),), ()),
        ("", (named("a", "title"), named("b", "caption", figures=("f",))), (Shown("b", "caption"),)),
        (
            "The Zephyr X1 at sea",
            (named("a", "title"), named("z", "text", names=("Zephyr X1",))),
            (Shown("z", "caption"),),
        ),
    ],
)
def test_shown_entities(alt: str, entities: tuple[NamedEntity, ...], expected: tuple[Shown, ...]) -> None:
    assert shown_entities("f", alt, entities) == expected


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("The Zephyr sails", ["zephyr"], True),
        ("Zephyrs sail", ["Zephyr"], False),
        ("A C++ compiler (new)", ["C++"], True),
        ("anything", ["", " "], False),
    ],
)
def test_names_any(text: str, names: list[str], expected: bool) -> None:
    assert names_any(text, names) is expected


def test_mentions_are_grouped_by_article_and_unlisted_entities_left_out() -> None:
    mentions = [
        ("u", "text", None, "b"),
        ("u", "title", None, "a"),
        ("u", "caption", "f", "a"),
        ("v", "text", None, "known"),
    ]
    grouped = by_article(mentions, {"a": ("A",), "b": ("B",)})
    assert grouped == {
        "u": (NamedEntity("a", ("A",), ("caption", "title"), frozenset({"f"})), named("b", "text", names=("B",)))
    }
