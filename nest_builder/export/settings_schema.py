"""The JSON Schema of the settings: ``python -m nest_builder.export.settings_schema`` writes it from the code."""

import json
from typing import Any

from nest_builder.config import DATA, Settings
from nest_builder.export.features import SCHEMAS


def settings_schema() -> dict[str, Any]:
    """Return the schema, with ``{data}`` in place of this machine's data folder, as settings files may write it."""
    text = json.dumps(Settings.model_json_schema(), ensure_ascii=False).replace(DATA.as_posix(), "{data}")
    schema: dict[str, Any] = json.loads(text)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://nest-builder.github.io/schemas/settings.schema.json",
        **schema,
    }


def main() -> None:
    """Write ``schemas/settings.schema.json``."""
    text = json.dumps(settings_schema(), ensure_ascii=False, indent=2)
    (SCHEMAS / "settings.schema.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
