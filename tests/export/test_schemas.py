from typing import Any

import datasets
import pytest
from jsonschema import Draft202012Validator

from nest_builder.export.features import arrow_schema, card_features, hf_features, load_schema
from nest_builder.export.settings_schema import settings_schema


@pytest.mark.parametrize("name", ["sample", "plus", "edition", "evaluation", "settings"])
def test_schema_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(load_schema(name))


def test_settings_schema_is_current() -> None:
    assert load_schema("settings") == settings_schema(), "run python -m nest_builder.export.settings_schema"


def test_every_object_of_the_sample_schema_is_closed() -> None:
    def check(node: dict[str, Any], path: str) -> None:
        if node.get("type") == "object":
            assert node["additionalProperties"] is False, path
            assert node["required"] == list(node["properties"]), path
            for name, child in node["properties"].items():
                check(child, f"{path}.{name}")
        if node.get("type") == "array":
            check(node["items"], f"{path}[]")

    check(load_schema("sample"), "sample")


def test_features_are_those_of_datasets() -> None:
    features = datasets.Features.from_dict(hf_features())
    assert datasets.Features.from_arrow_schema(arrow_schema()) == features
    assert features.arrow_schema.equals(arrow_schema())
    assert list(features) == list(load_schema("sample")["properties"])
    assert datasets.Features._from_yaml_list(card_features()) == features


def test_features_hold_what_the_design_names() -> None:
    features = datasets.Features.from_dict(hf_features())
    assert isinstance(features["image"], datasets.Image)
    assert features["mask"] == {"size": datasets.List(datasets.Value("int32")), "counts": datasets.Value("string")}
    assert set(features["verdict"]) == {"static_iou", "search_iou", "rose_iou", "label"}
    assert set(features["review"]) == {"status", "by", "at"}
    assert set(features["consent"]) == {"robots", "opt_out", "checked_at"}
