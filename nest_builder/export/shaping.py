"""The settings that shape an edition, as its manifest and its card say them."""

from pathlib import Path
from typing import Any

from nest_builder.config import DATA, Settings


def published_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings that shape an edition, without folders, addresses, pace, devices and the clock."""
    shaping: Any = {
        "sources": True,
        "extract": True,
        "entities": True,
        "images": True,
        "ask": True,
        "validation": True,
        "newsworld": True,
        "web": {"user_agent", "respect_opt_out"},
        "annotate": {"detector", "detector_model", "mask_model", "mask_windows", "box_threshold", "nms_iou"},
        "export": {"min_p_correct", "verdict_p_correct", "test_days", "rows_per_group", "window_days", "images"},
    }
    published: dict[str, Any] = _without_folders(settings.model_dump(mode="json", include=shaping))
    return published


def _without_folders(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_folders(item) for key, item in value.items()}
        case list():
            return [_without_folders(item) for item in value]
        case str() if value.startswith(f"{DATA.as_posix()}/"):
            return "{data}" + value.removeprefix(DATA.as_posix())
        case str() if Path(value).is_absolute():
            return Path(value).name
    return value
