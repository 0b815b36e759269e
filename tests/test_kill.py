"""A run that is killed again and again ends with the same bytes as one that nobody disturbed."""

import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from tests.small_build import edition_bytes, finish, start, worked

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("build")]


def test_killed_ten_times(tmp_path: Path, undisturbed: Path) -> None:
    chance, killed = random.Random(7), 0
    for _ in range(10):
        process = start(tmp_path)
        try:
            process.wait(chance.uniform(0.5, 6.0))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
    assert killed >= 3  # later runs may find everything done already
    finish(tmp_path)
    assert edition_bytes(tmp_path) == edition_bytes(undisturbed)
    assert worked(finish(tmp_path)) == []
    assert edition_bytes(tmp_path) == edition_bytes(undisturbed)
