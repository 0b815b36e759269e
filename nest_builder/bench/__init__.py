"""Benchmarks: what the product reaches, measured by a command. Each module has ``run(seed, data, quick)``.

``seed`` chooses what is drawn, ``data`` is a folder of the development data's form, where None takes the one beside the
checkout, and ``quick`` asks for the short form, which has floors of its own.
"""

from importlib import import_module
from pathlib import Path

from nest_builder.bench.result import Result

# Name -> the part of the development data that it reads, where there is one.
BENCHMARKS = {
    "models": "coco_free",
    "annotate": "vocab",
    "articles": "articles",
    "rose": "",
    "rose-speed": "",
    "brush": "",
    "routing": "worlds",
    "scale": "",
    "export": "",
    "refresh": "",
}
QUICK = ("models", "annotate", "brush", "refresh", "export")  # those with a short form


def run_benchmark(name: str, seed: int, data: Path | None, quick: bool = False) -> Result:
    """Run one benchmark.

    Args:
        name: One of ``BENCHMARKS``.
        seed: Of what is measured on.
        data: A folder of the development data's form; None takes the one beside the checkout.
        quick: Run the short form.

    Raises:
        FileNotFoundError: The data that it measures on is not there.
        ValueError: It has no short form.
    """
    if quick and name not in QUICK:
        raise ValueError(f"{name} has no quick form: choose one of {', '.join(QUICK)}")
    result: Result = import_module(f"nest_builder.bench.{name.replace('-', '_')}").run(seed, data, quick)
    return result
