"""Model files: who they are, where they run, how they load."""

import hashlib
import importlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

# What decides a model's output. Cards and training logs beside the weights may change without consequence.
_COUNTED = (".safetensors", ".bin", ".onnx", ".json", ".txt", ".model")


def model_identity(name: str, revision: str | None = None) -> str:
    """Return a name that changes when a model's files change.

    Args:
        name: A folder, a file, or a hub id.
        revision: Commit or tag of a hub id.

    Returns:
        The folder's or file's name with the SHA-256 of its content; for a hub id, the id with the revision.
    """
    path = Path(name)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and file.suffix in _COUNTED)
    elif path.is_file():
        files = [path]
    else:
        return f"{name}@{revision or 'main'}"
    whole = hashlib.sha256()
    for file in files:
        facts = file.stat()
        whole.update(f"{file.name}:{_sha256(str(file.resolve()), facts.st_size, facts.st_mtime_ns)}\n".encode())
    return f"{path.name}@{whole.hexdigest()[:16]}"


@lru_cache(maxsize=256)
def _sha256(path: str, _size: int, _modified_ns: int) -> str:
    """Hash a file once as long as its size and time stay what they are."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def choose_device(wanted: Literal["auto", "cpu", "cuda"]) -> str:
    """Return the torch device: a GPU where there is one and nobody minds."""
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted


def load_attribute(reference: str) -> Callable[..., Any]:
    """Import what a setting such as ``package.module:Name`` names.

    Raises:
        ValueError: The reference has no colon, or there is no such module or attribute.
    """
    module, colon, attribute = reference.partition(":")
    if not colon:
        raise ValueError(f"{reference!r} is no reference: write package.module:Name")
    try:
        found: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"cannot load {reference!r}: {error}") from error
    return found
