"""What is shipped: small models, each with a card."""

import pytest

from nest_builder.config import DATA

MODELS = sorted(folder for folder in (DATA / "models").iterdir() if folder.is_dir())


def test_all_models_together_are_small() -> None:
    assert "lisa-tiny" in {folder.name for folder in MODELS}
    assert sum(file.stat().st_size for folder in MODELS for file in folder.rglob("*") if file.is_file()) <= 40_000_000


@pytest.mark.parametrize("folder", MODELS, ids=lambda folder: folder.name)
def test_each_has_a_card_and_fits(folder) -> None:  # type: ignore[no-untyped-def]
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) <= 12_000_000
    assert "license:" in (folder / "README.md").read_text(encoding="utf-8")
