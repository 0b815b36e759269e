import json
import re
from typing import Any

import pytest

from nest_builder.report.gallery import (
    OUTLINES_PER_CHUNK,
    SAMPLES_PER_CHUNK,
    DataFile,
    index_of,
    outline_files,
    sample_files,
)
from nest_builder.report.pool import Shown
from tests.report.big import big_picture, big_row
from tests.report.conftest import HOSTILE

ROWS = [big_row(number, *big_picture(number % 5)) for number in range(300)]
PICTURES = {row["image_sha256"]: Shown(row["image_sha256"][:20], "jpg") for row in ROWS}


def content(file: DataFile) -> Any:
    """Return what a browser would read of a file."""
    found = re.fullmatch(
        r'document\.dispatchEvent\(new CustomEvent\("nest-data",\{detail:\{kind:"(\w+)",number:(\d+),data:(.*)\}\}\)\);\n',
        file.text(),
    )
    assert found is not None
    assert (found[1], int(found[2])) == (file.kind, file.number)
    return json.loads(found[3])


def test_columns_say_what_rows_say() -> None:
    index = content(index_of(ROWS, PICTURES))
    assert index["count"] == len(ROWS)
    for at, row in enumerate(ROWS):
        assert index["pictures"][index["picture"][at]][0] == row["image_sha256"][:20]
        assert index["p"][at] == round(1000 * row["annotation"]["p_correct"])
        for name, value in (
            ("category", row["category"]),
            ("verdict", row["verdict"]["label"] or ""),
            ("review", row["review"]["status"]),
            ("hypernym", row["entity"]["hypernym"]),
            ("entity", [row["entity"]["name"], *row["entity"]["aliases"]]),
        ):
            assert index[name]["values"][index[name]["codes"][at]] == value
    assert len(index["pictures"]) == 5


def test_every_sample_is_in_the_chunk_where_it_is_looked_for() -> None:
    outlines = [row for file in outline_files(ROWS) for row in content(file)]
    assert [row == 0 for row in outlines] == [row["negative"] for row in ROWS]
    assert [len(content(file)) for file in outline_files(ROWS)] == [OUTLINES_PER_CHUNK, 300 - OUTLINES_PER_CHUNK]
    asked: list[list[str]] = []

    def verdicts(ids: Any) -> dict[str, Any]:
        asked.append(list(ids))
        return {}

    chunks = [content(file) for file in sample_files(ROWS, verdicts)]
    assert [row["id"] for row in ROWS] == [one for ids in asked for one in ids]
    assert [len(chunk["samples"]) for chunk in chunks] == [SAMPLES_PER_CHUNK] * 7 + [20]
    for at, row in enumerate(ROWS):
        chunk = chunks[at // SAMPLES_PER_CHUNK]
        one = chunk["samples"][at % SAMPLES_PER_CHUNK]
        assert chunk["entities"][one["entity"]]["name"] == row["entity"]["name"] == one["answer"]
        assert ("annotation" in one["masks"]) != row["negative"]
    assert all(len(chunk["entities"]) <= 7 for chunk in chunks), "an entity stands once in a chunk"


@pytest.mark.parametrize("text", [HOSTILE, "\u2028\u2029", "</SCRIPT>", "]]>", "\x00\ud7ff\U0001f600", '"\\'])
def test_no_text_ends_a_script(text: str) -> None:
    row = {**ROWS[0], "caption": text, "question": text, "credit": text, "image_url": "javascript:alert(1)"}
    for file in (index_of([row], PICTURES), *sample_files([row], lambda ids: {})):
        written = file.text()
        assert "<" not in written
        assert not set("\u2028\u2029") & set(written)
        assert text in json.loads(json.dumps(content(file)), strict=False).get("question", [text])
    (chunk,) = (content(file) for file in sample_files([row], lambda ids: {}))
    assert chunk["samples"][0]["caption"] == text
    assert chunk["samples"][0]["source"] == ""
