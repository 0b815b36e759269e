"""Benchmarks: what the product reaches, measured by a command. Each module has ``run(seed, data)`` and returns one JSON object."""

from importlib import import_module
from pathlib import Path
from typing import Any

BENCHMARKS = ("models", "annotate", "articles")


def run_benchmark(name: str, seed: int, data: Path | None) -> dict[str, Any]:
    """Run one benchmark.

    Args:
        name: One of ``BENCHMARKS``.
        seed: Of what is measured on.
        data: A folder of the development data's form; None takes the one beside the checkout.

    Returns:
        {"name", "ok", "figures", "targets", "peers", "setup"}.
    """
    result: dict[str, Any] = import_module(f"nest_builder.bench.{name}").run(seed, data)
    return result
