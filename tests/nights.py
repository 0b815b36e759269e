"""Two small nights, on the last of July and the first of August, in processes of their own: the second publishes July's edition."""

import os
import subprocess
import sys
from pathlib import Path

from tests.small_build import NEST

NIGHTS = ("2025-07-31T06:00:00Z", "2025-08-01T06:00:00Z")
EDITION = "2025.07"
FLOW = (sys.executable, "-c", "from flows.refresh import refresh_nest; refresh_nest()")
_SMALL = {
    "NEST_SOURCES__FEEDS": '["http://northgazette.newsworld.test/feed.xml"]',
    "NEST_SOURCES__SITES": "[]",
    "NEST_SOURCES__WINDOW_DAYS": "6",
    "NEST_ANNOTATE__MASK_WINDOWS": "[]",
    "NEST_ANNOTATE__BATCH_SIZE": "2",
    "NEST_DISK__MIN_FREE_BYTES": "0",
}
ROOT = Path(__file__).resolve().parent.parent


def environment(folder: Path, night: str, **more: str) -> dict[str, str]:
    """Return the environment of a night in ``folder/work``: all settings come from it, as on a worker."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "NEST_"))}
    own = {"NEST_WORKDIR": str(folder / "work"), "NEST_NOW": night, "PREFECT_HOME": str(folder / "prefect-home")}
    return inherited | _SMALL | own | {"OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "1"} | more


def start(
    folder: Path, night: str, command: tuple[str, ...] = (*NEST, "refresh", "--json"), **more: str
) -> "subprocess.Popen[bytes]":
    """Start a night; its output and its errors go to files."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "out.json").open("wb") as out, (folder / "errors.log").open("ab") as errors:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, env=environment(folder, night, **more),
            cwd=ROOT, start_new_session=True,
        )  # fmt: skip


def run(folder: Path, night: str, command: tuple[str, ...] = (*NEST, "refresh", "--json"), **more: str) -> int:
    """Run a night to its end and return its exit status."""
    process = start(folder, night, command, **more)
    try:
        return process.wait(300)
    finally:
        process.kill()
        process.wait()


def errors(folder: Path) -> str:
    """Return the end of what was written to standard error."""
    return (folder / "errors.log").read_text(encoding="utf-8", errors="replace")[-4000:]


def children(pid: int) -> list[int]:
    """Return the processes below a process."""
    found = []
    for line in subprocess.run(
        ["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout.splitlines():
        child, parent = map(int, line.split())
        if parent == pid:
            found += [child, *children(child)]
    return found
