import pytest

from nest_builder.entities.names import MAX_KEY, entity_key, fold, short_forms, trim


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Vantor K-3", "vantor k3"),
        ("  Ada   OKORO ", "ada okoro"),
        ("O’Neill", "oneill"),
        ("Ｋ3", "k3"),
        ("Öst", "öst"),
    ],
)
def test_names_fold_to_one_form(name: str, expected: str) -> None:
    assert fold(name) == expected


@pytest.mark.parametrize(
    ("surface", "label", "expected"),
    [
        ("the K3", "PRODUCT", "K3"),
        ("Mayor Ada Okoro's", "PERSON", "Ada Okoro"),
        ("Dr. Ada Okoro,", "PERSON", "Ada Okoro"),
        ("Midfielder Ada Okoro", "PERSON", "Ada Okoro"),
        ("Deputy Assistant Secretary Christina Ho", "PERSON", "Christina Ho"),
        ("Midfielder Okoro", "PERSON", "Midfielder Okoro"),  # two words: it may as well be a name
        ("Harwick’s", "GPE", "Harwick"),
        ("Ada O.", "PERSON", "Ada O."),
        ("the", "ORG", "the"),
        ("New York", "GPE", "New York"),
        ("Up Kestrel Tower", "FAC", "Kestrel Tower"),
    ],
)
def test_trimming_leaves_the_name(surface: str, label: str, expected: str) -> None:
    start, end = trim(surface, label)
    assert surface[start:end] == expected


@pytest.mark.parametrize(
    ("name", "label", "expected"),
    [
        ("Ada Okoro", "PERSON", ("Okoro", "Ada")),
        ("Vantor Atlas Pro", "PRODUCT", ("Atlas Pro", "Pro")),
        ("Pip the Owl", "PRODUCT", ("Pip",)),
        ("Kestrel Tower", "FAC", ("Kestrel",)),
        ("Harwick", "GPE", ()),
        ("New York", "GPE", ()),
    ],
)
def test_short_forms_follow_the_kind_of_name(name: str, label: str, expected: tuple[str, ...]) -> None:
    assert short_forms(name, label) == expected


def test_keys_are_short_and_differ_by_kind() -> None:
    assert entity_key("Vantor K-3", "PRODUCT") == "vantor k3/product"
    assert entity_key("Jordan", "PERSON") != entity_key("Jordan", "GPE")
    long = [entity_key("x" * 300 + end, "ORG") for end in "ab"]
    assert max(map(len, long)) <= MAX_KEY
    assert long[0] != long[1]
