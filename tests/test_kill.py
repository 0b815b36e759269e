"""A run that is killed again and again ends with the same bytes as one that nobody disturbed, and so does a Prefect flow."""

import hashlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
SETTINGS = """
[sources]
feeds = ["http://harbourpost.newsworld.test/feed.xml"]
sites = []
max_entries = 16
"""


def command(folder: Path, *more: str) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "nest.toml"
    config.write_text(SETTINGS)
    nest = [sys.executable, "-c", "from nest_builder.cli import app; app()"]
    return [*nest, "build", "--config", str(config), "--workdir", str(folder / "work"), "--json", *more]


def edition_bytes(folder: Path) -> dict[str, str]:
    root = folder / "work" / "editions"
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(command(folder), check=True, capture_output=True, timeout=300)
    found = edition_bytes(folder)
    assert any(name.endswith(".parquet") for name in found)
    return found


@pytest.mark.xdist_group("build")
def test_killed_ten_times(tmp_path: Path, undisturbed: dict[str, str]) -> None:
    chance, killed = random.Random(7), 0
    for _ in range(10):
        process = subprocess.Popen(command(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(0.5, 6.0))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
    assert killed >= 3  # later runs may find everything done already
    subprocess.run(command(tmp_path), check=True, capture_output=True, timeout=300)
    assert edition_bytes(tmp_path) == undisturbed


@pytest.mark.xdist_group("build")
def test_a_prefect_flow_makes_the_same_bytes(tmp_path: Path, undisturbed: dict[str, str]) -> None:
    subprocess.run(command(tmp_path, "--prefect"), check=True, capture_output=True, timeout=400)
    assert edition_bytes(tmp_path) == undisturbed
    assert (tmp_path / "work" / "prefect" / "prefect.db").stat().st_size > 0
