"""The columns of an edition, derived from ``schemas/sample.schema.json``: the one place that says what a sample is.

From the schema come pyarrow's schema, Hugging Face's features inside the Parquet files and those in the card's head.
``datasets`` itself is not imported here, for that alone takes two seconds; the tests hold the result against it.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"

_ARROW = {"string": pa.string(), "integer": pa.int32(), "number": pa.float64(), "boolean": pa.bool_()}
_IMAGE = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])


@cache
def load_schema(name: str) -> dict[str, Any]:
    """Return a JSON Schema of ``schemas/`` by its name: ``sample``, ``plus``, ``edition``, ``evaluation`` or ``settings``."""
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return schema


def arrow_schema(name: str = "sample") -> pa.Schema:
    """Return the schema of Parquet files whose rows a JSON Schema describes, with the metadata from which ``datasets`` takes features."""
    properties = load_schema(name)["properties"]
    fields = [pa.field(name, _arrow_type(node)) for name, node in properties.items()]
    info = json.dumps({"info": {"features": hf_features(name)}})
    return pa.schema(fields, metadata={"huggingface": info})


def hf_features(schema: str = "sample") -> dict[str, Any]:
    """Return the features in the form of ``datasets.Features.to_dict()``."""
    return {name: _hf_feature(node) for name, node in load_schema(schema)["properties"].items()}


def card_features() -> list[dict[str, Any]]:
    """Return the features in the form that a dataset card's YAML head has."""
    return [{"name": name, **_card_feature(node)} for name, node in load_schema("sample")["properties"].items()]


def _kind(node: Mapping[str, Any]) -> str:
    """Return the JSON type besides null, or ``string`` for an enum."""
    if node.get("x-feature") == "Image":
        return "image"
    types = node["type"] if isinstance(node["type"], list) else [node["type"]]
    kinds = [kind for kind in types if kind != "null"]
    if len(kinds) != 1:
        raise ValueError(f"a column has one type, not {types}")
    return str(kinds[0])


def _arrow_type(node: Mapping[str, Any]) -> pa.DataType:
    match _kind(node):
        case "image":
            return _IMAGE
        case "object":
            return pa.struct([pa.field(name, _arrow_type(child)) for name, child in node["properties"].items()])
        case "array":
            return pa.list_(_arrow_type(node["items"]))
        case kind:
            return _ARROW[kind]


def _hf_feature(node: Mapping[str, Any]) -> dict[str, Any]:
    match _kind(node):
        case "image":
            return {"_type": "Image"}
        case "object":
            return {name: _hf_feature(child) for name, child in node["properties"].items()}
        case "array":
            return {"feature": _hf_feature(node["items"]), "_type": "List"}
        case kind:
            return {"dtype": _dtype(kind), "_type": "Value"}


def _card_feature(node: Mapping[str, Any]) -> dict[str, Any]:
    match _kind(node):
        case "object":
            return {"struct": [{"name": name, **_card_feature(child)} for name, child in node["properties"].items()]}
        case "array":
            item = _card_feature(node["items"])
            return {"list": item.get("struct") or item.get("dtype") or item}
        case kind:
            return {"dtype": _dtype(kind)}


def _dtype(kind: str) -> str:
    return {"integer": "int32", "number": "float64", "boolean": "bool"}.get(kind, kind)
