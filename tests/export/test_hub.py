import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nest_builder.cli import app
from nest_builder.export.hub import FrozenError, push
from nest_builder.export.repository import local_members
from tests.export.hub_server import TOKEN, Hub, serving
from tests.small_edition import make_edition

NAME = "someone/nest"


@pytest.fixture(autouse=True)
def no_xet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as hub:
        yield hub


@pytest.fixture
def work(tmp_path: Path) -> Path:
    make_edition(tmp_path / "editions", "2025.10")
    make_edition(tmp_path / "editions", "2025.11", first=100)
    (tmp_path / "editions" / "latest").symlink_to("2025.11")
    (tmp_path / "editions" / ".2025.12.partial").mkdir()
    return tmp_path


def push_all(work: Path, hub: Hub) -> Any:
    return push(local_members(work / "editions", work / "plus"), NAME, TOKEN, hub.url)


def content(work: Path) -> dict[str, bytes]:
    """What the repository must hold, but for its card."""
    found = {}
    for name in ("2025.10", "2025.11"):
        for path in (work / "editions" / name).rglob("*"):
            if path.is_file():
                found[path.relative_to(work).as_posix()] = path.read_bytes()
    return found


def held(hub: Hub, revision: str = "main") -> dict[str, bytes]:
    commit = hub.repositories[NAME].at(revision)
    assert commit is not None
    return {path: file.content for path, file in commit.files.items() if path != "README.md"}


def test_editions_appear_whole_each_with_its_tag(work: Path, hub: Hub) -> None:
    pushed = push_all(work, hub)
    assert pushed.added == ("editions/2025.10", "editions/2025.11")
    assert pushed.tagged == ("2025.10", "2025.11")
    assert held(hub) == content(work)
    assert [commit.title for commit in hub.repositories[NAME].commits] == [
        "initial commit",
        "NEST 2025.10",
        "NEST 2025.11",
    ]
    assert not any(path.startswith("editions/2025.11/") for path in held(hub, "2025.10"))
    assert held(hub, "2025.11") == content(work)
    card = hub.repositories[NAME].commits[-1].files["README.md"].content.decode()
    assert f'load_dataset("{NAME}", "2025.11")' in card


def test_pushed_again_nothing_is_sent(work: Path, hub: Hub) -> None:
    first = push_all(work, hub)
    requests, uploads = len(hub.requests), hub.uploads
    again = push_all(work, hub)
    assert (again.added, again.removed, again.tagged, again.files) == ((), (), (), 0)
    assert again.commit == first.commit
    assert hub.uploads == uploads
    assert not [
        line for line in hub.requests[requests:] if "/commit/" in line or "preupload" in line or "batch" in line
    ]


def command(work: Path, *more: str) -> list[str]:
    return [
        sys.executable,
        "-c",
        "from nest_builder.cli import app; app()",
        "edition",
        "push",
        NAME,
        "--workdir",
        str(work),
        *more,
    ]


def environment(hub: Hub, work: Path, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": TOKEN,
        "HF_HOME": str(work / "hf"),
        "OMP_NUM_THREADS": "1",
        **more,
    }


def test_killed_in_the_middle_and_pushed_again(work: Path, hub: Hub) -> None:
    number = 2  # the upload in the middle of which it is killed
    started = subprocess.Popen(
        command(work), env=environment(hub, work), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )

    def kill(upload: int) -> bool:
        if upload == number:
            started.kill()
            started.wait()
        return upload == number

    hub.halfway = kill
    said, _ = started.communicate(timeout=60)
    assert started.returncode == -9, said.decode()
    arrived = set(hub.objects)
    assert len(arrived) == number - 1
    assert not any(path.startswith("editions/2025.11/") for path in held(hub))  # nothing of it shows yet
    hub.halfway = None
    pushed = push_all(work, hub)
    assert held(hub) == content(work)
    assert set(hub.received.values()) == {1}  # no file came twice; the one under way had not come at all
    assert hub.uploads == len(hub.objects) + 1
    assert set(hub.repositories[NAME].tags) == {"2025.10", "2025.11"}
    assert "editions/2025.11" in pushed.added


