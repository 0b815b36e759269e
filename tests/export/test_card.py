import pytest
import yaml

from nest_builder.export.card import SplitSize, card_head, table_cell


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        (7, "7"),
        ("two\n lines\tand  blanks", "two lines and blanks"),
        ("a|b", r"a\|b"),
        (r"a\|b", r"a\\\|b"),
        ("`code` | x", r"'code' \| x"),
        ("<img src=x onerror=y>&amp;", "&lt;img src=x onerror=y&gt;&amp;amp;"),
    ],
)
def test_text_from_outside_stays_in_its_cell(value: object, expected: str) -> None:
    assert table_cell(value) == expected


@pytest.mark.parametrize(
    ("rows", "category"),
    [(0, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (99_999, "10K<n<100K"), (1_000_000, "n>1M")],
)
def test_the_head_says_how_large_the_edition_is(rows: int, category: str) -> None:
    text = card_head({"train": SplitSize(rows, 10), "test": SplitSize(0, 5)})
    assert text.startswith("---\n")
    assert text.endswith("\n---")
    head = yaml.safe_load(text.strip("-"))
    assert head["size_categories"] == [category]
    assert [split["name"] for split in head["dataset_info"]["splits"]] == ["train", "test"]
    assert head["dataset_info"]["download_size"] == 15
    assert head["configs"][0]["data_files"][1] == {"split": "test", "path": "data/test-*.parquet"}
