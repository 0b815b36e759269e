from pathlib import Path

import pytest

from nest_builder.report.files import State, read_state, replaced, write_changed, write_state


def test_a_folder_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "2025.10"
    for text in ("one", "two"):
        with replaced(folder) as partial:
            (partial / text).write_text(text)
            write_state(partial, State(text, ("a", "b")))
        assert sorted(file.name for file in folder.iterdir()) == sorted([text, "state.json"])
        assert read_state(folder) == State(text, ("a", "b"))
    with pytest.raises(IsADirectoryError), replaced(folder) as partial:
        partial.write_text("no file")
    assert read_state(folder) == State("two", ("a", "b"))
    assert [file.name for file in tmp_path.iterdir()] == ["2025.10"]


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"state": "x"}', "\x00"])
def test_broken_states_are_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "state.json").write_text(text)
    assert read_state(tmp_path) is None


def test_a_file_of_the_same_text_stays(tmp_path: Path) -> None:
    file = tmp_path / "index.html"
    write_changed(file, "a")
    before = file.stat().st_mtime_ns
    write_changed(file, "a")
    assert file.stat().st_mtime_ns == before
    write_changed(file, "b")
    assert file.read_text() == "b"
