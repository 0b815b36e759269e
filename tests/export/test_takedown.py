from pathlib import Path

import pytest

from nest_builder.export.takedown import Takedown, read_takedown

SHA = "ab" * 32
SAMPLE = {
    "image_sha256": SHA,
    "image_url": "http://img.outlet.test/2025/a.jpg?size=large#top",
    "article_url": "https://outlet.test/story.html",
}


@pytest.mark.parametrize(
    ("lines", "covered"),
    [
        ("", False),
        ("# a note\n\n", False),
        (SHA.upper(), True),
        ("cd" * 32, False),
        ("http://img.outlet.test/2025/a.jpg?size=large", True),
        ("https://IMG.outlet.test/2025/a.jpg?size=large#elsewhere", True),
        ("http://img.outlet.test/2025/a.jpg", False),
        ("https://outlet.test/story.html", True),
        ("outlet.test", True),
        ("img.outlet.test", True),
        ("let.test", False),
        ("other.test\n  outlet.test  \n", True),
    ],
)
def test_covers(tmp_path: Path, lines: str, covered: bool) -> None:
    path = tmp_path / "takedown.txt"
    path.write_text(lines)
    assert read_takedown(path).covers(SAMPLE) is covered


@pytest.mark.parametrize(
    ("lines", "message"),
    [("outlet.test\nnot a host", "line 2"), ("abc123", "line 1"), ("*.outlet.test", "no URL, host or SHA-256")],
)
def test_a_line_that_is_none_of_the_three_is_an_error(tmp_path: Path, lines: str, message: str) -> None:
    path = tmp_path / "takedown.txt"
    path.write_text(lines)
    with pytest.raises(ValueError, match=message):
        read_takedown(path)


def test_a_missing_list_is_no_empty_list(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no takedown list"):
        read_takedown(tmp_path / "missing.txt")
    assert read_takedown(None) == Takedown()
