from pathlib import Path

import pytest

from nest_builder.config import AnnotateSettings
from tests.annotate.models import save_detector, save_mask_model


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> AnnotateSettings:
    folder: Path = tmp_path_factory.mktemp("models")
    return AnnotateSettings(
        detector_model=str(save_detector(folder / "detector")),
        mask_model=str(save_mask_model(folder / "masks")),
        device="cpu",
        batch_size=4,
        mask_windows=(),
        box_threshold=0.0,
    )
