"""A real local Prefect server for the length of a run, unless one is configured already."""

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import requests
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
from prefect.client.schemas.objects import TERMINAL_STATES, StateType
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_LOGGING_TO_API_ENABLED,
    get_current_settings,
    temporary_settings,
)

log = logging.getLogger(__name__)

# Prefect looks for the network at its start; on a machine without one that costs seconds, and nobody asked for it.
QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "PREFECT_CLI_PROMPT": "false",
}


@contextmanager
def prefect_server(home: Path, port: int | None = None, start_seconds: float = 120.0) -> Iterator[str]:
    """Yield the address of a Prefect API; its database stays in ``home``, so the UI can show the run later.

    An ephemeral server is no substitute: its first start runs into its own time limit on a slow machine, and it ends with a
    traceback of its recorder. The server also ends when this process does, however it does (``flows.with_parent``).

    Args:
        home: Folder of the server's database and logs.
        port: Port on loopback; a free one by default.
        start_seconds: How long the first start, with its migrations, may take.

    Raises:
        RuntimeError: The server ended or did not answer in time; its log is named.
    """
    configured = get_current_settings().api.url
    if configured:
        yield str(configured)
        return
    home.mkdir(parents=True, exist_ok=True)
    port = port or _free_port()
    url = f"http://127.0.0.1:{port}/api"
    log_path = home / "server.log"
    environment = {**os.environ, **QUIET, "PREFECT_HOME": str(home.resolve()), "PREFECT_UI_API_URL": url}
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with log_path.open("ab") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "flows.with_parent", *command],
            env=environment, stdout=output, stderr=output, stdin=subprocess.PIPE,
        )  # fmt: skip
    try:
        _wait_until_healthy(server, url, start_seconds, log_path)
        # Logs are sent in the background and would find the server gone at the end; states are waited for below.
        with temporary_settings(updates={PREFECT_API_URL: url, PREFECT_LOGGING_TO_API_ENABLED: False}):
            yield url
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        assert server.stdin is not None
        server.stdin.close()


def wait_until_recorded(flow_run: UUID, tasks: int, seconds: float = 30.0) -> None:
    """Wait until the server knows how each task of a flow run ended.

    Tasks report in the background. What the server has not written down when it stops is lost: of sixty short tasks, fifty were.

    Args:
        flow_run: Its identifier.
        tasks: How many it had.
        seconds: Whatever is missing then is given up, with a warning.
    """
    if not tasks:
        return
    ended = TaskRunFilter(state={"type": {"any_": [kind for kind in StateType if kind in TERMINAL_STATES]}})
    deadline = time.monotonic() + seconds
    with get_client(sync_client=True) as client:
        while time.monotonic() < deadline:
            # A page of one, where the last one would be.
            if client.read_task_runs(
                flow_run_filter=FlowRunFilter(id={"any_": [flow_run]}),
                task_run_filter=ended,
                limit=1,
                offset=tasks - 1,
            ):
                return
            time.sleep(0.1)
    log.warning("Prefect's server did not record all %d tasks of flow run %s within %.0f s", tasks, flow_run, seconds)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_healthy(server: "subprocess.Popen[bytes]", url: str, seconds: float, log_path: Path) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"the Prefect server ended with status {server.returncode}: see {log_path}")
        try:
            if requests.get(f"{url}/health", timeout=2).ok:
                return
        except requests.RequestException:
            pass  # not listening yet
        time.sleep(0.2)
    raise RuntimeError(f"the Prefect server did not answer within {seconds:.0f} s: see {log_path}")
