"""A small whole build through the command, as a user runs it, in a process of its own: one feed, some articles."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

NEST = (sys.executable, "-c", "from nest_builder.cli import app; app()")
SETTINGS = """
[sources]
feeds = ["http://harbourpost.newsworld.test/feed.xml"]
sites = []
max_entries = 16
"""
STAGES = ("collect", "extract", "recognize", "assess", "gather", "annotate", "ask", "review", "export")


def start(folder: Path, *options: str, settings: str = "") -> "subprocess.Popen[bytes]":
    """Start ``nest build --json`` in ``folder``, where its output and its errors go to files.

    Args:
        folder: Gets the settings, the work directory and the output.
        options: Of the command.
        settings: More tables of the settings file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "nest.toml"
    config.write_text(SETTINGS + settings, encoding="utf-8")
    # Neither a Prefect server that runs already nor the profile of whoever runs the tests.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    environment |= {"OMP_NUM_THREADS": "1", "PREFECT_HOME": str(folder / "prefect-home")}
    with (folder / "out.json").open("wb") as out, (folder / "errors.log").open("ab") as errors:
        return subprocess.Popen(
            [*NEST, "build", "--config", str(config), "--workdir", str(folder / "work"), "--json", *options],
            stdin=subprocess.DEVNULL, stdout=out, stderr=errors, env=environment,
        )  # fmt: skip


def finish(folder: Path, *options: str, settings: str = "") -> dict[str, Any]:
    """Run ``nest build --json`` to its end and return what it printed."""
    process = start(folder, *options, settings=settings)
    try:
        status = process.wait(300)
    finally:
        process.kill()
        process.wait()
    assert status == 0, (folder / "errors.log").read_text(encoding="utf-8")[-4000:]
    printed: dict[str, Any] = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    return printed


def worked(printed: dict[str, Any]) -> list[str]:
    """Return the stages that processed an item."""
    return [
        name for name, counts in printed["stages"].items() if counts["done"] + counts["rejected"] + counts["failed"]
    ]


def edition_bytes(folder: Path) -> dict[str, str]:
    """Return relative path -> SHA-256 of every file of the editions, hidden ones too."""
    root = folder / "work" / "editions"
    files = sorted(file for file in root.rglob("*") if file.is_file())
    return {file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
