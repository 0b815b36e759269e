from pathlib import Path

import pytest

from nest_builder.export.takedown import Takedown, read_takedown, takedown_path

SHA = "ab" * 32
SAMPLE = {
    "id": "0123456789abcdef",
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
        ("0123456789ABCDEF", True),
        ("0123456789abcdee", False),
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
    [("outlet.test\nnot a host", "line 2"), ("abc123", "line 1"), ("*.outlet.test", "no URL, host, SHA-256 or")],
)
def test_a_line_that_is_none_of_the_four_is_an_error(tmp_path: Path, lines: str, message: str) -> None:
    path = tmp_path / "takedown.txt"
    path.write_text(lines)
    with pytest.raises(ValueError, match=message):
        read_takedown(path)


def test_a_host_with_the_roots_dot_is_the_host(tmp_path: Path) -> None:
    path = tmp_path / "takedown.txt"
    path.write_text("outlet.test")
    assert read_takedown(path).covers(
        {**SAMPLE, "image_url": "http://x.test/a.jpg", "article_url": "https://outlet.test./s"}
    )


def test_a_missing_list_is_no_empty_list(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no takedown list"):
        read_takedown(tmp_path / "missing.txt")
    assert read_takedown(None) == Takedown()


def test_a_list_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "takedown.txt"
    with path.open("wb") as file:
        file.truncate(10_000_001)
    with pytest.raises(ValueError, match="larger than"):
        read_takedown(path)


def test_where_the_list_is(tmp_path: Path) -> None:
    assert takedown_path(None, tmp_path) is None
    (tmp_path / "takedown.txt").write_text("")
    assert takedown_path(None, tmp_path) == tmp_path / "takedown.txt"
    assert takedown_path("elsewhere.txt", tmp_path) == Path("elsewhere.txt")
