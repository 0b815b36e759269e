"""prefect.yaml: it says what there is, and a real server and real workers do what it says, killed or not."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.schemas.schedules import CronSchedule
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.refresh import refresh_nest
from flows.server import prefect_server
from nest_builder.status import STAGE_ORDER
from tests import nights
from tests.receiver import Receiver
from tests.small_build import edition_bytes

ROOT = nights.ROOT
PREFECT = (sys.executable, "-m", "prefect")
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
BY_NAME = {one["name"]: one for one in DEPLOYMENTS}


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=list(BY_NAME))
def test_a_deployment_names_what_there_is(deployment: dict[str, Any]) -> None:
    file, _, function = deployment["entrypoint"].partition(":")
    assert (file, function) == ("flows/refresh.py", refresh_nest.fn.__name__)
    refresh_nest.validate_parameters(deployment["parameters"])
    assert set(deployment["parameters"].get("stages", ())) <= set(STAGE_ORDER)
    for schedule in deployment.get("schedules", ()):
        CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])
    for trigger in deployment.get("triggers", ()):
        assert trigger["match_related"]["prefect.resource.name"] in BY_NAME
    assert deployment["concurrency_limit"]["limit"] == 1


def test_the_parts_of_a_night_are_a_whole_one_and_models_run_on_the_gpu_pool() -> None:
    parts = ("nightly-fetch", "nightly-models", "nightly-publish")
    assert [stage for name in parts for stage in BY_NAME[name]["parameters"]["stages"]] == list(STAGE_ORDER)
    assert "stages" not in BY_NAME["nightly"]["parameters"]
    pools = {stage: one["work_pool"]["name"] for one in DEPLOYMENTS for stage in one["parameters"].get("stages", ())}
    assert {stage for stage, pool in pools.items() if pool == "nest-gpu"} >= {"annotate", "validate"}
    assert [one["name"] for one in DEPLOYMENTS for schedule in one.get("schedules", ()) if schedule["active"]] == [
        "nightly", "weekly-validate",
    ]  # fmt: skip


class Prefect:
    """A real server with the deployments of prefect.yaml, and workers that see the world of one folder."""

    def __init__(self, url: str, home: Path) -> None:
        self.url, self._home = url, home
        self._workers: list[subprocess.Popen[bytes]] = []

    def cli(self, *command: str) -> None:
        done = subprocess.run(
            [*PREFECT, *command], env=self._environment(), cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = requests.request(method, f"{self.url}/{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def worker(self, pool: str, folder: Path, night: str, **more: str) -> "subprocess.Popen[bytes]":
        environment = nights.environment(folder, night, **more) | self._environment()
        with (self._home / f"worker-{pool}-{len(self._workers)}.log").open("wb") as log:
            process = subprocess.Popen(
                [*PREFECT, "worker", "start", "--pool", pool, "--type", "process", "--install-policy", "never"],
                env=environment, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self._workers.append(process)
        return process

    def run(self, deployment: str) -> str:
        """Ask for a run and return its number."""
        found = self.ask("GET", f"deployments/name/refresh-nest/{deployment}")
        number: str = self.ask("POST", f"deployments/{found['id']}/create_flow_run", {})["id"]
        return number

    def runs(self) -> dict[str, str]:
        """Return the state of each deployment's last run."""
        names = {one["id"]: one["name"] for one in self.ask("POST", "deployments/filter", {})}
        found = self.ask("POST", "flow_runs/filter", {"sort": "EXPECTED_START_TIME_ASC", "limit": 200})
        started = [run for run in found if not run["auto_scheduled"]]
        return {names[run["deployment_id"]]: run["state_type"] for run in started if run["deployment_id"]}

    def stop(self) -> None:
        for worker in self._workers:
            stop(worker)

    def _environment(self) -> dict[str, str]:
        own = {
            "PREFECT_API_URL": self.url, "PREFECT_HOME": str(self._home), "PREFECT_CLI_PROMPT": "false", "DO_NOT_TRACK": "1",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
        }  # fmt: skip
        return {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")} | own


def stop(process: "subprocess.Popen[bytes]", how: int = signal.SIGTERM) -> None:
    """End a process and all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, how)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(what: Callable[[], Any], seconds: float = 600.0) -> Any:
    """Ask again and again until there is an answer; a machine at work may keep a server from answering for a while."""
    deadline, found = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        with suppress(requests.RequestException):
            if found := what():
                return found
        time.sleep(0.5)
    raise AssertionError(f"nothing after {seconds:.0f} s")


@pytest.fixture
def prefect(tmp_path: Path) -> Iterator[Prefect]:
    with temporary_settings(restore_defaults={PREFECT_API_URL}), prefect_server(tmp_path / "server") as url:
        made = Prefect(url, tmp_path / "server")
        for pool in ("nest", "nest-gpu"):
            made.cli("work-pool", "create", pool, "--type", "process")
        made.cli("deploy", "--all")
        yield made
        made.stop()


@pytest.mark.scale
@pytest.mark.xdist_group("schedule")
def test_workers_run_a_night_whole_and_in_parts(
    tmp_path: Path, two_nights: Path, prefect: Prefect, receiver: Receiver
) -> None:
    hook = CustomWebhookNotificationBlock(
        name="people", url=f"http://{receiver.address}/block", json_data={"title": "{{subject}}"}
    )
    with temporary_settings(updates={PREFECT_API_URL: prefect.url}):
        hook.save("people")
    assert {one["name"] for one in prefect.ask("POST", "deployments/filter", {})} == set(BY_NAME)
    worker = prefect.worker("nest", tmp_path, nights.NIGHTS[0])
    run = prefect.run("nightly")
    wait_for(lambda: prefect.runs().get("nightly") in ("COMPLETED", "FAILED", "CRASHED"))
    assert prefect.runs() == {"nightly": "COMPLETED"}
    tasks = prefect.ask("POST", "task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}, "limit": 200})
    assert {task["name"].split("-")[0] for task in tasks} >= {"collect", "annotate", "review"}
    shown = {one["key"] for one in prefect.ask("POST", "artifacts/filter", {"flow_runs": {"id": {"any_": [run]}}})}
    assert shown == {"funnel", "gallery", "editions"}
    stop(worker)

    # The next night in three parts, each started by the end of the one before, on two pools.
    for pool in ("nest", "nest-gpu"):
        prefect.worker(pool, tmp_path, nights.NIGHTS[1], NEST_NOTIFY__BLOCK="custom-webhook/people")
    prefect.run("nightly-fetch")
    wait_for(lambda: prefect.runs().get("nightly-publish") in ("COMPLETED", "FAILED", "CRASHED"))
    assert prefect.runs() == dict.fromkeys(
        ("nightly", "nightly-fetch", "nightly-models", "nightly-publish"), "COMPLETED"
    )
    assert edition_bytes(tmp_path) == edition_bytes(two_nights)
    assert [got["title"] for got in receiver.got if "published" in got["title"]] == [
        f"NEST {nights.NIGHTS[1][:10]}: edition {nights.EDITION} is published"
    ]


@pytest.mark.scale
@pytest.mark.xdist_group("schedule")
def test_a_killed_worker_leaves_what_the_next_run_ends(tmp_path: Path, two_nights: Path, prefect: Prefect) -> None:
    worker = prefect.worker("nest", tmp_path, nights.NIGHTS[0])
    run = prefect.run("nightly")

    def at_work() -> bool:
        tasks = prefect.ask("POST", "task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}, "limit": 200})
        return any(task["name"].startswith("annotate") for task in tasks)

    wait_for(at_work)
    for child in nights.children(worker.pid):  # the worker puts each flow run into a session of its own
        os.kill(child, signal.SIGKILL)
    stop(worker, signal.SIGKILL)
    for night in nights.NIGHTS:
        assert nights.run(tmp_path, night, nights.FLOW, PREFECT_API_URL=prefect.url) == 0, nights.errors(tmp_path)
    assert edition_bytes(tmp_path) == edition_bytes(two_nights)


@pytest.mark.scale
@pytest.mark.xdist_group("schedule")
def test_a_server_that_is_restarted_midway_stops_no_night(tmp_path: Path, two_nights: Path) -> None:
    shutil.copytree(two_nights / "first" / "work", tmp_path / "work")
    home, port = tmp_path / "server", 0
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        with prefect_server(home) as url:
            port = int(url.split(":")[2].split("/")[0])
            process = nights.start(tmp_path, nights.NIGHTS[1], nights.FLOW, PREFECT_API_URL=url)
            wait_for(lambda: requests.post(f"{url}/task_runs/filter", json={}, timeout=60).json())
        time.sleep(2)  # the flow finds nobody
        with prefect_server(home, port) as url:
            assert process.wait(600) == 0, nights.errors(tmp_path)
            states = [run["state_type"] for run in requests.post(f"{url}/flow_runs/filter", json={}, timeout=60).json()]
    assert states == ["COMPLETED"]
    assert edition_bytes(tmp_path) == edition_bytes(two_nights)
