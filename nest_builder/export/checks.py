"""Whether a sample or a manifest keeps its schema, and the rules that JSON Schema cannot say."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from nest_builder.export.features import load_schema
from nest_builder.export.rle import mask_area

_MAX_PIXELS = 100_000_000  # of a picture: whoever reads the edition draws its mask, a byte a pixel


def schema_problem(sample: Mapping[str, Any]) -> str | None:
    """Return how a sample (its JSON form) breaks the schema, or a rule that JSON Schema cannot say; None if it does not."""
    if problem := breaks("sample", sample):
        return problem
    mask, height, width = sample["mask"], sample["height"], sample["width"]
    if mask["size"] != [height, width]:
        return f"mask of {mask['size']} for a picture of {[height, width]} (height, width)"
    kind = "negative" if sample["negative"] else "positive"
    if len(sample["box"]) != (0 if sample["negative"] else 4):
        return f"{len(sample['box'])} numbers in the box of a {kind}"
    if height * width > _MAX_PIXELS:
        return f"a picture of more than {_MAX_PIXELS} pixels"
    try:
        filled = mask_area(mask["counts"], height * width) > 0
    except ValueError as error:
        return f"mask: {error}"
    return None if filled != sample["negative"] else f"a {kind} with {'a' if filled else 'an empty'} mask"


def breaks(schema: str, value: Any) -> str | None:
    """Return where and how a value breaks a schema of ``schemas/``; None if it does not."""
    validator = _validator(schema)
    try:
        if validator.is_valid(value):
            return None
        error = next(validator.iter_errors(value))
    except ValueError as problem:  # what is no JSON: a number that is none, a key that is no text
        return f"$: {str(problem)[:200]}"
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
    return f"${path}: {error.message[:200]}"


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(load_schema(schema))