def test_through_xet_storage(work: Path, hub: Hub) -> None:
    """The way that a push to the Hub takes: huggingface_hub brings hf_xet, and the Hub gives out Xet's address."""
    hub.xet = f"local://{work / 'xet'}"
    shards = [path.read_bytes() for path in (work / "editions").rglob("*.parquet")]
    hub.known = {hashlib.sha256(content).hexdigest(): content for content in shards}
    variables = environment(hub, work, HF_HUB_DISABLE_XET="0")
    done = subprocess.run(command(work, "--json"), env=variables, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["added"] == ["editions/2025.10", "editions/2025.11"]
    assert any("xet-write-token" in line for line in hub.requests)
    assert push_all(work, hub).files == 0  # whichever way, what is there is known
    assert hub.uploads == 0  # nothing went through Git LFS
    assert held(hub) == content(work)
    stored = sum(path.stat().st_size for path in (work / "xet").rglob("*") if "xorbs" in path.parts and path.is_file())
    assert stored > 0.9 * sum(map(len, shards))  # the pictures in them do not get smaller


def test_xet_storage_that_does_not_work(work: Path, hub: Hub) -> None:
    hub.xet = f"local://{work / 'xet'}"
    (work / "xet").write_bytes(b"no folder")
    variables = environment(hub, work, HF_HUB_DISABLE_XET="0")
    done = subprocess.run(command(work), env=variables, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "set HF_HUB_DISABLE_XET=1" in done.stderr
    assert "run it again" in done.stderr
    assert push_all(work, hub).added == ("editions/2025.10", "editions/2025.11")  # what was said helps


def test_git_lfs_that_does_not_work(work: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.refuse_objects = True
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    said = CliRunner().invoke(app, ["edition", "push", NAME, "--workdir", str(work)])
    assert said.exit_code == 1
    assert "run it again" in said.stderr
    assert "HF_HUB_DISABLE_XET" not in said.stderr


def test_a_server_that_is_not_there(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    said = CliRunner().invoke(app, ["edition", "push", NAME, "--workdir", str(work)])
    assert said.exit_code == 1
    assert "run it again" in said.stderr
    assert f"127.0.0.1:{port}" in said.stderr


def test_killed_before_the_tag(work: Path, hub: Hub) -> None:
    push_all(work, hub)
    tags = dict(hub.repositories[NAME].tags)
    hub.repositories[NAME].tags.clear()
    assert push_all(work, hub).tagged == ("2025.10", "2025.11")
    assert hub.repositories[NAME].tags == tags


def test_what_was_published_stays(work: Path, hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> None:
    push_all(work, hub)
    before = held(hub)
    other = tmp_path_factory.mktemp("other")
    make_edition(other / "editions", "2025.10", first=7)
    with pytest.raises(FrozenError, match=r"another editions/2025\.10"):
        push_all(other, hub)
    assert held(hub) == before


def test_editions_of_another_machine_stay_in_the_card(
    work: Path, hub: Hub, tmp_path_factory: pytest.TempPathFactory
) -> None:
    push_all(work, hub)
    other = tmp_path_factory.mktemp("other")
    make_edition(other / "editions", "2025.12", first=200)
    push_all(other, hub)
    commit = hub.repositories[NAME].at("main")
    assert commit is not None
    card = commit.files["README.md"].content.decode()
    assert all(f"config_name: '{name}'" in card for name in ("2025.10", "2025.11", "2025.12"))
    assert content(work).items() <= held(hub).items()


def test_a_file_that_is_not_what_its_manifest_says(work: Path, hub: Hub) -> None:
    path = work / "editions" / "2025.11" / "annotations.json"
    path.write_bytes(path.read_bytes().replace(b"car", b"cat"))
    with pytest.raises(ValueError, match=r"annotations\.json is not what its manifest says"):
        push_all(work, hub)
    assert not any(path.startswith("editions/2025.11/") for path in held(hub))


def test_withdrawn_editions_leave(work: Path, hub: Hub) -> None:
    push_all(work, hub)
    stone = {"id": "0" * 16, "reason": "takedown", "date": "2025-11-20"}
    make_edition(work / "editions", "2025.10.1", first=1, supersedes="2025.10", tombstones=[stone])
    pushed = push_all(work, hub)
    assert pushed.removed == ("editions/2025.10",)
    assert pushed.added == ("editions/2025.10.1",)
    assert {path.split("/")[1] for path in held(hub)} == {"2025.10.1", "2025.11"}
    assert set(hub.repositories[NAME].tags) == {"2025.10.1", "2025.11"}
    commit = hub.repositories[NAME].at("main")
    assert commit is not None
    card = commit.files["README.md"].content.decode()
    assert "config_name: '2025.10'" not in card
    assert "Withdrawn, since something in them had to go: 2025.10." in card
    again = push_all(work, hub)
    assert (again.added, again.removed) == ((), ())


def test_a_withdrawn_edition_is_not_pushed_by_its_name_either(
    work: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    stone = {"id": "0" * 16, "reason": "takedown", "date": "2025-11-20"}
    make_edition(work / "editions", "2025.10.1", first=1, supersedes="2025.10", tombstones=[stone])
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    said = CliRunner().invoke(app, ["edition", "push", NAME, "--only", "2025.10", "--workdir", str(work)])
    assert said.exit_code == 1
    assert "samples of 2025.10 were withdrawn" in " ".join(said.stderr.split())
    assert not hub.requests


def test_killed_before_a_withdrawn_tag_is_gone(work: Path, hub: Hub) -> None:
    push_all(work, hub)
    tags = dict(hub.repositories[NAME].tags)
    stone = {"id": "0" * 16, "reason": "takedown", "date": "2025-11-20"}
    make_edition(work / "editions", "2025.10.1", first=1, supersedes="2025.10", tombstones=[stone])
    push_all(work, hub)
    hub.repositories[NAME].tags = tags | {"v1": tags["2025.11"], "2025.09.1": tags["2025.11"]}  # two are somebody's own
    shutil.rmtree(work / "editions" / "2025.10")  # and this machine knows nothing of it any more
    push_all(work, hub)
    assert set(hub.repositories[NAME].tags) == {"2025.10.1", "2025.11", "v1", "2025.09.1"}


@pytest.mark.parametrize("when", ["upload", "commit"])
def test_somebody_else_pushes_at_the_same_time(work: Path, hub: Hub, when: str) -> None:
    from huggingface_hub.errors import HfHubHTTPError

    push(local_members(work / "editions", work / "plus")[:1], NAME, TOKEN, hub.url)

    def other() -> None:
        hub.before_commit = hub.halfway = None
        commits = hub.repositories[NAME].commits
        commits.append(type(commits[-1])("f" * 40, "something else", commits[-1].files))

    def during_an_upload(_: int) -> bool:
        other()
        return False

    if when == "commit":
        hub.before_commit = other
    else:
        hub.halfway = during_an_upload
    with pytest.raises(HfHubHTTPError):
        push_all(work, hub)
    push_all(work, hub)
    assert held(hub) == content(work)


def test_the_token_comes_from_the_environment_and_shows_nowhere(
    work: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["edition", "push", NAME, "--workdir", str(work)]
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    refused = CliRunner().invoke(app, asked)
    assert refused.exit_code == 2
    assert "HF_TOKEN" in refused.stderr
    assert not hub.requests
    monkeypatch.setenv("HF_TOKEN", "hf_wrong_secret")
    denied = CliRunner().invoke(app, asked)
    assert denied.exit_code == 1
    assert "401" in denied.stderr
    assert "hf_wrong_secret" not in denied.output
    done = subprocess.run(
        command(work, "--verbose", "--json"),
        env=environment(hub, work, HF_DEBUG="1"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["added"] == ["editions/2025.10", "editions/2025.11"]
    assert "/commit/main" in done.stderr  # the library's own log, at its most talkative
    assert TOKEN not in done.stdout + done.stderr


LOAD = """
import json, datasets
name = "someone/nest"
streamed = datasets.load_dataset(name, split="test", streaming=True)
first = next(iter(streamed))
old = datasets.load_dataset(name, "2025.10", split="train+test")
tagged = datasets.load_dataset(name, revision="2025.10", split="test", streaming=True)
print(json.dumps({
    "configs": datasets.get_dataset_config_names(name),
    "streamed": [row["id"] for row in streamed],
    "edition": first["edition"], "size": first["image"].size, "expected": [first["width"], first["height"]],
    "old": sorted(old["id"]), "pixels": [image.size for image in old["image"]],
    "tagged": [row["edition"] for row in tagged],
}))
"""


def test_datasets_loads_and_streams_what_was_pushed(work: Path, hub: Hub) -> None:
    push_all(work, hub)
    variables = environment(
        hub, work, HF_HUB_DISABLE_XET="1", HF_DATASETS_CACHE=str(work / "cache"), HF_HUB_OFFLINE="0"
    )
    loaded = subprocess.run([sys.executable, "-c", LOAD], env=variables, capture_output=True, text=True, timeout=120)
    assert loaded.returncode == 0, loaded.stderr
    said = json.loads(loaded.stdout)
    assert said["configs"] == ["default", "2025.10", "2025.11"]
    assert said["edition"] == "2025.11"
    assert said["size"] == said["expected"]
    assert said["streamed"] == [f"{number:016x}" for number in range(100, 112) if number % 5 != 4]
    assert said["old"] == [f"{number:016x}" for number in range(12)]
    assert set(said["tagged"]) == {"2025.10"}
