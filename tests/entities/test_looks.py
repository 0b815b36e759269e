import pytest

from nest_builder.entities.looks import look_phrase, main_colour


@pytest.mark.parametrize(
    ("phrase", "colour"),
    [
        ("teal, with white stripes", "teal"),
        ("striped in white, the crimson car", "red"),
        ("half white, grey", "gray"),
        ("dark-green coat", "green"),
        ("split into blue and orange", "blue"),
        ("with a star on it", ""),
    ],
)
def test_the_ground_names_the_colour(phrase: str, colour: str) -> None:
    assert main_colour(phrase) == colour


@pytest.mark.parametrize(
    ("masked", "person", "expected"),
    [
        ("⟨0t⟩ is teal, with white stripes and bearing a star.", False, "teal, with white stripes and bearing a star"),
        ("The bronze medal went to ⟨0t⟩.", False, None),
        ("⟨0p⟩ spoke of green energy.", True, None),
        ("⟨0p⟩ came in a dotted yellow top with a moon.", True, "dotted yellow top with a moon"),
        ("No colour here.", False, None),
    ],
)
def test_look_phrases(masked: str, person: bool, expected: str | None) -> None:
    found = look_phrase(masked, person=person)
    assert (found[0] if found else None) == expected
