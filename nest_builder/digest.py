"""Hashes of content: the currency in which stages tell each other what changed."""

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel


def canonical(value: Any) -> Any:
    """Reduce ``value`` to JSON types in one way only.

    Args:
        value: Anything made of JSON types, dataclasses, pydantic models, enums, paths, bytes, sets and aware times.

    Returns:
        The same content as dicts, lists, strings, numbers, booleans and None.

    Raises:
        TypeError: A value has no canonical form (a naive time, an open file, ...).
    """
    match value:
        case None | bool() | int() | float():
            return value
        case Enum():
            return canonical(value.value)
        case str():
            return value
        case bytes():
            return hashlib.sha256(value).hexdigest()
        case dt.datetime():
            if value.tzinfo is None:
                raise TypeError(f"a naive time has no place here: {value!r}")
            return value.astimezone(dt.UTC).isoformat()
        case dt.date():
            return value.isoformat()
        case Path():
            return value.as_posix()
        case BaseModel():
            return canonical(value.model_dump(mode="json"))
        case Mapping():
            return {str(key): canonical(value[key]) for key in sorted(value, key=str)}
        case set() | frozenset():
            return sorted(canonical(item) for item in value)
        case list() | tuple():
            return [canonical(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: canonical(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"no canonical form for {type(value).__name__}: {value!r}")


def digest(*values: Any) -> str:
    """Return the SHA-256 (64 hex digits) of the canonical JSON of ``values``."""
    text = json.dumps([canonical(value) for value in values], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def short_id(*values: Any) -> str:
    """Return a 16-digit identifier derived from content: stable across runs, machines and orders of work."""
    return digest(*values)[:16]
