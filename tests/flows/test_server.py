"""The local Prefect server ends with the run that it was started for, however that ends."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.nights import ROOT, children

HOLDER = """
import sys, time
from pathlib import Path
from flows.server import prefect_server
with prefect_server(Path(sys.argv[1])) as url:
    print(url, flush=True)
    time.sleep(600)
"""
IMPATIENT = "import sys; from flows import with_parent; with_parent._END_SECONDS = 0.2; with_parent.main(*sys.argv[1:])"
# Says its number and its arguments; then it works, or will not listen.
PROGRAM = """
import os, signal, sys, time
if sys.argv[1] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), *sys.argv[1:], flush=True)
time.sleep(600)
"""


def is_there(pid: int) -> bool:
    with suppress(OSError):  # a zombie that nobody has collected is gone, too
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 120
    while is_there(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("how", ["listens", "deaf"])
def test_a_program_ends_when_its_input_closes(tmp_path: Path, how: str) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, "program", how, "--more"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}, cwd=ROOT, text=True,
    )  # fmt: skip
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline().split() == [str(process.pid), how, "--more"]
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(60) == (-signal.SIGTERM if how == "listens" else 1)
        process.stdout.close()
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_killed_run_leaves_no_server(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    environment["PREFECT_HOME"] = str(tmp_path / "home")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "server")], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    servers: list[int] = []
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().startswith("http://127.0.0.1:")
        servers = children(holder.pid)
        assert len(servers) == 1
        holder.kill()
        holder.wait()
        wait_until_gone(servers[0])
    finally:
        holder.kill()
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()
        for server in filter(is_there, servers):
            os.kill(server, signal.SIGKILL)
