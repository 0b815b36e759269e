"""A disk that is really full in the middle of a night: the night fails, says so, and the next one ends with the same bytes."""

import os
import subprocess
from pathlib import Path

import pytest

from tests import nights
from tests.small_build import NEST, edition_bytes

pytestmark = [pytest.mark.scale, pytest.mark.xdist_group("schedule")]

# A file system of a few hundred kilobytes more than the store takes, in a mount namespace of its own, so that it goes with the process.
ALONE = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--mount", "--user", "--map-root-user")
SCRIPT = """
set -u
mkdir -p "$NEST_WORKDIR"
mount -t tmpfs -o size=100m tmpfs "$NEST_WORKDIR"
cp -r "$FIRST/." "$NEST_WORKDIR"
used=$(du -sk "$NEST_WORKDIR" | cut -f1)
for more in 40 300 600; do
    mount -o "remount,size=$((used + more))k" "$NEST_WORKDIR"
    "$@" && echo "enough" >> "$OUTCOME" || echo "full" >> "$OUTCOME"
done
mount -o remount,size=100m "$NEST_WORKDIR"
"$@" && cp -r "$NEST_WORKDIR/editions" "$EDITIONS"
"""


def test_a_full_disk_ends_a_night_and_no_more(tmp_path: Path, two_nights: Path) -> None:
    possible = subprocess.run([*ALONE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
    if possible.returncode:
        pytest.skip(f"no mount of one's own here: {possible.stderr.decode().strip()}")
    result = tmp_path / "result" / "work" / "editions"
    result.parent.mkdir(parents=True)
    status = nights.run(
        tmp_path, nights.NIGHTS[1], (*ALONE, "sh", "-c", SCRIPT, "sh", *NEST, "refresh", "--json"),
        FIRST=str(two_nights / "first" / "work"), OUTCOME=str(tmp_path / "outcome"), EDITIONS=str(result),
    )  # fmt: skip
    assert status == 0, nights.errors(tmp_path)
    outcome = (tmp_path / "outcome").read_text().split()
    assert len(outcome) == 3
    assert "full" in outcome
    said = (tmp_path / "errors.log").read_text(encoding="utf-8", errors="replace")
    assert "No space left on device" in said or "database or disk is full" in said
    assert edition_bytes(tmp_path / "result") == edition_bytes(two_nights)
