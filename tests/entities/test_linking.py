import pytest

from nest_builder.entities.linking import link
from tests.entities.marked import SNAPSHOT, parts


def keys(*texts: str, captions: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    linked = link(parts(*texts, captions=captions), SNAPSHOT)
    return [(one.part.reading.text[found.start : found.end], found.key) for one in linked for found in one.links]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (
            ("[Mira Senn|PERSON] opens fair", "[Senn|PERSON] spoke. Mayor [Senn|PERSON]'s voice was calm."),
            [("Mira Senn", "mira senn/person"), ("Senn", "mira senn/person"), ("Senn", "mira senn/person")],
        ),
        (
            ("[Vantor K3|PRODUCT] tested", "The [K3|ORG] is light."),
            [("Vantor K3", "vantor k3/product"), ("K3", "vantor k3/product")],
        ),
        (("", "[Okoro|PERSON] spoke."), [("Okoro", "ada okoro/person")]),  # the snapshot's alias
        (  # a new namesake in the article comes before the snapshot's alias
            ("", "[Ben Okoro|PERSON] came. [Okoro|PERSON] spoke."),
            [("Ben Okoro", "ben okoro/person"), ("Okoro", "ben okoro/person")],
        ),
        (  # the surname means the one named last
            ("", "[Mira Senn|PERSON] met [Jon Senn|PERSON]. Later [Senn|PERSON] left."),
            [("Mira Senn", "mira senn/person"), ("Jon Senn", "jon senn/person"), ("Senn", "jon senn/person")],
        ),
        (
            ("", "[Pip the Owl|PRODUCT] danced. Children hugged [Pip|PERSON]."),
            [("Pip the Owl", "pip the owl/product"), ("Pip", "pip the owl/product")],
        ),
        (("", "[Lumo Fjord Pro|PERSON] sells well."), [("Lumo Fjord Pro", "lumo fjord pro/product")]),
        (("", "[Vantor Bolt|PERSON] sells well."), [("Vantor Bolt", "vantor bolt/product")]),  # a known maker's name
        (("", "[Marine|PERSON] life is rich. The marine park opens."), []),
        (
            ("[Zenlo|ORG] speaks", "The Zenlo [Orb One|PRODUCT] is light."),
            [("Zenlo", "zenlo/org"), ("Zenlo Orb One", "zenlo orb one/product")],
        ),
        (
            ("", "[Mira Beacon|FAC] opened. The [Mira|PRODUCT] is tall."),
            [("Mira Beacon", "mira beacon/building"), ("Mira", "mira beacon/building")],
        ),
        (  # torn at its hyphen in one place, whole in another
            ("Prize for [Mira Senn|PERSON]-[Lind|PERSON]", "[Mira Senn-Lind|PERSON] won. [Senn|PERSON]-Lind smiled."),
            [(name, "mira sennlind/person") for name in ("Mira Senn-Lind", "Mira Senn-Lind", "Senn-Lind")],
        ),
        (  # nobody writes it as one name
            ("", "The [Senn|PERSON]-[Lind|PERSON] debate was loud."),
            [("Senn", "senn/person"), ("Lind", "lind/person")],
        ),
        (("", "The [League|ORG] met."), []),
        (("", "The [Kids to Parks Day|PERSON] is near."), [("Kids to Parks Day", "kids to parks day/event")]),
    ],
)
def test_names_are_linked_inside_the_article(texts: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    assert keys(*texts) == expected


def test_overlooked_names_are_found_by_their_form_elsewhere() -> None:
    found = keys("[Mira Senn|PERSON] wins", "Senn was calm.", captions=("Mira Senn at the pier.",))
    assert found == [(name, "mira senn/person") for name in ("Mira Senn", "Senn", "Mira Senn")]


def test_spelling_and_offsets_are_the_texts_own() -> None:
    (one,) = link(parts("", "Then the [Vantor K-3|PRODUCT]'s price fell."), SNAPSHOT)
    (found,) = one.links
    assert one.part.reading.text[found.start : found.end] == "Vantor K-3"
