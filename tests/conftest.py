"""What several test modules share."""

from pathlib import Path

import pytest

from tests.small_build import edition_bytes, finish, worked


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small whole build that nobody disturbed; read it, leave it as it is."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert "export" in worked(finish(folder))
    assert any(name.endswith(".parquet") for name in edition_bytes(folder))
    return folder
