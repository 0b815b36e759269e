"""The examples do what they say; `own_segmenter` and `serve_folder` are used by other tests as well."""

import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nest_builder.rose import load
from nest_builder.rose.rose import Rose
from tests.rose.fakes import SIZE, FakeIrag, FakeSegmenter, FakeTextPrompt, FakeVisualPrompt, picture

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_rose_in_five_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def open_rose() -> Iterator[Rose]:
        yield Rose(FakeSegmenter(), None, FakeIrag(), FakeTextPrompt(), FakeVisualPrompt())

    monkeypatch.setattr(load, "open_rose", open_rose)
    picture().convert("L").save(tmp_path / "a.png")
    monkeypatch.setattr(sys, "argv", ["rose_in_five_lines.py", str(tmp_path / "a.png"), "Where is the Zephyr 9?"])
    runpy.run_path(str(EXAMPLES / "rose_in_five_lines.py"), run_name="__main__")
    first, *steps = capsys.readouterr().out.splitlines()
    assert first == f"Zephyr 9: {SIZE[0] * SIZE[1]} pixels"
    assert [line.partition(":")[0] for line in steps] == ["irag", "tpe", "base", "vpe"]
